package shoutrrr

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// request is what the library asks, to be asked for real.
func (t *service) request(asked *request, d plugin.Delivery) *post.Request {
	r := &post.Request{
		Method: asked.Method, URL: asked.URL, Header: http.Header{}, Hidden: http.Header{},
		Body: asked.body, Mask: t.mask, Egress: d.Egress,
	}
	for name, values := range asked.Header {
		switch {
		case name == "User-Agent": // the library's
		case slices.Contains(plain(), name):
			r.Header[name] = values
		default:
			r.Hidden[name] = values
		}
	}
	return r
}

// plain are the headers that services send and that may be shown; others hold tokens.
func plain() []string {
	return []string{"Content-Type", "Accept", "Title", "Priority", "Tags", "Click"}
}

// shown is a request as it may be shown: of its URL the host, since services have their
// tokens in paths too.
func (t *service) shown(r plugin.Request, of *post.Request) plugin.Request {
	const masked = "***"
	u := of.URL.Scheme + "://" + of.URL.Host + "/"
	if strings.Trim(of.URL.Path, "/") != "" {
		u += masked
	}
	if of.URL.RawQuery != "" {
		u += "?" + masked
	}
	r.URL = u
	return r
}

// masks are what hides the secrets of u: which parts are some is not known of all services,
// so those that look like one, and, for texts that are the library's, all.
func masks(u *url.URL) (secrets, all *post.Mask) {
	var some, every []string
	add := func(part string, secret bool) {
		every = append(every, part)
		if secret {
			some = append(some, part)
		}
	}
	every = append(every, post.SecretsOf(u)...)
	password, _ := u.User.Password()
	add(password, true)
	add(u.User.Username(), isKey(u.User.Username()))
	add(u.User.String(), password != "")
	if host := u.Hostname(); host != u.Scheme { // as it is where there is none to name
		add(host, isKey(host) && !strings.Contains(host, "."))
	}
	for key, values := range u.Query() {
		for _, v := range values {
			add(v, isKey(v) || strings.HasPrefix(key, "@") || slices.Contains([]string{"token", "secret", "password", "apikey", "key"}, strings.ToLower(key)))
		}
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		add(part, isKey(part))
	}
	for _, whole := range slices.Clone(every) { // of some tokens the parts are sent
		for part := range strings.FieldsFuncSeq(whole, func(r rune) bool { return strings.ContainsRune("-:@/,", r) }) {
			add(part, isKey(part) && slices.Contains(some, whole))
		}
	}
	return post.NewMask(some...), post.NewMask(every...)
}

// isKey tells what may be secret from words.
func isKey(part string) bool {
	return len(part) >= 16 || len(part) >= 8 && strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") != ""
}
