package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func (s *server) againOps() {
	const steps = "Each request does a step; it is repeated, with the run that the answer names, until the answer says " +
		"that the run has ended. With that run and nothing else it goes on with what was chosen at first."
	wrong := []int{http.StatusNotFound, http.StatusConflict}
	handle(s, op{
		route: "POST /api/v1/redeliver", role: access.Editor, noun: "deliveries",
		summary: "Have deliveries made again", detail: steps, errors: wrong,
	}, s.redeliver)
	handle(s, op{
		route: "POST /api/v1/deliveries/{id}/redeliver", role: access.Editor, noun: "deliveries",
		summary: "Have one delivery made again", errors: wrong,
	}, s.redeliverOne)
	handle(s, op{
		route: "POST /api/v1/replay", role: access.Editor, noun: "events",
		summary: "Have stored events judged by the rules in force", detail: steps, errors: wrong,
	}, s.replay)
}

// againRequest asks for deliveries to be made again, or for events to be replayed. Each
// request does a step; it is repeated, with the run that the answer names, until the
// answer says that the run has ended. With that run and nothing else it goes on with what
// was chosen at first.
type againRequest struct {
	Run string `json:"run,omitempty" doc:"A UUID; where it is left out, a run begins."`

	ID string `json:"id,omitempty" doc:"Of a delivery, or of an event."`
	Filter
	State   string    `json:"state,omitempty" doc:"Of deliveries: one or more, with commas between them; dead where nothing is said." example:"dead,expired"`
	Outcome stateName `json:"outcome,omitempty" doc:"Of events: those with a delivery in this state."`

	To     string `json:"to,omitempty" doc:"A target that it goes to, and not to those that it went to."`
	Limit  int    `json:"limit,omitempty" doc:"How many at most, from 1 to 1000000; 1000 where nothing is said."`
	DryRun bool   `json:"dry_run,omitempty" doc:"Say how many, and do nothing."`
	Cursor string `json:"cursor,omitempty" doc:"Of a replay's dry run: where the last answer left off."`
	ByRequest
}

// chooses reports whether q says which deliveries or events are meant.
func (q againRequest) chooses() bool {
	return q.ID != "" || q.Filter != Filter{} || q.State != "" || q.Outcome != ""
}

// either is an answer of one of two types.
type either[A, B any] struct{ is any }

// MarshalJSON is that of what it is.
func (e either[A, B]) MarshalJSON() ([]byte, error) { return json.Marshal(e.is) }

// Schema has both.
func (either[A, B]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{
		r.Schema(reflect.TypeFor[A](), true, ""), r.Schema(reflect.TypeFor[B](), true, ""),
	}}
}

// dryRedelivery says what a redelivery would do.
type dryRedelivery struct {
	DryRun     bool `json:"dry_run"`
	Deliveries int  `json:"deliveries"`
	More       bool `json:"more"` // than the limit lets it make
}

// dryReplay says what a step of a replay would do.
type dryReplay struct {
	DryRun bool `json:"dry_run"`
	store.Counts
	Cursor string `json:"cursor"` // "" where there are no more
}

type (
	redelivery = either[store.Run, dryRedelivery]
	replaying  = either[store.Run, dryReplay]
)

// checkAgain completes a request, and reports whether it is to go on with what was chosen
// at first.
func (s *server) checkAgain(ctx context.Context, q *againRequest) (goOn bool, err error) {
	if q.By, err = who(ctx, q.By); err != nil {
		return false, err
	}
	if q.Limit < 0 || q.Limit > store.MaxRunLimit {
		return false, wrong("limit", "%d is not a number from 1 to %d", q.Limit, store.MaxRunLimit)
	}
	if q.Run != "" && uuid.Validate(q.Run) != nil {
		return false, wrong("run", "it is no UUID; leave it out to begin a run, and go on with the one that the answer names")
	}
	if _, known := s.Terms(q.To); q.To != "" && !known {
		return false, wrong("to", "there is no target %q: `bellbuoy targets` lists those that there are", q.To)
	}
	if q.chooses() {
		return false, nil
	}
	if q.Run == "" {
		return false, problemf(http.StatusBadRequest, "say which: an id, or filters such as target, since or state; nothing chooses everything")
	}
	has, err := s.Store.HasRun(ctx, q.Run)
	if err == nil && !has {
		err = problemf(http.StatusNotFound, "there is no run %q to go on with", q.Run)
	}
	return true, err
}

// redeliver has deliveries made again.
func (s *server) redeliver(ctx context.Context, in *struct{ Body againRequest }) (*body[redelivery], error) {
	return s.makeAgain(ctx, in.Body)
}

// redeliverOne has the delivery of the path made again.
func (s *server) redeliverOne(ctx context.Context, in *struct {
	ByID
	Body againRequest
}) (*body[redelivery], error) {
	in.Body.ID = in.ID
	return s.makeAgain(ctx, in.Body)
}

func (s *server) makeAgain(ctx context.Context, q againRequest) (*body[redelivery], error) {
	goOn, err := s.checkAgain(ctx, &q)
	if err != nil {
		return nil, err
	}
	wish := store.Redelivery{Run: q.Run, To: q.To, By: q.By}
	if !goOn {
		if q.Outcome != "" || q.Cursor != "" {
			return nil, problemf(http.StatusBadRequest, "there are no outcome and no cursor here; state chooses deliveries by theirs")
		}
		if wish.Select, err = q.deliveries(q.ID, q.State, s.now()); err != nil {
			return nil, err
		}
		wish.Select.Limit = cmp.Or(q.Limit, store.DefaultRunLimit)
		if err := s.chosen(ctx, &wish, q); err != nil {
			return nil, err
		}
	}
	if q.DryRun {
		n, more, err := s.Store.Selected(ctx, wish.Select)
		return &body[redelivery]{redelivery{dryRedelivery{true, n, more}}}, err
	}
	run, err := s.Store.Redeliver(ctx, wish, s.Terms)
	if err == nil && run.Ended {
		s.Log.InfoContext(ctx, "deliveries asked for again", "run", run.ID, "deliveries", run.Done, "by", q.By)
	}
	return &body[redelivery]{redelivery{run}}, err
}

// chosen completes what a request for redelivery chooses; the error says why that cannot be
// made again.
func (s *server) chosen(ctx context.Context, wish *store.Redelivery, q againRequest) error {
	sel := &wish.Select
	for _, st := range sel.States {
		if !slices.Contains(store.Redeliverable(), st) {
			return wrong("state", "what is %s cannot be made again; one of %s can", st, joined(store.Redeliverable()))
		}
	}
	if sel.ID == "" {
		if len(sel.States) == 0 {
			sel.States = []store.State{store.Dead}
		}
		return nil
	}
	if q.Run != "" { // what was asked for again is not in the state it was in
		if has, err := s.Store.HasRun(ctx, q.Run); err != nil || has {
			return err
		}
	}
	all := *sel
	all.States, all.Limit = nil, store.MaxLimit
	list, err := s.Store.Deliveries(ctx, all)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return problemf(http.StatusNotFound, "there is no delivery %q, nor an event with such deliveries", sel.ID)
	}
	if len(sel.States) == 0 {
		sel.States = []store.State{store.Dead, store.Expired, store.Cancelled, store.Skipped}
		if list[0].ID == sel.ID { // this one was meant, whatever became of it
			sel.States = store.Redeliverable()
		}
	}
	var is []string
	for _, d := range list {
		if slices.Contains(sel.States, d.State) {
			if _, known := s.Terms(cmp.Or(wish.To, d.Target)); known {
				return nil
			}
			is = append(is, fmt.Sprintf("the target %q is not in the config", d.Target))
			continue
		}
		is = append(is, fmt.Sprintf("the delivery to %s is %s", d.Target, d.State))
	}
	return problemf(http.StatusConflict, "there is nothing to make again of %q: %s. One that was delivered is made again by its own id, or with its state named",
		sel.ID, strings.Join(slices.Compact(is), "; "))
}

// replay has stored events judged by the rules in force.
func (s *server) replay(ctx context.Context, in *struct{ Body againRequest }) (*body[replaying], error) {
	q := in.Body
	goOn, err := s.checkAgain(ctx, &q)
	if err != nil {
		return nil, err
	}
	wish := store.Replay{Run: q.Run, To: q.To, By: q.By}
	if !goOn {
		if q.ID != "" || q.State != "" {
			return nil, problemf(http.StatusBadRequest, "there are no id and no state here: outcome chooses events by that of a delivery, native_id by the registry's id")
		}
		if wish.Select, err = q.query(s.now()); err != nil {
			return nil, err
		}
		wish.Select.Outcome, wish.Select.Limit = string(q.Outcome), cmp.Or(q.Limit, store.DefaultRunLimit)
		if !q.DryRun {
			if err := s.bounded(ctx, wish); err != nil {
				return nil, err
			}
		}
	}
	if q.DryRun {
		counts, cursor, err := s.Store.TryReplay(ctx, wish.Select, q.To, q.Cursor, s.Judge)
		return &body[replaying]{replaying{dryReplay{true, counts, cursor}}}, err
	}
	run, err := s.Store.Replay(ctx, wish, s.Judge)
	if err == nil && run.Ended {
		s.Log.InfoContext(ctx, "events replayed", "run", run.ID, "events", run.Done, "deliveries", run.Deliveries, "by", q.By)
	}
	return &body[replaying]{replaying{run}}, err
}

// bounded refuses a replay that is to begin and would be of more events than it may: a
// second one would begin with the same ones again.
func (s *server) bounded(ctx context.Context, wish store.Replay) error {
	if wish.Run != "" {
		if has, err := s.Store.HasRun(ctx, wish.Run); err != nil || has {
			return err
		}
	}
	n, more, err := s.Store.Replayable(ctx, wish.Select)
	if err == nil && more {
		return problemf(http.StatusConflict, "there are more than %d such events, which is the limit: choose fewer, or set another limit, of at most %d", n, store.MaxRunLimit)
	}
	return err
}
