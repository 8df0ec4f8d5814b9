package api

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const lostRules = "a-hash-whose-source-is-damaged"

// world is an API over a real store.
type world struct {
	t       *testing.T
	store   *store.Store
	rules   *rules.Set // in force
	run     Running
	targets map[string]store.Terms
	http.Handler
	log   *bytes.Buffer
	guard *access.Guard
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "bellbuoy.db"), store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	if err := s.PutRuleSet(t.Context(), lostRules, []byte("\x00 no rules")); err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	w := &world{t: t, store: s, log: log}
	w.guard = access.New(access.Config{Store: s, Log: slog.New(slog.NewTextHandler(log, nil))})
	w.Handler = keeps(t, New(Config{
		Store:   s,
		Rules:   func() *rules.Set { return w.rules },
		Running: func() Running { return w.run },
		Ready:   func() error { return nil },
		Terms:   func(target string) (store.Terms, bool) { terms, ok := w.targets[target]; return terms, ok },
		Judge:   judge,
		Inboxes: func(user string, _ []string) []store.Inbox {
			return []store.Inbox{{Kind: "user", Name: user}, {Kind: "team", Name: "platform"}}
		},
		Version: "1.2.3",
		Access:  w.guard,
		Log:     slog.New(slog.NewTextHandler(log, nil)),
	}))
	return w
}

// judge sends every event to ci.
func judge(e *event.Event, from time.Time) (store.Routing, error) {
	return store.Routing{JSON: encode(*e), RuleSet: lostRules, Matched: []string{"new"}, Deliveries: []store.Planned{
		{ID: "to ci " + e.ID, Target: "ci", Type: "webhook", Rule: "new", Due: from, GiveUp: from.Add(time.Hour)},
	}}, nil
}

// pushed is a push of prod/api:n with one delivery to each target.
func pushed(n int, targets ...string) store.Item {
	e := event.Event{
		V: 1, ID: fmt.Sprintf("00000000-0000-5000-8000-%012d", n), Type: event.ArtifactPushed,
		Time: noon, TimeSource: event.TimeNative, Received: noon.Add(time.Duration(n) * time.Second),
		Registry:   event.Registry{Name: "hub", Type: "distribution"},
		Repository: &event.Repository{FullName: "prod/<api>"},
		Artifact:   &event.Artifact{Tags: []string{fmt.Sprint(n)}},
		Native:     event.Native{ID: fmt.Sprintf("native-%d", n), Type: "push"},
		Origin:     event.OriginNative,
	}
	r := store.Routing{JSON: encode(e), RuleSet: lostRules, Matched: []string{"all", "some"}}
	for i, target := range targets {
		r.Deliveries = append(r.Deliveries, store.Planned{
			ID: fmt.Sprintf("delivery-%d-%d", n, i), Target: target, Type: "webhook", Rule: "all",
			Rules: r.Matched, Due: time.Now(), GiveUp: time.Now().Add(time.Hour),
		})
	}
	return store.Item{Event: e, Dedupe: true, Routing: r}
}

// encode is how events are encoded: nothing is escaped for HTML.
func encode(e event.Event) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		panic(err) // strings and numbers
	}
	return bytes.TrimSpace(b.Bytes())
}

// accept stores what came with body.
func (w *world) accept(body string, change func(*store.Arrival), items ...store.Item) {
	w.t.Helper()
	a := store.Arrival{
		Registry: "hub", Received: noon, Remote: "192.0.2.1:7", Headers: map[string]string{"X": "y"},
		Body: store.Raw{Bytes: []byte(body), Size: int64(len(body))}, Items: items,
	}
	if change != nil {
		change(&a)
	}
	if _, err := w.store.Accept(w.t.Context(), a); err != nil {
		w.t.Fatal(err)
	}
}

// get asks for target and reads the answer into v.
func (w *world) get(target string, v any) *httptest.ResponseRecorder {
	w.t.Helper()
	rec := ask(w, "GET", target, nil)
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/json" {
		w.t.Fatalf("GET %s: %d %s", target, rec.Code, rec.Body)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), v); err != nil {
		w.t.Fatalf("GET %s: %v in %s", target, err, rec.Body)
	}
	return rec
}

func TestListEvents(t *testing.T) {
	w := newWorld(t)
	var none []json.RawMessage
	if rec := w.get("/api/v1/events", &none); rec.Body.String() != "[]\n" || rec.Header().Get("Link") != "" {
		t.Errorf("of an empty store: %s, Link %q", rec.Body, rec.Header().Get("Link"))
	}

	for n := range 5 {
		w.accept("{}", nil, pushed(n, "ci", "ops"))
	}
	w.accept("{}", nil, pushed(5))

	var all []json.RawMessage
	rec := w.get("/api/v1/events", &all)
	if len(all) != 6 || rec.Header().Get("Link") != "" {
		t.Fatalf("%d events, Link %q", len(all), rec.Header().Get("Link"))
	}
	// The stored bytes, with the counts behind them.
	if want := strings.TrimSuffix(string(pushed(5).Routing.JSON), "}") + `,"deliveries":{}}`; string(all[0]) != want {
		t.Errorf("newest is\n%s\nwant\n%s", all[0], want)
	}
	if want := strings.TrimSuffix(string(pushed(4).Routing.JSON), "}") + `,"deliveries":{"waiting":2}}`; string(all[1]) != want {
		t.Errorf("next is\n%s\nwant\n%s", all[1], want)
	}

	// Page by page it is the same list.
	var paged []json.RawMessage
	pages := 0
	for target := "/api/v1/events?limit=4&registry=hub&since=876000h"; target != ""; pages++ {
		var page []json.RawMessage
		link := w.get(target, &page).Header().Get("Link")
		paged = append(paged, page...)
		target = ""
		if link != "" {
			var ok bool
			if target, ok = strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`); !ok {
				t.Fatalf("Link is %q", link)
			}
		}
	}
	if d := cmp.Diff(all, paged); d != "" || pages != 2 {
		t.Errorf("%d pages: %s", pages, d)
	}
}

func TestFilterEvents(t *testing.T) {
	w := newWorld(t)
	w.accept("{}", nil, pushed(1, "ci"))
	w.accept("{}", nil, pushed(2, "ops"))
	for query, want := range map[string]string{
		"tag=1": "1", "tag=2": "2", "tag=3": "",
		"target=ops": "2", "target=ops&outcome=waiting": "2", "target=ops&outcome=dead": "",
		"native_id=native-1": "1", "rule=some": "2 1", "rule=other": "",
		"repository=prod/%3Capi%3E": "2 1", "repository=prod": "", "registry=hub": "2 1",
		"type=artifact.pushed&limit=1": "2", "type=tag.deleted": "",
		"until=2000-01-01T00:00:00Z": "", "since=2000-01-01T00:00:00Z": "2 1",
	} {
		var list []event.Event
		w.get("/api/v1/events?"+query, &list)
		var got []string
		for _, e := range list {
			got = append(got, e.Artifact.Tags[0])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %q", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"tags=1": "there is no filter", "before=%20": "cursor", "limit=0": "limit",
	} {
		rec := ask(w, "GET", "/api/v1/events?"+query, nil)
		if rec.Code != http.StatusBadRequest {
			t.Errorf("%s: got %d", query, rec.Code)
		}
		wantProblem(t, rec, want)
	}
}

func TestTrace(t *testing.T) {
	w := newWorld(t)
	w.accept("{\"a\":\n1}", nil, pushed(1, "ci", "ops"))
	w.accept("{}", nil, pushed(1)) // the same again
	claimed, err := w.store.Claim(t.Context(), "ci", 1)
	if err != nil || len(claimed) != 1 {
		t.Fatal(claimed, err)
	}
	err = w.store.Record(t.Context(), []store.Outcome{{
		Seq: claimed[0].Seq, Target: "ci", Attempt: 1, State: store.Delivered, Time: noon, Outcome: plugin.Delivered,
		Receipt: plugin.Receipt{Request: plugin.Request{Method: "POST", URL: "http://ci"}, Status: 204, Latency: 1500 * time.Microsecond, Reply: "ok"},
	}})
	if err != nil {
		t.Fatal(err)
	}

	var page struct {
		Event    json.RawMessage
		State    string
		Received struct {
			Remote, Body  string
			Body_Encoding *string
			Headers       map[string]string
			Repeats       int
		}
		Verdicts       []rules.Verdict
		Verdicts_Error string
		Deliveries     []store.TracedDelivery
	}
	w.get("/api/v1/events/"+pushed(1).Event.ID, &page)
	if string(page.Event) != string(pushed(1).Routing.JSON) || page.State != "routed" {
		t.Errorf("event is %s, %s", page.Event, page.State)
	}
	if r := page.Received; r.Remote != "192.0.2.1:7" || r.Body != "{\"a\":\n1}" || r.Body_Encoding != nil || r.Headers["X"] != "y" || r.Repeats != 1 {
		t.Errorf("received %+v", r)
	}
	// The rule set cannot be read: what was done is told all the same, and why no more.
	if d := cmp.Diff([]rules.Verdict{{Rule: "all", Matched: true}, {Rule: "some", Matched: true}}, page.Verdicts); d != "" {
		t.Error(d)
	}
	if page.Verdicts_Error == "" {
		t.Error("nothing says why the verdicts have no reasons")
	}
	if len(page.Deliveries) != 2 {
		t.Fatalf("deliveries %+v", page.Deliveries)
	}
	ci, ops := page.Deliveries[0], page.Deliveries[1]
	if ci.State != store.Delivered || ci.Next != nil || len(ci.Attempts) != 1 || ci.Attempts[0].LatencyMS != 1.5 || ci.Attempts[0].Status != 204 {
		t.Errorf("ci: %+v", ci)
	}
	if ops.State != store.Waiting || ops.Next == nil || ops.Attempts == nil {
		t.Errorf("ops: %+v", ops)
	}
}

// What is not there is empty, not null, so that a script need not look twice.
func TestTraceHasNoNullLists(t *testing.T) {
	w := newWorld(t)
	item := pushed(1)
	item.Routing = store.Routing{}
	item.Hold = &store.Hold{Reason: "lookup", RouteAt: noon}
	w.accept("{}", func(a *store.Arrival) { a.Headers = nil }, item)
	rec := ask(w, "GET", "/api/v1/events/"+item.Event.ID, nil)
	for _, want := range []string{
		`"state":"held"`, `"hold":{"reason":"lookup","route_at":"2026-03-01T12:00:00Z"}`,
		`"headers":{}`, `"verdicts":[]`, `"deliveries":[]`,
	} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s does not hold %s", rec.Body, want)
		}
	}
}

func TestBodiesThatAreNoText(t *testing.T) {
	w := newWorld(t)
	w.accept("\xff\x00", nil, pushed(1))
	w.accept("\xfe\x00", func(a *store.Arrival) { a.Quarantine = "not JSON" })
	var page struct {
		Received struct {
			Body          string
			Body_Encoding string
		}
	}
	w.get("/api/v1/events/"+pushed(1).Event.ID, &page)
	if page.Received.Body != "/wA=" || page.Received.Body_Encoding != "base64" {
		t.Errorf("got %+v", page)
	}
	var list []map[string]any
	w.get("/api/v1/quarantine", &list)
	if len(list) != 1 {
		t.Fatalf("quarantine is %v", list)
	}
	if _, ok := list[0]["body"]; ok {
		t.Errorf("the list holds bodies: %v", list)
	}
	var one map[string]any
	w.get("/api/v1/quarantine/"+list[0]["id"].(string), &one)
	if one["body"] != "/gA=" || one["body_encoding"] != "base64" || one["reason"] != "not JSON" || one["size"] != 2.0 || one["count"] != 1.0 {
		t.Errorf("got %v", one)
	}
}

func TestNotThere(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/api/v1/events/019":              "there is no event \"019\"",
		"/api/v1/events/%2e%2e":           "",
		"/api/v1/events/a'%20OR%20'1'='1": "there is no event",
		"/api/v1/quarantine/019":          "there is no \"019\" in quarantine",
	} {
		rec := ask(w, "GET", path, nil)
		if want == "" {
			if rec.Code == http.StatusOK {
				t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
			}
			continue
		}
		if rec.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		wantProblem(t, rec, want)
	}
	if w.log.Len() > 0 {
		t.Errorf("what a person mistyped is logged: %s", w.log)
	}
}

// A store that fails is a problem with a reason, and in the log.
func TestStoreFails(t *testing.T) {
	for path, doing := range map[string]string{
		"/api/v1/events": "list events", "/api/v1/events/x": "trace event x",
		"/api/v1/quarantine": "list quarantine", "/api/v1/quarantine/x": "read quarantined body x",
	} {
		w := newWorld(t)
		damage(t, w.store.Path())
		rec := ask(w, "GET", path, nil)
		if rec.Code < 500 {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		wantProblem(t, rec, doing)
		if !strings.Contains(w.log.String(), doing) {
			t.Errorf("%s: the log says %q", path, w.log)
		}
	}
}

// damage takes the tables away that the store reads.
func damage(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, table := range []string{"event", "quarantine"} {
		if _, err := db.Exec("ALTER TABLE " + table + " RENAME TO gone_" + table); err != nil {
			t.Fatal(err)
		}
	}
}
