package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	delivery, err := uuid.NewV7()
	if err != nil {
		return event.Event{}, store.Routing{}, err
	}
	e, err := made(event.Event{Type: event.Test})
	if err != nil {
		return e, store.Routing{}, err
	}
	now := e.Received
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

// made is e as an event of our own that was made now, to try something with.
func made(e event.Event) (event.Event, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return e, err
	}
	now := time.Now().UTC()
	e.V, e.ID, e.Time, e.TimeSource, e.Received = event.Version, id.String(), now, event.TimeNative, now
	e.Registry, e.Native, e.Origin = event.Registry{Name: store.Own, Type: store.Own}, event.Native{}, event.OriginTest
	return e, nil
}

// sample is an event of type t to try rules with: it has all that such may have. One of a
// repository is about the one named, or any where it is "".
func sample(t event.Type, repository string) (event.Event, error) {
	e := event.Sample(t)
	if repository != "" && e.Repository != nil {
		place := &event.Repository{FullName: repository, Name: repository}
		if namespace, name, ok := strings.Cut(repository, "/"); ok {
			place.Namespace, place.Name = namespace, name
		}
		e.Repository = place
	}
	return made(e)
}

// tryRule stores e, an event that was made to try a rule with, and has what the rule makes
// of it delivered to target, or to all of its where that is "". The routing has no
// deliveries where the rule does not take e: the event's trace says why.
//
// Unlike those of other events the deliveries wait for no repository, and are soon given
// up.
func (s *server) tryRule(ctx context.Context, e event.Event, rule, target, by string) (store.Routing, error) {
	routing, err := s.Judge(&e, e.Received)
	if err != nil {
		return routing, err
	}
	routing.Matched = slices.DeleteFunc(routing.Matched, func(name string) bool { return name != rule })
	routing.Deliveries = slices.DeleteFunc(routing.Deliveries, func(d store.Planned) bool {
		return !slices.Contains(d.Rules, rule) || target != "" && d.Target != target
	})
	for i := range routing.Deliveries {
		d := &routing.Deliveries[i]
		d.Rule, d.Rules, d.Key, d.Hold, d.Due, d.GiveUp = rule, []string{rule}, "", 0, e.Received, e.Received.Add(tryFor)
	}
	return routing, s.Store.Test(ctx, e, routing, cmp.Or(target, rule), by)
}
