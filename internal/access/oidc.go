package access

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

const (
	// providerWait is how long one request to the provider may take, and providerRest how
	// long one that has failed to describe itself is not asked again.
	providerWait = 10 * time.Second
	providerRest = 5 * time.Second
	// providerAnswer bounds an answer of the provider.
	providerAnswer = 1 << 20

	// flowTime is how long somebody may take to log in at the provider.
	flowTime = 10 * time.Minute

	maxGroups = 1000
	maxGroup  = 200 // bytes of its name
)

// provider is an identity provider. It is asked to describe itself when somebody first logs
// in: where it is dead, all else goes on.
type provider struct {
	conf     config.OIDC
	redirect string
	now      func() time.Time
	client   *http.Client
	asking   chan struct{} // has room for who asks it to describe itself

	mu     sync.Mutex
	known  *described
	failed time.Time // when it last did not
	why    error
}

// described is what a provider says of itself.
type described struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
}

func newProvider(conf config.OIDC, redirect string, now func() time.Time) *provider {
	plain := http.DefaultTransport.(*http.Transport).Clone()
	plain.DisableKeepAlives = true // a login is rare
	return &provider{
		conf: conf, redirect: redirect, now: now, asking: make(chan struct{}, 1),
		client: &http.Client{Timeout: providerWait, Transport: bounded{plain}},
	}
}

// bounded bounds answers.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, providerAnswer), resp.Body}
	}
	return resp, err
}

func (p *provider) proof() string { return proof("oidc", p.conf.Issuer, p.conf.ClientID) }

// role is the greatest that groups have, "" where they have none.
func (p *provider) role(groups []string) (role Role) {
	for _, r := range Roles() {
		for _, g := range p.conf.Roles[string(r)] {
			if g == "*" || slices.Contains(groups, g) {
				role = r
			}
		}
	}
	return role
}

// describe returns what the provider says of itself.
func (p *provider) describe(ctx context.Context) (*described, error) {
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	known, failed, why := p.known, p.failed, p.why
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	if why != nil && p.now().Sub(failed) < providerRest {
		return nil, why
	}
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.client), p.conf.Issuer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failed, p.why = p.now(), fmt.Errorf("ask %s to describe itself: %w", p.conf.Issuer, err)
		return nil, p.why
	}
	secret := ""
	if s := p.conf.ClientSecret; s != nil {
		secret = s.Reveal()
	}
	p.known = &described{
		oauth: oauth2.Config{
			ClientID: p.conf.ClientID, ClientSecret: secret, Endpoint: found.Endpoint(), RedirectURL: p.redirect,
			Scopes: append([]string{oidc.ScopeOpenID}, p.conf.Scopes...),
		},
		verifier: found.Verifier(&oidc.Config{ClientID: p.conf.ClientID, Now: p.now}),
	}
	return p.known, nil
}

// flow is what a browser keeps while somebody logs in at the provider. All but next is
// random, so that nobody can have another's browser go through with his own login.
type flow struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"x"`
}

func (g *Guard) flowCookie(f *flow, secure bool) (*http.Cookie, error) {
	// It is sent when the provider sends the browser back, so it cannot be strict.
	c := &http.Cookie{Name: nameOf(cookieName+"-login", secure), Path: "/", MaxAge: -1, Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if f == nil {
		return c, nil
	}
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	c.Value, c.MaxAge = url.QueryEscape(string(b)), int(flowTime/time.Second)
	return c, nil
}

func flowOf(r *http.Request) (flow, bool) {
	list := r.CookiesNamed(nameOf(cookieName+"-login", secure(r)))
	if len(list) != 1 {
		return flow{}, false
	}
	var f flow
	text, err := url.QueryUnescape(list[0].Value)
	if err != nil || json.Unmarshal([]byte(text), &f) != nil || len(f.State) != secretLength || len(f.Nonce) != secretLength || len(f.Verifier) < secretLength {
		return flow{}, false
	}
	return f, true
}

// startOIDC sends somebody to the provider.
func (g *Guard) startOIDC(w http.ResponseWriter, r *http.Request) {
	p := g.rules.Load().provider
	if p == nil {
		g.page(w, r, http.StatusNotFound, page{Title: "No provider", Text: "Nobody logs in by an identity provider here: admin.users.oidc is not configured."})
		return
	}
	d, err := p.describe(r.Context())
	if err != nil {
		g.watch("oidc", "unavailable")
		g.log.ErrorContext(r.Context(), "the identity provider does not answer", "error", err)
		g.page(w, r, http.StatusBadGateway, page{Title: "The identity provider does not answer", Text: "Try again soon. The log of bellbuoy says more.", Again: true})
		return
	}
	f := flow{State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(), Next: ownPath(r.URL.Query().Get("next"))}
	c, err := g.flowCookie(&f, secure(r))
	if err != nil {
		g.broken(w, r, err)
		return
	}
	http.SetCookie(w, c)
	http.Redirect(w, r, d.oauth.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), http.StatusSeeOther)
}

// errFlow: what came back is not what was begun here.
var errFlow = errors.New("the login was not begun in this browser, or too long ago")

// backFromOIDC takes somebody whom the provider sends back.
func (g *Guard) backFromOIDC(w http.ResponseWriter, r *http.Request) {
	rules := g.rules.Load()
	p := rules.provider
	if p == nil {
		g.startOIDC(w, r)
		return
	}
	if c, err := g.flowCookie(nil, secure(r)); err == nil {
		http.SetCookie(w, c) // it serves once
	}
	ctx := r.Context()
	a, _ := ctx.Value(askerKey{}).(asker)
	at := g.now()
	if _, wait := g.failures.take(a.address, at); wait > 0 { // each has us ask the provider
		g.watch("oidc", "throttled")
		refusal := tooMany(wait)
		maps.Copy(w.Header(), refusal.Header())
		g.page(w, r, refusal.Status, page{Title: "Too many logins have failed", Text: "Wait a minute, then try again.", Again: true})
		return
	}
	f, ok := flowOf(r)
	name, groups, err := "", []string(nil), errFlow
	if ok {
		name, groups, err = p.take(r, f)
	}
	if err != nil {
		g.watch("oidc", "wrong")
		g.log.WarnContext(ctx, "a login by the identity provider failed", "remote", a.remote, "error", clean(err.Error(), 500))
		g.page(w, r, http.StatusUnauthorized, page{Title: "The login failed", Text: "It was not begun in this browser, took too long, or the provider did not confirm it. The log of bellbuoy says more.", Again: true})
		return
	}
	g.failures.give(a.address, at)
	if p.role(groups) == "" {
		g.watch("oidc", "no role")
		g.log.WarnContext(ctx, "somebody whom the identity provider knows has no role", "user", name)
		g.page(w, r, http.StatusForbidden, page{Title: "No role", Text: fmt.Sprintf("You are %s, and in none of the groups that may use bellbuoy. Ask whoever runs it to give one of your groups a role in admin.users.oidc.roles.", name)})
		return
	}
	if rules.named(name) {
		g.watch("oidc", "no role")
		g.log.WarnContext(ctx, "somebody whom the identity provider knows has the name of a token or of a user of the htpasswd file", "user", name)
		g.page(w, r, http.StatusForbidden, page{Title: "The name is taken", Text: fmt.Sprintf("The configuration has a token or a user %s of its own, and nobody could tell the two apart. Ask whoever runs bellbuoy to give that one another name.", name)})
		return
	}
	cookie, err := g.begin(ctx, store.Session{Person: name, Way: "oidc", Proof: p.proof(), Groups: groups})
	if err != nil {
		g.broken(w, r, err)
		return
	}
	http.SetCookie(w, cookie)
	// The provider's site has led here, so that a strict cookie would not be sent by a
	// redirect: the browser has to go on by itself.
	g.page(w, r, http.StatusOK, page{Title: "Logged in", Text: "You are logged in as " + name + ".", Next: ownPath(f.Next), Done: true})
}

// take exchanges what the provider sent somebody back with for his name and his groups.
func (p *provider) take(r *http.Request, f flow) (name string, groups []string, err error) {
	q := r.URL.Query()
	for _, key := range []string{"state", "code", "error", "iss"} {
		if len(q[key]) > 1 {
			return "", nil, fmt.Errorf("%s came %d times", key, len(q[key]))
		}
	}
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(f.State)) != 1 {
		return "", nil, errFlow
	}
	if iss := q.Get("iss"); iss != "" && iss != p.conf.Issuer {
		return "", nil, fmt.Errorf("another provider, %q, has sent it", iss)
	}
	if e := q.Get("error"); e != "" {
		return "", nil, fmt.Errorf("the provider says %q: %s", e, q.Get("error_description"))
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*providerWait)
	defer cancel()
	d, err := p.describe(ctx)
	if err != nil {
		return "", nil, err
	}
	got, err := d.oauth.Exchange(oidc.ClientContext(ctx, p.client), q.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return "", nil, fmt.Errorf("exchange the code: %w", exchangeError(err))
	}
	raw, _ := got.Extra("id_token").(string)
	if raw == "" {
		return "", nil, errors.New("the provider gave no ID token: is openid among its scopes?")
	}
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return "", nil, fmt.Errorf("check the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return "", nil, errors.New("the ID token is of another login: its nonce is another")
	}
	return p.person(id)
}

// exchangeError leaves out of an error what the provider answered but for its own words of
// it, since the rest may be secret.
func exchangeError(err error) error {
	if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return fmt.Errorf("the provider answered %s %s %s", e.Response.Status, e.ErrorCode, e.ErrorDescription)
	}
	return err
}

// person reads who an ID token is of.
func (p *provider) person(id *oidc.IDToken) (name string, groups []string, err error) {
	var claims map[string]json.RawMessage
	if err := id.Claims(&claims); err != nil {
		return "", nil, fmt.Errorf("read the ID token: %w", err)
	}
	text := func(key string) (s string) {
		_ = json.Unmarshal(claims[key], &s) // another type is none
		return s
	}
	if azp := text("azp"); azp != "" && azp != p.conf.ClientID {
		return "", nil, errors.New("the ID token was given to another client")
	}
	name = text("preferred_username")
	if verified := strings.Trim(string(claims["email_verified"]), `"`); name == "" && verified == "true" {
		name = text("email")
	}
	if name == "" {
		name = id.Subject
	}
	if name == "" || name != clean(name, maxUser) || strings.TrimSpace(name) != name {
		return "", nil, errors.New("the ID token has no name that can be shown in one line")
	}
	raw := claims[p.conf.GroupsClaim]
	if json.Unmarshal(raw, &groups) != nil {
		if one := text(p.conf.GroupsClaim); one != "" {
			groups = []string{one}
		}
	}
	groups = slices.DeleteFunc(groups, func(g string) bool { return g == "" || g == "*" || g != clean(g, maxGroup) })
	return name, groups[:min(len(groups), maxGroups)], nil
}
