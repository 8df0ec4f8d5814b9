package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// againRequest asks for deliveries to be made again, or for events to be replayed. Each
// request does a step; it is repeated, with the run that the answer names, until the
// answer says that the run has ended. With that run and nothing else it goes on with what
// was chosen at first.
type againRequest struct {
	Run string `json:"run"` // a UUID; "" begins a run

	ID         string `json:"id"` // of a delivery, or of an event
	Type       string `json:"type"`
	Registry   string `json:"registry"`
	Repository string `json:"repository"`
	Tag        string `json:"tag"`
	Digest     string `json:"digest"`
	NativeID   string `json:"native_id"`
	Rule       string `json:"rule"`
	Target     string `json:"target"`
	State      string `json:"state"`   // of deliveries: one or more with commas; "" = dead
	Outcome    string `json:"outcome"` // of events
	Since      string `json:"since"`
	Until      string `json:"until"`

	To     string `json:"to"`
	Limit  int    `json:"limit"`   // 0 = 1000
	DryRun bool   `json:"dry_run"` // say how many, and do nothing
	Cursor string `json:"cursor"`  // of a replay's dry run: where the last answer left off
	By     string `json:"by"`
}

// values are what chooses, as the lists' queries have it.
func (q againRequest) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"id": q.ID, "type": q.Type, "registry": q.Registry, "repository": q.Repository, "tag": q.Tag, "digest": q.Digest,
		"native_id": q.NativeID, "rule": q.Rule, "target": q.Target, "state": q.State, "outcome": q.Outcome,
		"since": q.Since, "until": q.Until,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// checkAgain completes a request, and reports whether it is to go on with what was chosen
// at first; ok is false where it was answered, being wrong.
func (s *server) checkAgain(w http.ResponseWriter, r *http.Request, q *againRequest) (goOn, ok bool) {
	by, err := who(r, q.By)
	switch {
	case err != nil:
	case q.Limit < 0 || q.Limit > store.MaxRunLimit:
		err = fmt.Errorf("limit: %d is not a number from 1 to %d", q.Limit, store.MaxRunLimit)
	case q.Run != "" && uuid.Validate(q.Run) != nil:
		err = errors.New("run: it is no UUID; leave it out to begin a run, and go on with the one that the answer names")
	case q.To != "":
		if _, known := s.Terms(q.To); !known {
			err = fmt.Errorf("to: there is no target %q: `bellbuoy targets` lists those that there are", q.To)
		}
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return false, false
	}
	q.By = by
	if len(q.values()) > 0 {
		return false, true
	}
	if q.Run == "" {
		fail(w, http.StatusBadRequest, "say which: an id, or filters such as target, since or state; nothing chooses everything")
		return false, false
	}
	has, err := s.Store.HasRun(r.Context(), q.Run)
	if err != nil {
		s.failStore(w, r, err)
		return false, false
	}
	if !has {
		fail(w, http.StatusNotFound, "there is no run %q to go on with", q.Run)
	}
	return true, has
}

// redeliver has deliveries made again.
func (s *server) redeliver(w http.ResponseWriter, r *http.Request) {
	var q againRequest
	if err := readStrict(w, r, &q); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	s.makeAgain(w, r, q)
}

func (s *server) makeAgain(w http.ResponseWriter, r *http.Request, q againRequest) {
	goOn, ok := s.checkAgain(w, r, &q)
	if !ok {
		return
	}
	wish := store.Redelivery{Run: q.Run, To: q.To, By: q.By}
	if !goOn {
		if q.Outcome != "" || q.Cursor != "" {
			fail(w, http.StatusBadRequest, "there are no outcome and no cursor here; state chooses deliveries by theirs")
			return
		}
		var err error
		if wish.Select, err = readSelection(q.values(), s.now()); err != nil {
			fail(w, http.StatusBadRequest, "%v", err)
			return
		}
		wish.Select.Limit = cmp.Or(q.Limit, store.DefaultRunLimit)
		if !s.chosen(w, r, &wish, q) {
			return
		}
	}
	if q.DryRun {
		n, more, err := s.Store.Selected(r.Context(), wish.Select)
		if err != nil {
			s.failRun(w, r, err)
			return
		}
		answer(w, struct {
			DryRun     bool `json:"dry_run"`
			Deliveries int  `json:"deliveries"`
			More       bool `json:"more"`
		}{true, n, more})
		return
	}
	run, err := s.Store.Redeliver(r.Context(), wish, s.Terms)
	if err != nil {
		s.failRun(w, r, err)
		return
	}
	if run.Ended {
		s.Log.InfoContext(r.Context(), "deliveries asked for again", "run", run.ID, "deliveries", run.Done, "by", q.By)
	}
	answer(w, run)
}

// chosen completes what a request for redelivery chooses, and answers false where that
// cannot be made again.
func (s *server) chosen(w http.ResponseWriter, r *http.Request, wish *store.Redelivery, q againRequest) bool {
	sel := &wish.Select
	for _, st := range sel.States {
		if !slices.Contains(store.Redeliverable(), st) {
			fail(w, http.StatusBadRequest, "state: what is %s cannot be made again; one of %s can", st, joined(store.Redeliverable()))
			return false
		}
	}
	if sel.ID == "" {
		if len(sel.States) == 0 {
			sel.States = []store.State{store.Dead}
		}
		return true
	}
	if q.Run != "" { // what was asked for again is not in the state it was in
		has, err := s.Store.HasRun(r.Context(), q.Run)
		if err != nil {
			s.failStore(w, r, err)
			return false
		}
		if has {
			return true
		}
	}
	all := *sel
	all.States, all.Limit = nil, store.MaxLimit
	list, err := s.Store.Deliveries(r.Context(), all)
	switch {
	case err != nil:
		s.failRun(w, r, err)
		return false
	case len(list) == 0:
		fail(w, http.StatusNotFound, "there is no delivery %q, nor an event with such deliveries", sel.ID)
		return false
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
				return true
			}
			is = append(is, fmt.Sprintf("the target %q is not in the config", d.Target))
			continue
		}
		is = append(is, fmt.Sprintf("the delivery to %s is %s", d.Target, d.State))
	}
	fail(w, http.StatusConflict, "there is nothing to make again of %q: %s. One that was delivered is made again by its own id, or with its state named",
		sel.ID, strings.Join(slices.Compact(is), "; "))
	return false
}

// replay has stored events judged by the rules in force.
func (s *server) replay(w http.ResponseWriter, r *http.Request) {
	var q againRequest
	if err := readStrict(w, r, &q); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	goOn, ok := s.checkAgain(w, r, &q)
	if !ok {
		return
	}
	wish := store.Replay{Run: q.Run, To: q.To, By: q.By}
	if !goOn {
		if q.ID != "" || q.State != "" {
			fail(w, http.StatusBadRequest, "there are no id and no state here: outcome chooses events by that of a delivery, native_id by the registry's id")
			return
		}
		var err error
		if wish.Select, err = readQuery(q.values().Encode(), s.now()); err != nil {
			fail(w, http.StatusBadRequest, "%v", err)
			return
		}
		wish.Select.Limit = cmp.Or(q.Limit, store.DefaultRunLimit)
		if !q.DryRun && !s.bounded(w, r, wish) {
			return
		}
	}
	if q.DryRun {
		counts, cursor, err := s.Store.TryReplay(r.Context(), wish.Select, q.To, q.Cursor, s.Judge)
		if err != nil {
			s.failRun(w, r, err)
			return
		}
		answer(w, struct {
			DryRun bool `json:"dry_run"`
			store.Counts
			Cursor string `json:"cursor"` // "" where there are no more
		}{true, counts, cursor})
		return
	}
	run, err := s.Store.Replay(r.Context(), wish, s.Judge)
	if err != nil {
		s.failRun(w, r, err)
		return
	}
	if run.Ended {
		s.Log.InfoContext(r.Context(), "events replayed", "run", run.ID, "events", run.Done, "deliveries", run.Deliveries, "by", q.By)
	}
	answer(w, run)
}

// bounded answers false where a replay that is to begin would be of more events than it
// may: a second one would begin with the same ones again.
func (s *server) bounded(w http.ResponseWriter, r *http.Request, wish store.Replay) bool {
	if wish.Run != "" {
		if has, err := s.Store.HasRun(r.Context(), wish.Run); err != nil || has {
			if err != nil {
				s.failStore(w, r, err)
			}
			return err == nil
		}
	}
	n, more, err := s.Store.Replayable(r.Context(), wish.Select)
	switch {
	case err != nil:
		s.failRun(w, r, err)
	case more:
		fail(w, http.StatusConflict, "there are more than %d such events, which is the limit: choose fewer, or set another limit, of at most %d", n, store.MaxRunLimit)
	default:
		return true
	}
	return false
}

// failRun answers for an error of a redelivery or replay.
func (s *server) failRun(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, store.ErrBadQuery):
		fail(w, http.StatusBadRequest, "%v", err)
	case errors.Is(err, store.ErrOtherRun):
		fail(w, http.StatusConflict, "%v", err)
	default:
		s.failStore(w, r, err)
	}
}

// redeliverOne has the delivery of the path made again.
func (s *server) redeliverOne(w http.ResponseWriter, r *http.Request) {
	var q againRequest
	if err := readStrict(w, r, &q); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	q.ID = r.PathValue("id")
	s.makeAgain(w, r, q)
}
