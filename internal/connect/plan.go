package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Action is what was done at one place of a registry.
type Action string

// The actions. In a dry run nothing of it was done.
const (
	Made      Action = "made"
	Changed   Action = "changed"
	Reset     Action = "reset" // was switched off after failures, and is on again
	Removed   Action = "removed"
	Unchanged Action = "unchanged"
	Absent    Action = "absent"  // there was nothing to remove
	Skipped   Action = "skipped" // the registry does not have it
	Failed    Action = "failed"
)

// Row says what became of one thing at the registry, or, in a dry run, what would.
type Row struct {
	// Place is a project, a repository, an organization or a file.
	Place string `json:"place"`
	// What is there: a policy, the event of a notification, an endpoint.
	What   string `json:"what"`
	Action Action `json:"action"`
	// Changes are what was not as it should be. They hold no secret.
	Changes []string `json:"changes,omitempty"`
	// Note is what to know, or to do yet.
	Note  string `json:"note,omitempty"`
	Error string `json:"error,omitempty"`
	// Backup is the file as it was, Diff what a dry run would change in it.
	Backup string `json:"backup,omitempty"`
	Diff   string `json:"diff,omitempty"`
	// DryRun: nothing of it was done.
	DryRun bool `json:"dry_run,omitempty"`
	// ByHand: it failed, since only people can do it.
	ByHand bool `json:"-"`
}

// acted reports whether something was done at the registry.
func (r Row) acted() bool {
	return slices.Contains([]Action{Made, Changed, Reset, Removed}, r.Action)
}

// step is one thing of a place: what is to become of it, and how. do is nil where it is
// as it should be.
type step struct {
	row Row
	do  func(ctx context.Context) error
}

// Side is a registry's side, that can be made as it should be through its API.
type Side struct {
	caller *caller
	// begin forgets what the registry said before; nil = there is nothing such.
	begin func()
	// list finds the places that there are; nil where all are named.
	list  func(ctx context.Context) ([]string, error)
	named []string
	// plan reads what is at a place and says what is to be done. It changes nothing.
	plan func(ctx context.Context, place string) ([]step, error)
	// silent is of how many places in a row nothing was heard at all.
	silent int
}

// maxSilent is of how many places nothing is heard before the others are left, for each
// costs a minute or more.
const maxSilent = 3

// Close lets go of idle connections.
func (s *Side) Close() { s.caller.close() }

// Apply makes each place as it should be, or only says what it would do, and tells what
// became of each thing. Where one fails, the others are tried all the same: then its row
// says so. The error says why there was no going on: the places could not be listed, the
// credentials are refused, nothing is heard any more, or ctx is done.
func (s *Side) Apply(ctx context.Context, dry bool, tell func(Row)) error {
	s.silent = 0
	if s.begin != nil {
		s.begin()
	}
	if dry {
		done := tell
		tell = func(r Row) { r.DryRun = true; done(r) }
	}
	places := slices.Clone(s.named)
	if s.list != nil {
		listed, err := s.list(ctx)
		if err != nil {
			return err
		}
		for _, p := range listed {
			if !slices.Contains(s.named, p) {
				places = append(places, p)
			}
		}
	}
	for i, p := range places {
		if err := s.place(ctx, p, dry, tell); err != nil {
			return err
		}
		if rest := len(places) - i - 1; s.silent == maxSilent && rest > 0 {
			return fmt.Errorf("%s gives no answer any more: %d more are not tried", s.caller.who, rest)
		}
	}
	return nil
}

// place makes one place as it should be. What was changed by others meanwhile, or is not
// known to have been done, it reads again.
func (s *Side) place(ctx context.Context, place string, dry bool, tell func(Row)) error {
	v := &visit{place: place, dry: dry, rows: map[string]Row{}, tried: map[string]Row{}}
	defer func() {
		for _, what := range v.order {
			tell(v.rows[what])
		}
	}()
	for try := 1; ; try++ {
		steps, err := s.plan(ctx, place)
		if e, ok := errors.AsType[*apiError](err); ok && e.fault == faultPerhaps && e.status == 0 {
			s.silent++
		} else {
			s.silent = 0
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
		case faultOf(err) == faultRefused:
			return err
		case faultOf(err) == faultMissing && !slices.Contains(s.named, place):
			v.forget() // it went since it was listed
			return nil
		default:
			v.forget()
			v.put(Row{Place: place, Action: Failed, Error: err.Error()})
			return nil
		}
		again, err := v.take(ctx, steps)
		if err != nil || !again || try == maxTries {
			return err
		}
		if err := pause(ctx, s.caller.wait<<(try-1)); err != nil {
			return err
		}
	}
}

// visit is what became of one place so far.
type visit struct {
	place string
	dry   bool
	order []string
	rows  map[string]Row // by what they are of
	tried map[string]Row // what was perhaps done, and would then be this
}

func (v *visit) put(r Row) {
	if !slices.Contains(v.order, r.What) {
		v.order = append(v.order, r.What)
	}
	v.rows[r.What] = r
}

// forget takes out what failed, once the reason is known.
func (v *visit) forget() {
	v.order = slices.DeleteFunc(v.order, func(what string) bool { return v.rows[what].Action == Failed })
}

// take does all steps, and reports whether the place must be read again. An error ends
// everything.
func (v *visit) take(ctx context.Context, steps []step) (again bool, err error) {
	v.settle(steps)
	for _, st := range steps {
		if st.do == nil || v.dry {
			v.leave(st.row)
			continue
		}
		err := st.do(ctx)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		switch faultOf(err) {
		case faultRefused:
			return false, err
		case faultPerhaps:
			v.tried[st.row.What] = st.row
			again = true
		case faultStale, faultMissing:
			again = true
		}
		row := st.row
		if err != nil {
			row = Row{Place: v.place, What: st.row.What, Action: Failed, Error: err.Error()}
		}
		if s, ok := errors.AsType[*skipped](err); ok {
			row.Action, row.Note, row.Error = Skipped, s.why, ""
		}
		v.put(row)
	}
	return again, nil
}

// leave notes that there is nothing to do about a thing, which may be so because it was
// done before.
func (v *visit) leave(r Row) {
	if done, ok := v.tried[r.What]; ok {
		r = done
	}
	before, seen := v.rows[r.What]
	switch {
	case seen && before.Action != Failed:
	case !seen && r.Action == Absent && len(v.order) > 0: // for all of it was removed just now
	default:
		v.put(r)
	}
}

// settle takes for done what was perhaps done, and of which there is nothing to do any more.
func (v *visit) settle(steps []step) {
	for what, row := range v.tried {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.row.What == what }) {
			v.rows[what] = row
		}
	}
}

// skipped says why the registry cannot have a thing.
type skipped struct{ why string }

func (s *skipped) Error() string { return s.why }

// pause waits, and ends early where ctx does.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
