package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// Record writes down how attempts ended and ends their claims, and the claims of what
// stands behind those of its key that are to be tried again. An outcome of a claim
// that is no longer held (its delivery was cancelled, or claimed anew) is dropped: the
// later claim's outcome counts. It returns when the disk has it, which may be a few
// milliseconds later than it could: outcomes share the commits of what is accepted.
//
// A process that ends before repeats the attempts, since nobody else knows of them.
func (s *Store) Record(ctx context.Context, outcomes []Outcome) error {
	return s.recordAll(ctx, outcomes, true)
}

// RecordNow is [Store.Record] for who waits for it: it does not wait for others.
func (s *Store) RecordNow(ctx context.Context, outcomes []Outcome) error {
	return s.recordAll(ctx, outcomes, false)
}

func (s *Store) recordAll(ctx context.Context, outcomes []Outcome, lazy bool) error {
	if len(outcomes) == 0 {
		return nil
	}
	requests := make([]string, len(outcomes))
	for i, o := range outcomes {
		if err := o.legal(); err != nil {
			return fmt.Errorf("record attempt: %w", err)
		}
		if o.Returned {
			continue
		}
		b, err := json.Marshal(o.Receipt.Request)
		if err != nil {
			return fmt.Errorf("record attempt of delivery %d: encode request: %w", o.Seq, err)
		}
		requests[i] = string(b)
	}
	err := s.write(ctx, &job{lazy: lazy, rows: len(outcomes), run: func(ctx context.Context) error {
		for i, o := range outcomes {
			if err := s.record(ctx, o, requests[i]); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("record %d attempts: %w", len(outcomes), err)
	}
	return nil
}

// made is how many attempts had been made when the delivery was claimed, probes too. No
// two claims that were sent have the same.
func (o Outcome) made() int { return o.Attempt - 1 + o.Probes }

// leased is the number under which a delivery was claimed. This process may have another
// by now: see [Options].
func (s *Store) leased(o Outcome) int64 {
	if o.Lease != 0 {
		return o.Lease
	}
	return s.owner
}

func (s *Store) record(ctx context.Context, o Outcome, request string) error {
	if err := s.spend(ctx, o); err != nil {
		return err
	}
	if o.Returned {
		return s.giveBack(ctx, o)
	}
	now := s.now()
	o.Time, o.Next, o.Asked = s.steady.at(o.Time), s.steady.at(o.Next), s.steady.at(o.Asked)
	ended := now
	if o.State == Waiting {
		ended = time.Time{}
	}
	made := 0 // attempts
	if o.Outcome != "" {
		made = 1
	}
	probe := o.Probe && o.State == Waiting && o.Outcome == plugin.Retry // burns no attempt
	if probe {
		if n, err := s.probed(ctx, o); err != nil || n == 0 {
			return err
		}
	} else {
		r, err := s.stmts.record.ExecContext(ctx, o.Seq, o.made(), s.leased(o), string(o.State), o.Reason, micros(o.Next),
			o.Receipt.Resume, micros(ended), micros(s.clock(o.Target, now)), made)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
	}
	failpoint.At("outcome written")
	if err := s.answered(ctx, o, now); err != nil {
		return err
	}
	s.sums.end(o, now)
	next, parked := o.Next, o.State == Waiting && s.parkedFor(o.Target) != ""
	switch {
	case o.State != Waiting || parked:
		next = time.Time{}
	case probe:
		next = s.health.at(o.Target).Probe
	}
	if made == 1 {
		body := "event"
		if o.Native {
			body = "native"
		}
		if _, err := s.stmts.insertAttempt.ExecContext(ctx, o.Seq, o.made()+1, micros(o.Time), string(o.Outcome), o.Receipt.Status,
			o.Receipt.Latency.Microseconds(), request, o.Receipt.Reply, string(o.Receipt.Scope), o.Error, micros(next), body); err != nil {
			return err
		}
	}
	if o.State == Shadowed {
		if err := s.keepShadow(ctx, o, request); err != nil {
			return err
		}
	}
	h := &s.shelves
	h.change(o.Target, func(sh *shelf) { sh.out-- })
	switch {
	case parked:
		return s.parkKey(ctx, o, now)
	case probe:
		// The next probe has its time, if the circuit was not closed by somebody meanwhile.
		h.mark(o.Target, s.health.at(o.Target).Open.IsZero())
		return nil
	case o.State == Waiting:
		h.due(o.Target, o.Next, now)
		return s.holdBack(ctx, o, now)
	case o.Attempt > 1 && o.Key != "": // it may have held back others of its key
		h.own(o.Target).freed[o.Key] = struct{}{}
		h.mark(o.Target, true)
	}
	return nil
}

// holdBack puts what stands behind a delivery that is to be tried again where no claim
// finds it: what is leased, on the shelf or in the hands of whoever claimed it, and what
// waits to be claimed. The end of the hold frees it, or that of the delivery.
func (s *Store) holdBack(ctx context.Context, o Outcome, now time.Time) error {
	if o.Key == "" {
		return nil
	}
	var until int64
	if err := s.stmts.holdUntil.QueryRowContext(ctx, o.Seq).Scan(&until); err != nil {
		return err
	}
	clock := s.clock(o.Target, now)
	if until <= micros(clock) {
		return nil
	}
	if _, err := s.stmts.holdBack.ExecContext(ctx, o.Target, o.Key, o.Seq); err != nil {
		return err
	}
	failpoint.At("others held back")
	r, err := s.stmts.giveBackBehind.ExecContext(ctx, o.Target, o.Key, o.Seq, s.owner)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err != nil {
		return err
	}
	s.shelves.change(o.Target, func(sh *shelf) {
		sh.out -= int(n)
		sh.handed = slices.DeleteFunc(sh.handed, func(c Claimed) bool { return c.Key == o.Key && c.Seq > o.Seq })
		if until < math.MaxInt64 {
			s.shelves.wakeAt(sh, now.Add(fromMicros(until).Sub(clock)))
		}
	})
	return nil
}

func (s *Store) giveBack(ctx context.Context, o Outcome) error {
	r, err := s.stmts.giveBack.ExecContext(ctx, o.Seq, o.made(), s.leased(o))
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	s.shelves.change(o.Target, func(sh *shelf) { sh.out-- })
	if s.parkedFor(o.Target) != "" {
		return s.parkOne(ctx, o.Target, o.Seq, s.now())
	}
	if err := s.probeUnsent(ctx, o, s.now()); err != nil {
		return err
	}
	s.shelves.mark(o.Target, true)
	return nil
}
