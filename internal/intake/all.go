package intake

import (
	"net/http"
	"slices"
)

// All is every one of list at once, for a registry that is known to send all of them.
func All(list ...Credential) Credential {
	all := Credential{
		proves: func(r *http.Request, inPath string) bool {
			proved := true
			for _, c := range list { // all of them, so that time does not tell which
				proved = c.proves(r, inPath) && proved
			}
			return proved
		},
		reveals: func(value string) bool {
			return slices.ContainsFunc(list, func(c Credential) bool { return c.reveals(value) })
		},
	}
	for _, c := range list {
		if all.scheme == "" {
			all.scheme = c.scheme
		}
	}
	return all
}
