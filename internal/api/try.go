package api

import (
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

// testTarget makes an event for one target and answers with its id: its trace tells how
// the delivery goes.
func (s *server) testTarget(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	var request struct {
		By  string `json:"by"`
		For string `json:"for"` // a duration: no attempt is planned for later; "" = 30s
	}
	if err := readStrict(w, r, &request); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	by, err := who(r, request.By)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	tried := tryFor
	if request.For != "" {
		var ok bool
		if tried, ok = readDuration(request.For); !ok || tried < leastTries || tried > maxTryFor {
			fail(w, http.StatusBadRequest, "for: %q is no duration from %s to %s", request.For, leastTries, maxTryFor)
			return
		}
	}
	terms, ok := s.Terms(name)
	if !ok {
		fail(w, http.StatusNotFound, "there is no target %q in the config: `bellbuoy targets` lists those that there are", name)
		return
	}
	e, routing, err := s.test(name, terms, tried)
	if err == nil {
		err = s.Store.Test(r.Context(), e, routing, name, by)
	}
	if err != nil {
		s.failStore(w, r, err)
		return
	}
	answer(w, struct {
		Event    string `json:"event"`
		Delivery string `json:"delivery"`
	}{e.ID, routing.Deliveries[0].ID})
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
