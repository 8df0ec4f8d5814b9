package delivery

import (
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// shortestMask is the length, in bytes, from which a secret is looked for in what is
// written down. Shorter ones would be found everywhere, and are none.
const shortestMask = 6

// mask takes the target's secrets out of an outcome.
func (t Target) mask(o *store.Outcome) {
	r := &o.Receipt
	for _, secret := range t.Masks {
		if len(secret) < shortestMask {
			continue
		}
		for _, s := range []*string{&o.Error, &r.Request.URL, &r.Request.Body, &r.Reply} {
			*s = strings.ReplaceAll(*s, secret, "***")
		}
		for k, v := range r.Request.Headers {
			if masked := strings.ReplaceAll(v, secret, "***"); masked != v {
				r.Request.Headers[k] = masked
			}
		}
	}
}
