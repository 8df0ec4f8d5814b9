package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// byDefault reports whether a rule that names no types takes events of type t.
func byDefault(t event.Type) bool {
	return !t.OnRequest() && t != event.Unknown && !strings.HasPrefix(string(t), "bellbuoy.")
}

// Asked reports whether rules are asked about events of type t. A test and a digest go to
// the one target that they were made for, whatever the rules say.
func Asked(t event.Type) bool { return t != event.Test && t != event.Digest }

// eventTypes returns the types that patterns name, each with the statuses that are
// taken, nil for any. A pattern is a type, or has "*" for any run of characters
// ("build.*"), and may end in "=status". "*" alone, and no pattern at all, are the
// types [byDefault]; any other pattern takes all that it matches, pulls too.
func (c *compiler) eventTypes(patterns []string) map[event.Type][]event.Status {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	types := map[event.Type][]event.Status{}
	for i, p := range patterns {
		_, status, narrowed := strings.Cut(p, "=")
		name, status := typeIn(p), strings.TrimSpace(status)
		at := fmt.Sprintf("events[%d]", i)
		if narrowed && !slices.Contains(event.Statuses(), event.Status(status)) {
			c.fault(at, "unknown status %q: %s", status, config.Suggest(status, stringsOf(event.Statuses())))
			continue
		}
		matched := typesLike(name)
		if len(matched) == 0 {
			c.fault(at, "unknown event type %q: %s", name, suggestType(name))
		}
		for _, t := range matched {
			before, known := types[t]
			switch {
			case !narrowed:
				types[t] = nil
			case !known || before != nil:
				types[t] = append(before, event.Status(status))
			}
		}
	}
	return types
}

// typeIn returns the type, or the wildcard for types, in a pattern.
func typeIn(pattern string) string {
	name, _, _ := strings.Cut(pattern, "=")
	return strings.TrimSpace(name)
}

// typesLike returns the types that pattern matches.
func typesLike(pattern string) []event.Type {
	if strings.ContainsAny(pattern, `?[\`) { // path.Match knows more than rules do
		return nil
	}
	var list []event.Type
	for _, t := range event.Types() {
		switch {
		case pattern == "*":
			if byDefault(t) {
				list = append(list, t)
			}
		default:
			// Types have no slash, so "*" crosses their dots.
			if ok, _ := path.Match(pattern, string(t)); ok {
				list = append(list, t)
			}
		}
	}
	return list
}

// suggestType names the type or wildcard that was perhaps meant by name.
func suggestType(name string) string {
	names := stringsOf(event.Types())
	if strings.Contains(name, "*") {
		names = nil
		for _, t := range event.Types() {
			family, _, ok := strings.Cut(string(t), ".")
			if ok && !slices.Contains(names, family+".*") {
				names = append(names, family+".*")
			}
		}
	}
	return config.Suggest(name, names)
}

func stringsOf[T ~string](list []T) []string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = string(v)
	}
	return names
}
