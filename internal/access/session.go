package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

const (
	// idle and absolute are how long a session lasts that is not used, and at all.
	idle     = 12 * time.Hour
	absolute = 7 * 24 * time.Hour
	// seenEvery is how exactly it is known when a session was last used.
	seenEvery = 5 * time.Minute

	maxAgent = 200 // bytes of a browser's name that are kept

	cookieName   = "bellbuoy"
	secretLength = 43 // of 256 bits in base64
)

// nameOf is what a cookie is called: browsers let nobody but this very host set one with
// the prefix, and only over TLS.
func nameOf(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// newSecret returns 256 bits in base64.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// cookieOf returns the secret of the session that r shows. Of several, nobody knows who set
// which.
func cookieOf(r *http.Request) (string, bool) {
	list := r.CookiesNamed(nameOf(cookieName, secure(r)))
	if len(list) != 1 || len(list[0].Value) != secretLength {
		return "", false
	}
	return list[0].Value, true
}

func sessionCookie(secret string, secure bool, age time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: nameOf(cookieName, secure), Value: secret, Path: "/", MaxAge: int(age / time.Second),
		Secure: secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if age <= 0 {
		c.MaxAge = -1
	}
	return c
}

// bySession finds out whose session it is.
func (g *Guard) bySession(ctx context.Context, rules *rules) (Identity, *Refusal) {
	a := ctx.Value(askerKey{}).(asker)
	if a.session == "" {
		return Identity{}, unknown()
	}
	s, err := g.store.Session(ctx, a.session)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Identity{}, g.unavailable(ctx, "session", err)
	}
	now := g.now()
	if err == nil {
		if id, ok := rules.holder(s, now); ok {
			if now.Sub(s.Seen) >= seenEvery {
				if err := g.store.SeenSession(ctx, s.ID, now); err != nil {
					g.notNoted(ctx, err)
				}
			}
			return id, nil
		}
	}
	g.watch("session", "wrong")
	return Identity{}, unknown()
}

// holder is who a session is of, as the configuration has it now; false where it is over.
func (r *rules) holder(s store.Session, now time.Time) (Identity, bool) {
	if now.Sub(s.Made) >= absolute || now.Sub(s.Seen) >= idle {
		return Identity{}, false
	}
	id := Identity{Name: s.Person, Person: true}
	switch s.Way {
	case "password":
		if r.htpasswd == nil {
			return Identity{}, false
		}
		hash, ok := r.htpasswd.Users[s.Person]
		if !ok || s.Proof != proof("password", hash) {
			return Identity{}, false
		}
		id.Role = r.roleOfUser(s.Person)
	case "oidc":
		if r.provider == nil || s.Proof != r.provider.proof() || r.named(s.Person) {
			return Identity{}, false
		}
		if id.Role = r.provider.role(s.Groups); id.Role == "" {
			return Identity{}, false
		}
		id.Groups = s.Groups
	default:
		return Identity{}, false
	}
	return id, true
}

func (r *rules) roleOfUser(user string) Role {
	if role, ok := r.roles[user]; ok {
		return role
	}
	return Viewer
}

// proof is a sum over what somebody logged in with: when that is another, his session is
// over.
func proof(parts ...string) string { return hashed(strings.Join(parts, "\x00")) }

// begin makes a session, with an id that nobody has seen before, and returns its cookie.
func (g *Guard) begin(ctx context.Context, s store.Session) (*http.Cookie, error) {
	a, _ := ctx.Value(askerKey{}).(asker)
	secret := newSecret()
	now := g.now()
	s.ID, s.Made, s.Seen, s.Remote, s.Agent = hashed(secret), now, now, a.remote, a.agent
	// A login is not undone because the browser went away.
	if err := g.store.MakeSession(context.WithoutCancel(ctx), s, a.session, now.Add(-absolute), now.Add(-idle)); err != nil {
		return nil, err
	}
	return sessionCookie(secret, a.secure, absolute), nil
}

// Session is one as people see it.
type Session struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`    // who is logged in
	Role    Role      `json:"role"`    // his own, by the configuration in use
	Way     string    `json:"way"`     // how he logged in: password or oidc
	Created time.Time `json:"created"` // when he logged in
	Seen    time.Time `json:"seen"`    // when it was last used, to five minutes
	Remote  string    `json:"remote"`  // the address that he logged in from
	Agent   string    `json:"agent"`   // what his browser calls itself
	Current bool      `json:"current"` // it is the one that asks
}

// Sessions lists those that last, of one person, or all where that is "", the newest first.
func (g *Guard) Sessions(ctx context.Context, person string) ([]Session, error) {
	list, err := g.store.Sessions(ctx, person)
	if err != nil {
		return nil, err
	}
	a, _ := ctx.Value(askerKey{}).(asker)
	rules, now, out := g.rules.Load(), g.now(), []Session{}
	for _, s := range list {
		if id, ok := rules.holder(s, now); ok {
			out = append(out, Session{
				ID: s.ID, User: s.Person, Role: id.Role, Way: s.Way, Created: s.Made, Seen: s.Seen,
				Remote: s.Remote, Agent: s.Agent, Current: s.ID == a.session,
			})
		}
	}
	return out, nil
}

// End ends the session of an id: his own of anybody who is logged in, any one where all is
// true. It is [store.ErrNotFound] where there is none that who asks may end.
func (g *Guard) End(ctx context.Context, by, id string, all bool) error {
	person := From(ctx).Name
	if all {
		person = ""
	} else if person == "" || !From(ctx).Person {
		return store.ErrNotFound
	}
	return g.store.EndSession(context.WithoutCancel(ctx), by, id, person)
}

// clean is text from outside in one line of at most so many bytes.
func clean(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > most {
		s = s[:most]
		s = strings.ToValidUTF8(s, "")
	}
	return s
}
