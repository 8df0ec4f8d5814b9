package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// logEntry is one line of the log of a rule or a target: an event that was to be told, or
// that was not and why.
type logEntry struct {
	Event    string `json:"event"`              // its id: the trace has all of it
	Delivery string `json:"delivery,omitempty"` // its id; absent where none was planned
	// Action is the event's type.
	Action event.Type `json:"action"`
	// What the registry calls it.
	NativeAction string   `json:"native_action,omitempty"`
	EventStatus  string   `json:"event_status,omitempty"` // of the event: succeeded, failed, ...
	Registry     string   `json:"registry"`
	Repository   string   `json:"repository,omitempty"` // its full name
	Tags         []string `json:"tags"`                 // of the artifact
	Digest       string   `json:"digest,omitempty"`     // of the artifact
	// Status is success, failure, pending, not sent or not triggered.
	Status string `json:"status"`
	// State is the delivery's.
	State store.State `json:"state,omitempty"`
	// Reason is why it is so.
	Reason string `json:"reason,omitempty"`
	// Predicate is the condition of the rule that the event does not meet.
	Predicate string `json:"predicate,omitempty"`
	// Time is when the first request was begun; where none was, when the event came.
	Time     time.Time          `json:"time"`
	Began    *time.Time         `json:"began"` // when the first request was begun
	Ended    *time.Time         `json:"ended"`
	Next     *time.Time         `json:"next"`
	Rules    []string           `json:"rules"`
	Target   string             `json:"target,omitempty"`
	Attempts int                `json:"attempts"` // made so far
	Last     *store.LastAttempt `json:"last"`
}

// The words for how it stands with an entry.
const (
	logSuccess   = "success"
	logFailure   = "failure"
	logPending   = "pending"
	logNotSent   = "not sent"
	logUnmatched = "not triggered"
)

// logStatus is the word for a delivery.
func logStatus(d *store.ListedDelivery) string {
	switch d.State {
	case store.Delivered:
		return logSuccess
	case store.Dead, store.Expired:
		return logFailure
	case store.Waiting, store.Parked:
		return logPending
	case store.Folded: // it ends as the one that tells of it: else it is no longer folded
		if d.Ended == nil {
			return logPending
		}
		return logSuccess
	}
	return logNotSent
}

// judgeFor is how long a page of a log is spent on making again the rules of earlier.
const judgeFor = 200 * time.Millisecond

// LogInput chooses entries of a log.
type LogInput struct {
	ByName
	Outcome stateName `query:"outcome" doc:"Only deliveries in this state."`
	Since   string    `query:"since" doc:"Only of events from this time on: RFC 3339, or a duration back from now such as 90m or 3d."`
	Until   string    `query:"until" doc:"Only of events before this time."`
	Paging
}

// query reads what all logs have; its error names all that is wrong.
func (in LogInput) query(now time.Time) (store.LogQuery, error) {
	q, err := Filter{Since: in.Since, Until: in.Until}.query(now)
	return store.LogQuery{Outcome: store.State(in.Outcome), Since: q.Since, Until: q.Until, Limit: in.Limit, Before: in.Before}, err
}

func (s *server) logOps() {
	handle(s, op{
		route: "GET /api/v1/rules/{name}/log", role: access.Viewer, noun: "rules",
		summary: "List what a rule took and what became of it, the newest first",
		detail: "An entry for each delivery. With all=true also one for each event of the types that the rule takes now, " +
			"which it did not take: its status is \"not triggered\", and the reason is computed by the rules that judged the event then. " +
			"A page may have fewer entries than the limit, and still have a next one: the Link header says so.",
	}, s.ruleLog)
	handle(s, op{
		route: "GET /api/v1/targets/{name}/log", role: access.Viewer, noun: "targets",
		summary: "List what was for a target and what became of it, the newest first",
	}, s.targetLog)
}

// ruleNamed returns a rule of those in use, disabled ones too.
func (s *server) ruleNamed(name string) (Rule, bool) {
	for _, r := range s.Running().Rules {
		if r.Name == name {
			return r, true
		}
	}
	return Rule{}, false
}

// log returns a page of a log, and where the next one begins.
func (s *server) log(ctx context.Context, q store.LogQuery) ([]logEntry, string, error) {
	page, err := s.Store.Log(ctx, q)
	if err != nil {
		return nil, "", err
	}
	list := make([]logEntry, 0, len(page.Entries))
	old := &rulesOfEarlier{s: s, until: time.Now().Add(judgeFor), sets: map[string]*rules.Set{}}
	for i, e := range page.Entries {
		var of event.Event
		if err := json.Unmarshal(e.Event, &of); err != nil {
			return nil, "", fmt.Errorf("decode stored event: %w", err)
		}
		if e.Delivery == nil {
			if of.Origin == event.OriginTest && !slices.Contains(e.Matched, q.Rule) {
				continue // made for another one
			}
			if i > 0 && old.late(e.RuleSet) {
				return list, page.Entries[i-1].Cursor, nil
			}
		}
		entry, err := old.entry(ctx, q.Rule, &of, e)
		if err != nil {
			return nil, "", err
		}
		list = append(list, entry)
	}
	return list, page.Next, nil
}

// rulesOfEarlier say why a rule did not take events that came when the rules were others.
type rulesOfEarlier struct {
	s     *server
	until time.Time
	sets  map[string]*rules.Set
}

// late reports whether there is no time left to make those rules again.
func (o *rulesOfEarlier) late(hash string) bool {
	now := o.s.Rules()
	return o.sets[hash] == nil && (now == nil || now.Hash() != hash) && time.Now().After(o.until)
}

func (o *rulesOfEarlier) entry(ctx context.Context, rule string, of *event.Event, e store.LogEntry) (logEntry, error) {
	out := logEntry{
		Event: of.ID, Action: of.Type, NativeAction: of.Native.Type, EventStatus: string(of.Status), Registry: of.Registry.Name,
		Tags: []string{}, Time: of.Received, Rules: []string{},
	}
	if of.Repository != nil {
		out.Repository = of.Repository.FullName
	}
	if of.Artifact != nil {
		out.Tags, out.Digest = append(out.Tags, of.Artifact.Tags...), of.Artifact.Digest
	}
	if d := e.Delivery; d != nil {
		out.Delivery, out.Status, out.State, out.Reason = d.ID, logStatus(d), d.State, d.Reason
		out.Began, out.Ended, out.Next, out.Attempts, out.Last = d.Began, d.Ended, d.Next, d.Attempts, d.Last
		out.Rules, out.Target = append(out.Rules, d.Rules...), d.Target
		if d.Began != nil {
			out.Time = *d.Began
		}
		return out, nil
	}
	out.Status = logUnmatched
	if slices.Contains(e.Matched, rule) {
		out.Status, out.Reason = logNotSent, "the rule took it, and nothing was to be sent"
		return out, nil
	}
	set := o.sets[e.RuleSet]
	if set == nil {
		var err error
		if set, err = o.s.ruleSet(ctx, e.RuleSet); err != nil && ctx.Err() != nil {
			return out, err
		} else if err != nil {
			out.Reason = err.Error()
			return out, nil
		}
		o.sets[e.RuleSet] = set
	}
	verdict, asked := set.ExplainOne(rule, of)
	switch {
	case !asked:
		out.Predicate, out.Reason = "enabled", "the rule was disabled, not there, or took no events of this type when it came"
	case verdict.Matched:
		out.Reason = "computed again, the rule takes it: this bellbuoy reads the rules otherwise than the one that routed it"
	default:
		out.Predicate, out.Reason = verdict.Predicate, verdict.Reason
	}
	return out, nil
}

// ruleLog tells what became of what a rule took, and with "all" what it did not take.
func (s *server) ruleLog(ctx context.Context, in *struct {
	LogInput
	All bool `query:"all" doc:"Also what the rule did not take, and why."`
}) (*page[logEntry], error) {
	q, err := in.query(s.now())
	if err != nil {
		return nil, err
	}
	if v := asked(ctx).Query(); v.Has("all") && v.Get("all") == "" {
		in.All = true // a flag may stand alone
	}
	if in.All && q.Outcome != "" {
		return nil, problemf(http.StatusBadRequest, "outcome: it is one of deliveries, of which there are none where the rule did not match; leave out all, or outcome")
	}
	q.Rule = in.Name
	r, known := s.ruleNamed(in.Name)
	if in.All && known {
		q.All = rules.TypesNamed(r.Events)
	}
	return s.pageOfLog(ctx, in.LogInput, q, known, "rule")
}

// targetLog tells what became of what was to be sent to a target.
func (s *server) targetLog(ctx context.Context, in *struct{ LogInput }) (*page[logEntry], error) {
	q, err := in.query(s.now())
	if err != nil {
		return nil, err
	}
	q.Target = in.Name
	return s.pageOfLog(ctx, in.LogInput, q, s.names(in.Name), "target")
}

// pageOfLog answers with a page; what is rule or target, and known is one that is in use.
func (s *server) pageOfLog(ctx context.Context, in LogInput, q store.LogQuery, known bool, what string) (*page[logEntry], error) {
	list, next, err := s.log(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0 && next == "" && !known:
		return nil, problemf(http.StatusNotFound, "there is no %s %q, and no delivery of it is kept: list what there is with `bellbuoy %ss`", what, in.Name, what)
	}
	p := &page[logEntry]{Body: list}
	if next != "" {
		p.Link = in.next(ctx, next, times(store.Query{Since: q.Since, Until: q.Until}))
	}
	return p, nil
}
