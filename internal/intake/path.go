package intake

import (
	"net/http"
	"strings"
)

// address is what the path of a request says.
type address struct {
	registry string
	secret   string // "" where there is none
	event    string // name of the event, for registries whose bodies do not have it
}

// parsePath reads /in/REGISTRY, /in/REGISTRY/EVENT, and the same with a secret, as in
// /in/REGISTRY/-/SECRET/EVENT. A slash may be added to each.
func parsePath(path string) (a address, ok bool) {
	rest, ok := strings.CutPrefix(path, Prefix)
	if !ok {
		return address{}, false
	}
	// Whatever is deeper than the deepest is in the last part.
	parts := strings.SplitN(strings.TrimSuffix(rest, "/"), "/", 5)
	for _, p := range parts {
		if p == "" {
			return address{}, false
		}
	}
	a.registry, parts = parts[0], parts[1:]
	if len(parts) > 0 && parts[0] == "-" {
		if len(parts) == 1 {
			return address{}, false
		}
		a.secret, parts = parts[1], parts[2:]
	}
	if len(parts) > 0 {
		a.event, parts = parts[0], parts[1:]
	}
	return a, len(parts) == 0
}

// request returns r as the parts behind the door see it: without the secret in its
// URL, and with the event's name as a path value.
func (a address) request(r *http.Request) *http.Request {
	if a.secret == "" && a.event == "" {
		return r
	}
	r = r.WithContext(r.Context()) // the handler's is not ours to change
	if a.secret != "" {
		u := *r.URL
		u.Path, u.RawPath = Prefix+a.registry, ""
		if a.event != "" {
			u.Path += "/" + a.event
		}
		r.URL, r.RequestURI = &u, u.RequestURI()
	}
	r.SetPathValue("event", a.event)
	return r
}
