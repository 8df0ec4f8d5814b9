package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// A target that answers 410 is disabled, through a reload and a restart; another target
// hears of it, and it itself does not. Enabled, it gets what was parked, in order.
func TestTargetThatIsGone(t *testing.T) {
	runtimeDir(t)
	var back atomic.Bool
	got := make(chan string, 100)
	ci := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !back.Load() {
			w.WriteHeader(http.StatusGone)
			return
		}
		var e event.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		got <- string(e.Type) + " " + e.Native.ID
	}))
	defer ci.Close()
	heard := make(chan event.Event, 100)
	ops := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var e event.Event
		if err == nil {
			err = json.Unmarshal(body, &e)
		}
		if err != nil {
			t.Error(err)
		}
		heard <- e
	}))
	defer ops.Close()
	file, _ := write(t, fmt.Sprintf(`listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: DIR/b.db
registries: [{name: hub, type: distribution}]
targets:
- {name: ci, type: webhook, options: {url: %q}}
- {name: ops, type: webhook, options: {url: %q}}
rules:
- {name: all, deliver: [ci]}
- {name: own, events: ["bellbuoy.*"], deliver: [ci, ops]}
`, ci.URL, ops.URL))
	l := start(t, file)
	const first, second, third = "01a1fb45-1050-7302-8c10-000000000001", "01a1fb45-1050-7302-8c10-000000000002", "01a1fb45-1050-7302-8c10-000000000003"
	one := l.notify("hub", push(t, first))[0]
	if tr, _ := l.settled(one, store.Dead); len(tr.Deliveries[0].Attempts) != 1 || tr.Deliveries[0].Attempts[0].Status != http.StatusGone {
		t.Errorf("what it refused: %+v", tr.Deliveries)
	}
	e := <-heard
	if e.Type != event.TargetDisabled || e.Target == nil || e.Target.Name != "ci" || e.Target.Type != "webhook" || e.Target.Condition != "disabled" {
		t.Errorf("ops heard %+v", e)
	}
	var told trace
	l.get("/api/v1/events/"+e.ID, &told)
	if len(told.Deliveries) != 1 || told.Deliveries[0].Target != "ops" {
		t.Errorf("its deliveries: %+v", told.Deliveries)
	}
	l.settled(l.notify("hub", push(t, second))[0], store.Parked)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}

	back.Store(true)
	l = start(t, file)
	l.settled(l.notify("hub", push(t, third))[0], store.Parked)
	req, err := http.NewRequest("POST", "http://"+l.admin+"/api/v1/targets/ci/reset", strings.NewReader(`{"by":"alice"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if status, answer, err := do(req); err != nil || status != http.StatusOK || answer != `{"state":"healthy","failures":0}`+"\n" {
		t.Fatalf("reset: %d %s %v", status, answer, err)
	}
	for _, want := range []string{second, third} {
		if got := <-got; got != "artifact.pushed "+want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if e := <-heard; e.Type != event.TargetRecovered {
		t.Errorf("ops heard %+v", e)
	}
}
