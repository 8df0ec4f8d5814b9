package access

import (
	"crypto/tls"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func overTLS(r *http.Request) *http.Request {
	r.TLS = &tls.ConnectionState{}
	return r
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	w.is("alice is admin [] []", by(w.login("alice", alicePass)))
	w.is("bob is viewer [] []", by(w.login("bob", "password"))) // no role names him
	for _, c := range [][2]string{{"alice", ""}, {"alice", alicePass + " "}, {"", ""}, {"mallory", "password"}, {"alice", strings.Repeat("x", maxPassword+1)}} {
		rec := w.form(url.Values{"user": {c[0]}, "password": {c[1]}})
		if rec.Code != 401 || len(rec.Result().Cookies()) > 0 || !strings.Contains(rec.Body.String(), "The name or the password is wrong.") {
			t.Errorf("%q: got %d %s", c, rec.Code, rec.Body)
		}
	}
	if rec := w.form(url.Values{"user": {`<script>"`}, "password": {"canary-typed"}}); strings.Contains(rec.Body.String(), "<script>") || strings.Contains(rec.Body.String(), "canary") {
		t.Errorf("the page repeats what was typed: %s", rec.Body)
	}
	if strings.Contains(w.log.String(), "canary") || strings.Contains(w.log.String(), "mallory") {
		t.Errorf("the log has what was typed:\n%s", &w.log)
	}
}

// A cookie over TLS is for this very host, and is not taken over http, nor the other way.
func TestCookiesAndTLS(t *testing.T) {
	w := newWorld(t)
	closed, plain := w.login("alice", alicePass, overTLS), w.login("alice", alicePass)
	if closed.Name != "__Host-bellbuoy" || !closed.Secure || closed.Path != "/" || closed.Domain != "" || closed.SameSite != http.SameSiteStrictMode {
		t.Errorf("the cookie is %v", closed)
	}
	w.is("alice is admin [] []", by(closed), overTLS)
	w.is("alice is admin [] []", by(closed), with("X-Forwarded-Proto", "https"))
	w.is("alice is admin [] []", by(plain))
	w.isNobody(by(closed))
	w.isNobody(by(plain), overTLS)
	w.isNobody(by(plain), by(&http.Cookie{Name: plain.Name, Value: newSecret()})) // who set which?
}

// A session that somebody was given beforehand is not the one that he logs in to.
func TestNoFixation(t *testing.T) {
	w := newWorld(t)
	given := &http.Cookie{Name: "bellbuoy", Value: newSecret()}
	got := w.login("alice", alicePass, by(given))
	if got.Value == given.Value {
		t.Error("it is the session that was given")
	}
	w.isNobody(by(given))
	again := w.login("alice", alicePass, by(got)) // in the place of the other
	w.isNobody(by(got))
	w.is("alice is admin [] []", by(again))
}

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	c := w.login("alice", alicePass)
	for range 3 { // used, it lasts
		w.pass(idle - time.Second)
		w.is("alice is admin [] []", by(c))
	}
	w.pass(idle)
	w.isNobody(by(c))

	c = w.login("alice", alicePass)
	for range 2*7 - 1 {
		w.pass(idle - time.Minute)
		w.is("alice is admin [] []", by(c))
	}
	w.pass(idle - time.Minute)
	w.is("alice is admin [] []", by(c))
	w.pass(14*time.Minute - time.Second)
	w.is("alice is admin [] []", by(c))
	w.pass(time.Second)
	w.isNobody(by(c)) // however often it was used

	c = w.login("alice", alicePass)
	rec := w.ask("POST", "/logout", by(c))
	if gone := rec.Result().Cookies(); rec.Code != 303 || len(gone) != 1 || gone[0].MaxAge != -1 || rec.Header().Get("Location") != "/login" {
		t.Errorf("logout: got %d, cookies %v", rec.Code, gone)
	}
	w.isNobody(by(c))
	if rec := w.ask("GET", "/logout", by(c)); rec.Code != 405 {
		t.Errorf("a link logs out: got %d", rec.Code)
	}
	if rec := w.ask("POST", "/logout"); rec.Code != 303 {
		t.Errorf("logout of nobody: got %d", rec.Code)
	}
}

// What the configuration says of somebody counts at once.
func TestConfigurationChanges(t *testing.T) {
	w := newWorld(t)
	alice, bob := w.login("alice", alicePass), w.login("bob", "password")
	w.admin.Users.Roles = config.Groups{"editor": {"alice", "bob"}}
	w.Use(w.admin)
	w.is("alice is editor [] []", by(alice))
	w.is("bob is editor [] []", by(bob))

	users := maps.Clone(w.admin.Users.Htpasswd.Users)
	delete(users, "bob")
	users["alice"] = bcryptOf(t, "another")
	w.admin.Users.Htpasswd = &config.Htpasswd{Users: users}
	w.Use(w.admin)
	w.isNobody(by(alice)) // who changes a password wants others to be out
	w.isNobody(by(bob))
	w.is("alice is viewer [] []", func() change {
		w.admin.Users.Roles = nil
		w.Use(w.admin)
		return by(w.login("alice", "another"))
	}())
	again := w.login("alice", "another")
	w.admin.Users.Htpasswd = nil
	w.Use(w.admin)
	w.isNobody(by(again))
}

func TestRevocation(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	alice, bob := w.login("alice", alicePass, with("User-Agent", "a browser\x1b[0m "+strings.Repeat("é", 200))), w.login("bob", "password")
	all, err := w.Sessions(ctx, "")
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	own, err := w.Sessions(ctx, "alice")
	if err != nil || len(own) != 1 || own[0].User != "alice" || own[0].Role != Admin || own[0].Remote != "192.0.2.7" || len(own[0].Agent) > maxAgent || strings.Contains(own[0].Agent, "\x1b") {
		t.Fatalf("%+v, %v", own, err)
	}
	if own[0].ID == alice.Value || strings.Contains(own[0].ID, alice.Value) {
		t.Error("the list has what the cookie holds")
	}
	asBob := With(ctx, Identity{Name: "bob", Role: Viewer, Person: true})
	for name, err := range map[string]error{
		"another's":           w.End(asBob, "bob", own[0].ID, false),
		"none":                w.End(asBob, "bob", "x", false),
		"of a token's name":   w.End(With(ctx, Identity{Name: "alice", Role: Viewer}), "alice", own[0].ID, false),
		"of nobody":           w.End(ctx, "", own[0].ID, false),
		"what a cookie holds": w.End(asBob, "bob", bob.Value, true),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.is("alice is admin [] []", by(alice))
	if err := w.End(asBob, "bob", hashed(bob.Value), false); err != nil {
		t.Error(err)
	}
	w.isNobody(by(bob))
	if err := w.End(ctx, "root", own[0].ID, true); err != nil {
		t.Error(err)
	}
	w.isNobody(by(alice))
}

// Where the store fails, nobody is told that he is nobody.
func TestStoreFails(t *testing.T) {
	w := newWorld(t)
	c := w.login("alice", alicePass)
	secret, _, err := w.MakeToken(t.Context(), "alice", NewToken{Name: "made", Role: Viewer})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	w.is("ops is admin [] []", bearer(opsSecret)) // needs no store
	for _, ch := range []change{by(c), bearer(secret)} {
		if rec := w.ask("GET", "/", ch); rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
			t.Errorf("got %d %s", rec.Code, rec.Body)
		}
	}
	if rec := w.form(url.Values{"user": {"alice"}, "password": {alicePass}}); rec.Code != 503 || len(rec.Result().Cookies()) > 0 {
		t.Errorf("login: got %d", rec.Code)
	}
}

func TestNextIsOurs(t *testing.T) {
	for next, want := range map[string]string{
		"/":                             "/",
		"/events?type=x#y":              "/events?type=x#y",
		"":                              "/",
		"https://evil.example":          "/",
		"//evil.example":                "/",
		`/\evil.example`:                "/",
		`\/evil.example`:                "/",
		"/\t/evil.example":              "/",
		"/\n/evil.example":              "/",
		"/%2f/evil.example":             "/",
		"javascript:alert(1)":           "/",
		"evil.example":                  "/",
		" //evil.example":               "/",
		"///evil.example":               "/",
		"/%5cevil.example":              "/%5cevil.example",
		"/logout":                       "/",
		"/" + strings.Repeat("x", 3000): "/",
	} {
		if got := ownPath(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
	w := newWorld(t)
	for _, next := range []string{"/events?x=1", "//evil.example"} {
		rec := w.form(url.Values{"user": {"alice"}, "password": {alicePass}, "next": {next}})
		if got := rec.Header().Get("Location"); rec.Code != 303 || got != ownPath(next) {
			t.Errorf("%s: got %d %s", next, rec.Code, got)
		}
	}
	if rec := w.ask("GET", "/login?next=//evil.example"); strings.Contains(rec.Body.String(), "evil") {
		t.Errorf("the page is %s", rec.Body)
	}
}

// The page has no script, cannot be put into a frame, and sends its form to us only.
func TestPage(t *testing.T) {
	w := newWorld(t)
	rec := w.ask("GET", "/login?next=/events")
	csp := rec.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "style-src 'nonce-"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s: %s", want, csp)
		}
	}
	if h := rec.Header(); h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers are %v", h)
	}
	body := rec.Body.String()
	if strings.Contains(body, "<script") || strings.Contains(body, "https://") || !strings.Contains(body, `value="/events"`) || !strings.Contains(body, `type="password"`) {
		t.Errorf("the page is %s", body)
	}
	if other := w.ask("GET", "/login").Header().Get("Content-Security-Policy"); other == csp {
		t.Error("the nonce is always the same")
	}
	if rec := w.ask("GET", "/login", by(w.login("alice", alicePass))); !strings.Contains(rec.Body.String(), "logged in as alice") || !strings.Contains(rec.Body.String(), `action="/logout"`) {
		t.Errorf("the page of somebody who is logged in is %s", rec.Body)
	}
	w.admin.Users = config.Users{}
	w.Use(w.admin)
	if rec := w.ask("GET", "/login"); strings.Contains(rec.Body.String(), "password") || !strings.Contains(rec.Body.String(), "tokens for scripts only") {
		t.Errorf("the page without users is %s", rec.Body)
	}
	if rec := w.form(url.Values{"user": {strings.Repeat("x", maxForm)}}); rec.Code != 400 {
		t.Errorf("a large form: got %d", rec.Code)
	}
}
