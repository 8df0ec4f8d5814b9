package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// unnamedGiveUp is for how long deliveries are attempted to a target that the plan does
// not name.
const unnamedGiveUp = 72 * time.Hour

// planned is what makes two deliveries of an event one: the target, and how the message
// is made.
type planned struct {
	target  string
	message render.Rendering
}

// route encodes e, which is final now, and plans its deliveries: one for each target
// that a rule names and each message that it is to get, however many rules do. from is
// when the event was accepted, or ceased to be held.
func (p *Plan) route(e *event.Event, from time.Time) (store.Routing, error) {
	encoded, err := json.Marshal(e)
	if err != nil {
		return store.Routing{}, fmt.Errorf("encode event: %w", err)
	}
	routing := store.Routing{JSON: encoded, RuleSet: p.Rules.Hash()}
	index := make(map[planned]int) // in Deliveries
	for _, match := range p.Rules.Route(e) {
		routing.Matched = append(routing.Matched, match.Rule)
		for _, d := range match.Deliver {
			if e.Target != nil && e.Target.Name == d.Target {
				continue // what it is told of itself would be about the next failure
			}
			says := render.Of(d.Message)
			what := planned{d.Target, says.Over(p.Targets[d.Target].Message)}
			i, ok := index[what]
			if !ok {
				i = len(routing.Deliveries)
				index[what] = i
				routing.Deliveries = append(routing.Deliveries, p.delivery(d.Target, match.Rule, e, from))
				routing.Deliveries[i].Rendering = says.Encode()
			}
			rules := &routing.Deliveries[i].Rules
			if n := len(*rules); n == 0 || (*rules)[n-1] != match.Rule {
				*rules = append(*rules, match.Rule)
			}
		}
	}
	return routing, nil
}

// delivery plans one. A target that the plan does not name gets its delivery all the
// same: nothing that a rule asks for is dropped here.
func (p *Plan) delivery(target, rule string, e *event.Event, from time.Time) store.Planned {
	t, ok := p.Targets[target]
	if !ok {
		t.GiveUpAfter = unnamedGiveUp
	}
	d := store.Planned{
		ID:     newID(),
		Target: target,
		Type:   t.Type,
		Rule:   rule,
		Due:    from.Add(t.FirstDelay),
		GiveUp: from.Add(t.GiveUpAfter),
		Hold:   t.Hold,
	}
	if t.Ordered && e.Repository != nil {
		d.Key = e.Repository.FullName
	}
	return d
}

const (
	heldBatch = 100
	heldEvery = time.Second // how long an event that was held since the last look may be overlooked
)

// RouteHeld routes held events: when their registry has said what was missing, at the
// latest when their time has come, those too that an earlier process left. It returns
// when ctx ends. While the store fails it goes on trying.
func (h *Handler) RouteHeld(ctx context.Context) {
	var room sync.WaitGroup
	defer room.Wait()
	room.Go(func() { h.attend(ctx) })
	failing := false
	for {
		again, err := h.routeDue(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			h.log.Error("held events are not routed; trying again", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

// routeDue routes one batch and returns how soon to look for the next. An event that
// fails does not keep the others from being routed.
func (h *Handler) routeDue(ctx context.Context) (time.Duration, error) {
	plan, now := h.plan.Load(), time.Now().UTC()
	held, next, err := h.store.HeldDue(ctx, now, heldBatch)
	if err != nil {
		return heldEvery, fmt.Errorf("look for held events: %w", err)
	}
	var failed []error
	for _, one := range held {
		plan.Registries[one.Registry].enrich(&one.Event)
		if err := h.routeOne(ctx, plan, &one.Event, now); err != nil {
			failed = append(failed, err)
		}
	}
	switch {
	case len(failed) > 0:
		return heldEvery, errors.Join(failed...)
	case len(held) == heldBatch:
		return 0, nil
	case next.IsZero():
		return heldEvery, nil
	}
	return min(time.Until(next), heldEvery), nil
}
