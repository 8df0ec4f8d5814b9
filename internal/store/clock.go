package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The clock on the wall may be set at any time: by a second or by years, forward or back.
// What is to come is written down by the time of day all the same, so that people can read
// it and the next process knows it. So the store has a clock of its own: while a process
// runs it runs evenly, and where the one on the wall was set, all that is to come is moved
// with it, in the transaction that sees it first. A delay is as long as it was, whatever is
// done to the clock: nothing is sent too early, given up too early, or years late.

const (
	// clockStep is from which difference on the clock is taken to have been set.
	clockStep = 50 * time.Millisecond
	// agesStep is from which difference on a clock that was set forward makes nothing older.
	// What is less may be the time for which the machine slept.
	agesStep = 30 * 24 * time.Hour
	// clockKept is how often the time is written down, where there is a commit, for the next
	// process to see that the clock was set back since.
	clockKept = time.Second
)

// steady tells the time of day, and runs evenly from when it was last set.
type steady struct {
	base  time.Time // the time of day
	since time.Time // at this moment of the process's own clock

	ahead time.Duration // by how much it was set forward, in steps that are no sleep
	set   time.Time     // when that was last
}

// at is what the clock shows at a moment of the process's own clock if nobody sets it.
// Callers of the store name moments, so that it does not matter if the clock is set while
// they wait.
func (c steady) at(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return c.base.Add(t.Sub(c.since))
}

// moment is when the clock shows t.
func (c steady) moment(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return c.since.Add(t.Sub(c.base))
}

// now is the time of day for the running transaction. Its caller is the writer.
func (s *Store) now() time.Time { return s.steady.at(time.Now()) }

// Now is the time of day by which the store's times are: that of the system, but that
// where somebody sets it, the store follows with its next transaction.
func (s *Store) Now() time.Time { return s.committed.Load().at(time.Now()) }

// reset returns c as it is by the clock on the wall, and by how much that was set: 0 where
// it was not. It looks twice, since this process may be stopped between the two clocks.
func (s *Store) reset(c steady) (steady, time.Duration) {
	first := s.onWall()
	step := first.base.Sub(c.at(first.since))
	if step.Abs() < clockStep {
		return c, 0
	}
	second := s.onWall()
	if again := second.base.Sub(c.at(second.since)); (again - step).Abs() < clockStep {
		return c.moved(again, second.base, second.since), again
	}
	return c, 0
}

// onWall reads the clock on the wall.
func (s *Store) onWall() steady {
	since := time.Now()
	if s.wall == nil {
		return steady{base: since.Round(0), since: since}
	}
	return steady{base: s.wall().Round(0), since: since}
}

// moved is a clock that was set by step and shows wall at a moment.
func (c steady) moved(step time.Duration, wall, since time.Time) steady {
	c.base, c.since = wall, since
	if !c.set.IsZero() {
		c.set = c.set.Add(step)
	}
	switch {
	case step >= agesStep:
		c.ahead, c.set = c.ahead+step, wall
	case step < 0:
		c.ahead = max(0, c.ahead+step)
	}
	return c
}

// aged is the time by which what has ended comes of age. What was written down before the
// clock was set forward is that much older at once; so it goes by the old one until as much
// time has passed as anything is kept.
func (s *Store) aged(keep time.Duration) time.Time {
	c := *s.committed.Load()
	now := c.at(time.Now())
	if now.Sub(c.set) >= max(keep, seenFor) {
		return now
	}
	return now.Add(-c.ahead)
}

// followClock sees whether the clock was set, at the beginning of each transaction. That
// of a database that is shared is taken as it is: see engine.
func (s *Store) followClock(ctx context.Context) error {
	if s.engine.timed {
		return nil
	}
	next, step := s.reset(s.steady)
	if step != 0 {
		if err := s.moveClock(ctx, step); err != nil {
			return fmt.Errorf("follow the clock, which was set by %v: %w", step, err)
		}
		s.steady = next
	}
	if step == 0 && s.now().Sub(s.kept) < clockKept {
		return nil
	}
	return s.keepClock(ctx)
}

// keepClock writes down what time it is, and the newest event until now: when that came is
// by a clock that may have been set since.
func (s *Store) keepClock(ctx context.Context) error {
	s.kept = s.now()
	_, err := s.conn.ExecContext(ctx, s.stmts.text.clock.keep,
		fmt.Sprint(micros(s.kept), s.steady.ahead.Microseconds(), micros(s.steady.set), s.seqs.event))
	return dbError(err)
}

// noticeClock has a store that writes nothing follow the clock too. Where it cannot, the
// next transaction does.
func (s *Store) noticeClock(ctx context.Context) {
	if s.engine.timed {
		return
	}
	if _, step := s.reset(*s.committed.Load()); step != 0 {
		_ = s.write(ctx, &job{run: func(context.Context) error { return nil }})
	}
}

// moveClock moves all that is to come, and all that counts from when it was, by step.
func (s *Store) moveClock(ctx context.Context, step time.Duration) error {
	of := &s.stmts.text.clock
	for _, text := range []string{of.waiting, of.parked, of.held, of.targets, s.stmts.text.moveSpent} {
		if _, err := s.conn.ExecContext(ctx, text, step.Microseconds()); err != nil {
			return dbError(err)
		}
	}
	for t := range s.health.known {
		s.health.changed[t] = s.health.at(t).moved(step)
	}
	s.shelves.unknown()
	return nil
}

// moved is a condition by a clock that was set by step.
func (c Condition) moved(step time.Duration) Condition {
	for _, t := range []*time.Time{&c.Open, &c.Probe, &c.Paused, &c.Disabled, &c.Marked} {
		if !t.IsZero() {
			*t = whole(t.Add(step))
		}
	}
	return c
}

// unknown has each shelf looked at: what is known of when something is due is by a clock
// that was set. Its caller is the writer, in a transaction.
func (s *shelves) unknown() {
	s.mu.Lock()
	var all []string
	for t, sh := range s.targets {
		sh.stored, sh.others, sh.known, sh.wake = true, true, false, time.Time{}
		all = append(all, t)
	}
	s.mu.Unlock()
	for _, t := range all {
		s.change(t, func(*shelf) {})
	}
}

// takeOverClock begins to tell the time. Where it is earlier than the last process wrote
// down, the clock was set back since. One that was set forward while no process ran cannot
// be told from time that passed.
func (s *Store) takeOverClock(ctx context.Context) error {
	defer func() {
		now := s.steady
		s.committed.Store(&now)
	}()
	s.steady = s.onWall()
	var value string
	switch err := s.conn.QueryRowContext(ctx, s.stmts.text.clock.kept).Scan(&value); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return dbError(err)
	}
	var last, ahead, set, before int64
	// Earlier versions do not name an event.
	if n, err := fmt.Sscan(value, &last, &ahead, &set, &before); n < 3 {
		return fmt.Errorf("%w: clock %q is no time: %w", ErrCorrupt, value, err)
	}
	var newest, received int64
	switch err := s.conn.QueryRowContext(ctx, s.stmts.text.clock.newest).Scan(&newest, &received); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return dbError(err)
	}
	s.seqs.event = newest
	if newest > before { // it came since
		last = max(last, received)
	}
	s.steady.ahead, s.steady.set = time.Duration(ahead)*time.Microsecond, moment(set)
	if step := s.steady.base.Sub(fromMicros(last)); step < 0 {
		s.steady = s.steady.moved(step, s.steady.base, s.steady.since)
		return s.setBack(ctx, step)
	}
	return nil
}

// setBack moves what the last process left by step, all or nothing.
func (s *Store) setBack(ctx context.Context, step time.Duration) error {
	if _, err := s.conn.ExecContext(ctx, s.stmts.text.begin); err != nil {
		return dbError(err)
	}
	err := s.moveClock(ctx, step)
	if err == nil {
		err = s.keepClock(ctx)
	}
	if err == nil {
		_, err = s.conn.ExecContext(ctx, `COMMIT`)
	}
	if err != nil {
		_, rerr := s.conn.ExecContext(ctx, `ROLLBACK`)
		return errors.Join(dbError(err), rerr)
	}
	return nil
}
