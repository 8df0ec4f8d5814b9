package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// decides asks as a program on this machine does.
func decides(w *world, what, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/api/v1/targets/"+target+"/"+what, strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:5081", "127.0.0.1:40000"
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

func TestDisableEnableReset(t *testing.T) {
	w := newWorld(t)
	w.run = inUse()
	if err := w.store.Targets(t.Context(), map[string]store.Target{"ci": {}}); err != nil {
		t.Fatal(err)
	}
	said := func(rec *httptest.ResponseRecorder) (c condition) {
		t.Helper()
		if err := json.Unmarshal(rec.Body.Bytes(), &c); err != nil || rec.Code != 200 {
			t.Fatalf("%d %s %v", rec.Code, rec.Body, err)
		}
		return c
	}
	listed := func() targetPage {
		t.Helper()
		var list []targetPage
		if err := json.Unmarshal(ask(w, "GET", "/api/v1/targets", nil).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		return list[0]
	}
	w.accept("one", nil, pushed(1, "ci"))
	claimed, err := w.store.Claim(t.Context(), "ci", 1)
	if err != nil || len(claimed) != 1 {
		t.Fatal(claimed, err)
	}
	if c := said(decides(w, "disable", "ci", `{"by":"alice"}`)); c.State != "disabled" || c.Reason != "disabled by alice" || c.Since == nil {
		t.Errorf("disabled: %+v", c)
	}
	w.accept("two", nil, pushed(2, "ci"))
	if p := listed(); p.Condition.State != "disabled" || p.Deliveries[store.Parked] != 1 || p.Deliveries[store.Waiting] != 1 {
		t.Errorf("listed as %+v", p)
	}
	if c := said(decides(w, "enable", "ci", `{}`)); c.State != "healthy" || c.Since != nil || c.Reason != "" {
		t.Errorf("enabled: %+v", c)
	}
	if p := listed(); p.Deliveries[store.Parked] != 0 || p.Deliveries[store.Waiting] != 2 {
		t.Errorf("listed as %+v", p)
	}

	o := store.Outcome{Seq: claimed[0].Seq, Target: "ci", Attempt: 1, State: store.Waiting, Next: time.Now().Add(time.Minute),
		Asked: time.Now().Add(time.Minute), Time: time.Now(), Outcome: plugin.ThrottledTarget, Error: "status 429",
		Receipt: plugin.Receipt{Scope: plugin.ScopeMisconfigured}}
	if err := w.store.Record(t.Context(), []store.Outcome{o}); err != nil {
		t.Fatal(err)
	}
	if c := listed().Condition; c.State != "paused" || c.Until == nil || c.Marked == nil || c.Marked.Reason != "status 429" {
		t.Errorf("paused: %+v", c)
	}
	if c := said(decides(w, "enable", "ci", `{}`)); c.State != "paused" {
		t.Errorf("enabled, which it was: %+v", c)
	}
	if c := said(decides(w, "reset", "ci", `{}`)); c.State != "healthy" || c.Marked != nil {
		t.Errorf("reset: %+v", c)
	}
}

func TestDecisionsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.run = inUse()
	if err := w.store.Targets(t.Context(), map[string]store.Target{"ci": {}}); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"disable", "enable", "reset"} {
		for body, want := range map[string]int{"": 400, "by=x": 400, `{"by":"a\nb"}`: 400} {
			if got := decides(w, what, "ci", body); got.Code != want || got.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s with %q: %d %s", what, body, got.Code, got.Body)
			}
		}
		if got := decides(w, what, "nobody", "{}"); got.Code != 404 || !strings.Contains(got.Body.String(), "there is no target") {
			t.Errorf("%s of nobody: %d %s", what, got.Code, got.Body)
		}
		for name, c := range map[string]struct {
			method string
			status int
		}{"GET": {"GET", 405}, "another machine": {"POST", 403}} {
			r := httptest.NewRequest(c.method, "/api/v1/targets/ci/"+what, strings.NewReader("{}"))
			r.Host, r.RemoteAddr = "127.0.0.1:5081", "127.0.0.1:40000"
			if c.status == 403 {
				r.RemoteAddr = "192.0.2.7:4000"
			}
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			if rec.Code != c.status {
				t.Errorf("%s, %s: %d %s", what, name, rec.Code, rec.Body)
			}
		}
	}
	if c := w.store.Conditions()["ci"]; c != (store.Condition{}) {
		t.Errorf("the condition is %+v", c)
	}
}
