package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Claim returns up to n deliveries of target that may be attempted now, leased to
// this process until [Store.Record] hears of them, in the order in which they were
// accepted. It does not wait for more: [Store.Ready] says when to ask.
//
// A delivery whose key is held back by an earlier one that is being tried again is
// not among them. Of one key, several may be: they are to be attempted one after the
// other. Once it is recorded that one is to be tried again, the claims of those behind
// it are void.
func (s *Store) Claim(ctx context.Context, target string, n int) ([]Claimed, error) {
	h := &s.shelves
	h.mu.Lock()
	sh := h.at(target)
	k := min(n, len(sh.handed))
	out := slices.Clone(sh.handed[:k])
	sh.handed = slices.Delete(sh.handed, 0, k)
	stored := sh.stored && sh.out < s.window
	n = min(n-k, s.window-sh.out)
	h.mu.Unlock()
	if k > 0 || !stored || n <= 0 {
		return out, nil
	}
	err := s.write(ctx, &job{run: func(ctx context.Context) error {
		var err error
		out, err = s.claim(ctx, target, n)
		return err
	}})
	if err != nil {
		return nil, fmt.Errorf("claim for target %s: %w", target, err)
	}
	return out, nil
}

// claim leases stored rows. Every row of a key that was handed over is older than
// those of it that are stored, so what is claimed goes behind what was handed.
func (s *Store) claim(ctx context.Context, target string, n int) ([]Claimed, error) {
	now := time.Now()
	rows, err := s.stmts.claim.QueryContext(ctx, target, micros(now), n, s.owner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Claimed
	for rows.Next() {
		c := Claimed{Target: target}
		var giveUp int64
		if err := rows.Scan(&c.Seq, &c.ID, &c.Type, &c.Key, &c.Attempt, &c.Resume, &giveUp, (*[]byte)(&c.Event)); err != nil {
			return nil, err
		}
		c.Attempt++
		c.GiveUp = fromMicros(giveUp)
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b Claimed) int { return int(a.Seq - b.Seq) })
	others := true
	if len(out) < n {
		if err := s.stmts.anyWaiting.QueryRowContext(ctx, target).Scan(&others); err != nil {
			return nil, err
		}
	}
	s.shelves.claimed(target, len(out) == n, others)
	s.shelves.change(target, func(sh *shelf) { sh.out += len(out) })
	return out, nil
}

// Record writes down how attempts ended and ends their claims, and the claims of what
// stands behind those of its key that are to be tried again. An outcome of a claim
// that is no longer held (its delivery was cancelled, or claimed anew) is dropped: the
// later claim's outcome counts. It returns when the disk has it, which may be a few
// milliseconds later than it could: outcomes share the commits of what is accepted.
//
// A process that ends before repeats the attempts, since nobody else knows of them.
func (s *Store) Record(ctx context.Context, outcomes []Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	requests := make([]string, len(outcomes))
	for i, o := range outcomes {
		if o.Returned {
			continue
		}
		b, err := json.Marshal(o.Receipt.Request)
		if err != nil {
			return fmt.Errorf("record attempt of delivery %d: encode request: %w", o.Seq, err)
		}
		requests[i] = string(b)
	}
	err := s.write(ctx, &job{lazy: true, run: func(ctx context.Context) error {
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

func (s *Store) record(ctx context.Context, o Outcome, request string) error {
	if o.Returned {
		return s.giveBack(ctx, o)
	}
	now := time.Now()
	ended := now
	if o.State == Waiting {
		ended = time.Time{}
	}
	r, err := s.stmts.record.ExecContext(ctx, o.Seq, o.Attempt-1, s.owner, string(o.State), o.Reason, micros(o.Next),
		o.Receipt.Resume, micros(ended), micros(now))
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	next := o.Next
	if o.State != Waiting {
		next = time.Time{}
	}
	if _, err := s.stmts.insertAttempt.ExecContext(ctx, o.Seq, o.Attempt, micros(o.Time), string(o.Outcome), o.Receipt.Status,
		o.Receipt.Latency.Microseconds(), request, o.Receipt.Reply, string(o.Receipt.Scope), o.Error, micros(next)); err != nil {
		return err
	}
	h := &s.shelves
	h.change(o.Target, func(sh *shelf) { sh.out-- })
	switch {
	case o.State == Waiting:
		// Both when it is due and when it ceases to hold others back are in the rows.
		h.mark(o.Target, !o.Next.After(now))
		h.change(o.Target, func(*shelf) { h.wakeAt(now) })
		return s.giveBackBehind(ctx, o)
	case o.Attempt > 1: // it may have held back others of its key
		h.mark(o.Target, true)
	}
	return nil
}

// giveBackBehind ends the claims of what stands behind a delivery that is to be tried
// again: on the shelf, or in the hands of whoever claimed it.
func (s *Store) giveBackBehind(ctx context.Context, o Outcome) error {
	if o.Key == "" {
		return nil
	}
	r, err := s.stmts.giveBackBehind.ExecContext(ctx, o.Target, o.Key, s.owner, o.Seq)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	s.shelves.mark(o.Target, true) // where it holds nothing back any more, they can be claimed
	s.shelves.change(o.Target, func(sh *shelf) {
		sh.out -= int(n)
		sh.handed = slices.DeleteFunc(sh.handed, func(c Claimed) bool { return c.Key == o.Key })
	})
	return nil
}

func (s *Store) giveBack(ctx context.Context, o Outcome) error {
	r, err := s.stmts.giveBack.ExecContext(ctx, o.Seq, o.Attempt-1, s.owner)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	s.shelves.mark(o.Target, true)
	s.shelves.change(o.Target, func(sh *shelf) { sh.out-- })
	return nil
}

// goneTarget is the reason of deliveries that were parked because the config does
// not name their target.
const goneTarget = "target is not in the config"

// Targets tells the store which targets there are. Deliveries of others are parked
// until their target's name returns; those of targets that returned wait again.
func (s *Store) Targets(ctx context.Context, names []string) error {
	here := map[string]bool{}
	for _, n := range names {
		here[n] = true
	}
	waiting, err := s.column(ctx, s.stmts.text.waitingTargets)
	if err != nil {
		return fmt.Errorf("find waiting deliveries: %w", err)
	}
	parked, err := s.column(ctx, s.stmts.text.parkedTargets, goneTarget)
	if err != nil {
		return fmt.Errorf("find parked deliveries: %w", err)
	}
	err = s.write(ctx, &job{run: func(ctx context.Context) error {
		for _, t := range waiting {
			if here[t] {
				continue
			}
			if _, err := s.stmts.park.ExecContext(ctx, t, goneTarget); err != nil {
				return err
			}
		}
		for _, t := range parked {
			if !here[t] {
				continue
			}
			if _, err := s.stmts.release.ExecContext(ctx, t, goneTarget); err != nil {
				return err
			}
			s.shelves.mark(t, true)
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("park and release deliveries: %w", err)
	}
	return nil
}
