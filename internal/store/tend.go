package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// unnamedParkFor is how long deliveries to a target that the config does not name, or
// says nothing of, stay parked: as long as to one that it names, by default.
const unnamedParkFor = 30 * 24 * time.Hour

// Disable has nothing be sent to target any more until it is enabled: its deliveries are
// parked. by is shown with them, and in the audit. [ErrNotFound] where the config does not
// name it.
func (s *Store) Disable(ctx context.Context, target, by string) (Condition, error) {
	return s.decide(ctx, AuditDisable, target, by, func(c Condition, now time.Time) Condition {
		if !c.Disabled.IsZero() && !c.Releasing {
			return c
		}
		return c.disabled("disabled by "+by, now)
	})
}

// Enable undoes that a target is disabled, whoever disabled it, and counts its failures
// anew: its deliveries wait again, in their order, before anything newer. [ErrNotFound]
// where the config does not name it and nothing is known of it.
func (s *Store) Enable(ctx context.Context, target, by string) (Condition, error) {
	return s.decide(ctx, AuditEnable, target, by, func(c Condition, _ time.Time) Condition {
		c.Releasing = !c.Disabled.IsZero()
		return c
	})
}

// Reset is [Store.Enable], and forgets the rest of what the target's answers made of it:
// its circuit is closed, its pause over, its failures none, and it is not marked.
func (s *Store) Reset(ctx context.Context, target, by string) (Condition, error) {
	return s.decide(ctx, AuditReset, target, by, func(c Condition, now time.Time) Condition {
		c = c.reset(now)
		c.Releasing = !c.Disabled.IsZero()
		return c
	})
}

// decide changes a target's condition, says in the audit what was done and for whom, and
// has its deliveries moved accordingly. Where that ends half-way, Tend does the rest, also
// in another life.
func (s *Store) decide(ctx context.Context, what, target, by string, change func(Condition, time.Time) Condition) (Condition, error) {
	known := false
	err := s.write(ctx, &job{run: func(ctx context.Context) error {
		old := s.health.at(target)
		if _, named := s.present.named[target]; !named && old == (Condition{}) {
			return nil
		}
		known = true
		now := whole(s.now())
		if err := s.turn(ctx, target, old, change(old, now), now); err != nil {
			return err
		}
		_, err := s.audit(ctx, by, what, target, struct{}{})
		return err
	}})
	if err == nil && !known {
		err = ErrNotFound
	}
	if err == nil {
		err = s.settle(ctx, target)
	}
	if err != nil {
		return Condition{}, fmt.Errorf("change the condition of target %s: %w", target, err)
	}
	return s.health.committed(target), nil
}

// settle moves the deliveries of a disabled target to where they belong, some at a time:
// parked, or waiting again where it is to be enabled; then it is.
func (s *Store) settle(ctx context.Context, target string) error {
	for {
		done := false
		err := s.write(ctx, &job{rows: turnRows, run: func(ctx context.Context) (err error) {
			done, err = s.settleSome(ctx, target)
			return err
		}})
		if err != nil || done {
			return err
		}
	}
}

func (s *Store) settleSome(ctx context.Context, target string) (done bool, err error) {
	c := s.health.at(target)
	if c.Disabled.IsZero() {
		return true, nil
	}
	if !c.Releasing {
		n, err := s.park(ctx, target, movedAtOnce)
		failpoint.At("deliveries parked")
		return n < movedAtOnce, err
	}
	move := s.release
	if s.present.gone(target) { // what is parked stays so, for that
		move = s.repark
	}
	if n, err := move(ctx, target, movedAtOnce); err != nil || n == movedAtOnce {
		return false, err
	}
	failpoint.At("deliveries released")
	s.shelves.own(target).known = false
	return true, s.turn(ctx, target, c, c.enabled(), whole(s.now()))
}

// parkSome parks deliveries of a target that was disabled in this transaction, and has
// the rest parked by Tend.
func (s *Store) parkSome(ctx context.Context, target string) error {
	n, err := s.park(ctx, target, movedAtOnce)
	if n == movedAtOnce {
		select {
		case s.health.poke <- struct{}{}:
		default:
		}
	}
	return err
}

// restore has deliveries to a target that returned wait again. Those to one that is
// disabled stay parked, for that.
func (s *Store) restore(ctx context.Context, target string, n int) (int, error) {
	if !s.health.at(target).Disabled.IsZero() {
		return s.repark(ctx, target, n)
	}
	return s.release(ctx, target, n)
}

// repark gives parked deliveries the reason for which they are parked now.
func (s *Store) repark(ctx context.Context, target string, n int) (int, error) {
	reason := s.present.why(target)
	if now, named := s.present.named[target]; named && now.Parked == "" {
		reason = disabledReason(s.health.at(target))
	}
	r, err := s.conn.ExecContext(ctx, s.stmts.text.repark, target, reason, n)
	if err != nil {
		return 0, err
	}
	moved, err := r.RowsAffected()
	return int(moved), err
}

// closeUnasked closes the circuits of targets that are sent nothing, and ends their
// pauses: those that the config does not name, for which all is parked, and those in
// shadow mode. When they are sent to again nobody knows how they are.
func (s *Store) closeUnasked(ctx context.Context) error {
	for t, c := range s.health.all() {
		now, named := s.present.named[t]
		if named && !now.Shadow || c.Open.IsZero() && c.Paused.IsZero() {
			continue
		}
		next := c.closed(whole(s.now()))
		next.Paused = time.Time{}
		next.Said = "" // nothing is known that could be better than it was
		if err := s.writeCondition(ctx, t, next); err != nil {
			return err
		}
	}
	return nil
}

// Untended tells when Tend has something to do before long.
func (s *Store) Untended() <-chan struct{} { return s.health.poke }

// Tend does what time asks for: it moves the deliveries of targets that were disabled or
// enabled where that was too much for one transaction, lets those expire that have been
// parked for too long, and tells of targets what could not be told within a minute. It
// is to be called every minute or so. What fails does not keep the rest from being done.
func (s *Store) Tend(ctx context.Context) error {
	var errs []error
	for t, c := range s.health.all() {
		if err := s.tend(ctx, t, c); err != nil {
			errs = append(errs, fmt.Errorf("tend target %s: %w", t, err))
		}
	}
	parked, err := s.column(ctx, s.stmts.text.parkedTargets)
	if err != nil {
		errs = append(errs, fmt.Errorf("find parked deliveries: %w", err))
	}
	for _, t := range parked {
		if err := s.expireOf(ctx, t); err != nil {
			errs = append(errs, fmt.Errorf("let deliveries to target %s expire: %w", t, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Store) tend(ctx context.Context, target string, c Condition) error {
	if c.toSay() != c.Said {
		if err := s.write(ctx, &job{lazy: true, run: func(ctx context.Context) error {
			return s.say(ctx, target, whole(s.now()))
		}}); err != nil {
			return err
		}
	}
	if c.Disabled.IsZero() {
		return nil
	}
	if !c.Releasing {
		var waits bool
		if err := s.own.QueryRowContext(ctx, s.stmts.text.anyWaiting, target).Scan(&waits); err != nil || !waits {
			return dbError(err)
		}
	}
	return s.settle(ctx, target)
}

// expireOf lets those of a target's deliveries expire that have been parked for too long,
// some at a time, and tells of it once.
func (s *Store) expireOf(ctx context.Context, target string) error {
	more := true
	for first := true; more; first = false {
		err := s.write(ctx, &job{lazy: true, rows: turnRows, run: func(ctx context.Context) (err error) {
			more, err = s.expireSome(ctx, target, first, whole(s.now()))
			return err
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) expireSome(ctx context.Context, target string, first bool, now time.Time) (more bool, err error) {
	parkFor := s.present.named[target].ParkFor
	if parkFor == 0 {
		parkFor = unnamedParkFor
	}
	before := micros(now.Add(-parkFor))
	if first {
		about := s.about(target, s.health.at(target), now)
		if err := s.conn.QueryRowContext(ctx, s.stmts.text.countOverdue, target, before).Scan(&about.Deliveries); err != nil || about.Deliveries == 0 {
			return false, err
		}
		if _, err := s.raise(ctx, event.Expired, target, about, now); err != nil {
			return false, err
		}
	}
	r, err := s.conn.ExecContext(ctx, s.stmts.text.expire, target, before, fmt.Sprintf("parked for %v: ", parkFor), micros(now), movedAtOnce)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == movedAtOnce, err
}

// say tells of a target what was not told when it came about.
func (s *Store) say(ctx context.Context, target string, now time.Time) error {
	c := s.health.at(target)
	next, err := s.said(ctx, target, c, now)
	if err != nil || next == c {
		return err
	}
	return s.writeCondition(ctx, target, next)
}
