package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

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
				h.look(ctx, w)
				h.room.leave(w, func(w *waiting) { h.release(ctx, w) })
			})
		}
	}
}

// look asks the registry of w and adds what it says to the event. Where it says nothing
// the event stays as it is; the source has logged why.
func (h *Handler) look(ctx context.Context, w *waiting) {
	if !w.ask {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, w.routeAt)
	defer cancel()
	err := Guard(func() error {
		body, err := w.reg.Lookup.Read(ctx, w.event.Repository.FullName, w.event.Artifact.Digest)
		if err != nil {
			return err
		}
		return w.reg.Enrich(&w.event, body) // on an error it is as it was
	})
	if p, ok := errors.AsType[*Panicked](err); ok {
		h.log.Error("reading a manifest failed: this is a fault in bellbuoy", "registry", w.event.Registry.Name, "panic", p.Value)
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
	h.sayOwn(ctx, e)
	return nil
}
