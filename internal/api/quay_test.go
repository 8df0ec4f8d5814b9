package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// notifying is an API whose objects are in memory and whose rules are those of its objects.
type notifying struct {
	http.Handler
	store *store.Store
	made  []objects.Object
	rules []config.Rule
}

func newNotifying(t *testing.T) *notifying {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "bellbuoy.db"), store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	n := &notifying{store: s}
	n.Handler = New(Config{
		Store: s, Version: "1.2.3", Log: slog.New(slog.DiscardHandler),
		Rules: func() *rules.Set { return nil }, Running: func() Running { return Running{} }, Ready: func() error { return nil },
		Objects: func() []objects.Object { return n.made },
		Change: func(_ context.Context, _ string, changes []objects.Change) error {
			for _, c := range changes {
				n.made = append(n.made, objects.Object{Kind: c.Kind, Name: c.Name, Note: c.Note, Version: 1})
				if c.Kind == objects.Rule {
					r, err := ruleOf(c.Body)
					if err != nil {
						return err
					}
					n.rules = append(n.rules, r)
				}
			}
			return nil
		},
		Judge: n.judge,
	})
	return n
}

// ruleOf reads a rule that is written as in a file, where a length of time is text.
func ruleOf(body json.RawMessage) (config.Rule, error) {
	var written map[string]any
	if err := json.Unmarshal(body, &written); err != nil {
		return config.Rule{}, err
	}
	if text, ok := written["expires_in"].(string); ok {
		within, err := time.ParseDuration(text)
		if err != nil {
			return config.Rule{}, err
		}
		written["expires_in"] = within
	}
	body, err := json.Marshal(written)
	r := config.Rule{Enabled: true}
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	return r, err
}

// judge goes by the rules that were made, and by one that takes everything.
func (n *notifying) judge(e *event.Event, from time.Time) (store.Routing, error) {
	set, faults := rules.Compile(append(n.rules, config.Rule{Name: "all", Enabled: true, Deliver: []config.Deliver{{Target: "all"}}}))
	if err := faults.Err(); err != nil {
		return store.Routing{}, err
	}
	if err := n.store.PutRuleSet(context.Background(), set.Hash(), set.Source()); err != nil {
		return store.Routing{}, err
	}
	routing := store.Routing{JSON: encode(*e), RuleSet: set.Hash()}
	for _, m := range set.Route(e) {
		routing.Matched = append(routing.Matched, m.Rule)
		routing.Deliveries = append(routing.Deliveries, store.Planned{
			ID: m.Rule + " of " + e.ID, Target: m.Deliver[0].Target, Type: "webhook", Rule: m.Rule, Rules: []string{m.Rule},
			Key: "prod/api", Due: from, GiveUp: from.Add(72 * time.Hour), Hold: time.Hour,
		})
	}
	return routing, nil
}

func (n *notifying) ask(t *testing.T, method, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:5081/", strings.NewReader(body))
	r.URL.Path, r.RemoteAddr = target, "127.0.0.1:7"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	n.ServeHTTP(rec, r)
	return rec
}

// What the guard refuses below Quay's paths is refused in Quay's words, and nothing there
// is redirected, as paths that are not clean are elsewhere.
func TestQuaysPathsAreGuarded(t *testing.T) {
	n := newNotifying(t)
	const path = "/api/v1/repository/prod/api/notification/"
	var said map[string]any
	rec := n.ask(t, "GET", path, "", func(r *http.Request) { r.RemoteAddr = "192.0.2.1:7" })
	if err := json.Unmarshal(rec.Body.Bytes(), &said); err != nil {
		t.Fatalf("%v in %s", err, rec.Body)
	}
	if rec.Code != 403 || said["error_type"] != "insufficient_scope" || said["status"] != 403.0 || len(said) != 6 ||
		!strings.Contains(said["detail"].(string), "only requests from this machine") || said["detail"] != said["error_message"] ||
		said["type"] != "http://127.0.0.1:5081/api/v1/error/insufficient_scope" || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	if rec.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("headers are %v", rec.Header())
	}
	if rec := n.ask(t, "POST", path, "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); rec.Code != 403 {
		t.Errorf("another site's page: %d %s", rec.Code, rec.Body)
	}
	for _, unclean := range []string{"/api/v1/repository//prod/api/notification", "/api/v1/repository/prod/../api/notification/", "/api/v1/repository/prod/api/notification//"} {
		if rec := n.ask(t, "GET", unclean, "", nil); rec.Code != 404 || !strings.Contains(rec.Body.String(), `"error_type":"not_found"`) {
			t.Errorf("%s: %d %s", unclean, rec.Code, rec.Body)
		}
	}
	for _, slash := range []string{path, strings.TrimSuffix(path, "/")} {
		if rec := n.ask(t, "GET", slash, "", nil); rec.Code != 200 || rec.Body.String() != `{"notifications":[]}`+"\n" {
			t.Errorf("%s: %d %s", slash, rec.Code, rec.Body)
		}
	}
}

// Each of Quay's events can be tried: its sample is taken by the rule that is made for it,
// and is delivered to its target alone.
func TestQuaysSamplesAreTaken(t *testing.T) {
	for _, c := range []struct{ path, event, config string }{
		{"repository/prod/team/api/notification/", "repo_push", `{}`},
		{"repository/api/notification/", "repo_push", `{}`},
		{"repository/prod/api/notification/", "build_queued", `{"ref-regex": "refs/heads/.*branch"}`},
		{"repository/prod/api/notification/", "build_start", `{"ref-regex": "refs/heads/some"}`},
		{"repository/prod/api/notification/", "build_success", `{}`},
		{"repository/prod/api/notification/", "build_failure", `{}`},
		{"repository/prod/api/notification/", "build_cancelled", `{}`},
		{"repository/prod/api/notification/", "vulnerability_found", `{"level": "3"}`},
		{"repository/prod/api/notification/", "vulnerability_found", `{}`},
		{"repository/prod/api/notification/", "repo_image_expiry", `{"days": 1}`},
		{"repository/prod/api/notification/", "repo_mirror_sync_started", `{}`},
		{"repository/prod/api/notification/", "repo_mirror_sync_success", `{}`},
		{"repository/prod/api/notification/", "repo_mirror_sync_failed", `{}`},
		{"organization/prod/notifications", "quota_warning", `{}`},
		{"organization/prod/notifications", "quota_error", `{}`},
	} {
		n := newNotifying(t)
		tried, e := n.try(t, c.path, c.event, c.config)
		name := n.made[0].Name
		if len(tried.Deliveries) != 1 || tried.Deliveries[0].Target != name || tried.Deliveries[0].Rule != name {
			t.Errorf("%s %s: %+v", c.event, c.config, tried.Deliveries)
		}
		if e.Origin != event.OriginTest || e.Repository == nil || e.Registry.Name != store.Own {
			t.Errorf("%s: %+v", c.event, e)
		}
	}
}

// What the rule does not take is in the trace, with the reason, and nobody is told.
func TestQuaysFilterAppliesToItsTest(t *testing.T) {
	n := newNotifying(t)
	tried, _ := n.try(t, "repository/prod/api/notification/", "build_start", `{"ref-regex": "refs/tags/"}`)
	if len(tried.Deliveries) != 0 {
		t.Errorf("%+v", tried.Deliveries)
	}
	audit, err := n.store.Audit(t.Context(), store.AuditQuery{})
	if err != nil || len(audit) != 1 || audit[0].What != store.AuditTest || audit[0].Object != n.made[0].Name {
		t.Errorf("%v, %v", audit, err)
	}
}

// try makes a notification and has it tried.
func (n *notifying) try(t *testing.T, path, of, eventConfig string) (store.Trace, event.Event) {
	t.Helper()
	rec := n.ask(t, "POST", "/api/v1/"+path, `{"event": "`+of+`", "method": "webhook", "config": {"url": "https://ci.example.com"}, "eventConfig": `+eventConfig+`}`, nil)
	var made struct{ UUID string }
	if err := json.Unmarshal(rec.Body.Bytes(), &made); err != nil || rec.Code != 201 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if rec := n.ask(t, "POST", "/api/v1/"+strings.TrimSuffix(path, "/")+"/"+made.UUID+"/test", "", nil); rec.Code != 200 || rec.Body.String() != "{}\n" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	list, err := n.store.Events(t.Context(), store.Query{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	var e event.Event
	if err := json.Unmarshal(list[0].Event, &e); err != nil {
		t.Fatal(err)
	}
	trace, err := n.store.Trace(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	return trace, e
}
