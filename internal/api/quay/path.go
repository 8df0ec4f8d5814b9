package quay

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// place is what a path names: notifications of a repository or a namespace, or one of them.
type place struct {
	// repository is whose notifications these are; "" where they are a namespace's.
	repository string
	namespace  string // of the repository, up to its first slash, where it has one
	user       bool   // the namespace is that of who asks
	uuid       string // "" = all of them
	test       bool
}

// maxName bounds the name of a repository, in bytes.
const maxName = 255

// parse reads a path, with or without a slash at its end; false where it names nothing.
// A repository may have slashes in its name, and segments that this API has words for:
// the end of a path decides, and where two readings are left, that with a UUID.
func parse(path string) (place, bool) {
	path = strings.TrimSuffix(path, "/")
	var p place
	rest := ""
	switch {
	case strings.HasPrefix(path, repositories):
		return parseRepository(strings.Split(path[len(repositories):], "/"))
	case strings.HasPrefix(path, organizations):
		p.namespace, rest, _ = strings.Cut(path[len(organizations):], "/")
		if !isName(p.namespace) {
			return place{}, false
		}
		rest = "/" + rest
		ok := false
		if rest, ok = strings.CutPrefix(rest, "/notifications"); !ok {
			return place{}, false
		}
	case path == ofUser || strings.HasPrefix(path, ofUser+"/"):
		p.user, rest = true, path[len(ofUser):]
	default:
		return place{}, false
	}
	if rest == "" {
		return p, true
	}
	if rest[0] != '/' {
		return place{}, false
	}
	id, more, deeper := strings.Cut(rest[1:], "/")
	p.uuid, p.test = id, deeper
	return p, id != "" && (!deeper || more == "test")
}

// parseRepository reads what stands behind /api/v1/repository/.
func parseRepository(parts []string) (place, bool) {
	const word = "notification"
	n := len(parts)
	at := func(fromEnd int) string {
		if fromEnd > n {
			return ""
		}
		return parts[n-fromEnd]
	}
	of := func(length int, id string, test bool) (place, bool) {
		if length < 1 || slices.ContainsFunc(parts[:length], func(part string) bool { return !isName(part) }) {
			return place{}, false
		}
		p := place{repository: strings.Join(parts[:length], "/"), uuid: id, test: test}
		if length > 1 {
			p.namespace = parts[0]
		}
		return p, len(p.repository) <= maxName
	}
	all := at(1) == word
	one := at(2) == word && at(1) != ""
	test := at(3) == word && at(1) == "test" && at(2) != ""
	switch {
	case one && uuid.Validate(at(1)) == nil:
		return of(n-2, at(1), false)
	case test && (uuid.Validate(at(2)) == nil || !one && !all):
		return of(n-3, at(2), true)
	case all:
		return of(n-1, "", false)
	case one:
		return of(n-2, at(1), false)
	}
	return place{}, false
}

// isName reports whether s is a segment of a repository's name, as any registry has it.
func isName(s string) bool {
	ok := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-", r)
	}
	return s != "" && len(s) <= maxName && s != "." && s != ".." && strings.IndexFunc(s, func(r rune) bool { return !ok(r) }) < 0
}

// owner names in one word whose notifications these are.
func (p place) owner() string {
	if p.repository != "" {
		return p.repository
	}
	return p.namespace
}

// handle answers a request about a place, or returns why not.
type handle func(w http.ResponseWriter, r *http.Request, p place) error

// methods are what may be asked of a place.
func (p place) methods(a *api) map[string]handle {
	switch {
	case p.test:
		return map[string]handle{http.MethodPost: a.try}
	case p.uuid != "":
		return map[string]handle{http.MethodGet: a.get, http.MethodPost: a.reset, http.MethodDelete: a.delete}
	}
	return map[string]handle{http.MethodGet: a.list, http.MethodPost: a.create}
}

// allowed is the header Allow of those methods.
func allowed(methods map[string]handle) string {
	names := slices.Sorted(maps.Keys(methods))
	if slices.Contains(names, http.MethodGet) {
		names = append(names, http.MethodHead)
	}
	return strings.Join(names, ", ")
}
