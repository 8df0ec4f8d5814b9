package intake

import (
	"context"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// hold stores an event that waits until routeAt.
func hold(t *testing.T, s *store.Store, id string, routeAt time.Time) {
	t.Helper()
	now := time.Now().UTC()
	got, err := s.Accept(t.Context(), store.Arrival{
		Registry: "hub", Received: now, Body: keep([]byte(id)),
		Items: []store.Item{{
			Event: event.Event{
				V: 1, ID: id, Type: event.ArtifactPushed, Time: now, Received: now, TimeSource: event.TimeReceived,
				Registry:   event.Registry{Name: "hub", Type: "distribution"},
				Repository: &event.Repository{FullName: "a/b"},
			},
			Hold: &store.Hold{Reason: "lookup", RouteAt: routeAt},
		}},
	})
	if err != nil || len(got.IDs) != 1 {
		t.Fatalf("accept held event: %+v, %v", got, err)
	}
}

// run runs RouteHeld until stop is called.
func run(t *testing.T, h *Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.RouteHeld(ctx)
	}()
	return func() { cancel(); <-done }
}

// routed waits until event id is routed.
func routed(t *testing.T, s *store.Store, id string) store.Trace {
	t.Helper()
	for range 1000 {
		tr, err := s.Trace(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if tr.State == "routed" {
			return tr
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("event %s is still held", id)
	return store.Trace{}
}

func TestRouteHeld(t *testing.T) {
	s := openStore(t, temp(t))
	p := plan(t, rule("all", []string{"artifact.pushed"}, "ci"))
	h := newHandler(t, s, p)
	hold(t, s, "past", time.Now().Add(-time.Hour))
	hold(t, s, "soon", time.Now().Add(50*time.Millisecond))
	hold(t, s, "later", time.Now().Add(time.Hour))
	stop := run(t, h)
	defer stop()
	for _, id := range []string{"past", "soon"} {
		tr := routed(t, s, id)
		if tr.RuleSet != p.Rules.Hash() || len(tr.Deliveries) != 1 || tr.Deliveries[0].Target != "ci" {
			t.Errorf("trace of %s = %+v, want a delivery to ci", id, tr)
		}
		if e := decode(t, tr.Event); e.ID != id || e.Repository.FullName != "a/b" {
			t.Errorf("event = %s", tr.Event)
		}
	}
	if tr, err := s.Trace(t.Context(), "later"); err != nil || tr.State != "held" {
		t.Errorf("state of the later one = %s, %v, want held", tr.State, err)
	}
	// One that is held while the loop sleeps is found, too.
	hold(t, s, "new", time.Now())
	routed(t, s, "new")
}

func TestRouteHeldAfterReopen(t *testing.T) {
	path := temp(t)
	s := openStore(t, path)
	newHandler(t, s, plan(t))
	hold(t, s, "1", time.Now().Add(time.Millisecond))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path)
	h := newHandler(t, s, plan(t, rule("new", []string{"artifact.pushed"}, "chat")))
	stop := run(t, h)
	defer stop()
	if tr := routed(t, s, "1"); len(tr.Deliveries) != 1 || tr.Deliveries[0].Rule != "new" {
		t.Errorf("deliveries = %+v, want one by today's rules", tr.Deliveries)
	}
}

func TestRouteHeldInBatches(t *testing.T) {
	s := openStore(t, temp(t))
	h := newHandler(t, s, plan(t))
	for i := range heldBatch + 1 {
		hold(t, s, string(rune('A'+i)), time.Now().Add(-time.Hour))
	}
	if again, err := h.routeDue(t.Context()); err != nil || again != 0 {
		t.Errorf("routeDue() = %v, %v, want to look again at once", again, err)
	}
	if again, err := h.routeDue(t.Context()); err != nil || again != heldEvery {
		t.Errorf("routeDue() = %v, %v, want to wait", again, err)
	}
	routed(t, s, string(rune('A'+heldBatch)))
}
