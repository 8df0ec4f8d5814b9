package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// with is a delivery to url with more options, as JSON writes them without the braces.
func with(url, more string) plugin.Delivery {
	return plugin.Delivery{
		ID: "0192-d1", Attempt: 1, Target: "ci", Type: "webhook", Event: json.RawMessage(`{"v":1}`),
		Options: json.RawMessage(`{"url":"` + url + `",` + more + `}`),
	}
}

// shows reports which of secrets turn up in what is shown of an attempt.
func shows(t *testing.T, receipt plugin.Receipt, err error, secrets ...string) {
	t.Helper()
	b, _ := json.Marshal(receipt)
	for _, text := range []string{string(b), fmt.Sprintf("%+v", receipt), fmt.Sprint(err)} {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s is shown: %s", s, text)
			}
		}
	}
}

// echo answers with all that it was sent, as JSON too, and status.
func echo(t *testing.T, status int) (*httptest.Server, func() http.Header) {
	t.Helper()
	var mu sync.Mutex
	var last http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		last = r.Header
		mu.Unlock()
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(r.Header)
		_, _ = fmt.Fprintln(w, r.Header, r.RequestURI)
	}))
	t.Cleanup(server.Close)
	return server, func() http.Header { mu.Lock(); defer mu.Unlock(); return last }
}

func TestBearerAndBasic(t *testing.T) {
	for _, status := range []int{200, 500} {
		server, last := echo(t, status)
		for options, want := range map[string]string{
			`"auth":{"bearer":"t0ken-<&>/\"x"}`:                                       `Bearer t0ken-<&>/"x`,
			`"auth":{"basic":{"user":"me","password":"passw0rd:x"}}`:                  "Basic bWU6cGFzc3cwcmQ6eA==",
			`"auth":{"basic":{"user":"me","password":""}}`:                            "Basic bWU6",
			`"auth":{"bearer":"t0ken-<&>/\"x","basic":null},"headers":{"X":"s3cret"}`: `Bearer t0ken-<&>/"x`,
		} {
			s := newSender(t)
			receipt, err := s.Send(t.Context(), with(server.URL, options))
			if got := last().Get("Authorization"); got != want || receipt.Status != status {
				t.Errorf("%s: %q, %v", options, got, err)
			}
			if receipt.Request.Headers["Authorization"] != "***" {
				t.Errorf("%s: receipt %+v", options, receipt)
			}
			shows(t, receipt, err, "t0ken", "passw0rd", "bWU6", "s3cret")
			rendered, err := s.Render(t.Context(), with(server.URL, options))
			shows(t, plugin.Receipt{Request: rendered}, err, "t0ken", "passw0rd", "bWU6", "s3cret")
		}
	}
}

// tokens is a server of OAuth2 and its target: it gives t0ken-1, t0ken-2, ... and takes
// those that it gave and did not revoke.
type tokens struct {
	*httptest.Server
	asked, hits atomic.Int64
	revoked     atomic.Int64 // this and those before
	expiresIn   atomic.Int64
	form        atomic.Value // of the last request for a token
	give        atomic.Value // func(http.ResponseWriter) bool: answers in its place
}

func newTokens(t *testing.T) *tokens {
	t.Helper()
	o := &tokens{}
	o.expiresIn.Store(3600)
	o.give.Store(func(http.ResponseWriter) bool { return false })
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		n := o.asked.Add(1)
		user, password, _ := r.BasicAuth()
		_ = r.ParseForm()
		o.form.Store(user + " " + password + " " + r.Form.Encode() + " " + r.UserAgent())
		if o.give.Load().(func(http.ResponseWriter) bool)(w) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"t0ken-%d","token_type":"bearer","expires_in":%d}`, n, o.expiresIn.Load())
	})
	mux.HandleFunc("POST /hook", func(w http.ResponseWriter, r *http.Request) {
		o.hits.Add(1)
		var n int64
		if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer t0ken-%d", &n); err != nil || n <= o.revoked.Load() {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, "you sent "+r.Header.Get("Authorization"))
	})
	o.Server = httptest.NewServer(mux)
	t.Cleanup(o.Close)
	return o
}

func (o *tokens) delivery() plugin.Delivery {
	return with(o.URL+"/hook", `"auth":{"oauth2":{"token_url":"`+o.URL+`/token","client_id":"bell","client_secret":"cl1ent+secret","scopes":["a","b"]}}`)
}

func (o *tokens) want(t *testing.T, asked, hits int64) {
	t.Helper()
	if o.asked.Load() != asked || o.hits.Load() != hits {
		t.Errorf("%d tokens and %d requests, want %d and %d", o.asked.Load(), o.hits.Load(), asked, hits)
	}
}

func TestTokenIsKept(t *testing.T) {
	o, s := newTokens(t), newSender(t)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			receipt, err := s.Send(t.Context(), o.delivery())
			if err != nil || receipt.Request.Headers["Authorization"] != "***" || receipt.Reply != "you sent Bearer ***" {
				t.Errorf("%+v, %v", receipt, err)
			}
		})
	}
	group.Wait()
	o.want(t, 1, 20)
	if got := o.form.Load(); got != "bell cl1ent%2Bsecret grant_type=client_credentials&scope=a+b bellbuoy/1.2.3" {
		t.Errorf("the server was asked: %s", got)
	}
}

func TestTokenExpires(t *testing.T) {
	o, s := newTokens(t), newSender(t)
	o.expiresIn.Store(4) // used for three quarters of that
	for range 2 {
		if _, err := s.Send(t.Context(), o.delivery()); err != nil {
			t.Fatal(err)
		}
	}
	o.want(t, 1, 2)
	time.Sleep(3100 * time.Millisecond)
	if _, err := s.Send(t.Context(), o.delivery()); err != nil {
		t.Fatal(err)
	}
	o.want(t, 2, 3)
}

// A token that was kept and is refused is fetched again, once; a new one that is refused
// says that the options are wrong.
func TestTokenIsRefused(t *testing.T) {
	o, s := newTokens(t), newSender(t)
	if _, err := s.Send(t.Context(), o.delivery()); err != nil {
		t.Fatal(err)
	}
	o.revoked.Store(1)
	if receipt, err := s.Send(t.Context(), o.delivery()); err != nil || receipt.Status != 200 {
		t.Errorf("%+v, %v", receipt, err)
	}
	o.want(t, 2, 3)
	o.revoked.Store(1 << 40)
	receipt, err := s.Send(t.Context(), o.delivery())
	if plugin.ReadVerdict(err).Outcome != plugin.PermanentFail || receipt.Scope != plugin.ScopeMisconfigured || receipt.Status != 401 {
		t.Errorf("%+v, %v", receipt, err)
	}
	o.want(t, 3, 5)
	shows(t, receipt, err, "t0ken", "cl1ent")
	if _, err := s.Send(t.Context(), o.delivery()); err == nil {
		t.Error("no error")
	}
	o.want(t, 4, 6)
}

// No token: nothing is sent, and it is tried again, whatever the server said.
func TestTokenServersThatFail(t *testing.T) {
	answer := func(status int, contentType, body string, header ...string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", contentType)
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	const j = "application/json"
	for _, c := range []struct {
		name  string
		give  func(http.ResponseWriter) bool
		scope plugin.Scope
		after time.Duration
		asked int64
		err   string
	}{
		{"wrong secret", answer(401, j, `{"error":"invalid_client","error_description":"bell with cl1ent+secret is nobody"}`), plugin.ScopeMisconfigured, 0, 2, "it answered 401 Unauthorized: invalid_client: bell with *** is nobody"},
		{"wrong scope", answer(400, j, `{"error":"invalid_scope"}`), plugin.ScopeMisconfigured, 0, 2, "it answered 400 Bad Request: invalid_scope"},
		{"no such page", answer(404, "text/html", "<h1>cl1ent+secret"), plugin.ScopeMisconfigured, 0, 1, "it answered 404 Not Found"},
		{"a redirect", answer(302, j, "", "Location", "/elsewhere"), plugin.ScopeMisconfigured, 0, 1, "it answered 302 Found: redirects are not followed"},
		{"down", answer(503, j, "", "Retry-After", "7"), "", 7 * time.Second, 1, "it answered 503 Service Unavailable"},
		{"broken", answer(500, "text/plain", "cl1ent+secret"), "", 0, 1, "it answered 500 Internal Server Error"},
		{"too many", answer(429, j, "{}", "Retry-After", "9"), "", 9 * time.Second, 1, "it answered 429 Too Many Requests"},
		{"too many, no time", answer(429, j, "{}"), "", 0, 1, "it answered 429 Too Many Requests"},
		{"busy, in words", answer(400, j, `{"error":"temporarily_unavailable"}`), "", 0, 2, "temporarily_unavailable"},
		{"an error with 200", answer(200, j, `{"error":"invalid_client"}`), plugin.ScopeMisconfigured, 0, 1, "it answered 200 OK: invalid_client"},
		{"no token", answer(200, j, `{}`), plugin.ScopeMisconfigured, 0, 1, "server response missing access_token"},
		{"no JSON", answer(200, "text/html", "<html>cl1ent+secret"), plugin.ScopeMisconfigured, 0, 1, "cannot parse json"},
		{"another kind of token", answer(200, j, `{"access_token":"x","token_type":"mac"}`), plugin.ScopeMisconfigured, 0, 1, "no bearer token"},
		{"a token that is two headers", answer(200, j, `{"access_token":"x\r\nX-Evil: 1"}`), plugin.ScopeMisconfigured, 0, 1, "no bearer token"},
		{"endless", func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", j)
			_, _ = io.WriteString(w, `{"access_token":"`)
			for range 200 {
				_, _ = io.WriteString(w, strings.Repeat("x", 1024))
			}
			return true
		}, plugin.ScopeMisconfigured, 0, 1, "cannot parse json"},
		{"hangs up", func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }, "", 0, 1, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newTokens(t)
			o.give.Store(c.give)
			receipt, err := newSender(t).Send(t.Context(), o.delivery())
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), "get a token") || receipt.Scope != c.scope {
				t.Errorf("%q: %v", receipt.Scope, err)
			}
			if v := plugin.ReadVerdict(err); v != (plugin.Verdict{Outcome: plugin.Retry, After: c.after}) {
				t.Errorf("%+v", v)
			}
			o.want(t, c.asked, 0)
			shows(t, receipt, err, "cl1ent")
		})
	}
}

// A server that takes id and secret in the form only is asked so from then on.
func TestTokenServerThatReadsTheForm(t *testing.T) {
	o, s := newTokens(t), newSender(t)
	o.expiresIn.Store(-1)
	o.give.Store(func(w http.ResponseWriter) bool {
		if form := o.form.Load().(string); !strings.Contains(form, "client_secret=cl1ent%2Bsecret") {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		return false
	})
	for range 2 {
		if _, err := s.Send(t.Context(), o.delivery()); err != nil {
			t.Fatal(err)
		}
	}
	o.want(t, 3, 2)
}

// One target whose token's server hangs waits for itself, and leaves when it is told to.
func TestTokenServerThatHangs(t *testing.T) {
	o, s := newTokens(t), newSender(t)
	release := make(chan struct{})
	o.give.Store(func(http.ResponseWriter) bool { <-release; return false })
	first := make(chan error, 1)
	go func() {
		_, err := s.Send(t.Context(), o.delivery())
		first <- err
	}()
	for o.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	receipt, err := s.Send(ctx, o.delivery())
	if err == nil || receipt.Scope != "" || plugin.ReadVerdict(err).Outcome != plugin.Retry {
		t.Errorf("%q, %v", receipt.Scope, err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	o.want(t, 1, 1)
}
