package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
)

const (
	// previewMost is how many events a preview looks at, the newest first, and previewFor how
	// long at the most: it is made while somebody types.
	previewMost = 20_000
	previewFor  = 250 * time.Millisecond
	// previewShown is how many of each kind it shows.
	previewShown = 10
)

func (s *server) previewOps() {
	handle(s, op{
		route: "POST /api/v1/rules/{name}/preview", role: access.Editor, noun: "rules",
		summary: "Say what a rule would make of stored events, before it is made or changed",
		detail: "The body is the rule. Nothing is changed. Of the events since a time the newest are looked at, " +
			"as many as there is time for. What would become of all rules at once is said by /api/v1/backtest.",
		errors: []int{http.StatusConflict},
	}, s.preview)
}

// preview is what a rule would have made of stored events.
type preview struct {
	Events  int  `json:"events" doc:"How many were looked at, of the types that the rule takes."`
	Matched int  `json:"matched" doc:"How many of them it takes."`
	More    bool `json:"more" doc:"There are older ones since that time, which were not looked at."`
	// Taken and NotTaken are the newest of each.
	Taken    []previewed `json:"taken"`
	NotTaken []previewed `json:"not_taken"`
	// NotStored are types that the rule takes and that are only counted so far.
	NotStored []event.Type `json:"not_stored"`
}

// previewed is one event, and why a rule does not take it.
type previewed struct {
	Event string     `json:"event"` // its id
	Type  event.Type `json:"type"`
	About string     `json:"about"` // what happened, in words
	Time  time.Time  `json:"time"`
	// Predicate is the condition of the rule that it does not meet, and Reason how.
	Predicate string `json:"predicate,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// errEnough ends a scan.
var errEnough = errors.New("enough was seen")

func (s *server) preview(ctx context.Context, in *struct {
	ByName
	Since string `query:"since" default:"72h" doc:"From when on events are looked at: RFC 3339, or a duration back from now."`
	Body  json.RawMessage
}) (*body[preview], error) {
	q, err := Filter{Since: in.Since}.query(s.now())
	if err != nil {
		return nil, err
	}
	if s.Try == nil {
		return nil, noChange()
	}
	rule, err := switchedOn(in.Body)
	if err != nil {
		return nil, err
	}
	set, err := s.Try(ctx, []objects.Change{{Kind: objects.Rule, Name: in.Name, Body: rule, Version: objects.Any}})
	if err != nil {
		return nil, err
	}
	p := preview{Taken: []previewed{}, NotTaken: []previewed{}, NotStored: []event.Type{}}
	for _, t := range event.Types() {
		if t.OnRequest() && set.Wants(t) && !s.Rules().Wants(t) {
			p.NotStored = append(p.NotStored, t)
		}
	}
	end := time.Now().Add(previewFor)
	err = s.Store.Scan(ctx, q.Since, func(page store.Scanned) error {
		for _, raw := range page.Events {
			var e event.Event
			if err := json.Unmarshal(raw, &e); err != nil {
				return fmt.Errorf("decode stored event: %w", err)
			}
			v, asked := set.ExplainOne(in.Name, &e)
			if !asked {
				continue
			}
			p.Events++
			list := &p.NotTaken
			if v.Matched {
				p.Matched++
				list = &p.Taken
			}
			if len(*list) < previewShown {
				*list = append(*list, previewed{e.ID, e.Type, message.BriefOf(e).Title, e.Received, v.Predicate, v.Reason})
			}
		}
		if page.Read < page.Of && (page.Read >= previewMost || time.Now().After(end)) {
			return errEnough
		}
		return nil
	})
	if p.More = errors.Is(err, errEnough); p.More {
		err = nil
	}
	return &body[preview]{p}, err
}

// switchedOn is a rule as it is when it is enabled: one that is not yet would take nothing.
func switchedOn(rule json.RawMessage) (json.RawMessage, error) {
	v, err := objects.Read(rule)
	o, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, problemf(http.StatusBadRequest, "the request is no JSON object that is understood here: send the rule")
	}
	o["enabled"] = true
	return objects.Write(o)
}
