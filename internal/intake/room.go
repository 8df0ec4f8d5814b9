package intake

import (
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
