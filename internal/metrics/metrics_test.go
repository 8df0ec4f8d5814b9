package metrics

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scrape returns bellbuoy's own lines of what Prometheus would read, without comments.
func scrape(t *testing.T, h http.Handler) []string {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(rec.Body)
	if err != nil || rec.Code != 200 {
		t.Fatal(rec.Code, string(b), err)
	}
	var own []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "bellbuoy_") {
			own = append(own, strings.TrimSpace(line))
		}
	}
	return own
}

func want(t *testing.T, lines []string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !slices.Contains(lines, w) {
			t.Errorf("there is no %q in\n%s", w, strings.Join(lines, "\n"))
		}
	}
}

func arrival(n string, targets ...string) store.Arrival {
	e := event.Event{V: 1, ID: n, Type: event.ArtifactPushed, Registry: event.Registry{Name: "hub"}, Native: event.Native{ID: n}}
	r := store.Routing{JSON: []byte(`{"id":"` + n + `"}`), RuleSet: "h"}
	for _, target := range targets {
		r.Deliveries = append(r.Deliveries, store.Planned{
			ID: uuid.Must(uuid.NewV7()).String(), Target: target, Type: "webhook", Due: time.Now(), GiveUp: time.Now().Add(time.Hour),
		})
	}
	return store.Arrival{Registry: "hub", Received: time.Now(), Items: []store.Item{{Event: e, Dedupe: true, Routing: r}}}
}

// What becomes of events in a real store is what a scrape tells.
func TestScrape(t *testing.T) {
	m := New("1.2.3", "go1.26")
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "bellbuoy.db"), store.Options{Watch: m.Commit})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.PutRuleSet(t.Context(), "h", []byte("[]")); err != nil {
		t.Fatal(err)
	}
	if err := s.Targets(t.Context(), map[string]store.Target{"ci": {}, "idle": {}}); err != nil {
		t.Fatal(err)
	}
	config := Config{Registries: []string{"hub"}, Targets: []string{"ci", "idle"}, Loaded: time.Unix(1_800_000_000, 0)}
	h := m.Handler(Sources{
		Backlog: s.Backlog, Files: s.Files,
		Config: func() Config { return config },
		Space:  func() store.Space { return store.Space{Limit: 100, Used: 70, Alarm: true} },
		Senders: func() []Sender {
			return []Sender{{Type: "webhook", Up: true, Restarts: 2, Resident: 4096, InFlight: 5, Dropped: 6}, {Type: "matrix", Halted: true}}
		},
		Conditions: func() map[string]store.Condition {
			return map[string]store.Condition{"ci": {Open: time.Now(), Marked: time.Now()}, "ops": {Failures: 1}}
		},
	})
	want(t, scrape(t, h),
		`bellbuoy_events_total{registry="hub",result="quarantined",type=""} 0`,
		`bellbuoy_intake_requests_total{registry="hub",status="503"} 0`,
		`bellbuoy_deliveries_total{state="dead",target="idle"} 0`,
		`bellbuoy_backlog_oldest_seconds{target="idle"} 0`,
		`bellbuoy_events_held_overdue_seconds 0`,
	)
	for _, n := range []string{"1", "2", "3", "1"} {
		if _, err := s.Accept(t.Context(), arrival(n, "ci", "gone")); err != nil {
			t.Fatal(err)
		}
	}
	held := arrival("held")
	held.Items[0].Routing, held.Items[0].Hold = store.Routing{}, &store.Hold{Reason: "lookup", RouteAt: time.Now().Add(-time.Hour)}
	unread := arrival("x")
	unread.Items, unread.Quarantine = nil, "not JSON"
	for _, a := range []store.Arrival{held, unread} {
		if _, err := s.Accept(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	claimed, err := s.Claim(t.Context(), "ci", 2)
	if err != nil || len(claimed) != 2 {
		t.Fatal(claimed, err)
	}
	for i, c := range claimed {
		o := store.Outcome{
			Seq: c.Seq, Target: c.Target, Attempt: c.Attempt, Time: time.Now(),
			State: []store.State{store.Delivered, store.Dead}[i], Outcome: []plugin.Outcome{plugin.Delivered, plugin.PermanentFail}[i],
		}
		m.Attempt("webhook", c, o, 20*time.Millisecond)
		if err := s.Record(t.Context(), []store.Outcome{o}); err != nil {
			t.Fatal(err)
		}
	}
	m.Attempt("webhook", claimed[0], store.Outcome{Target: "ci", State: store.Skipped}, time.Second)
	m.Request("hub", 202, 3*time.Millisecond)
	m.Request("hub", 401, time.Second)
	m.Request("", 404, time.Second)

	lines := scrape(t, h)
	want(t, lines,
		`bellbuoy_events_total{registry="hub",result="stored",type="artifact.pushed"} 4`,
		`bellbuoy_events_total{registry="hub",result="duplicate",type="artifact.pushed"} 1`,
		`bellbuoy_events_total{registry="hub",result="quarantined",type=""} 1`,
		`bellbuoy_intake_requests_total{registry="hub",status="202"} 1`,
		`bellbuoy_intake_requests_total{registry="hub",status="401"} 1`,
		`bellbuoy_intake_requests_total{registry="",status="404"} 1`,
		`bellbuoy_intake_accept_seconds_count 1`,
		`bellbuoy_intake_accept_seconds_bucket{le="0.0025"} 0`,
		`bellbuoy_intake_accept_seconds_bucket{le="0.005"} 1`,
		`bellbuoy_events_held 1`,
		`bellbuoy_deliveries{state="waiting",target="ci"} 1`,
		`bellbuoy_deliveries{state="parked",target="gone"} 3`, // which ceases when that ends
		`bellbuoy_deliveries_total{state="waiting",target="ci"} 3`,
		`bellbuoy_deliveries_total{state="delivered",target="ci"} 1`,
		`bellbuoy_deliveries_total{state="dead",target="ci"} 1`,
		`bellbuoy_attempts_total{outcome="delivered",target="ci"} 1`,
		`bellbuoy_attempts_total{outcome="permanent",target="ci"} 1`,
		`bellbuoy_attempt_seconds_count{type="webhook"} 2`,
		`bellbuoy_delivery_seconds_count{type="webhook"} 1`,
		`bellbuoy_delivery_seconds_bucket{type="webhook",le="30"} 1`,
		`bellbuoy_target_condition{condition="failing",target="ci"} 1`,
		`bellbuoy_target_condition{condition="misconfigured",target="ci"} 1`,
		`bellbuoy_sender_up{type="webhook"} 1`,
		`bellbuoy_sender_restarts_total{type="webhook"} 2`,
		`bellbuoy_sender_resident_bytes{type="webhook"} 4096`,
		`bellbuoy_sender_halted{type="webhook"} 0`, `bellbuoy_sender_halted{type="matrix"} 1`, `bellbuoy_sender_up{type="matrix"} 0`,
		`bellbuoy_sender_in_flight{type="webhook"} 5`, `bellbuoy_sender_lines_dropped_total{type="webhook"} 6`,
		`bellbuoy_store_alarm 1`, `bellbuoy_store_full 0`, `bellbuoy_store_limit_bytes 100`, `bellbuoy_store_used_bytes 70`,
		`bellbuoy_config_reload_successful 1`, `bellbuoy_config_loaded_timestamp_seconds 1.8e+09`,
		`bellbuoy_store_commit_errors_total 0`, `bellbuoy_metrics_incomplete 0`,
		`bellbuoy_build_info{go="go1.26",version="1.2.3"} 1`,
	)
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "bellbuoy_events_held_overdue_seconds 36") }) {
		t.Error("nothing says that the held event is an hour late")
	}

	// A target that is gone is told of while something is to become of its deliveries.
	if _, err := s.Cancel(t.Context(), "gone", "test"); err != nil {
		t.Fatal(err)
	}
	config.Failed = true
	lines = scrape(t, h)
	want(t, lines, `bellbuoy_config_reload_successful 0`)
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `target="gone"`) }); i >= 0 {
		t.Errorf("what is gone for good is told of: %s", lines[i])
	}
}

// A store that does not answer costs a scrape its metrics, and no others.
func TestScrapeWithoutStore(t *testing.T) {
	m := New("1", "go")
	h := m.Handler(Sources{Backlog: func(ctx context.Context) (store.Backlog, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the store may take for ever")
		}
		return store.Backlog{}, errors.New("busy")
	}})
	m.Commit(store.Commit{Failed: true, Jobs: 1})
	want(t, scrape(t, h), `bellbuoy_metrics_incomplete 1`, `bellbuoy_store_commit_errors_total 1`)
}

var (
	descOf     = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	documented = regexp.MustCompile("(?m)^\\| `(bellbuoy_[a-z_]+)` \\| ([^|]*)\\| (.+) \\|$")
)

// The page for operators has every metric with its labels, and no other.
func TestOperationsPage(t *testing.T) {
	code := map[string]string{}
	ch := make(chan *prometheus.Desc, 100)
	for _, c := range append(New("", "").own, &standing{}) {
		c.Describe(ch)
	}
	close(ch)
	for d := range ch {
		m := descOf.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatal(d)
		}
		code[m[1]] = strings.ReplaceAll(m[2], ",", ", ")
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := map[string]string{}
	for _, m := range documented.FindAllStringSubmatch(string(page), -1) {
		doc[m[1]] = strings.TrimSpace(strings.ReplaceAll(m[2], "`", ""))
	}
	if d := cmp.Diff(code, doc); d != "" || len(code) < 20 {
		t.Errorf("docs/operations.md (+) has other metrics than there are (-):\n%s", d)
	}
}
