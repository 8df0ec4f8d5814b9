package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func (s *server) eventOps() {
	handle(s, op{
		route: "GET /api/v1/events", role: access.Viewer, noun: "events",
		summary: "List events, the newest first",
		detail: "Each is as it was stored, and has how many of its deliveries are in which state; where it is asked by rule, " +
			"target or outcome, also those deliveries, as chosen. A page may have fewer events than the limit, or none, and " +
			"still have a next one: the Link header says so.",
	}, s.events)
	handle(s, op{
		route: "GET /api/v1/events/{id}", role: access.Viewer, noun: "events",
		summary: "Trace one event: what came, what each rule said of it, and each attempt of each delivery",
	}, s.trace)
}

// listedEvent is an event as it is stored, with its deliveries behind.
type listedEvent struct{ json.RawMessage }

// Schema is that of the event with those two fields.
func (listedEvent) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[eventInList](), true, "")
}

type eventInList struct {
	event.Event
	Deliveries map[store.State]int    `json:"deliveries"`       // how many are in which state
	Chosen     []store.ChosenDelivery `json:"chosen,omitempty"` // those that are asked for by rule, target or outcome
}

// storedEvent is an event as it is stored.
type storedEvent struct{ json.RawMessage }

// Schema is that of the event.
func (storedEvent) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[event.Event](), true, "")
}

// events lists events: their own fields and, as deliveries, how many deliveries
// are in which state; where it is asked by rule, target or outcome, also those
// deliveries, as chosen. A page may have fewer events than the limit, or none, and
// still have a next one: the Link header says so.
func (s *server) events(ctx context.Context, in *struct {
	ID string `query:"id" doc:"Of the event."`
	Filter
	Outcome stateName `query:"outcome" doc:"Events with a delivery in this state."`
	Paging
}) (*page[listedEvent], error) {
	q, err := in.query(s.now())
	if err != nil {
		return nil, err
	}
	q.ID, q.Outcome, q.Limit, q.Before = in.ID, string(in.Outcome), in.Limit, in.Before
	list, err := s.Store.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &page[listedEvent]{Body: make([]listedEvent, len(list.Events))}
	for i, l := range list.Events {
		if out.Body[i].RawMessage, err = withDeliveries(l); err != nil {
			return nil, err
		}
	}
	if list.Next != "" {
		out.Link = in.next(ctx, list.Next, times(q))
	}
	return out, nil
}

// withDeliveries adds the counts to the event's object, whose bytes stay as stored.
func withDeliveries(l store.Listed) (json.RawMessage, error) {
	end := len(l.Event) - 1
	if end < 2 || l.Event[0] != '{' || l.Event[end] != '}' {
		return nil, fmt.Errorf("stored event is not a JSON object (at cursor %s)", l.Cursor)
	}
	counts := l.Deliveries
	if counts == nil {
		counts = map[store.State]int{}
	}
	c, err := json.Marshal(counts)
	if err != nil {
		return nil, fmt.Errorf("encode delivery counts: %w", err)
	}
	var chosen []byte
	if l.Chosen != nil {
		if chosen, err = json.Marshal(l.Chosen); err != nil {
			return nil, fmt.Errorf("encode chosen deliveries: %w", err)
		}
	}
	out := make([]byte, 0, len(l.Event)+len(c)+len(chosen)+len(`,"deliveries":,"chosen":`))
	out = append(out, l.Event[:end]...)
	out = append(out, `,"deliveries":`...)
	out = append(out, c...)
	if chosen != nil {
		out = append(out, `,"chosen":`...)
		out = append(out, chosen...)
	}
	return append(out, '}'), nil
}

// tracePage is one event's trace as the API shows it.
type tracePage struct {
	Event    storedEvent     `json:"event"`
	State    string          `json:"state"` // routed, or held: see hold
	Hold     *holdPage       `json:"hold,omitempty"`
	Received receivedPage    `json:"received"`
	RuleSet  string          `json:"rule_set,omitempty"`
	Verdicts []rules.Verdict `json:"verdicts"`
	// VerdictsError is why the verdicts are no more than the names of the rules
	// that matched.
	VerdictsError string           `json:"verdicts_error,omitempty"`
	Deliveries    []tracedPage     `json:"deliveries"`
	ReplayOf      *store.Replayed  `json:"replay_of,omitempty"`
	Replays       []store.Replayed `json:"replays,omitempty"`
}

// tracedPage is one delivery of it.
type tracedPage struct {
	store.TracedDelivery
	Shadow *shadowPage `json:"shadow,omitempty"`
}

// shadowPage is the request that would have been sent, also as a line of shell.
type shadowPage struct {
	store.Shadowing
	Curl string `json:"curl,omitempty"` // "" where it is no HTTP request, or none that a line can hold
}

// holdPage says why an event is not routed yet, and when it will be at the latest.
type holdPage struct {
	Reason  string    `json:"reason"`
	RouteAt time.Time `json:"route_at"`
}

// receivedPage is the request that an event came in. A body that is no text is in
// base64, and BodyEncoding says so.
type receivedPage struct {
	store.Received
	Body         string `json:"body"`
	BodyEncoding string `json:"body_encoding,omitempty"`
}

// trace tells all that is known of one event.
func (s *server) trace(ctx context.Context, in *struct{ ByID }) (*body[tracePage], error) {
	t, err := s.Store.Trace(ctx, in.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problemf(http.StatusNotFound, "there is no event %q: it was never stored, or its time to be kept is over; list what there is with `bellbuoy events`", in.ID)
	}
	if err != nil {
		return nil, err
	}
	return &body[tracePage]{s.tracePage(ctx, t)}, nil
}

// tracePage lays out t: lists and objects are never null.
func (s *server) tracePage(ctx context.Context, t store.Trace) tracePage {
	p := tracePage{
		Event: storedEvent{t.Event}, State: t.State, RuleSet: t.RuleSet,
		Received: receivedPage{Received: t.Received}, Deliveries: make([]tracedPage, len(t.Deliveries)),
		ReplayOf: t.ReplayOf, Replays: t.Replays,
	}
	if t.Hold != nil {
		p.Hold = &holdPage{Reason: t.Hold.Reason, RouteAt: t.Hold.RouteAt}
	}
	p.Received.Body, p.Received.BodyEncoding = textBody(t.Received.Body)
	if p.Received.Headers == nil {
		p.Received.Headers = map[string]string{}
	}
	for i := range p.Deliveries {
		d := &p.Deliveries[i]
		d.TracedDelivery = t.Deliveries[i]
		if shadow := t.Deliveries[i].Shadow; shadow != nil {
			d.Shadow = &shadowPage{*shadow, curl(shadow.Request)}
		}
		if d.Rules == nil {
			d.Rules = []string{}
		}
		if d.Attempts == nil {
			d.Attempts = []store.Attempt{}
		}
	}
	p.Verdicts = []rules.Verdict{}
	if t.RuleSet != "" {
		v, err := s.verdicts(ctx, t)
		p.Verdicts = v
		if err != nil {
			p.VerdictsError = err.Error()
		}
	}
	return p
}

// textBody returns body in a form that JSON can hold without loss, and the name of
// that form: "" for the text itself.
func textBody(body []byte) (text, encoding string) {
	if utf8.Valid(body) {
		return string(body), ""
	}
	return base64.StdEncoding.EncodeToString(body), "base64"
}
