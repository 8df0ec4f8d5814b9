package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// send posts a JSON object as a program on this machine does.
func send(w *world, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:5081", "127.0.0.1:40000"
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

// answered is the answer to a request that must be good.
func answered(t *testing.T, w *world, path, body string, v any) {
	t.Helper()
	got := send(w, path, body)
	if got.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", path, body, got.Code, got.Body)
	}
	if err := json.Unmarshal(got.Body.Bytes(), v); err != nil {
		t.Fatalf("%s %s: %v in %s", path, body, err, got.Body)
	}
}

// graveyard has three deliveries to ci that are dead, one to ops that was delivered and
// one to gone that is dead.
func graveyard(t *testing.T) *world {
	w := newWorld(t)
	w.targets = map[string]store.Terms{"ci": {Type: "webhook", GiveUpAfter: time.Hour}, "ops": {Type: "webhook", GiveUpAfter: time.Hour}}
	for n := 1; n <= 3; n++ {
		w.accept("x", nil, pushed(n, "ci"))
	}
	w.accept("x", nil, pushed(4, "ops", "gone"))
	for target, state := range map[string]store.State{"ci": store.Dead, "ops": store.Delivered, "gone": store.Dead} {
		w.end(target, state)
	}
	if err := w.store.Targets(t.Context(), map[string]store.Target{"ci": {}, "ops": {}}); err != nil {
		t.Fatal(err)
	}
	return w
}

// end brings to an end what waits for a target, each after an attempt.
func (w *world) end(target string, state store.State) {
	w.t.Helper()
	claimed, err := w.store.Claim(w.t.Context(), target, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	var outcomes []store.Outcome
	for _, c := range claimed {
		o := store.Outcome{Seq: c.Seq, Target: target, Key: c.Key, Attempt: c.Attempt, State: state, Time: noon, Outcome: plugin.Delivered}
		if state != store.Delivered {
			o.Outcome, o.Error = plugin.PermanentFail, "no"
		}
		outcomes = append(outcomes, o)
	}
	if err := w.store.Record(w.t.Context(), outcomes); err != nil {
		w.t.Fatal(err)
	}
}

func TestDeliveries(t *testing.T) {
	w := graveyard(t)
	var list []store.ListedDelivery
	for query, want := range map[string]string{
		"":                        "4-1 4-0 3-0 2-0 1-0",
		"?state=dead":             "4-1 3-0 2-0 1-0",
		"?state=dead&target=ci":   "3-0 2-0 1-0",
		"?state=dead,delivered":   "4-1 4-0 3-0 2-0 1-0",
		"?tag=2":                  "2-0",
		"?target=ci&since=2h":     "",
		"?id=delivery-4-1":        "4-1",
		"?native_id=native-4":     "4-1 4-0",
		"?rule=some&target=ops":   "4-0",
		"?registry=other":         "",
		"?type=artifact.pushed":   "4-1 4-0 3-0 2-0 1-0",
		"?repository=prod/<api>&": "4-1 4-0 3-0 2-0 1-0",
	} {
		w.get("/api/v1/deliveries"+query, &list)
		var got []string
		for _, d := range list {
			got = append(got, strings.TrimPrefix(d.ID, "delivery-"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	rec := w.get("/api/v1/deliveries?state=dead&target=ci&limit=2", &list)
	link := rec.Header().Get("Link")
	next, _, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || !strings.Contains(next, "state=dead") || !strings.Contains(next, "target=ci") {
		t.Fatalf("Link: %s", link)
	}
	if rec := w.get(next, &list); len(list) != 1 || list[0].ID != "delivery-1-0" || rec.Header().Get("Link") != "" {
		t.Errorf("the next page: %+v", list)
	}
	var d store.ListedDelivery
	if w.get("/api/v1/deliveries/delivery-2-0", &d); d.Target != "ci" || d.State != store.Dead || d.Last == nil || d.Last.Error != "no" || d.Attempts != 1 {
		t.Errorf("%+v", d)
	}
	var tries []store.Attempt
	if w.get("/api/v1/deliveries/delivery-2-0/attempts", &tries); len(tries) != 1 || tries[0].Error != "no" || tries[0].Outcome != plugin.PermanentFail {
		t.Errorf("%+v", tries)
	}
	for query, want := range map[string]string{
		"?outcome=permanent":           "4-1 3-0 2-0 1-0",
		"?target=ci&outcome=permanent": "3-0 2-0 1-0",
		"?target=ci&outcome=throttled": "",
		"?id=delivery-2-0":             "2-0",
		"?tag=2":                       "2-0",
	} {
		var listed []listedAttempt
		w.get("/api/v1/attempts"+query, &listed)
		var got []string
		for _, a := range listed {
			got = append(got, strings.TrimPrefix(a.Delivery, "delivery-"))
			if a.N != 1 || a.Error != "no" || a.Event == "" || a.Rule != "all" || a.Target == "" {
				t.Errorf("%s: %+v", query, a)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("attempts%s: %v, want %s", query, got, want)
		}
	}
	var tried []listedAttempt
	rec = w.get("/api/v1/attempts?state=dead&target=ci&limit=2", &tried)
	next, _, ok = strings.Cut(strings.TrimPrefix(rec.Header().Get("Link"), "<"), ">")
	if !ok || len(tried) != 2 || !strings.Contains(next, "state=dead") {
		t.Fatalf("%d attempts, Link: %s", len(tried), rec.Header().Get("Link"))
	}
	if w.get(next, &tried); len(tried) != 1 || tried[0].Delivery != "delivery-1-0" {
		t.Errorf("the next page of attempts: %+v", tried)
	}
	for path, want := range map[string]int{
		"/api/v1/attempts?outcome=dead":    400,
		"/api/v1/attempts?limit=101":       400,
		"/api/v1/deliveries/none":          404,
		"/api/v1/deliveries/none/attempts": 404,
		// The event has this id, and no delivery.
		"/api/v1/deliveries/00000000-0000-5000-8000-000000000002/attempts": 404,
		"/api/v1/deliveries?state=gone":                                    400,
		"/api/v1/deliveries?outcome=dead":                                  400,
		"/api/v1/deliveries?before=!":                                      400,
		"/api/v1/deliveries?limit=0":                                       400,
	} {
		if got := ask(w, "GET", path, nil); got.Code != want {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}

func TestRedeliver(t *testing.T) {
	w := graveyard(t)
	var dry struct {
		Deliveries int
		More       bool
	}
	if answered(t, w, "/api/v1/redeliver", `{"target":"ci","limit":2,"dry_run":true}`, &dry); dry.Deliveries != 2 || !dry.More {
		t.Errorf("%+v", dry)
	}
	var run store.Run
	answered(t, w, "/api/v1/redeliver", `{"id":"delivery-2-0","by":"alice"}`, &run)
	if run.Done != 1 || !run.Ended || uuid.Validate(run.ID) != nil {
		t.Errorf("%+v", run)
	}
	var d store.ListedDelivery
	if w.get("/api/v1/deliveries/delivery-2-0", &d); d.State != store.Waiting || d.Next == nil {
		t.Errorf("%+v", d)
	}
	id := uuid.NewString()
	for range 2 { // the answer to the first got lost
		body := fmt.Sprintf(`{"run":%q,"id":"00000000-0000-5000-8000-000000000001","by":"alice"}`, id)
		if answered(t, w, "/api/v1/redeliver", body, &run); run.Done != 1 || run.ID != id || !run.Ended {
			t.Errorf("%+v", run)
		}
	}
	if answered(t, w, "/api/v1/redeliver", fmt.Sprintf(`{"run":%q}`, id), &run); run.Done != 1 {
		t.Errorf("%+v", run)
	}
	if answered(t, w, "/api/v1/redeliver", `{"state":"dead"}`, &run); run.Done != 1 || run.Gone != 1 {
		t.Errorf("%+v", run)
	}
	if answered(t, w, "/api/v1/deliveries/delivery-4-1/redeliver", `{"to":"ci","by":"bob"}`, &run); run.Done != 1 {
		t.Errorf("%+v", run)
	}
	var log []store.AuditEntry
	if w.get("/api/v1/audit", &log); len(log) != 4 || log[0].By != "bob" || log[0].Object != "delivery-4-1" ||
		log[1].By != "a request to /api/v1/redeliver from this machine" || log[3].By != "alice" {
		t.Errorf("%+v", log)
	}
	rec := w.get("/api/v1/audit?what=redeliver&limit=1", &log)
	next, _, _ := strings.Cut(strings.TrimPrefix(rec.Header().Get("Link"), "<"), ">")
	if w.get(next, &log); len(log) != 1 || log[0].What != "redeliver" || log[0].By == "bob" {
		t.Errorf("%s: %+v", next, log)
	}
}

func TestRedeliverRefused(t *testing.T) {
	w := graveyard(t)
	for body, want := range map[string]struct {
		status int
		detail string
	}{
		`{}`:                                             {400, "nothing chooses everything"},
		`{"limit":5,"to":"ci"}`:                          {400, "nothing chooses everything"},
		`{"tagret":"ci"}`:                                {400, `tagret: there is no such field`},
		`{"target":"ci"} {}`:                             {400, "after top-level value"},
		`{"target":"ci","state":"x"}`:                    {400, "is none of"},
		`{"state":"waiting"}`:                            {400, "what is waiting cannot be made again"},
		`{"outcome":"dead"}`:                             {400, "state chooses"},
		`{"since":"yesterday"}`:                          {400, "neither a time"},
		`{"state":"dead","limit":-1}`:                    {400, "is not a number"},
		`{"state":"dead","limit":1000001}`:               {400, "is not a number"},
		`{"state":"dead","to":"nobody"}`:                 {400, `no target "nobody"`},
		`{"state":"dead","run":"x"}`:                     {400, "no UUID"},
		`{"state":"dead","by":"a\nb"}`:                   {400, "in one line"},
		`{"run":"00000000-0000-4000-8000-000000000001"}`: {404, "no run"},
		`{"id":"none"}`:                                  {404, "no delivery"},
		`{"id":"delivery-4-1"}`:                          {409, `target \"gone\" is not in the config`},
		`{"id":"delivery-1-0","state":"delivered"}`:      {409, "the delivery to ci is dead"},
		`{"id":"00000000-0000-5000-8000-000000000004","target":"ops"}`: {409, "the delivery to ops is delivered"},
	} {
		got := send(w, "/api/v1/redeliver", body)
		if got.Code != want.status || !strings.Contains(strings.ReplaceAll(got.Body.String(), `\"`, `"`), strings.ReplaceAll(want.detail, `\"`, `"`)) ||
			got.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", body, got.Code, got.Body)
		}
	}
	for _, path := range []string{"/api/v1/redeliver", "/api/v1/replay", "/api/v1/deliveries/x/redeliver", "/api/v1/targets/ci/test"} {
		if got := ask(w, "GET", path, nil); got.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, got.Code)
		}
		if got := ask(w, "POST", path, peer("192.0.2.7:4000")); got.Code != http.StatusForbidden {
			t.Errorf("%s from elsewhere: %d", path, got.Code)
		}
	}
	var log []store.AuditEntry
	if w.get("/api/v1/audit", &log); len(log) != 0 {
		t.Errorf("what was refused is in the audit: %+v", log)
	}
}

func TestReplay(t *testing.T) {
	w := graveyard(t)
	var run store.Run
	answered(t, w, "/api/v1/replay", `{"type":"artifact.pushed","dry_run":true}`, &run)
	if run.Done != 4 || run.Deliveries != 4 {
		t.Errorf("%+v", run)
	}
	if got := send(w, "/api/v1/replay", `{"type":"artifact.pushed","limit":3}`); got.Code != http.StatusConflict {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	for _, body := range []string{`{"id":"x"}`, `{"type":"artifact.pushed","state":"dead"}`, `{"type":"none"}`, `{}`} {
		if got := send(w, "/api/v1/replay", body); got.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, got.Code, got.Body)
		}
	}
	id := uuid.NewString()
	for range 2 {
		answered(t, w, "/api/v1/replay", fmt.Sprintf(`{"run":%q,"type":"artifact.pushed","by":"alice"}`, id), &run)
		if run.Done != 4 || run.Deliveries != 4 || !run.Ended {
			t.Errorf("%+v", run)
		}
	}
	var list []event.Event
	if w.get("/api/v1/events", &list); len(list) != 8 || list[0].Origin != event.OriginReplayed {
		t.Errorf("%d events, the last %+v", len(list), list[0])
	}
	if got := send(w, "/api/v1/redeliver", fmt.Sprintf(`{"run":%q}`, id)); got.Code != http.StatusConflict {
		t.Errorf("a replay gone on with as a redelivery: %d %s", got.Code, got.Body)
	}
}

func TestTestTarget(t *testing.T) {
	w := graveyard(t)
	for path, want := range map[string]int{"/api/v1/targets/nobody/test": 404, "/api/v1/targets/gone/test": 404} {
		if got := send(w, path, "{}"); got.Code != want {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
	for _, body := range []string{`{"for":"0s"}`, `{"for":"2h"}`, `{"for":"soon"}`, `{"by":"\u0000"}`, `{"timeout":"1s"}`} {
		if got := send(w, "/api/v1/targets/ci/test", body); got.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, got.Code, got.Body)
		}
	}
	var made struct{ Event, Delivery string }
	answered(t, w, "/api/v1/targets/ci/test", `{"by":"alice","for":"5s"}`, &made)
	var page struct {
		Event      event.Event
		Deliveries []store.TracedDelivery
	}
	w.get("/api/v1/events/"+made.Event, &page)
	if page.Event.Type != event.Test || page.Event.Origin != event.OriginTest || len(page.Deliveries) != 1 ||
		page.Deliveries[0].ID != made.Delivery || page.Deliveries[0].Target != "ci" {
		t.Errorf("%+v", page)
	}
	claimed, err := w.store.Claim(t.Context(), "ci", 1)
	if err != nil || len(claimed) != 1 || time.Until(claimed[0].GiveUp) > 5*time.Second {
		t.Errorf("%+v %v", claimed, err)
	}
}
