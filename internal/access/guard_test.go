package access

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ciSecret  = "canary-token-0123456789abcdef"
	opsSecret = "canary-ops-0123456789abcdef"
	alicePass = "canary-password of alice"
)

// world is a guard over a real store, before a handler that says who asks.
type world struct {
	*testing.T
	*Guard
	store *store.Store
	h     http.Handler
	admin config.Admin

	mu      sync.Mutex
	at      time.Time
	refused []string
	log     bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "bb.db"), store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	w := &world{T: t, store: s, at: time.Date(2026, 3, 1, 8, 30, 0, 0, time.UTC)}
	w.Guard = New(Config{
		Store: s, Log: slog.New(slog.NewTextHandler(&locked{w: w}, nil)), Now: w.now,
		Watch: func(way, outcome string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if !slices.Contains(Ways(), way) || !slices.Contains(Outcomes(), outcome) {
				t.Errorf("%q %q would be a label of its own", way, outcome)
			}
			w.refused = append(w.refused, way+" "+outcome)
		},
	})
	mux := http.NewServeMux()
	for _, path := range []string{"/login", "/logout", "/auth/"} {
		mux.Handle(path, w.Pages())
	}
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		ctx, refusal := w.Identify(r)
		if refusal != nil {
			for name, values := range refusal.Header() {
				rw.Header()[name] = values
			}
			http.Error(rw, refusal.Detail, refusal.Status)
			return
		}
		id := From(ctx)
		fmt.Fprintf(rw, "%s is %s %v %v", id.Name, id.Role, id.Groups, id.Scopes)
	})
	w.h = mux
	w.admin = config.Admin{
		Hosts: []string{"bb.example.com"},
		Tokens: []config.Token{
			{Name: "ci", Role: "editor", Secret: secretOf(ciSecret), Scopes: []string{"targets:write"}},
			{Name: "ops", Role: "admin", Secret: secretOf(opsSecret)},
		},
		Users: config.Users{
			Htpasswd: &config.Htpasswd{File: "htpasswd", Users: map[string]string{"alice": bcryptOf(t, alicePass), "bob": argonOfBob}},
			Roles:    config.Groups{"admin": {"alice"}, "viewer": {"alice"}},
		},
	}
	w.Use(w.admin)
	return w
}

// argonOfBob is the hash of "password", as Argon2's own tests have it.
const argonOfBob = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

// locked is the log, which many write to.
type locked struct{ w *world }

func (l *locked) Write(b []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(b)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func secretOf(s string) *config.Secret {
	v := config.NewSecret(s)
	return &v
}

func bcryptOf(t *testing.T, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// change is what is otherwise about a request.
type change func(*http.Request) *http.Request

func with(name, value string) change {
	return func(r *http.Request) *http.Request { r.Header.Add(name, value); return r }
}

func bearer(secret string) change { return with("Authorization", "Bearer "+secret) }

func by(c *http.Cookie) change {
	return func(r *http.Request) *http.Request { r.AddCookie(c); return r }
}

func host(name string) change {
	return func(r *http.Request) *http.Request { r.Host = name; return r }
}

func from(addr string) change {
	return func(r *http.Request) *http.Request { r.RemoteAddr = addr; return r }
}

// to has the connection come to an address of ours.
func to(addr string) change {
	return func(r *http.Request) *http.Request {
		return r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(addr))))
	}
}

// ask makes a request of a program on another machine.
func (w *world) ask(method, target string, changes ...change) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Host, r.RemoteAddr = "bb.example.com:5081", "192.0.2.7:4000"
	for _, c := range changes {
		r = c(r)
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

// is asks and checks who that was.
func (w *world) is(want string, changes ...change) {
	w.Helper()
	rec := w.ask("GET", "/", changes...)
	if rec.Code != 200 || rec.Body.String() != want {
		w.Errorf("got %d %q, want %q", rec.Code, rec.Body, want)
	}
}

// isNobody asks and checks that the answer is 401 and says no more than it says to anybody.
func (w *world) isNobody(changes ...change) {
	w.Helper()
	rec := w.ask("GET", "/", changes...)
	if rec.Code != 401 || rec.Header().Get("WWW-Authenticate") != "Bearer" || strings.TrimSpace(rec.Body.String()) != unknown().Detail {
		w.Errorf("got %d %q %v", rec.Code, rec.Body, rec.Header())
	}
}

// login logs somebody in by the form and returns the cookie.
func (w *world) login(user, password string, changes ...change) *http.Cookie {
	w.Helper()
	rec := w.form(url.Values{"user": {user}, "password": {password}}, changes...)
	list := rec.Result().Cookies()
	if rec.Code != 303 || len(list) != 1 {
		w.Fatalf("login of %s: got %d, cookies %v: %s", user, rec.Code, list, rec.Body)
	}
	return list[0]
}

func (w *world) form(values url.Values, changes ...change) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest("POST", "/login", strings.NewReader(values.Encode()))
	r.Host, r.RemoteAddr = "bb.example.com:5081", "192.0.2.7:4000"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range changes {
		r = c(r)
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

func TestTokensOfTheConfiguration(t *testing.T) {
	w := newWorld(t)
	w.is("ci is editor [] [targets:write]", bearer(ciSecret))
	w.is("ops is admin [] []", with("Authorization", "bearer "+opsSecret))
	w.isNobody()
	w.isNobody(bearer("wrong"))
	w.isNobody(bearer(""))
	w.isNobody(bearer(ciSecret + "x"))
	w.isNobody(bearer(ciSecret[:len(ciSecret)-1]))
	w.isNobody(with("Authorization", "Basic "+ciSecret))
	w.isNobody(with("Authorization", ciSecret))
	w.isNobody(func(r *http.Request) *http.Request { r.URL.RawQuery = "token=" + ciSecret; return r })
	if rec := w.ask("GET", "/", bearer(opsSecret), bearer("x")); rec.Code != 400 || !strings.Contains(rec.Body.String(), "several Authorization headers") {
		t.Errorf("two headers: got %d %s", rec.Code, rec.Body)
	}

	w.admin.Tokens = w.admin.Tokens[:1]
	w.Use(w.admin)
	w.isNobody(bearer(opsSecret), from("192.0.2.8:1"))
}

// Names that lead here without being ours are those of pages that want to read along.
func TestHosts(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		changes []change
		ok      bool
	}{
		"a name of ours":               {[]change{host("bb.example.com")}, true},
		"in capitals, with a port":     {[]change{host("BB.example.com:5081")}, true},
		"with a dot":                   {[]change{host("bb.example.com.:5081")}, true},
		"loopback":                     {[]change{host("localhost:5081")}, true},
		"loopback by IPv6":             {[]change{host("[::1]:5081")}, true},
		"its own address":              {[]change{host("192.0.2.1:5081"), to("192.0.2.1:5081")}, true},
		"its own address by IPv6":      {[]change{host("[2001:db8::1]:5081"), to("[2001:db8::1]:5081")}, true},
		"its own address mapped":       {[]change{host("192.0.2.1"), to("[::ffff:192.0.2.1]:5081")}, true},
		"another address":              {[]change{host("192.0.2.2:5081"), to("192.0.2.1:5081")}, false},
		"another name":                 {[]change{host("evil.example"), to("192.0.2.1:5081")}, false},
		"a name that begins with ours": {[]change{host("bb.example.com.evil.example")}, false},
		"none":                         {[]change{host("")}, false},
		"an address of nobody's":       {[]change{host("192.0.2.1:5081")}, false},
	} {
		rec := w.ask("GET", "/", append(c.changes, bearer(opsSecret))...)
		if (rec.Code == 200) != c.ok || !c.ok && rec.Code != 403 {
			t.Errorf("%s: got %d %s", name, rec.Code, rec.Body)
		}
	}
}

// Another site's page does nothing in the name of whose browser shows it.
func TestCrossSite(t *testing.T) {
	w := newWorld(t)
	cookie := w.login("alice", alicePass)
	if cookie.SameSite != http.SameSiteStrictMode || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" || cookie.Secure || cookie.Name != "bellbuoy" {
		t.Errorf("the cookie is %v", cookie)
	}
	own, evil := "http://bb.example.com:5081", "https://evil.example"
	for name, c := range map[string]struct {
		method  string
		changes []change
		ok      bool
	}{
		"our own page":               {"POST", []change{with("Sec-Fetch-Site", "same-origin"), with("Origin", own)}, true},
		"our own page in an old one": {"POST", []change{with("Origin", own)}, true},
		"a program":                  {"DELETE", nil, true},
		"another site's form":        {"POST", []change{with("Sec-Fetch-Site", "cross-site"), with("Origin", evil)}, false},
		"the same in an old browser": {"POST", []change{with("Origin", evil)}, false},
		"another port's form":        {"PUT", []change{with("Sec-Fetch-Site", "same-site"), with("Origin", "http://bb.example.com")}, false},
		"an opaque origin":           {"POST", []change{with("Origin", "null")}, false},
		"another site's script":      {"GET", []change{with("Sec-Fetch-Site", "cross-site"), with("Sec-Fetch-Mode", "no-cors"), with("Sec-Fetch-Dest", "script")}, false},
		"another site's frame":       {"GET", []change{with("Sec-Fetch-Site", "cross-site"), with("Sec-Fetch-Mode", "navigate"), with("Sec-Fetch-Dest", "iframe")}, false},
		"another site's link":        {"GET", []change{with("Sec-Fetch-Site", "cross-site"), with("Sec-Fetch-Mode", "navigate"), with("Sec-Fetch-Dest", "document")}, true},
		"typed":                      {"GET", []change{with("Sec-Fetch-Site", "none")}, true},
	} {
		rec := w.ask(c.method, "/", append(c.changes, by(cookie))...)
		if (rec.Code == 200) != c.ok || !c.ok && rec.Code != 403 {
			t.Errorf("%s: got %d %s", name, rec.Code, rec.Body)
		}
	}
	for _, path := range []string{"/login", "/logout"} {
		if rec := w.ask("POST", path, by(cookie), with("Origin", evil)); rec.Code != 403 {
			t.Errorf("another site's form to %s: got %d", path, rec.Code)
		}
	}
	w.is("alice is admin [] []", by(cookie))
}

// Without tokens and users all programs of this machine are served, and nobody else.
func TestNothingConfigured(t *testing.T) {
	w := newWorld(t)
	cookie := w.login("alice", alicePass)
	w.Use(config.Admin{Hosts: []string{"bb.example.com"}})
	local := []change{host("127.0.0.1:5081"), from("127.0.0.1:4000")}
	w.is(" is admin [] []", local...)
	for name, changes := range map[string][]change{
		"another machine":              {},
		"another machine with a token": {bearer(opsSecret)},
		"another machine with a login": {by(cookie)},
		"a proxy":                      {local[0], local[1], with("X-Forwarded-For", "192.0.2.7")},
		"a name that was made to lead": {local[1], host("bb.example.com")},
		"another site's link":          {local[0], local[1], with("Sec-Fetch-Site", "cross-site"), with("Sec-Fetch-Mode", "navigate")},
	} {
		if rec := w.ask("GET", "/", changes...); rec.Code != 403 {
			t.Errorf("%s: got %d %s", name, rec.Code, rec.Body)
		}
	}
	if rec := w.ask("GET", "/login", local...); rec.Code != 200 || !strings.Contains(rec.Body.String(), "nothing to log in to") {
		t.Errorf("the login: got %d %s", rec.Code, rec.Body)
	}
	if _, _, err := w.Login(t.Context(), "alice", alicePass); err == nil {
		t.Error("somebody logs in where nobody is configured")
	}
}

func TestThrottle(t *testing.T) {
	w := newWorld(t)
	for i := range maxFailures {
		if i%2 == 0 {
			w.isNobody(bearer("wrong"))
		} else if rec := w.form(url.Values{"user": {"alice"}, "password": {"wrong"}}); rec.Code != 401 {
			t.Fatalf("got %d", rec.Code)
		}
		w.pass(time.Second)
	}
	// A right password is not even looked at.
	for _, rec := range []*httptest.ResponseRecorder{
		w.ask("GET", "/", bearer("wrong")), w.form(url.Values{"user": {"alice"}, "password": {alicePass}}),
	} {
		if rec.Code != 429 || rec.Header().Get("Retry-After") != "50" {
			t.Errorf("got %d, Retry-After %q", rec.Code, rec.Header().Get("Retry-After"))
		}
	}
	w.is("ops is admin [] []", bearer(opsSecret)) // many may share a proxy's address
	w.isNobody(bearer("wrong"), from("192.0.2.8:4000"))
	w.login("alice", alicePass, from("192.0.2.8:4000"))

	w.pass(50 * time.Second)
	w.login("alice", alicePass)
	w.isNobody(bearer("wrong")) // one is forgotten with each second that passes
	if got := w.ask("GET", "/", bearer("wrong")).Code; got != 429 {
		t.Errorf("got %d", got)
	}

	// Of IPv6, everybody has 2^64 addresses.
	for i := range maxFailures {
		w.isNobody(bearer("wrong"), from(fmt.Sprintf("[2001:db8::%x]:4000", i+1)))
	}
	if got := w.ask("GET", "/", bearer("wrong"), from("[2001:db8::ffff:1]:4000")).Code; got != 429 {
		t.Errorf("the same network: got %d", got)
	}
	w.isNobody(bearer("wrong"), from("[2001:db8:0:1::1]:4000"))

	logged := w.log.String()
	if n := strings.Count(logged, "remote=2001:db8:"); n != 3 { // the first, the tenth, and the other network's
		t.Errorf("%d lines of one address:\n%s", n, logged)
	}
	if strings.Contains(logged, "canary") {
		t.Errorf("a secret is logged:\n%s", logged)
	}
	for _, want := range []string{"token wrong", "token throttled", "password wrong", "password throttled"} {
		if !slices.Contains(w.refused, want) {
			t.Errorf("nobody was told of %q", want)
		}
	}
}

// Who tries at once is counted before anything is compared.
func TestThrottleOfManyAtOnce(t *testing.T) {
	w := newWorld(t)
	codes := make(chan int, 40)
	var all sync.WaitGroup
	for range cap(codes) {
		all.Go(func() { codes <- w.form(url.Values{"user": {"alice"}, "password": {"wrong"}}).Code })
	}
	all.Wait()
	close(codes)
	got := map[int]int{}
	for c := range codes {
		got[c]++
	}
	if got[401] != maxFailures || got[429] != cap(codes)-maxFailures {
		t.Errorf("answers are %v", got)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	var th throttle
	now := time.Now()
	for i := range 3 * maxAddresses {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if n, wait := th.take(netip.PrefixFrom(a, 32), now.Add(time.Duration(i)*time.Microsecond)); n != 1 || wait != 0 {
			t.Fatalf("%s: %d, %v", a, n, wait)
		}
	}
	if len(th.from) > maxAddresses {
		t.Errorf("%d addresses are known", len(th.from))
	}
}

// Of somebody unknown and somebody known, a wrong password takes as long: both are compared.
func TestUnknownUsersAreCompared(t *testing.T) {
	users := map[string]string{"a": "1", "b": "2", "c": "3"}
	seen := map[string]bool{}
	for i := range 100 {
		hash := decoy(users, fmt.Sprint("user", i))
		if hash == "" || hash != decoy(users, fmt.Sprint("user", i)) {
			t.Fatalf("decoy is %q", hash)
		}
		seen[hash] = true
	}
	if len(seen) != 3 {
		t.Errorf("decoys are %v", seen)
	}
	// The password of somebody else, which the decoy may be of, lets nobody in.
	w := newWorld(t)
	w.admin.Users.Htpasswd = &config.Htpasswd{Users: map[string]string{"alice": w.admin.Users.Htpasswd.Users["alice"]}}
	w.Use(w.admin)
	if rec := w.form(url.Values{"user": {"mallory"}, "password": {alicePass}}); rec.Code != 401 {
		t.Errorf("got %d", rec.Code)
	}
}
