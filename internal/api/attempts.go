package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

func (s *server) attemptOps() {
	handle(s, op{
		route: "GET /api/v1/attempts", role: access.Viewer, noun: "deliveries",
		summary: "List attempts, those of the newest events first",
		detail: "Filters choose deliveries, outcome among their attempts. A page has the attempts of at most limit deliveries, " +
			"those of one in order; it may have fewer, or none, and still have a next one: the Link header says so.",
	}, s.listAttempts)
}

// listedAttempt is one attempt, and what it was of.
type listedAttempt struct {
	Delivery string `json:"delivery"` // its id
	Event    string `json:"event"`    // its id
	Target   string `json:"target"`
	Type     string `json:"type"` // of the target
	Rule     string `json:"rule"` // that asked for the delivery first
	N        int    `json:"n"`    // 1 for the first of a delivery
	store.Attempt
}

// outcomes are how attempts end.
func outcomes() []plugin.Outcome {
	return []plugin.Outcome{plugin.Delivered, plugin.Retry, plugin.PermanentFail, plugin.ThrottledTarget}
}

func (s *server) listAttempts(ctx context.Context, in *struct {
	ID      string `query:"id" doc:"Of a delivery, or of an event."`
	State   string `query:"state" doc:"Of the delivery: one or more, with commas between them." example:"dead,expired"`
	Outcome string `query:"outcome" doc:"Of the attempt: delivered, retry, permanent or throttled." example:"retry"`
	Filter
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"Of how many deliveries at most."`
	Before string `query:"before" doc:"A cursor: what is listed is what comes behind it. The Link header of a page has that of the next one."`
}) (*page[listedAttempt], error) {
	outcome := plugin.Outcome(in.Outcome)
	if outcome != "" && !slices.Contains(outcomes(), outcome) {
		return nil, wrong("outcome", "%q is none of %s", outcome, joined(outcomes()))
	}
	sel, err := in.Filter.deliveries(in.ID, in.State, s.now())
	if err != nil {
		return nil, err
	}
	sel.Limit, sel.Before = in.Limit, in.Before
	list, err := s.Store.ListDeliveries(ctx, sel)
	if err != nil {
		return nil, err
	}
	out := &page[listedAttempt]{Body: []listedAttempt{}}
	if list.Next != "" {
		out.Link = Paging{Limited{in.Limit}, in.Before}.next(ctx, list.Next, times(sel.Query))
	}
	traces := map[string]store.Trace{}
	for _, d := range list.Deliveries {
		if d.Attempts == 0 {
			continue
		}
		if out.Body, err = s.attemptsOf(ctx, d, outcome, traces, out.Body); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// attemptsOf adds the attempts of a delivery that ended in an outcome. Of an event that is
// not kept any more there are none.
func (s *server) attemptsOf(ctx context.Context, d store.ListedDelivery, outcome plugin.Outcome, traces map[string]store.Trace, list []listedAttempt) ([]listedAttempt, error) {
	var e struct{ ID string }
	if err := json.Unmarshal(d.Event, &e); err != nil {
		return nil, fmt.Errorf("decode stored event: %w", err)
	}
	t, ok := traces[e.ID]
	if !ok {
		var err error
		if t, err = s.Store.Trace(ctx, e.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		traces[e.ID] = t
	}
	i := slices.IndexFunc(t.Deliveries, func(of store.TracedDelivery) bool { return of.ID == d.ID })
	if i < 0 {
		return list, nil
	}
	for n, a := range t.Deliveries[i].Attempts {
		if outcome == "" || a.Outcome == outcome {
			list = append(list, listedAttempt{d.ID, e.ID, d.Target, d.Type, d.Rule, n + 1, a})
		}
	}
	return list, nil
}
