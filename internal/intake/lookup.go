package intake

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// heldForLookup is the reason for which an event is held while its registry is asked.
const heldForLookup = "lookup"

// maxLookups is how many events may wait for their registries. Those beyond are routed
// as they are.
const maxLookups = 1000

// own reports whether e tells of a read that a lookup made: what we cause is no news,
// and to look it up would cause the next.
func (r Registry) own(e *event.Event) bool {
	return r.Lookup != nil && e.Actor != nil && lookup.Own(e.Actor.UserAgent)
}

// enrich adds to e what its registry said before. It reports whether the registry would
// have to be asked.
func (r Registry) enrich(e *event.Event) (ask bool) {
	if r.Lookup == nil || !translator.Incomplete(e) {
		return false
	}
	body, ok := r.Lookup.Known(e.Artifact.Digest)
	if !ok {
		return true
	}
	// What cannot be read tells nothing; it would not the next time either.
	_ = r.Enrich(e, body)
	return false
}

// unasked reports whether nobody asks for e, so that it is only counted. One that is
// still to be looked up may turn out to be of another type.
func (p *Plan) unasked(e *event.Event, lookup bool) bool {
	wanted := func(t event.Type) bool { return !t.OnRequest() || p.Keep[t] || p.Rules.Wants(t) }
	return !wanted(e.Type) && !(lookup && e.Type == event.ArtifactPulled && wanted(event.ChartPulled))
}

// room is where held events wait until their registry was asked: in memory, beside the
// store, which routes them at their time whatever happens here. Events of one repository
// stand in a line, in the order of their acceptance, and leave in it; so one that needs
// no lookup waits too where others stand before it.
type room struct {
	mu    sync.Mutex
	lines map[place]*line
	asks  int        // of those waiting, how many wait for a registry
	fresh []*waiting // not taken yet
	came  chan struct{}
}

// place is what the order holds for.
type place struct{ registry, repository string }

type line struct {
	waiting []*waiting
	until   time.Time // when the last of them is routed at the latest
	leaving bool      // somebody is routing the first
}

// waiting is one held event.
type waiting struct {
	event   event.Event
	reg     Registry
	ask     bool
	routeAt time.Time
	done    bool // nothing keeps it any more
}

func newRoom() *room { return &room{lines: map[place]*line{}, came: make(chan struct{}, 1)} }

func placeOf(e *event.Event) place {
	if e.Repository == nil {
		return place{registry: e.Registry.Name}
	}
	return place{e.Registry.Name, e.Repository.FullName}
}

// hold returns how e is to be held: until its registry was asked, or those before it in
// its line are gone; nil where it can be routed at once. before has the lines of those
// that came in the same request, and are in no line yet.
func (r *room) hold(e *event.Event, ask bool, now time.Time, before map[place]time.Time) *store.Hold {
	at := placeOf(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	until := before[at]
	if l := r.lines[at]; l != nil && l.until.After(until) {
		until = l.until
	}
	if by := now.Add(lookup.Within); ask && r.asks < maxLookups && by.After(until) {
		until = by
	}
	if until.IsZero() {
		return nil
	}
	before[at] = until
	return &store.Hold{Reason: heldForLookup, RouteAt: until}
}

// add takes in the held events among items that the store has taken.
func (r *room) add(items []store.Item, accepted []string, reg Registry) {
	if !slices.ContainsFunc(items, func(it store.Item) bool { return it.Hold != nil }) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := 0 // accepted are ids of items, in their order
	for _, it := range items {
		if next == len(accepted) || it.Event.ID != accepted[next] {
			continue // a repeat
		}
		next++
		if it.Hold == nil {
			continue
		}
		w := &waiting{event: it.Event, reg: reg, routeAt: it.Hold.RouteAt}
		if w.ask = r.asks < maxLookups && reg.Lookup != nil && translator.Incomplete(&w.event); w.ask {
			r.asks++
		}
		at := placeOf(&w.event)
		if r.lines[at] == nil {
			r.lines[at] = &line{}
		}
		l := r.lines[at]
		l.waiting, l.until = append(l.waiting, w), w.routeAt
		r.fresh = append(r.fresh, w)
	}
	if len(r.fresh) > 0 {
		select {
		case r.came <- struct{}{}:
		default:
		}
	}
}

// take returns what came since the last time.
func (r *room) take() []*waiting {
	r.mu.Lock()
	defer r.mu.Unlock()
	came := r.fresh
	r.fresh = nil
	return came
}

// leave calls route for each event that nothing keeps any more, the first of its line
// first, now that w is done.
func (r *room) leave(w *waiting, route func(*waiting)) {
	at := placeOf(&w.event)
	r.mu.Lock()
	defer r.mu.Unlock()
	w.done = true
	if w.ask {
		r.asks--
	}
	l := r.lines[at]
	if l.leaving {
		return // who routes the first will come to w
	}
	l.leaving = true
	for len(l.waiting) > 0 && l.waiting[0].done {
		first := l.waiting[0]
		r.mu.Unlock()
		route(first)
		r.mu.Lock()
		l.waiting = l.waiting[1:]
	}
	l.leaving = false
	if len(l.waiting) == 0 {
		delete(r.lines, at)
	}
}

// attend asks for those that come into the room and routes them, until ctx ends. What is
// held then is routed in the next life.
func (h *Handler) attend(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.room.came:
		}
		for _, w := range h.room.take() {
			work.Go(func() {
				w.look(ctx)
				h.room.leave(w, func(w *waiting) { h.release(ctx, w) })
			})
		}
	}
}

// look asks the registry of w and adds what it says to the event. Where it says nothing
// the event stays as it is; the source has logged why.
func (w *waiting) look(ctx context.Context) {
	if !w.ask {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, w.routeAt)
	defer cancel()
	if body, err := w.reg.Lookup.Read(ctx, w.event.Repository.FullName, w.event.Artifact.Digest); err == nil {
		_ = w.reg.Enrich(&w.event, body) // on an error it is as it was
	}
}

// release routes w. Where the store fails, w is routed at its time.
func (h *Handler) release(ctx context.Context, w *waiting) {
	if ctx.Err() != nil {
		return
	}
	if err := h.routeOne(ctx, h.plan.Load(), &w.event, time.Now().UTC()); err != nil && ctx.Err() == nil {
		h.log.Error("a held event is not routed; it will be at its time", "error", err)
	}
}

// routeOne routes a held event.
func (h *Handler) routeOne(ctx context.Context, plan *Plan, e *event.Event, now time.Time) error {
	routing, err := plan.route(e, now)
	if err == nil {
		err = h.store.Route(ctx, e.ID, routing)
	}
	if err != nil {
		return fmt.Errorf("route held event %s: %w", e.ID, err)
	}
	return nil
}
