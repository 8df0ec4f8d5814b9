package connect

import (
	"context"
	"errors"
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
}

// Close lets go of idle connections.
func (s *Side) Close() { s.caller.close() }

// Apply makes each place as it should be, or only says what it would do, and tells what
// became of each thing. Where one fails, the others are tried all the same: then its row
// says so. The error says why there was no going on: the places could not be listed, the
// credentials are refused, or ctx is done.
func (s *Side) Apply(ctx context.Context, dry bool, tell func(Row)) error {
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
	for _, p := range places {
		if err := s.place(ctx, p, dry, tell); err != nil {
			return err
		}
	}
	return nil
}

// place makes one place as it should be. What was changed by others meanwhile, or is not
// known to have been done, it reads again.
func (s *Side) place(ctx context.Context, place string, dry bool, tell func(Row)) error {
	var order []string
	rows := map[string]Row{}
	tried := map[string]Row{} // perhaps done
	put := func(r Row) {
		if _, ok := rows[r.What]; !ok {
			order = append(order, r.What)
		}
		rows[r.What] = r
	}
	defer func() {
		for _, what := range order {
			tell(rows[what])
		}
	}()
	for try := 1; ; try++ {
		steps, err := s.plan(ctx, place)
		if err != nil { // what failed before did so for this reason
			order = slices.DeleteFunc(order, func(what string) bool { return rows[what].Action == Failed })
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case faultOf(err) == faultRefused:
			return err
		case faultOf(err) == faultMissing && !slices.Contains(s.named, place):
			return nil // it went since it was listed
		case err != nil:
			put(Row{Place: place, Action: Failed, Error: err.Error()})
			return nil
		}
		settle(steps, rows, tried)
		again := false
		for _, st := range steps {
			before, seen := rows[st.row.What]
			if st.row.Action == Absent && len(order) > 0 && !seen {
				continue // for all of it was removed just now
			}
			if st.do == nil || dry {
				if maybe, ok := tried[st.row.What]; ok && !dry {
					st.row = maybe
				}
				if !seen || before.Action == Failed {
					put(st.row)
				}
				continue
			}
			err := st.do(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			switch f := faultOf(err); {
			case err == nil:
				put(st.row)
				continue
			case f == faultRefused:
				return err
			case f == faultPerhaps:
				tried[st.row.What] = st.row
				again = true
			case f == faultStale, f == faultMissing:
				again = true
			}
			row := Row{Place: place, What: st.row.What, Action: Failed, Error: err.Error()}
			if s, ok := errors.AsType[*skipped](err); ok {
				row.Action, row.Note, row.Error = Skipped, s.why, ""
			}
			put(row)
		}
		if !again || try == maxTries {
			return nil
		}
		if err := pause(ctx, s.caller.wait<<(try-1)); err != nil {
			return err
		}
	}
}

// settle takes for done what was perhaps done, and of which there is nothing to be done any
// more.
func settle(steps []step, rows, tried map[string]Row) {
	for what, row := range tried {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.row.What == what }) {
			rows[what] = row
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
