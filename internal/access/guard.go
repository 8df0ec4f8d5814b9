package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// Config is what a [Guard] stands on. Watch may be nil, and so may Now: then it is the
// time of day.
type Config struct {
	Store *store.Store
	Log   *slog.Logger
	// Watch is told of who was refused: one of [Ways], and one of [Outcomes].
	Watch func(way, outcome string)
	Now   func() time.Time
}

// Ways are those in which somebody shows who he is.
func Ways() []string { return []string{"token", "session", "password", "oidc"} }

// Outcomes are what can come of it where somebody is refused.
func Outcomes() []string { return []string{"wrong", "throttled", "unavailable", "no role"} }

// Guard finds out who asks, and lets people log in. It may be used from many goroutines.
type Guard struct {
	store *store.Store
	log   *slog.Logger
	watch func(way, outcome string)
	now   func() time.Time

	rules     atomic.Pointer[rules]
	failures  throttle
	warned    atomic.Int64  // when it was last logged that something was not noted
	comparing chan struct{} // has room for as many passwords as are compared at a time
}

// rules are what the configuration in use says of access.
type rules struct {
	closed   bool
	hosts    map[string]bool
	tokens   []token
	htpasswd *config.Htpasswd
	roles    map[string]Role // of the users of htpasswd
	provider *provider       // nil where there is none
}

// token is one of the configuration.
type token struct {
	sum [sha256.Size]byte // of the secret
	id  Identity
	pos config.Pos
}

// New returns a guard that lets programs of this machine pass, and nobody else, until
// [Guard.Use] tells more.
func New(c Config) *Guard {
	g := &Guard{store: c.Store, log: c.Log, watch: c.Watch, now: c.Now, comparing: make(chan struct{}, maxCompared)}
	if g.watch == nil {
		g.watch = func(string, string) {}
	}
	if g.now == nil {
		g.now = time.Now
	}
	g.rules.Store(&rules{})
	return g
}

// Use has the guard go by a configuration from now on. Who is logged in stays so as far as
// the configuration still lets him.
func (g *Guard) Use(a config.Admin) {
	r := &rules{closed: a.Closed(), hosts: map[string]bool{}, htpasswd: a.Users.Htpasswd, roles: map[string]Role{}}
	for _, h := range a.Hosts {
		r.hosts[strings.ToLower(strings.Trim(strings.TrimSuffix(h, "."), "[]"))] = true
	}
	for _, t := range a.Tokens {
		r.tokens = append(r.tokens, token{
			sha256.Sum256([]byte(t.Secret.Reveal())),
			Identity{Name: t.Name, Role: Role(t.Role), Scopes: t.Scopes}, t.Pos,
		})
	}
	for _, role := range Roles() { // the greatest last
		for _, user := range a.Users.Roles[string(role)] {
			r.roles[user] = role
		}
	}
	if o := a.Users.OIDC; o != nil {
		r.provider = newProvider(*o, a.Redirect(), g.now)
	}
	g.rules.Store(r)
}

// Closed reports whether everybody needs a token or a login.
func (g *Guard) Closed() bool { return g.rules.Load().closed }

// asker is what is known of a request beside who it is from.
type asker struct {
	remote  string
	address netip.Prefix
	agent   string
	secure  bool
	session string // the id of the one that was shown, good or not; "" = none
}

type askerKey struct{}

func askerOf(r *http.Request) asker {
	a := asker{remote: bareHost(r.RemoteAddr), address: addressOf(r.RemoteAddr), agent: clean(r.UserAgent(), maxAgent), secure: secure(r)}
	if secret, ok := cookieOf(r); ok {
		a.session = hashed(secret)
	}
	return a
}

// Site refuses what another site's page asks, or what is asked by a name that is not ours,
// and returns the context of what may pass. It says nothing of who asks.
func (g *Guard) Site(r *http.Request) (context.Context, *Refusal) {
	rules := g.rules.Load()
	if !rules.closed {
		if why := Foreign(r); why != "" {
			return nil, forbidden(why)
		}
	} else if why := misdirected(r, rules.hosts); why != "" {
		return nil, forbidden(why)
	} else if why := crossSite(r); why != "" {
		return nil, forbidden(why)
	}
	return context.WithValue(r.Context(), askerKey{}, askerOf(r)), nil
}

// Identify finds out who asks and returns a context from which [From] tells. Without tokens
// and users in the configuration it is whoever may run programs on this machine.
func (g *Guard) Identify(r *http.Request) (context.Context, *Refusal) {
	ctx, refusal := g.Site(r)
	if refusal != nil {
		return nil, refusal
	}
	rules := g.rules.Load()
	if !rules.closed {
		return With(ctx, Identity{Role: Admin}), nil
	}
	var id Identity
	switch shown := r.Header.Values("Authorization"); {
	case len(shown) > 1:
		return nil, &Refusal{Status: http.StatusBadRequest, Detail: "there are several Authorization headers, and nobody can tell which counts: send one"}
	case len(shown) == 1:
		id, refusal = g.byToken(ctx, rules, shown[0])
	default:
		id, refusal = g.bySession(ctx, rules)
	}
	if refusal != nil {
		return nil, refusal
	}
	return With(ctx, id), nil
}

// byToken finds out whose token it is.
func (g *Guard) byToken(ctx context.Context, rules *rules, header string) (Identity, *Refusal) {
	scheme, secret, _ := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return Identity{}, g.failed(ctx, "token", "")
	}
	sum := sha256.Sum256([]byte(secret))
	var found *token
	for i := range rules.tokens { // all of them, so that the time says nothing
		if subtle.ConstantTimeCompare(sum[:], rules.tokens[i].sum[:]) == 1 {
			found = &rules.tokens[i]
		}
	}
	if found != nil {
		return found.id, nil
	}
	if !strings.HasPrefix(secret, tokenPrefix) || len(secret) != tokenLength {
		return Identity{}, g.failed(ctx, "token", "")
	}
	hash := hex.EncodeToString(sum[:])
	made, err := g.store.TokenOf(ctx, hash)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Identity{}, g.failed(ctx, "token", "")
	case err != nil:
		return Identity{}, g.unavailable(ctx, "token", err)
	}
	now := g.now()
	old := made.Hash != hash
	if old && !now.Before(made.OldEnds) || !made.Expires.IsZero() && !now.Before(made.Expires) || rules.named(made.Name) {
		return Identity{}, g.failed(ctx, "token", "")
	}
	if hour := now.Truncate(time.Hour); made.Used.Before(hour) {
		if err := g.store.UsedToken(ctx, made.Name, hour); err != nil {
			g.notNoted(ctx, err)
		}
	}
	return Identity{Name: made.Name, Role: Role(made.Role), Scopes: made.Scopes}, nil
}

// notNoted logs, once a minute at most, that it could not be noted who was here.
func (g *Guard) notNoted(ctx context.Context, err error) {
	now := g.now().UnixNano()
	if last := g.warned.Load(); now-last >= int64(time.Minute) && g.warned.CompareAndSwap(last, now) {
		g.log.WarnContext(ctx, "it was not noted when tokens and sessions were used last", "error", err)
	}
}

// named reports whether the configuration has a token or a user of a name.
func (r *rules) named(name string) bool {
	for _, t := range r.tokens {
		if t.id.Name == name {
			return true
		}
	}
	if r.htpasswd == nil {
		return false
	}
	_, ok := r.htpasswd.Users[name]
	return ok
}

// failed counts and logs that somebody showed what is wrong. user is that of a login, where
// it is one of ours: what is typed there may be a password.
func (g *Guard) failed(ctx context.Context, way, user string) *Refusal {
	a, _ := ctx.Value(askerKey{}).(asker)
	count, wait := g.failures.take(a.address, g.now())
	if wait > 0 {
		g.watch(way, "throttled")
		return tooMany(wait)
	}
	g.watch(way, "wrong")
	g.logFailure(ctx, a, way, user, count)
	return unknown()
}

// logFailure logs the first failure of an address in a minute, and the last before it is
// made to wait.
func (g *Guard) logFailure(ctx context.Context, a asker, way, user string, count int) {
	if count != 1 && count != maxFailures {
		return
	}
	args := []any{"way", way, "remote", a.remote, "failures", count}
	if user != "" {
		args = append(args, "user", user)
	}
	g.log.WarnContext(ctx, "somebody showed a wrong credential to the admin listener", args...)
}

// hashed is what is kept of a secret of 256 bits.
func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
