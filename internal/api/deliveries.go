package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func (s *server) deliveryOps() {
	handle(s, op{
		route: "GET /api/v1/deliveries", role: access.Viewer, noun: "deliveries",
		summary: "List deliveries, those of the newest events first",
		detail:  "With state=dead it lists the dead letters. A page may have fewer deliveries than the limit, and still have a next one: the Link header says so.",
	}, s.deliveries)
	handle(s, op{
		route: "GET /api/v1/deliveries/{id}", role: access.Viewer, noun: "deliveries",
		summary: "Show one delivery",
	}, s.delivery)
	handle(s, op{
		route: "GET /api/v1/deliveries/{id}/attempts", role: access.Viewer, noun: "deliveries",
		summary: "List the attempts of one delivery, in order",
	}, s.attempts)
}

// deliveries lists deliveries, those of the newest events first.
func (s *server) deliveries(ctx context.Context, in *struct {
	ID    string `query:"id" doc:"Of a delivery, or of an event, of which all are listed then."`
	State string `query:"state" doc:"One or more, with commas between them." example:"dead,expired"`
	Filter
	Paging
}) (*page[store.ListedDelivery], error) {
	sel, err := in.Filter.deliveries(in.ID, in.State, s.now())
	if err != nil {
		return nil, err
	}
	sel.Limit, sel.Before = in.Limit, in.Before
	list, err := s.Store.ListDeliveries(ctx, sel)
	out := &page[store.ListedDelivery]{Body: list.Deliveries}
	if list.Next != "" {
		out.Link = in.next(ctx, list.Next, times(sel.Query))
	}
	return out, err
}

// delivery tells of one delivery.
func (s *server) delivery(ctx context.Context, in *struct{ ByID }) (*body[store.ListedDelivery], error) {
	list, err := s.Store.Deliveries(ctx, store.Selection{ID: in.ID, Query: store.Query{Limit: store.MaxLimit}})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(d store.ListedDelivery) bool { return d.ID == in.ID })
	if i < 0 {
		return nil, noDelivery(in.ID)
	}
	return &body[store.ListedDelivery]{list[i]}, nil
}

// attempts lists what was sent, and what was answered, for one delivery.
func (s *server) attempts(ctx context.Context, in *struct{ ByID }) (*body[[]store.Attempt], error) {
	t, err := s.Store.Trace(ctx, in.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	i := slices.IndexFunc(t.Deliveries, func(d store.TracedDelivery) bool { return d.ID == in.ID })
	if i < 0 {
		return nil, noDelivery(in.ID)
	}
	return &body[[]store.Attempt]{t.Deliveries[i].Attempts}, nil
}

func noDelivery(id string) error {
	return problemf(http.StatusNotFound, "there is no delivery %q: a trace lists those of an event with their ids", id)
}

// deliveries chooses deliveries: those of an id, in one of states, and of events as f says.
func (f Filter) deliveries(id, states string, now time.Time) (store.Selection, error) {
	q, err := f.query(now)
	if err != nil {
		return store.Selection{}, err
	}
	sel := store.Selection{Query: q, ID: id}
	if sel.States, err = readStates(states); err != nil {
		return sel, wrong("state", "%v", err)
	}
	return sel, nil
}

// readStates reads states with commas between them.
func readStates(s string) ([]store.State, error) {
	if s == "" {
		return nil, nil
	}
	var out []store.State
	for name := range strings.SplitSeq(s, ",") {
		state := store.State(strings.TrimSpace(name))
		if !slices.Contains(store.States(), state) {
			return nil, fmt.Errorf("%q is none of %s", state, joined(store.States()))
		}
		if !slices.Contains(out, state) {
			out = append(out, state)
		}
	}
	return out, nil
}
