package store

import (
	"context"
	"database/sql"
	"time"
)

// A target's rate holds for what arrives there, whatever happens on the way. A token is
// taken for each delivery in the transaction that claims it, and counts until the window
// has passed since its attempt ended, which is later than the message arrived. To count
// from the claim would be wrong: what is claimed may be sent late, at the end of one
// window, and what is claimed next at the beginning of the next one. What is given back
// unsent gives its token back too.

const (
	// exactSends is up to how many sends of a rate each has an end of its own. Of more,
	// those that end within one such part of the window count as if at its end.
	exactSends = 1024
	// prunedAtOnce is how many rows that count no more are removed with each claim.
	prunedAtOnce = 250
	// longestWindow is that of any rate that a config may have.
	longestWindow = 24 * time.Hour
)

// pacer is what the writer knows in memory of the targets with a rate.
type pacer struct {
	wrote  map[string]bool // targets for which there may be tokens
	shared bool            // another process may have written tokens
}

// queues reports whether everything for a target goes through claims, and nothing is
// handed over as it is accepted.
func (t Target) queues() bool { return !t.Shadow && (t.Rate.Sends > 0 || t.DigestAfter > 0) }

func (s *Store) queues(target string) bool { return s.paced(target).queues() }

// paced is what the config says of target's pace. One in shadow mode is sent nothing.
func (s *Store) paced(target string) Target {
	t := s.present.named[target]
	if t.Shadow {
		t.Rate, t.DigestAfter = Rate{}, 0
	}
	return t
}

// ration returns how many of n deliveries target may be sent now. Where it is none, the
// target is named again when the next token is free.
func (s *Store) ration(ctx context.Context, target string, n int) (int, error) {
	rate := s.paced(target).Rate
	if rate.Sends == 0 {
		return n, nil
	}
	now := s.now()
	since := now.Add(-rate.Per).UnixMicro()
	if _, err := s.stmts.pruneSpent.ExecContext(ctx, target, since, prunedAtOnce); err != nil {
		return 0, err
	}
	var flying, spent int
	var oldest sql.NullInt64
	if err := s.stmts.countTokens.QueryRowContext(ctx, target, since).Scan(&flying, &spent, &oldest); err != nil {
		return 0, err
	}
	sh := s.shelves.own(target)
	left := rate.Sends - flying - spent
	if sh.hungry = left <= 0; !sh.hungry {
		return min(n, left), nil
	}
	s.shelves.change(target, func(sh *shelf) {
		if oldest.Valid {
			s.shelves.again(target, sh, fromMicros(oldest.Int64).Add(rate.Per).Sub(now))
		}
	})
	return 0, nil
}

// take writes down that what was claimed is under way.
func (s *Store) take(ctx context.Context, target string, claimed []Claimed) error {
	if s.paced(target).Rate.Sends == 0 {
		return nil
	}
	s.pacer.wrote[target] = true
	for _, c := range claimed {
		if _, err := s.stmts.insertToken.ExecContext(ctx, target, c.Seq, c.Attempt); err != nil {
			return err
		}
	}
	return nil
}

// spend ends the token of a claim: with a send it counts for a window from now on,
// without one it is free. It does not matter whether the claim is still held: if it was
// lost and made anew, each of the two took a token.
func (s *Store) spend(ctx context.Context, o Outcome) error {
	if !s.pacer.wrote[o.Target] && !s.pacer.shared {
		return nil
	}
	r, err := s.stmts.endToken.ExecContext(ctx, o.Seq, o.Attempt)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	s.shelves.marked[o.Target] = struct{}{} // others may wait for it
	target := o.Target                      // an outcome that a function below held on to would be copied for each
	hungry := s.shelves.own(target).hungry
	if o.Returned || o.Outcome == "" {
		if hungry {
			s.shelves.mark(target, true)
		}
		return nil
	}
	now := s.now()
	rate := s.paced(target).Rate
	ended := now.UnixMicro() + 1 // rounded up
	if rate.Sends > exactSends {
		part := max(1, rate.Per.Microseconds()/exactSends)
		ended += part - ended%part
	}
	if err := s.spent(ctx, target, ended); err != nil {
		return err
	}
	if hungry {
		s.shelves.change(target, func(sh *shelf) {
			s.shelves.again(target, sh, fromMicros(ended).Add(rate.Per).Sub(now))
		})
	}
	return nil
}

func (s *Store) spent(ctx context.Context, target string, ended int64) error {
	r, err := s.stmts.addSpent.ExecContext(ctx, target, ended)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	_, err = s.stmts.insertSpent.ExecContext(ctx, target, ended)
	return err
}

// takeOverTokens has what the last process had under way count as if it ended now: it may
// have been sent until then. An end in the future is one by a clock that was set back
// since.
func (s *Store) takeOverTokens(ctx context.Context) error {
	now := s.steady.base.UnixMicro() + 1
	for _, q := range []struct {
		text string
		args []any
	}{
		{s.stmts.text.spendAll, []any{now}},
		{s.stmts.text.endAll, nil},
		{s.stmts.text.clampSpent, []any{now}},
		{s.stmts.text.forgetSpent, []any{s.steady.base.Add(-longestWindow).UnixMicro()}},
	} {
		if _, err := s.conn.ExecContext(ctx, q.text, q.args...); err != nil {
			return dbError(err)
		}
	}
	return nil
}

// adopt takes in what the config says now of the targets' pace. For one that gets a rate
// while deliveries to it are claimed, those are counted; what was sent before is not.
func (s *Store) adopt(ctx context.Context, old, named map[string]Target) error {
	for name, now := range named {
		was := old[name]
		if was.Rate == now.Rate && was.DigestAfter == now.DigestAfter && was.Shadow == now.Shadow {
			continue
		}
		if now.Rate.Sends > 0 && was.Rate.Sends == 0 {
			s.pacer.wrote[name] = true
			if _, err := s.stmts.takeLeased.ExecContext(ctx, name); err != nil {
				return err
			}
		}
		s.shelves.mark(name, true) // it may have waited for what it need not wait for now
		s.shelves.change(name, func(sh *shelf) { sh.queues, sh.recall = now.queues(), now.queues() })
	}
	return nil
}

// Recalled reports, once, that the pace of target was changed, so that what was claimed
// for it and is not begun is to be given back: it was claimed by the old one.
func (s *Store) Recalled(target string) bool {
	h := &s.shelves
	h.mu.Lock()
	defer h.mu.Unlock()
	sh := h.at(target)
	recall := sh.recall
	sh.recall = false
	return recall
}

// unhand gives back what was handed over for target before all of it had to go through
// claims.
func (s *Store) unhand(ctx context.Context, target string) error {
	h := &s.shelves
	h.mu.Lock()
	sh := h.at(target)
	var handed []Claimed
	if sh.queues {
		handed, sh.handed = sh.handed, nil
	}
	h.mu.Unlock()
	if len(handed) == 0 {
		return nil
	}
	outcomes := make([]Outcome, len(handed))
	for i, c := range handed {
		outcomes[i] = Outcome{Seq: c.Seq, Lease: c.Lease, Target: target, Key: c.Key, Attempt: c.Attempt, Probes: c.Probes, Returned: true}
	}
	err := s.Record(ctx, outcomes)
	if err != nil {
		h.mu.Lock()
		sh.handed = append(handed, sh.handed...)
		h.mu.Unlock()
	}
	return err
}

// again has target looked at after a while by the process's own clock, which nobody sets:
// s.wake is by the time of day. s.mu is held.
func (s *shelves) again(target string, sh *shelf, after time.Duration) {
	at := time.Now().Add(after)
	if sh.timer != nil {
		if !sh.againAt.After(at) {
			return
		}
		sh.timer.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if sh.timer == timer {
			sh.timer = nil
		}
		sh.stored, sh.others = true, true
		s.tell(target)
	})
	sh.timer, sh.againAt = timer, at
}

// stop ends what again began.
func (s *shelves) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.targets {
		if sh.timer != nil {
			sh.timer.Stop()
		}
	}
}
