package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// ErrOtherRun: a run with that id does something else.
var ErrOtherRun = errors.New("this run is for something else")

// DefaultRunLimit is how much one run does where nothing else is said, and MaxRunLimit
// the most that it can be told to do.
const (
	DefaultRunLimit = 1000
	MaxRunLimit     = 1_000_000
)

// Run is a redelivery or replay of many. It is done step by step, so that nobody waits
// for it, and each step writes down how far it is with what it does: one that is cut off,
// by whatever, goes on where it stands when it is asked for again by its id, and does
// nothing twice.
type Run struct {
	ID    string `json:"run"`
	Ended bool   `json:"ended"` // there is nothing left to do
	Counts
}

// Counts are what became of those that a run has seen to.
type Counts struct {
	// Done are the deliveries that wait again or were made for another target; of a
	// replay the events that were replayed.
	Done int `json:"done"`
	// Deliveries are those that the replayed events have.
	Deliveries int `json:"deliveries,omitempty"`
	// Changed are those that were in another state when their turn came.
	Changed int `json:"changed,omitempty"`
	// Gone are those whose target the config does not name: they stay as they are.
	Gone int `json:"gone,omitempty"`
	// Present are those whose event the other target has, or waits for, already.
	Present int `json:"present,omitempty"`
	// About are bellbuoy's own events that tell of the other target itself.
	About int `json:"about,omitempty"`
	// Unmatched are events that today's rules send nowhere, so that they are not replayed.
	Unmatched int `json:"unmatched,omitempty"`
	// More says that the run ended at its limit, and there are others.
	More bool `json:"more,omitempty"`
}

// run is a Run as it is stored.
type run struct {
	Run
	audit    int64
	what     string
	request  []byte
	upto, at int64
}

// begin returns the run with that id, making it where there is none. table is that of
// which it chooses.
func (s *Store) begin(ctx context.Context, id, what, by, object, table string, request any) (run, error) {
	if id == "" {
		made, err := uuid.NewV7()
		if err != nil {
			return run{}, err
		}
		id = made.String()
	}
	if r, err := s.findRun(ctx, s.read, id, what); !errors.Is(err, ErrNotFound) {
		return r, err
	}
	b, err := json.Marshal(request)
	if err != nil {
		return run{}, fmt.Errorf("begin run %s: encode the request: %w", id, err)
	}
	err = s.write(ctx, &job{run: func(ctx context.Context) error {
		if _, err := s.findRun(ctx, s.conn, id, what); !errors.Is(err, ErrNotFound) {
			return err // who asks twice at once gets the same one
		}
		entry, err := s.audit(ctx, by, what, object, runDetails{Run: id, Request: b})
		if err != nil {
			return err
		}
		upto := s.seqs.delivery
		if table == "event" {
			upto = s.seqs.event
		}
		_, err = s.conn.ExecContext(ctx, s.stmts.text.after.insertRun, id, entry, what, string(b), upto)
		return err
	}})
	if err != nil {
		return run{}, fmt.Errorf("begin run %s: %w", id, err)
	}
	return s.findRun(ctx, s.read, id, what)
}

// runDetails are the details of the audit's entry of a run.
type runDetails struct {
	Run     string          `json:"run"`
	Request json.RawMessage `json:"request"`
	Counts
}

// asker is a connection that answers questions.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *Store) findRun(ctx context.Context, from asker, id, what string) (run, error) {
	r := run{Run: Run{ID: id}}
	var counts []byte
	err := from.QueryRowContext(ctx, s.stmts.text.after.findRun, id).
		Scan(&r.audit, &r.what, &r.request, &r.upto, &r.at, &counts, &r.Ended)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r, fmt.Errorf("run %s: %w", id, ErrNotFound)
	case err != nil:
		return r, fmt.Errorf("read run %s: %w", id, dbError(err))
	case r.what != what:
		return r, fmt.Errorf("run %s: %w: it is a %s", id, ErrOtherRun, r.what)
	}
	if err := json.Unmarshal(counts, &r.Counts); err != nil {
		return r, fmt.Errorf("read run %s: %w", id, err)
	}
	return r, nil
}

// step does the next part of r in one transaction: each of seqs by one, which tells the
// counts of it. at is up to where r has seen to all then. The run has ended when there are
// no more, or left of them are done: those that are left out do not count. Where another
// has done a step of r meanwhile, nothing is done.
func (s *Store) step(ctx context.Context, r *run, seqs []int64, at int64, more bool, left int, one func(ctx context.Context, seq int64, c *Counts) error) (Run, error) {
	var next Run
	err := s.write(ctx, &job{rows: turnRows, run: func(ctx context.Context) error {
		now, err := s.findRun(ctx, s.conn, r.ID, r.what)
		if err != nil {
			return err
		}
		next = now.Run
		if now.at != r.at || now.Ended {
			return nil
		}
		for _, seq := range seqs {
			if err := one(ctx, seq, &next.Counts); err != nil {
				return err
			}
		}
		full := next.Done-r.Done >= left
		next.Ended, next.More = full || !more, full && more
		counts, err := json.Marshal(next.Counts)
		if err != nil {
			return err
		}
		if _, err := s.conn.ExecContext(ctx, s.stmts.text.after.advanceRun, r.ID, r.at, at, string(counts), next.Ended); err != nil {
			return err
		}
		return s.amend(ctx, r.audit, runDetails{Run: r.ID, Request: r.request, Counts: next.Counts})
	}})
	if err != nil {
		return r.Run, fmt.Errorf("%s, run %s: %w", r.what, r.ID, err)
	}
	return next, nil
}

// HasRun reports whether a run with that id was begun.
func (s *Store) HasRun(ctx context.Context, id string) (bool, error) {
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM run WHERE id = ?1`, id).Scan(&n); err != nil {
		return false, fmt.Errorf("look for run %s: %w", id, dbError(err))
	}
	return n > 0, nil
}
