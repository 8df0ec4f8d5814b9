package store

import (
	"context"
	"sync"
	"time"
)

// shelves are what the store knows in memory of each target's waiting deliveries:
// those that were leased to this process as they were accepted, for delivery to take
// without reading them back, and when there may be others to be read. They are a
// hand-over, no record: after a restart they are empty, and the rows say it all.
type shelves struct {
	mu      sync.Mutex
	targets map[string]*shelf
	ready   map[string]struct{} // targets with something to claim, not yet told
	poke    chan struct{}       // one when ready is not empty, or wake is earlier than it was
	wake    time.Time           // when the first shelf's wake comes, or before; zero = none

	marked  map[string]struct{} // by the running transaction, for other processes to hear of
	pending []func(*shelf)      // changes of the running transaction, by the writer
	of      []string            // the target of each
}

// shelf is what is known of one target.
type shelf struct {
	handed []Claimed // leased to this process and not yet claimed
	out    int       // leased to this process and not yet ended, handed ones included
	stored bool      // a claim may find rows that can be attempted now
	wake   time.Time // when a claim may find some, if not now; zero = unknown or never
	others bool      // there may be rows that wait without a lease, due or not
	queues bool      // nothing is handed over: all goes through claims
	recall bool      // what is claimed and not begun is to be given back; see [Store.Recalled]

	timer   *time.Timer // see again
	againAt time.Time

	// The writer's own:
	inTx   int                 // leased in the running transaction
	known  bool                // freed has what was there when this process began
	freed  map[string]struct{} // keys that may have rows behind and nothing before them
	holds  time.Time           // up to when ends of holds have been looked for
	hungry bool                // the last claim found no token
}

func (s *shelves) init() {
	s.targets = map[string]*shelf{}
	s.ready, s.marked = map[string]struct{}{}, map[string]struct{}{}
	s.poke = make(chan struct{}, 1)
}

// own returns a target's shelf to the writer, for what is its own there.
func (s *shelves) own(target string) *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at(target)
}

// at returns a target's shelf. s.mu is held: others may be making one.
func (s *shelves) at(target string) *shelf {
	sh := s.targets[target]
	if sh == nil {
		sh = &shelf{freed: map[string]struct{}{}}
		s.targets[target] = sh
	}
	return sh
}

// foundAtStart marks the targets that have rows waiting from before.
func (s *shelves) foundAtStart(targets []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range targets {
		sh := s.at(t)
		sh.stored, sh.others = true, true
		s.tell(t)
	}
}

// found marks targets for which another process has left rows, and returns those that have
// no shelf yet: only the writer makes one. Anybody may call it.
func (s *shelves) found(targets []string) (unknown []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range targets {
		sh := s.targets[t]
		if sh == nil {
			unknown = append(unknown, t)
			continue
		}
		sh.stored, sh.others = true, true
		s.tell(t)
	}
	return unknown
}

// tell marks target as having something to claim. s.mu is held.
func (s *shelves) tell(target string) {
	s.ready[target] = struct{}{}
	s.nudge()
}

func (s *shelves) nudge() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// wakeAt has a claim of the shelf looked for at t. s.mu is held.
func (s *shelves) wakeAt(sh *shelf, t time.Time) {
	if sh.wake.IsZero() || t.Before(sh.wake) {
		sh.wake = t
	}
	if s.wake.IsZero() || t.Before(s.wake) {
		s.wake = t
		s.nudge()
	}
}

// fire marks the targets whose wake has come. s.mu is held.
func (s *shelves) fire(now time.Time) {
	s.wake = time.Time{}
	for t, sh := range s.targets {
		switch {
		case sh.wake.IsZero():
		case sh.wake.After(now):
			s.wakeAt(sh, sh.wake)
		default:
			sh.wake, sh.stored, sh.others = time.Time{}, true, true
			s.tell(t)
		}
	}
}

// change notes what committing the running transaction will change on a shelf.
func (s *shelves) change(target string, f func(*shelf)) {
	s.pending = append(s.pending, f)
	s.of = append(s.of, target)
}

// mark says at once that target has rows without a lease: stored, if a claim may
// find them, else others. The rest of the transaction has to know; where it fails, the
// mark costs a look in vain.
func (s *shelves) mark(target string, stored bool) {
	s.mu.Lock()
	sh := s.at(target)
	sh.stored, sh.others = sh.stored || stored, true
	s.mu.Unlock()
	s.marked[target] = struct{}{}
	s.change(target, func(*shelf) {})
}

// due says at once that target has a row without a lease that is due at t.
func (s *shelves) due(target string, t, now time.Time) {
	s.mark(target, !t.After(now))
	if t.After(now) { // it may not be when this is committed; then the wake is at once
		s.change(target, func(sh *shelf) { s.wakeAt(sh, t) })
	}
}

// committed applies the changes of the transaction that was committed.
func (s *shelves) committed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.pending {
		sh := s.at(s.of[i])
		f(sh)
		sh.inTx = 0
		if sh.stored || len(sh.handed) > 0 {
			s.tell(s.of[i])
		}
	}
	s.clear()
}

// undo forgets the changes of the transaction that was rolled back, and what was
// known from it.
func (s *shelves) undo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.of {
		sh := s.at(t)
		sh.inTx, sh.stored, sh.others, sh.known = 0, true, true, false
	}
	s.clear()
}

func (s *shelves) clear() {
	clear(s.marked)
	clear(s.pending)
	s.pending, s.of = s.pending[:0], s.of[:0]
}

// room reports whether a new delivery may be leased to this process at once, and
// whether its key must be looked at first.
func (s *shelves) room(target string, window int) (room, look bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.at(target)
	return sh.out+sh.inTx < window && !sh.stored, sh.others
}

func (s *shelves) reserve(target string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(target).inTx++
}

// lookAgain is how long Ready sleeps at the most: the clock may be set, and the machine
// suspended, for which the process's own clock stands still.
const lookAgain = time.Minute

// Ready waits until there are targets with something to claim and names them. A
// target may be named although nothing is left to claim, and is named again when more
// comes. Its error is that of ctx, or the one with which the store has failed. One
// caller at a time.
func (s *Store) Ready(ctx context.Context) ([]string, error) {
	h := &s.shelves
	for {
		if err := s.Err(); err != nil {
			return nil, err
		}
		s.noticeClock(ctx)
		h.mu.Lock()
		now := s.Now()
		if !h.wake.IsZero() && !h.wake.After(now) {
			h.fire(now)
		}
		var out []string
		for t := range h.ready {
			out = append(out, t)
		}
		clear(h.ready)
		sleep := lookAgain
		if !h.wake.IsZero() {
			sleep = min(sleep, h.wake.Sub(now))
		}
		h.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		timer := time.NewTimer(sleep)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-h.poke:
			timer.Stop()
		case <-timer.C:
		}
	}
}
