package api

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// Metrics are for this machine, and for anybody where the configuration says so.
func TestMetrics(t *testing.T) {
	open := false
	h := New(Config{
		Ready:       func() error { return nil },
		Metrics:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
		MetricsOpen: func() bool { return open },
	})
	anyone := func(r *http.Request) { r.RemoteAddr, r.Host = "192.0.2.7:4000", "10.1.2.3:5081" }
	if got := ask(h, "GET", "/metrics", nil); got.Code != 200 || got.Body.String() != "up 1\n" {
		t.Errorf("from this machine: %d %q", got.Code, got.Body)
	}
	got := ask(h, "GET", "/metrics", anyone)
	wantProblem(t, got, "only requests from this machine")
	if got.Code != 403 {
		t.Errorf("from another: %d", got.Code)
	}
	open = true
	if got := ask(h, "GET", "/metrics", anyone); got.Code != 200 || got.Body.String() != "up 1\n" {
		t.Errorf("open to all: %d %q", got.Code, got.Body)
	}
	if got := ask(h, "GET", "/api/v1/version", anyone); got.Code != 403 {
		t.Errorf("the rest is open too: %d", got.Code)
	}
	if got := ask(h, "POST", "/metrics", nil); got.Code != 405 {
		t.Errorf("POST: %d", got.Code)
	}
}

func TestStats(t *testing.T) {
	w := newWorld(t)
	var empty store.Hours
	if rec := w.get("/api/v1/stats", &empty); rec.Body.String() != `{"events":[],"deliveries":[]}`+"\n" {
		t.Errorf("of an empty store: %s", rec.Body)
	}
	w.accept("{}", nil, pushed(1, "ci"))
	w.accept("{}", nil, pushed(2, "ci"))
	var got store.Hours
	w.get("/api/v1/stats?since=2026-03-01T12:59:59Z", &got)
	if len(got.Events) != 1 || got.Events[0].Count != 2 || !got.Events[0].Hour.Equal(noon.Truncate(time.Hour)) || got.Events[0].What != "stored" {
		t.Errorf("got %+v", got)
	}
	w.get("/api/v1/stats?since=2026-03-01T13:00:00Z", &got)
	if len(got.Events) != 0 {
		t.Errorf("from a later hour: %+v", got)
	}
	for query, want := range map[string]string{"since=soon": "since", "until=1h": "there is no filter"} {
		rec := ask(w, "GET", "/api/v1/stats?"+query, nil)
		if rec.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, rec.Code)
		}
		wantProblem(t, rec, want)
	}
}

// A list that is asked for by rule, target or outcome says which deliveries these are.
func TestChosenDeliveries(t *testing.T) {
	w := newWorld(t)
	w.accept("{}", nil, pushed(1, "ci", "ops"))
	var list []struct {
		Deliveries map[string]int
		Chosen     []store.ChosenDelivery
	}
	w.get("/api/v1/events?target=ops", &list)
	if len(list) != 1 || list[0].Deliveries["waiting"] != 2 || len(list[0].Chosen) != 1 || list[0].Chosen[0].ID != "delivery-1-1" || list[0].Chosen[0].Began != nil {
		t.Errorf("got %+v", list)
	}
	if rec := ask(w, "GET", "/api/v1/events?tag=1", nil); strings.Contains(rec.Body.String(), "chosen") {
		t.Errorf("got %s", rec.Body)
	}
	if rec := ask(w, "GET", "/api/v1/events?id="+pushed(1).Event.ID, nil); strings.Count(rec.Body.String(), pushed(1).Event.ID) != 1 {
		t.Errorf("by id: %s", rec.Body)
	}
}
