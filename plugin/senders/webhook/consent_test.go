package webhook

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// A CloudEvents web hook is asked for its consent before the first message, and each
// message says who sends. Only the header of the answer counts.
func TestConsent(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  http.Header
		status  int
		want    []string // what the target gets
		consent bool
	}{
		{"to everybody", http.Header{"Webhook-Allowed-Origin": {"*"}, "Webhook-Allowed-Rate": {"120"}}, 200, []string{"OPTIONS", "POST", "POST"}, true},
		{"to us", http.Header{"Webhook-Allowed-Origin": {"Bellbuoy.example.com"}}, 204, []string{"OPTIONS", "POST", "POST"}, true},
		{"with a status that means nothing", http.Header{"Webhook-Allowed-Origin": {"*"}}, 405, []string{"OPTIONS", "POST", "POST"}, true},
		{"to others", http.Header{"Webhook-Allowed-Origin": {"other.example.com"}}, 200, []string{"OPTIONS", "OPTIONS"}, false},
		{"not said", http.Header{"Allow": {"POST"}}, 200, []string{"OPTIONS", "OPTIONS"}, false},
		{"a redirect", http.Header{"Location": {"/elsewhere"}}, 307, []string{"OPTIONS", "OPTIONS"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, r.Method)
				if r.Header.Get("WebHook-Request-Origin") != "bellbuoy.example.com" || r.Header.Get("Authorization") != "Bearer t0ken" {
					t.Errorf("%s: %v", r.Method, r.Header)
				}
				if r.Method == http.MethodOptions {
					for name, values := range c.answer {
						w.Header()[name] = values
					}
					w.WriteHeader(c.status)
				}
			}))
			defer server.Close()
			s := newSender(t)
			for range 2 {
				receipt, err := s.Send(t.Context(), with(server.URL, `"cloudevents":{"origin":"bellbuoy.example.com"},"auth":{"bearer":"t0ken"}`))
				if c.consent != (err == nil) {
					t.Errorf("%+v, %v", receipt, err)
				}
				if !c.consent && (receipt.Scope != plugin.ScopeMisconfigured || receipt.Request.Method != "OPTIONS" || receipt.Status != c.status ||
					plugin.ReadVerdict(err).Outcome != plugin.Retry || !strings.Contains(err.Error(), "does not consent to messages from bellbuoy.example.com")) {
					t.Errorf("%+v, %v", receipt, err)
				}
				shows(t, receipt, err, "t0ken")
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the target got %q, want %q", got, c.want)
			}
		})
	}
	receipt, err := newSender(t).Send(t.Context(), with("http://127.0.0.1:1", `"cloudevents":{"origin":"x"}`))
	if receipt.Scope != "" || plugin.ReadVerdict(err).Outcome != plugin.Retry || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody there: %+v, %v", receipt, err)
	}
}

// The cells of what a plain receiver, and one of CloudEvents' web hooks, may answer.
func TestWhatAnswersMean(t *testing.T) {
	type verdict struct {
		outcome plugin.Outcome
		scope   plugin.Scope
		after   time.Duration
	}
	permanent, retry, done := verdict{outcome: plugin.PermanentFail}, verdict{outcome: plugin.Retry}, verdict{outcome: plugin.Delivered}
	for _, c := range []struct {
		name   string
		status int
		after  string
		want   verdict
	}{
		{"taken", 200, "", done}, {"made", 201, "", done}, {"will be done", 202, "", done}, {"not heeded", 203, "", done}, {"nothing to say", 204, "", done}, {"any other success", 299, "", done},
		{"success that talks of later", 200, "60", done},
		{"moved", 301, "", permanent}, {"found elsewhere", 302, "", permanent}, {"unchanged", 304, "", permanent}, {"temporarily elsewhere", 307, "", permanent}, {"for ever elsewhere", 308, "", permanent},
		{"not understood", 400, "", permanent}, {"who are you", 401, "", verdict{plugin.PermanentFail, plugin.ScopeMisconfigured, 0}}, {"not you", 403, "", permanent}, {"not here", 404, "", permanent}, {"not like this", 405, "", permanent},
		{"too slow", 408, "", retry}, {"conflict", 409, "", permanent}, {"gone, or retired", 410, "", verdict{plugin.PermanentFail, plugin.ScopeTargetGone, 0}},
		{"too large", 413, "", permanent}, {"of no use in this format", 415, "", permanent}, {"not processable", 422, "", permanent}, {"too early", 425, "", retry},
		{"too many", 429, "", verdict{outcome: plugin.ThrottledTarget}}, {"too many until then", 429, "120", verdict{plugin.ThrottledTarget, "", 2 * time.Minute}},
		{"broken", 500, "", retry}, {"not built", 501, "", retry}, {"no gateway", 502, "", retry}, {"down", 503, "", retry}, {"down until then", 503, "120", verdict{plugin.Retry, "", 2 * time.Minute}}, {"gateway waits", 504, "", retry}, {"full", 507, "", retry},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodOptions {
					w.Header().Set("WebHook-Allowed-Origin", "*")
					return
				}
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.status)
			}))
			defer server.Close()
			for _, options := range []string{`"method":"POST"`, `"cloudevents":{"origin":"bellbuoy.example.com"}`} {
				before := time.Now()
				receipt, err := newSender(t).Send(t.Context(), with(server.URL, options))
				v := plugin.ReadVerdict(err)
				after := v.After
				if !v.Until.IsZero() {
					after = v.Until.Sub(before)
				}
				if v.Outcome != c.want.outcome || receipt.Scope != c.want.scope || receipt.Status != c.status || !near(after, c.want.after) {
					t.Errorf("%s: %+v, %q, %v", options, v, receipt.Scope, err)
				}
			}
		})
	}
}
