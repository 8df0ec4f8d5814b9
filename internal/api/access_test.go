package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/access"
)

// secrets of the tokens and users of [world.close].
const canary = "canary-0123456789abcdef-"

// close has everybody need a token or a login: a token for each role, one with scopes, and
// two users.
func (w *world) close() {
	w.t.Helper()
	a := config.Admin{Hosts: []string{"bb.example.com"}}
	add := func(name, role string, scopes ...string) {
		s := config.NewSecret(canary + name)
		a.Tokens = append(a.Tokens, config.Token{Name: name, Role: role, Secret: &s, Scopes: scopes})
	}
	for _, r := range access.Roles() {
		add("a-"+string(r), string(r))
	}
	add("scoped", "admin", "events:read", "targets:write")
	a.Users = config.Users{Htpasswd: &config.Htpasswd{Users: map[string]string{}}, Roles: config.Groups{"admin": {"alice"}}}
	for _, user := range []string{"alice", "bob"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(canary+user), bcrypt.MinCost)
		if err != nil {
			w.t.Fatal(err)
		}
		a.Users.Htpasswd.Users[user] = string(hash)
	}
	w.guard.Use(a)
}

// does asks from another machine, with headers in pairs.
func (w *world) does(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = "bb.example.com", "192.0.2.7:4000"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// as shows the token of a name.
func as(name string) (string, string) { return "Authorization", "Bearer " + canary + name }

// into reads an answer.
func into[T any](t *testing.T, rec *httptest.ResponseRecorder, status int) (v T) {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("got %d, want %d: %s", rec.Code, status, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v in %s", err, rec.Body)
	}
	return v
}

var placeholder = regexp.MustCompile(`\{[^}]+\}`)

// Every operation that there is serves those who may, and nobody else.
func TestWhoMay(t *testing.T) {
	w := newWorld(t)
	w.run = Running{Rules: []Rule{}, Warnings: []Fault{}}
	w.close()
	doc := newServer(Config{}).doc
	count := map[access.Role]int{}
	for path, item := range doc.Paths {
		for _, o := range operations(item) {
			this := o.Metadata["op"].(op)
			count[this.role]++
			if !slices.Contains(access.Nouns(), this.noun) {
				t.Errorf("%s is about %q, which no scope can name: add it to access.Nouns", this.route, this.noun)
			}
			if this.role == "" && this.noun != "sessions" {
				t.Errorf("%s needs no role", this.route)
			}
			if this.role == access.Viewer && o.Method != http.MethodGet && this.route != "POST /api/v1/backtest" {
				t.Errorf("%s may change something, and is for viewers", this.route)
			}
			target, body := placeholder.ReplaceAllString(path, "none"), ""
			if o.RequestBody != nil {
				body = "{}"
			}
			if got := w.does(o.Method, target, body).Code; got != 401 && this.route != loginRoute {
				t.Errorf("%s: nobody gets %d", this.route, got)
			}
			if got := w.does(o.Method, target, body, "Authorization", "Bearer x"); got.Code != 401 && got.Code != 429 && this.route != loginRoute {
				t.Errorf("%s: a wrong token gets %d", this.route, got.Code)
			}
			for _, role := range access.Roles() {
				header, value := as("a-" + string(role))
				rec := w.does(o.Method, target, body, header, value)
				if may := role.Covers(this.role); (rec.Code != 403) != may || rec.Code == 401 && this.route != loginRoute {
					t.Errorf("%s: %s gets %d %s", this.route, role, rec.Code, rec.Body)
				}
			}
			header, value := as("scoped")
			may := this.role == "" || this.noun == "targets" && this.role != access.Admin || this.noun == "targets" || this.noun == "events" && this.role == access.Viewer
			if rec := w.does(o.Method, target, body, header, value); (rec.Code != 403) != may {
				t.Errorf("%s: the scopes get %d %s", this.route, rec.Code, rec.Body)
			}
		}
	}
	if count[access.Viewer] < 10 || count[access.Editor] < 5 || count[access.Admin] < 5 || count[""] != 4 {
		t.Errorf("operations by role: %v", count)
	}
	for _, path := range []string{"/", "/metrics", "/api/openapi.json", "/api/docs", "/api/v1", "/debug/pprof/", "/api/v1/sessions/"} {
		if got := w.does("GET", path, "").Code; got != 401 {
			t.Errorf("GET %s: nobody gets %d", path, got)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/login"} {
		if got := w.does("GET", path, "").Code; got != 200 {
			t.Errorf("GET %s: got %d", path, got)
		}
	}
}

func TestLoginThroughAPI(t *testing.T) {
	w := newWorld(t)
	w.close()
	rec := w.does("POST", "/api/v1/sessions", `{"user":"bob","password":"`+canary+`bob"}`)
	me := into[mePage](t, rec, 201)
	cookies := rec.Result().Cookies()
	if me.Name != "bob" || me.Role != access.Viewer || !me.Person || len(cookies) != 1 || cookies[0].SameSite != http.SameSiteStrictMode || !cookies[0].HttpOnly {
		t.Errorf("%+v, %v", me, cookies)
	}
	bob := "bellbuoy=" + cookies[0].Value
	if again := into[mePage](t, w.does("GET", "/api/v1/me", "", "Cookie", bob), 200); again.Name != "bob" {
		t.Errorf("%+v", again)
	}
	own := into[[]access.Session](t, w.does("GET", "/api/v1/sessions", "", "Cookie", bob), 200)
	if len(own) != 1 || !own[0].Current || own[0].User != "bob" {
		t.Errorf("%+v", own)
	}
	if rec := w.does("GET", "/api/v1/sessions?all=true", "", "Cookie", bob); rec.Code != 403 {
		t.Errorf("all sessions of a viewer: got %d", rec.Code)
	}
	alice := "bellbuoy=" + w.does("POST", "/api/v1/sessions", `{"user":"alice","password":"`+canary+`alice"}`).Result().Cookies()[0].Value
	all := into[[]access.Session](t, w.does("GET", "/api/v1/sessions?all=true", "", "Cookie", alice), 200)
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	for _, s := range all {
		if s.User == "alice" {
			if rec := w.does("DELETE", "/api/v1/sessions/"+s.ID, "", "Cookie", bob); rec.Code != 404 {
				t.Errorf("another's session: got %d", rec.Code)
			}
		}
	}
	if rec := w.does("DELETE", "/api/v1/sessions/"+own[0].ID, "", "Cookie", alice); rec.Code != 204 {
		t.Errorf("an admin ends a session: got %d %s", rec.Code, rec.Body)
	}
	if rec := w.does("GET", "/api/v1/me", "", "Cookie", bob); rec.Code != 401 {
		t.Errorf("a session that was ended: got %d", rec.Code)
	}
	wantProblem(t, w.does("POST", "/api/v1/sessions", `{"user":"bob","password":"x"}`), "the name or the password is wrong")
	// A form of another site, which needs no leave to send text.
	if rec := w.does("POST", "/api/v1/sessions", `{"user":"bob","password":"x"}`, "Content-Type", "text/plain", "Origin", "https://evil.example"); rec.Code != 403 {
		t.Errorf("another site's login: got %d", rec.Code)
	}
	if rec := w.does("POST", "/api/v1/targets/x/test", "{}", "Cookie", alice, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); rec.Code != 403 {
		t.Errorf("another site's change: got %d", rec.Code)
	}
	w.silent()
}

// silent checks that no secret is in the log.
func (w *world) silent() {
	w.t.Helper()
	if bytes.Contains(w.log.Bytes(), []byte(canary)) || bytes.Contains(w.log.Bytes(), []byte("bb_")) {
		w.t.Errorf("a secret is logged:\n%s", w.log)
	}
}

func TestTokensThroughAPI(t *testing.T) {
	w := newWorld(t)
	w.close()
	header, value := as("a-admin")
	made := into[madeToken](t, w.does("POST", "/api/v1/tokens", `{"name":"deploy","role":"editor","scopes":["targets:write"],"expires_in":"90d","by":"mallory"}`, header, value), 201)
	if made.Name != "deploy" || made.By != "a-admin" || made.Expires == nil || !strings.HasPrefix(made.Secret, "bb_") {
		t.Errorf("%+v", made)
	}
	mine := []string{"Authorization", "Bearer " + made.Secret}
	if me := into[mePage](t, w.does("GET", "/api/v1/me", "", mine...), 200); me.Name != "deploy" || me.Role != access.Editor || !slices.Equal(me.Scopes, []string{"targets:write"}) {
		t.Errorf("%+v", me)
	}
	rotated := into[madeToken](t, w.does("POST", "/api/v1/tokens/deploy/rotate", `{"overlap":"1h"}`, header, value), 200)
	if rotated.Secret == made.Secret || rotated.OldUntil == nil {
		t.Errorf("%+v", rotated)
	}
	list := w.does("GET", "/api/v1/tokens", "", header, value)
	if got := into[[]access.Token](t, list, 200); len(got) != 5 {
		t.Errorf("%+v", got)
	}
	one := w.does("GET", "/api/v1/tokens/deploy", "", header, value)
	audit := w.does("GET", "/api/v1/audit", "", header, value)
	for _, rec := range []*httptest.ResponseRecorder{list, one, audit} {
		for _, secret := range []string{made.Secret, rotated.Secret, canary} {
			if rec.Code != 200 || strings.Contains(rec.Body.String(), secret) {
				t.Errorf("got %d %s", rec.Code, rec.Body)
			}
		}
	}
	if !strings.Contains(audit.Body.String(), `"by":"a-admin","what":"rotate token","object":"deploy"`) {
		t.Errorf("the audit is %s", audit.Body)
	}
	for body, detail := range map[string]string{
		`{"name":"deploy","role":"editor"}`:                   "there is a token \"deploy\" already",
		`{"name":"x","role":"root"}`:                          "role",
		`{"name":"x","role":"viewer","expires_in":"soon"}`:    "is no length of time",
		`{"name":"x","role":"viewer","admin":true}`:           "there is no such field",
		`{"name":"a-viewer","role":"admin"}`:                  "the configuration has",
		`{"name":"x","role":"viewer","scopes":["pets:read"]}`: "scopes",
	} {
		wantProblem(t, w.does("POST", "/api/v1/tokens", body, header, value), detail)
	}
	if rec := w.does("DELETE", "/api/v1/tokens/deploy", "", header, value); rec.Code != 204 {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	for _, secret := range []string{made.Secret, rotated.Secret} {
		if rec := w.does("GET", "/api/v1/me", "", "Authorization", "Bearer "+secret); rec.Code != 401 {
			t.Errorf("deleted: got %d", rec.Code)
		}
	}
	w.silent()
}

// Who is known by name is that in the audit and the inbox, whatever he says.
func TestNamesOfRequests(t *testing.T) {
	w := newWorld(t)
	w.close()
	rec := w.does("GET", "/api/v1/inbox?user=alice", "", "Authorization", "Bearer "+canary+"a-editor")
	if rec.Code != 403 {
		t.Fatalf("another's inbox: got %d", rec.Code)
	}
	wantProblem(t, rec, "only an admin asks as somebody else")
	for name, want := range map[string]int{"a-editor": 200, "a-admin": 200} {
		header, value := as(name)
		if rec := w.does("GET", "/api/v1/inbox", "", header, value); rec.Code != want {
			t.Errorf("%s: got %d", name, rec.Code)
		}
	}
	header, value := as("a-admin")
	if rec := w.does("GET", "/api/v1/inbox?user=alice", "", header, value); rec.Code != 200 {
		t.Errorf("an admin for alice: got %d", rec.Code)
	}
	if rec := w.does("GET", "/api/v1/inbox/unread?user=a-editor", "", "Authorization", "Bearer "+canary+"a-editor"); rec.Code != 200 {
		t.Errorf("his own by name: got %d", rec.Code)
	}
}
