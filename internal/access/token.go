package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

const (
	tokenPrefix = "bb_"
	tokenLength = len(tokenPrefix) + secretLength
	// MaxOverlap is how long the secret of a token may be taken after it was rotated.
	MaxOverlap = 7 * 24 * time.Hour
	maxLife    = 10 * 365 * 24 * time.Hour
	maxScopes  = 50
)

// Nouns are what scopes can be about.
func Nouns() []string {
	return []string{
		"events", "deliveries", "rules", "targets", "registries", "quarantine", "inbox", "plugins", "audit",
		"stats", "metrics", "backup", "sessions", "tokens", "notifications",
	}
}

var (
	nameRegexp  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,199}$`)
	scopeRegexp = regexp.MustCompile(`^(\*|[a-z][a-z-]*):(read|write)$`)
)

// Token is one as people see it, without its secret.
type Token struct {
	Name string `json:"name"`
	// Role is what may be done with it: viewer, editor or admin.
	Role Role `json:"role"`
	// Scopes are NOUN:read and NOUN:write, * being every noun; absent where they do not narrow
	// what may be done.
	Scopes []string `json:"scopes,omitempty"`
	// Created is when it was made; absent of one of the configuration.
	Created *time.Time `json:"created,omitempty"`
	By      string     `json:"by,omitempty"` // who made it
	// Expires is when it is not taken any more; absent where that is never.
	Expires *time.Time `json:"expires,omitempty"`
	Used    *time.Time `json:"used,omitempty"` // the hour in which it was last shown
	// OldUntil is until when the secret before the last rotation is taken.
	OldUntil *time.Time `json:"old_until,omitempty"`
	// Owner is FILE:LINE of what the configuration defines, and is changed there.
	Owner string `json:"owner,omitempty"`
	// Inactive says why it is not taken, and what to do.
	Inactive string `json:"inactive,omitempty"`
}

// NewToken is what one is made of.
type NewToken struct {
	Name    string
	Role    Role
	Scopes  []string      // nil: they do not narrow
	Expires time.Duration // from now; 0 = never
}

// Tokens lists those of the configuration and those that were made, by name.
func (g *Guard) Tokens(ctx context.Context) ([]Token, error) {
	rules := g.rules.Load()
	made, err := g.store.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	list := []Token{}
	for _, t := range rules.tokens {
		list = append(list, shownOwn(t))
	}
	for _, t := range made {
		list = append(list, g.shown(rules, t))
	}
	slices.SortStableFunc(list, func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Token returns the one of a name; that of the configuration where both have it.
func (g *Guard) Token(ctx context.Context, name string) (Token, error) {
	rules := g.rules.Load()
	for _, t := range rules.tokens {
		if t.id.Name == name {
			return shownOwn(t), nil
		}
	}
	made, err := g.store.Token(ctx, name)
	if err != nil {
		return Token{}, noToken(name, err)
	}
	return g.shown(rules, made), nil
}

func shownOwn(t token) Token {
	return Token{Name: t.id.Name, Role: t.id.Role, Scopes: t.id.Scopes, Owner: t.pos.String()}
}

func (g *Guard) shown(rules *rules, t store.Token) Token {
	now := g.now()
	out := Token{Name: t.Name, Role: Role(t.Role), Scopes: t.Scopes, Created: maybe(t.Made), By: t.By, Expires: maybe(t.Expires), Used: maybe(t.Used)}
	if t.Old != "" && now.Before(t.OldEnds) {
		out.OldUntil = maybe(t.OldEnds)
	}
	switch {
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		out.Inactive = "it has expired: delete it, and make another where it is still needed"
	case rules.named(t.Name):
		out.Inactive = "the configuration has a token or a user of this name: give one of them another"
	case !rules.closed:
		out.Inactive = "the configuration has neither tokens nor users, so that programs of this machine are served without one, and nobody else: add admin.tokens or admin.users"
	}
	return out
}

func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// MakeToken makes a token, of which it returns the secret: nobody can tell it again.
func (g *Guard) MakeToken(ctx context.Context, by string, n NewToken) (secret string, _ Token, err error) {
	rules := g.rules.Load()
	if err := n.check(); err != nil {
		return "", Token{}, err
	}
	if err := wider(From(ctx), n.Scopes); err != nil {
		return "", Token{}, err
	}
	if rules.named(n.Name) {
		return "", Token{}, &Refusal{Status: http.StatusConflict, Detail: fmt.Sprintf("the configuration has a token or a user %q: take another name", n.Name)}
	}
	secret = tokenPrefix + newSecret()
	now := g.now().UTC()
	t := store.Token{Name: n.Name, Hash: hashed(secret), Role: string(n.Role), Scopes: n.Scopes, Made: now, By: by}
	if n.Expires > 0 {
		t.Expires = now.Add(n.Expires)
	}
	err = g.store.MakeToken(context.WithoutCancel(ctx), t)
	if errors.Is(err, store.ErrExists) {
		err = &Refusal{Status: http.StatusConflict, Detail: fmt.Sprintf("there is a token %q already: rotate it, or take another name", n.Name)}
	}
	if err != nil {
		return "", Token{}, err
	}
	return secret, g.shown(rules, t), nil
}

func (n NewToken) check() error {
	bad := func(format string, args ...any) error {
		return &Refusal{Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case !nameRegexp.MatchString(n.Name):
		return bad(`name: %q is no name: use a to z, 0 to 9, ".", "_" and "-", and begin with a letter or digit`, n.Name)
	case !slices.Contains(Roles(), n.Role):
		return bad("role: there is no role %q; there are viewer, editor and admin", n.Role)
	case n.Expires < 0 || n.Expires > maxLife:
		return bad("expires: write a length of time from now, at most ten years; left out, it never does")
	case len(n.Scopes) > maxScopes:
		return bad("scopes: there are more than %d", maxScopes)
	}
	for _, s := range n.Scopes {
		noun, _, _ := strings.Cut(s, ":")
		if !scopeRegexp.MatchString(s) || noun != "*" && !slices.Contains(Nouns(), noun) {
			return bad("scopes: %q is none: write NOUN:read or NOUN:write, where NOUN is * or one of %s", s, strings.Join(Nouns(), ", "))
		}
	}
	return nil
}

// wider refuses to give somebody with scopes a token that may do what his own may not.
func wider(id Identity, scopes []string) error {
	if id.Scopes == nil {
		return nil
	}
	missing := scopes == nil && !id.May("*", Editor)
	for _, s := range scopes {
		noun, verb, _ := strings.Cut(s, ":")
		need := Editor
		if verb == "read" {
			need = Viewer
		}
		missing = missing || !id.May(noun, need)
	}
	if missing {
		return forbidden("the token that asks has scopes, and cannot give what it has not: ask for some of " + strings.Join(id.Scopes, ", "))
	}
	return nil
}

// RotateToken gives a token another secret, which it returns; the one before is taken for
// overlap, 0 to [MaxOverlap].
func (g *Guard) RotateToken(ctx context.Context, by, name string, overlap time.Duration) (secret string, _ Token, err error) {
	if overlap < 0 || overlap > MaxOverlap {
		return "", Token{}, &Refusal{Status: http.StatusBadRequest, Detail: "overlap: write how long the secret of now is still taken, 0s to 7d"}
	}
	if err := g.owned(name); err != nil {
		return "", Token{}, err
	}
	now, err := g.store.Token(ctx, name)
	if err == nil {
		err = wider(From(ctx), now.Scopes)
	}
	if err != nil {
		return "", Token{}, noToken(name, err)
	}
	secret = tokenPrefix + newSecret()
	if err := g.store.RotateToken(context.WithoutCancel(ctx), by, name, hashed(secret), g.now().UTC().Add(overlap)); err != nil {
		return "", Token{}, noToken(name, err)
	}
	t, err := g.Token(ctx, name)
	return secret, t, err
}

// DeleteToken ends a token at once.
func (g *Guard) DeleteToken(ctx context.Context, by, name string) error {
	if _, err := g.store.Token(ctx, name); errors.Is(err, store.ErrNotFound) {
		if err := g.owned(name); err != nil {
			return err
		}
	}
	return noToken(name, g.store.DeleteToken(context.WithoutCancel(ctx), by, name))
}

// owned refuses to change a token of the configuration.
func (g *Guard) owned(name string) error {
	for _, t := range g.rules.Load().tokens {
		if t.id.Name == name {
			return &Refusal{Status: http.StatusConflict, Detail: fmt.Sprintf("token %q is defined in %s: change it there", name, t.pos)}
		}
	}
	return nil
}

func noToken(name string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return &Refusal{Status: http.StatusNotFound, Detail: fmt.Sprintf("there is no token %q: list them with `bellbuoy tokens`", name)}
	}
	return err
}
