package console

import (
	"net/http"
	"net/url"

	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// pageSize is how many rows a page of a list has.
const pageSize = "50"

// eventList is a page of events.
type eventList struct {
	Filter map[string]string // what is asked for, by the API's names
	Events []client.Event
	Older  string // the address of the next page; "" where there is none
	Live   bool   // the first page of all that comes, to which new ones are added
	Types  []event.Type
	States []string
	Narrow bool // a filter is set
}

// eventFilters are the filters of the page, as the API names them.
func eventFilters() []string {
	return []string{"type", "registry", "repository", "tag", "digest", "rule", "target", "outcome", "since", "until", "native_id"}
}

func (s *console) events(r *http.Request) (page, error) {
	l := eventList{Filter: chosen(r, eventFilters()), Types: event.Types(), States: states()}
	l.Narrow = len(l.Filter) > 0
	query := asked(r, l.Filter)
	events, next, err := s.api.EventPage(r.Context(), query)
	if err != nil {
		return page{}, err
	}
	l.Events, l.Older = events, older("/events", next)
	l.Live = query["before"] == "" && l.Filter["until"] == ""
	return page{file: "events", title: "Events", data: l}, nil
}

// chosen are those of the named query parameters that say something.
func chosen(r *http.Request, names []string) map[string]string {
	out, q := map[string]string{}, r.URL.Query()
	for _, name := range names {
		if v := q.Get(name); v != "" {
			out[name] = v
		}
	}
	return out
}

// asked is the query of one page of the API's list.
func asked(r *http.Request, filter map[string]string) map[string]string {
	query := map[string]string{"limit": pageSize, "before": r.URL.Query().Get("before")}
	for name, value := range filter {
		query[name] = value
	}
	return query
}

// older is the address of the next page of a list.
func older(at string, next client.Cursor) string {
	if next == nil {
		return ""
	}
	q := url.Values(next)
	q.Del("limit")
	return at + "?" + q.Encode()
}

// states are those of deliveries, as far as people look for them.
func states() []string {
	return []string{"waiting", "delivered", "dead", "parked", "expired", "cancelled", "skipped", "shadowed", "folded"}
}

// traceData is one event's story.
type traceData struct {
	client.Trace
	Matched, Others []client.Verdict
	Untold          int // how many others there are, which are not shown
	// Asked is false for events that go to one target whatever the rules say.
	Asked bool
}

// shownVerdicts is how many rules that do not take an event are shown with their reasons.
const shownVerdicts = 200

func (s *console) trace(r *http.Request) (page, error) {
	t, err := s.api.Trace(r.Context(), r.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	d := traceData{Trace: t, Asked: t.Event.Type != event.Test && t.Event.Type != event.Digest}
	for _, v := range t.Verdicts {
		if v.Matched {
			d.Matched = append(d.Matched, v)
		} else {
			d.Others = append(d.Others, v)
		}
	}
	if n := len(d.Others); n > shownVerdicts {
		d.Others, d.Untold = d.Others[:shownVerdicts], n-shownVerdicts
	}
	return page{file: "trace", title: "Event", data: d}, nil
}
