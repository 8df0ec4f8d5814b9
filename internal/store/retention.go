package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"time"
)

// Retention is how long and how much is kept of what has come to its end: an event all
// of whose deliveries have ended, a body in quarantine, and a notice in an inbox. What is
// held or still to be delivered is never deleted, whatever its age and the size.
type Retention struct {
	// Age is how long an event is kept after it was received and, where that was later,
	// after the last of its deliveries ended; a body in quarantine, after it last came; a
	// notice, after it was put into its inbox.
	Age time.Duration
	// Size bounds the store's file, what is free inside included; the log beside it is
	// not. When four fifths of it are in use, what has ended goes, the oldest first, so
	// that a fifth is there for what cannot go. A file that was larger does not shrink.
	Size int64
}

const (
	// seenFor is how long a repeat is told after its event was received, though that is
	// deleted.
	seenFor = 7 * 24 * time.Hour
	// seenBytes is about what it takes to tell one, and seenShare which part of
	// Retention.Size all may take: beyond it they go earlier, if there is no room.
	seenBytes, seenShare = 160, 5

	looksAt     = 500              // events that are looked at at a time
	deletes     = 100              // rows that are deleted in one transaction, with what hangs on them
	ageEvery    = 10 * time.Second // how often events may come of age
	againAfter  = time.Millisecond // for each row that was passed over: when a walk begins again
	unusedEvery = time.Hour        // how often rules and renderings are looked at
	measureWait = 100 * time.Millisecond
	failedWait  = time.Second
)

// keeper is what the store knows of its retention.
type keeper struct {
	limits  atomic.Pointer[Retention] // nil: nothing is deleted
	space   atomic.Pointer[Space]
	added   atomic.Int64  // about what was accepted since it was measured
	refused atomic.Bool   // the disk had no room for what was written last
	written chan struct{} // one when something was written, or the limits are others

	// [Store.Retain]'s own:
	aged, pressed, seen sweep
	unused              time.Time // when rules and renderings were looked at
	by                  *Retention
}

// sweep is a walk through a table that goes on where it stood.
type sweep struct {
	from   int64     // rows up to this one were looked at
	began  time.Time // at the first of them
	rest   time.Time // nothing is to be looked at before
	passed int       // rows that cannot go yet; a later walk looks at them again
	found  int       // rows that can
}

// resting reports whether it is too early to go on. A clock that was set back is no
// reason to wait.
func (w *sweep) resting(now time.Time) bool {
	if w.began.IsZero() {
		w.began = now
	}
	return now.Before(w.rest) && w.rest.Sub(now) <= time.Hour
}

// end ends a walk, or a part of it: there is nothing more to be found now. It begins
// again the later the more it had to pass over.
func (w *sweep) end(now time.Time) {
	w.rest = now.Add(ageEvery)
	if since := now.Sub(w.began); since < 0 || since >= time.Duration(w.passed)*againAfter {
		*w = sweep{rest: w.rest}
	}
}

func (k *keeper) init() { k.written = make(chan struct{}, 1) }

// note says that something was written.
func (k *keeper) note() {
	select {
	case k.written <- struct{}{}:
	default:
	}
}

// age is how long what has ended is kept.
func (k *keeper) age() time.Duration {
	if r := k.limits.Load(); r != nil {
		return r.Age
	}
	return 0
}

// Keep sets what is kept from now on. Without it, nothing is deleted.
func (s *Store) Keep(r Retention) {
	s.keeper.limits.Store(&r)
	s.keeper.note()
}

// Retain deletes what is not to be kept, a little at a time beside those who write, and
// watches over the space ([Store.Space]), until ctx ends. What it cannot do now it tries
// again. log hears when the space runs out and when there is some again. One caller at a
// time.
func (s *Store) Retain(ctx context.Context, log *slog.Logger) {
	k := &s.keeper
	failing := false
	regularly := time.NewTicker(ageEvery)
	defer regularly.Stop()
	for {
		began, before := time.Now(), s.Space()
		more, err := s.tidy(ctx, s.aged(s.keeper.age()))
		if ctx.Err() != nil || s.Err() != nil {
			return
		}
		s.Space().tell(log, before)
		if failed := err != nil; failed != failing {
			failing = failed
			if failed {
				log.Error("the store deletes nothing now; it is tried again", "error", err)
			} else {
				log.Info("the store deletes again what is not to be kept")
			}
		}
		// As long as deleting takes, others have the writer to themselves.
		wait := min(max(time.Since(began), time.Millisecond), measureWait)
		if failing {
			wait, more = failedWait, true
		}
		if !more {
			select {
			case <-ctx.Done():
				return
			case <-k.written:
			case <-regularly.C:
			}
			wait = measureWait
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// tidy measures the space and deletes some of what is not to be kept at now. It reports
// whether there may be more.
func (s *Store) tidy(ctx context.Context, now time.Time) (more bool, err error) {
	k := &s.keeper
	r := k.limits.Load()
	if r == nil {
		return false, nil
	}
	if r != k.by {
		k.by, k.aged, k.pressed = r, sweep{}, sweep{}
	}
	space, err := s.measure(ctx, r.Size)
	if err != nil {
		return false, err
	}
	if s.engine.leads != nil && !s.engine.leads() {
		return false, nil // another does it
	}
	if now.Sub(k.unused) >= unusedEvery || now.Before(k.unused) {
		if err := s.forgetUnused(ctx); err != nil {
			return false, err
		}
		k.unused = now
	}
	most := part(space.Limit, startAt)
	if space.Alarm { // it ends where there is enough room, not a byte below too little
		most = part(space.Limit, calmAt)
	}
	pressing := space.Used >= most
	if !pressing {
		k.pressed = sweep{}
	} else if more, err = s.press(ctx, now, space.Used-most); err != nil {
		return false, err
	}
	for _, one := range []func() (bool, error){
		func() (bool, error) { return s.age(ctx, &k.aged, now, now.Add(-r.Age)) },
		func() (bool, error) { return s.forgetSeen(ctx, &k.seen, now, pressing, r.Size) },
		func() (bool, error) { return s.dropQuarantine(ctx, micros(now.Add(-r.Age))) },
		func() (bool, error) { return s.dropNotices(ctx, micros(now.Add(-r.Age))) },
	} {
		again, err := one()
		if err != nil {
			return false, err
		}
		more = more || again
	}
	return more, nil
}

// age deletes some of the events that ended before a time.
func (s *Store) age(ctx context.Context, w *sweep, now, before time.Time) (more bool, err error) {
	if w.resting(now) {
		return false, nil
	}
	found, err := s.ended(ctx, w, micros(before))
	if err != nil {
		return false, err
	}
	if err := s.forget(ctx, found.events); err != nil {
		return false, err
	}
	w.from, w.passed = found.upTo, w.passed+found.passed
	if found.all {
		w.end(now)
	}
	return !found.all, nil
}

// press makes room for so many bytes: it deletes what has ended, however young. Where a walk
// through all events finds nothing, the space is taken by what cannot be deleted.
func (s *Store) press(ctx context.Context, now time.Time, bytes int64) (more bool, err error) {
	w := &s.keeper.pressed
	if w.resting(now) {
		return false, nil
	}
	found, err := s.ended(ctx, w, math.MaxInt64)
	if err != nil {
		return false, err
	}
	if n, err := s.enough(ctx, found.events, bytes); err != nil {
		return false, err
	} else if n < len(found.events) {
		found.events, found.upTo, found.all = found.events[:n], found.events[n-1], false
	}
	if err := s.forget(ctx, found.events); err != nil {
		return false, err
	}
	w.from, w.passed, w.found = found.upTo, w.passed+found.passed, w.found+len(found.events)
	if !found.all {
		return true, nil
	}
	walk := *w
	*w = sweep{}
	if walk.found > 0 {
		return true, nil
	}
	for _, drop := range []func(context.Context, int64) (bool, error){s.dropQuarantine, s.dropNotices} {
		if more, err = drop(ctx, math.MaxInt64); more || err != nil {
			return more, err
		}
	}
	w.rest = now.Add(max(failedWait, time.Duration(walk.passed)*againAfter/10))
	s.alarm()
	return false, nil
}

// enough returns how many of events, from the first on, take about so many bytes.
func (s *Store) enough(ctx context.Context, events []int64, bytes int64) (n int, err error) {
	rows, err := s.own.QueryContext(ctx, s.stmts.text.upkeep.sizes, listed(events))
	if err != nil {
		return 0, fmt.Errorf("measure events to delete: %w", dbError(err))
	}
	defer rows.Close()
	for bytes >= 0 && rows.Next() {
		var size int64
		if err := rows.Scan(&size); err != nil {
			return 0, fmt.Errorf("measure events to delete: %w", dbError(err))
		}
		n, bytes = n+1, bytes-size
	}
	return n, dbError(rows.Err())
}

// endedEvents is what [Store.ended] found.
type endedEvents struct {
	events []int64
	passed int   // that have not ended, or later
	upTo   int64 // all before, and this one, were looked at
	all    bool  // there is nothing behind that ended before that time
}

// ended looks at some events, from where w stands, for such as ended before a time and
// were received before it. It does so beside the writer: who deletes them must look
// again. What is not indexed yet is left alone.
func (s *Store) ended(ctx context.Context, w *sweep, before int64) (endedEvents, error) {
	s.tail.mu.RLock()
	indexed := s.tail.indexed
	s.tail.mu.RUnlock()
	rows, err := s.own.QueryContext(ctx, s.stmts.text.upkeep.findEnded, w.from, indexed, looksAt)
	if err != nil {
		return endedEvents{}, fmt.Errorf("find events to delete: %w", dbError(err))
	}
	defer rows.Close()
	f := endedEvents{upTo: w.from}
	n, young := 0, false
	for rows.Next() {
		var seq, received int64
		var end sql.NullInt64 // of the last delivery; the end of time where one is open
		var held bool
		if err := rows.Scan(&seq, &received, &held, &end); err != nil {
			return endedEvents{}, fmt.Errorf("find events to delete: %w", dbError(err))
		}
		n++
		switch {
		case received >= before:
			young = true
			continue
		case !held && end.Int64 < before:
			f.events = append(f.events, seq)
		case !young:
			f.passed++
		}
		if !young { // those behind a young one are looked at again
			f.upTo = seq
		}
	}
	f.all = n < looksAt || young
	return f, dbError(rows.Err())
}
