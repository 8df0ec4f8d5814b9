package intake

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// Plan is what a configuration asks of the intake. It is not changed once in use; a
// reload makes another.
type Plan struct {
	Registries map[string]Registry // by name
	Targets    map[string]Target   // by name
	Rules      *rules.Set
	// Keep holds the types that are stored though they are many
	// ([event.Type.OnRequest]) and no rule asks for them.
	Keep map[event.Type]bool
}

// Registry is one registry that may post.
type Registry struct {
	Type    string
	Bearers []Token // any one suffices; none leaves the registry open to whoever reaches the listener
	Adapter adapters.Adapter
	// Translate says what a notification that Adapter read means.
	Translate func(translator.Source, adapters.Notification) []event.Event
}

// Target is what planning a delivery needs to know of a target.
type Target struct {
	Type        string
	Ordered     bool          // deliveries of one repository are attempted in order
	FirstDelay  time.Duration // before the first attempt
	GiveUpAfter time.Duration // from the event's acceptance on
	Hold        time.Duration // how long a retry may hold back later deliveries; 0 = until it ends
}

// Token is a secret that a registry shows. Only its hash is kept.
type Token struct{ hash [sha256.Size]byte }

// NewToken returns the token for secret.
func NewToken(secret string) Token { return Token{sha256.Sum256([]byte(secret))} }

// admits reports whether the request with header h shows one of the registry's secrets.
// A registry appends the headers of its configuration to those that its client sets
// itself, so that there may be several of one name.
func (r Registry) admits(h http.Header) bool {
	if len(r.Bearers) == 0 {
		return true
	}
	for _, v := range h["Authorization"] {
		scheme, secret, _ := strings.Cut(v, " ")
		if strings.EqualFold(scheme, "Bearer") && r.isSecret(strings.TrimLeft(secret, " ")) {
			return true
		}
	}
	return false
}

// isSecret reports whether s is one of the registry's secrets, in a time that depends
// on neither.
func (r Registry) isSecret(s string) bool {
	hash := sha256.Sum256([]byte(s))
	found := 0
	for i := range r.Bearers {
		found |= subtle.ConstantTimeCompare(r.Bearers[i].hash[:], hash[:])
	}
	return found == 1
}

// publicHeaders returns those of r's headers that may be stored and shown: none that
// is made to carry credentials, and none whose value is, or ends in, a secret of the
// registry.
func (r Registry) publicHeaders(h http.Header) map[string]string {
	public := make(map[string]string, len(h))
	for name, values := range h {
		switch name {
		case "Authorization", "Proxy-Authorization", "Cookie":
			continue
		}
		if !r.anySecret(values) {
			public[name] = strings.Join(values, ", ")
		}
	}
	return public
}

func (r Registry) anySecret(values []string) bool {
	for _, v := range values {
		end := strings.LastIndexByte(v, ' ') + 1
		if r.isSecret(v) || end > 0 && r.isSecret(v[end:]) {
			return true
		}
	}
	return false
}
