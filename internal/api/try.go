package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// How long a target is tried where the request does not say, and at the most.
const (
	tryFor     = 30 * time.Second
	maxTryFor  = time.Hour
	leastTries = time.Second
)

type testRequest struct {
	ByRequest
	For string `json:"for,omitempty" doc:"A duration from 1s to 1h: no attempt is planned for later; 30s where nothing is said." example:"5m"`
}

type testedPage struct {
	Event    string `json:"event"`    // its id
	Delivery string `json:"delivery"` // its id
}

// testTarget makes an event for one target and answers with its id: its trace tells how
// the delivery goes.
func (s *server) testTarget(ctx context.Context, in *struct {
	ByName
	Body testRequest
}) (*body[testedPage], error) {
	by, err := who(ctx, in.Body.By)
	if err != nil {
		return nil, err
	}
	tried := tryFor
	if in.Body.For != "" {
		var ok bool
		if tried, ok = readDuration(in.Body.For); !ok || tried < leastTries || tried > maxTryFor {
			return nil, wrong("for", "%q is no duration from %s to %s", in.Body.For, leastTries, maxTryFor)
		}
	}
	terms, ok := s.Terms(in.Name)
	if !ok {
		return nil, problemf(http.StatusNotFound, "there is no target %q in the config: `bellbuoy targets` lists those that there are", in.Name)
	}
	e, routing, err := s.test(in.Name, terms, tried)
	if err != nil {
		return nil, err
	}
	if err := s.Store.Test(ctx, e, routing, in.Name, by); err != nil {
		return nil, err
	}
	return &body[testedPage]{testedPage{e.ID, routing.Deliveries[0].ID}}, nil
}

// test makes an event to try a target with, and its delivery: it waits for its turn and
// for what the target takes, and for no repository.
func (s *server) test(target string, terms store.Terms, tried time.Duration) (event.Event, store.Routing, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return event.Event{}, store.Routing{}, err
	}
	delivery, err := uuid.NewV7()
	if err != nil {
		return event.Event{}, store.Routing{}, err
	}
	now := time.Now().UTC()
	e := event.Event{
		V: event.Version, ID: id.String(), Type: event.Test, Time: now, TimeSource: event.TimeNative, Received: now,
		Registry: event.Registry{Name: store.Own, Type: store.Own}, Origin: event.OriginTest,
	}
	// The rules have no say in this one: it is judged for its JSON, and for the trace.
	routing, err := s.Judge(&e, now)
	if err != nil {
		return e, routing, err
	}
	if len(routing.JSON) == 0 {
		return e, routing, errors.New("the event has no JSON")
	}
	routing.Matched = nil
	routing.Deliveries = []store.Planned{{
		ID: delivery.String(), Target: target, Type: terms.Type, Rule: fmt.Sprintf("test of %s", target), Rules: []string{},
		Due: now, GiveUp: now.Add(tried),
	}}
	return e, routing, nil
}
