package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
)

// Claim returns up to n deliveries of target that may be attempted now, or a few more,
// leased to this process until [Store.Record] hears of them, in the order in which they
// were accepted. It does not wait for more: [Store.Ready] says when to ask.
//
// A delivery whose key is held back by an earlier one that is being tried again is
// not among them. Of one key, several may be: they are to be attempted one after the
// other. Once it is recorded that one is to be tried again, the claims of those behind
// it are void.
func (s *Store) Claim(ctx context.Context, target string, n int) ([]Claimed, error) {
	if err := s.Err(); err != nil { // what is sent now could not be recorded
		return nil, err
	}
	if err := s.unhand(ctx, target); err != nil {
		return nil, fmt.Errorf("claim for target %s: %w", target, err)
	}
	h := &s.shelves
	h.mu.Lock()
	sh := h.at(target)
	k := min(n, len(sh.handed))
	out := slices.Clone(sh.handed[:k])
	sh.handed = slices.Delete(sh.handed, 0, k)
	stored := sh.stored
	n = min(n-k, s.window-sh.out)
	h.mu.Unlock()
	if k > 0 || !stored || n <= 0 {
		failpoint.At("delivery taken over")
		return out, nil
	}
	err := s.write(ctx, &job{rows: n, run: func(ctx context.Context) error {
		var err error
		out, err = s.claim(ctx, target, n)
		return err
	}})
	if err != nil {
		return nil, fmt.Errorf("claim for target %s: %w", target, err)
	}
	return s.inFront(target, out), nil
}

// inFront puts in front of what was claimed what was handed over of the same keys since
// the shelf was looked at: it is older, and stands before it.
func (s *Store) inFront(target string, claimed []Claimed) []Claimed {
	last := map[string]int64{} // of each key
	for _, c := range claimed {
		if c.Key != "" {
			last[c.Key] = max(last[c.Key], c.Seq)
		}
	}
	h := &s.shelves
	h.mu.Lock()
	sh := h.at(target)
	sh.handed = slices.DeleteFunc(sh.handed, func(c Claimed) bool {
		older := c.Key != "" && c.Seq < last[c.Key]
		if older {
			claimed = append(claimed, c)
		}
		return older
	})
	h.mu.Unlock()
	slices.SortFunc(claimed, bySeq)
	return claimed
}

func bySeq(a, b Claimed) int { return cmp.Compare(a.Seq, b.Seq) }

// Handed returns what was handed over for target in memory and not yet claimed, leased
// like the deliveries that [Store.Claim] returns. A dispatcher that does not know the
// target any more gives them back.
func (s *Store) Handed(target string) []Claimed {
	h := &s.shelves
	h.mu.Lock()
	defer h.mu.Unlock()
	sh := h.at(target)
	out := sh.handed
	sh.handed = nil
	return out
}

// claim leases stored rows: of those that are tried again the ones that are due, and of
// the fresh ones the oldest that stand behind nothing. Every row of a key that was
// handed over is older than those of it that are stored, so what is claimed goes behind
// what was handed: see inFront.
func (s *Store) claim(ctx context.Context, target string, n int) ([]Claimed, error) {
	h := &s.shelves
	h.mu.Lock()
	sh := h.at(target)
	sh.stored = false // before now is read: what is marked from here on stays marked
	h.mu.Unlock()
	h.change(target, func(*shelf) {})
	now := s.now()
	g := s.gate(target, now)
	if n = min(n, g.sends); n == 0 {
		s.shut(target, g)
		return nil, nil
	}
	n, err := s.ration(ctx, target, n)
	if err != nil || n == 0 {
		return nil, err
	}
	if err := s.free(ctx, target, sh, s.unfolded(target, n), s.clock(target, now)); err != nil {
		return nil, err
	}
	lease := s.lease
	if g.probe {
		lease = func(ctx context.Context, target string, _ int, now time.Time) ([]Claimed, error) {
			return s.leaseProbe(ctx, target, now)
		}
	} else if more, err := s.fold(ctx, target, now); err != nil || more {
		return nil, err
	}
	out, err := lease(ctx, target, n, now)
	if err != nil {
		return nil, err
	}
	failpoint.At("deliveries leased")
	if err := s.take(ctx, target, out); err != nil {
		return nil, err
	}
	more := len(out) == n || len(sh.freed) > 0
	others, next := true, sql.NullInt64{}
	if !more {
		if err := s.stmts.anyWaiting.QueryRowContext(ctx, target).Scan(&others); err != nil {
			return nil, err
		}
		if err := s.stmts.nextWake.QueryRowContext(ctx, target, micros(now), s.lost(target, now).Microseconds()).Scan(&next); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	sh.stored = sh.stored || more
	sh.others = others
	h.mu.Unlock()
	h.change(target, func(sh *shelf) {
		sh.out += len(out)
		if next.Valid {
			h.wakeAt(sh, fromMicros(next.Int64))
		}
	})
	return out, nil
}

func (s *Store) lease(ctx context.Context, target string, n int, now time.Time) ([]Claimed, error) {
	rows, err := s.stmts.claim.QueryContext(ctx, target, micros(now), n, s.owner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	lost := s.lost(target, now)
	var out []Claimed
	for rows.Next() {
		c := Claimed{Lease: s.owner, Target: target, Shadow: s.present.named[target].Shadow}
		var giveUp int64
		var sum sql.NullInt64
		if err := rows.Scan(&c.Seq, &c.ID, &c.Type, &c.Key, &c.Attempt, &c.Earlier, &c.Resume, &giveUp, (*[]byte)(&c.Event), &c.Rendering, &c.Probes, &sum); err != nil {
			return nil, err
		}
		if sum.Valid && sum.Int64 != c.sum() {
			return nil, c.damaged()
		}
		c.Attempt++
		c.GiveUp = s.steady.moment(fromMicros(giveUp).Add(lost))
		out = append(out, c)
	}
	slices.SortFunc(out, bySeq)
	return out, rows.Err()
}

// keysAtOnce is how many keys a claim frees at the most, so that it stays short.
const keysAtOnce = 256

// free takes rows out from behind what held them back and does no more: about n of
// them, since no more are claimed.
func (s *Store) free(ctx context.Context, target string, sh *shelf, n int, now time.Time) error {
	if err := s.findFreed(ctx, target, sh, now); err != nil {
		return err
	}
	keys := 0
	for key := range sh.freed {
		if n <= 0 || keys == keysAtOnce {
			return nil
		}
		keys++
		var held bool
		if err := s.stmts.keyHeldBack.QueryRowContext(ctx, target, key, micros(now)).Scan(&held); err != nil {
			return err
		}
		if held { // by another, the end of which will free it
			delete(sh.freed, key)
			continue
		}
		r, err := s.stmts.free.ExecContext(ctx, target, key, n)
		if err != nil {
			return err
		}
		freed, err := r.RowsAffected()
		if err != nil {
			return err
		}
		if int(freed) < n {
			delete(sh.freed, key)
		}
		n -= int(freed)
	}
	return nil
}

// findFreed adds the keys whose hold has ended since the last claim; at first, and where
// the clock was set back or a transaction failed, all that have rows behind.
func (s *Store) findFreed(ctx context.Context, target string, sh *shelf, now time.Time) error {
	stmt, args := s.stmts.holdsEnded, []any{target, micros(sh.holds), micros(now)}
	if !sh.known || now.Before(sh.holds) {
		stmt, args = s.stmts.keysBehind, []any{target}
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return err
		}
		sh.freed[key] = struct{}{}
	}
	sh.known, sh.holds = true, now
	return rows.Err()
}
