package store

import (
	"context"
	"sync"
	"time"
)

// shelves are what the store knows in memory of each target's waiting deliveries:
// those that were leased to this process as they were accepted, for delivery to take
// without reading them back, and whether there are others to be read. They are a
// hand-over, no record: after a restart they are empty, and the rows say it all.
type shelves struct {
	mu      sync.Mutex
	targets map[string]*shelf
	ready   map[string]struct{} // targets with something to claim, not yet told
	poke    chan struct{}       // one when ready is not empty, or wake has changed
	wake    time.Time           // when something not yet due will be; zero = unknown
	looked  time.Time           // up to when due times have been looked for

	pending []func(*shelf) // changes of the running transaction, by the writer
	of      []string       // the target of each
}

// shelf is what is known of one target.
type shelf struct {
	handed []Claimed // leased to this process and not yet claimed
	out    int       // leased to this process and not yet ended, handed ones included
	stored bool      // a claim may find rows that can be attempted now
	others bool      // there may be rows that wait without a lease, due or not
	inTx   int       // leased in the running transaction; the writer's
}

func (s *shelves) init() {
	s.targets = map[string]*shelf{}
	s.ready = map[string]struct{}{}
	s.poke = make(chan struct{}, 1)
}

// at returns a target's shelf. s.mu is held.
func (s *shelves) at(target string) *shelf {
	sh := s.targets[target]
	if sh == nil {
		sh = &shelf{}
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
	s.looked = time.Now()
}

// tell marks target as having something to claim. s.mu is held.
func (s *shelves) tell(target string) {
	s.ready[target] = struct{}{}
	select {
	case s.poke <- struct{}{}:
	default:
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
	s.change(target, func(*shelf) {})
}

// claimed says at once what a claim has left.
func (s *shelves) claimed(target string, stored, others bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.at(target)
	sh.stored, sh.others = stored, others
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
// marked in it.
func (s *shelves) undo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.of {
		sh := s.at(t)
		sh.inTx, sh.stored, sh.others = 0, true, true
	}
	s.clear()
}

func (s *shelves) clear() {
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

// wakeAt makes sure that Ready looks again at t. s.mu is held.
func (s *shelves) wakeAt(t time.Time) {
	if s.wake.IsZero() || t.Before(s.wake) {
		s.wake = t
		select {
		case s.poke <- struct{}{}:
		default:
		}
	}
}

// Ready waits until there are targets with something to claim and names them. A
// target may be named although nothing is left to claim, and is named again when more
// comes. One caller at a time.
func (s *Store) Ready(ctx context.Context) ([]string, error) {
	h := &s.shelves
	for {
		h.mu.Lock()
		now := time.Now()
		look := !h.wake.IsZero() && !h.wake.After(now)
		var out []string
		for t := range h.ready {
			out = append(out, t)
		}
		clear(h.ready)
		wake := h.wake
		h.mu.Unlock()
		if look || wake.IsZero() {
			if err := s.lookForDue(ctx, now); err != nil {
				return out, err
			}
			if len(out) == 0 {
				continue
			}
		}
		if len(out) > 0 {
			return out, nil
		}
		timer := time.NewTimer(wake.Sub(now))
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

// never is when to look again where nothing waits for a time: far off, since whatever
// comes pokes.
const never = 24 * time.Hour

// lookForDue marks the targets of which something has become due, or is no longer
// held back, since it looked last, and finds out when that is the case again.
func (s *Store) lookForDue(ctx context.Context, now time.Time) error {
	h := &s.shelves
	h.mu.Lock()
	from := h.looked
	h.wake = now.Add(never)
	h.mu.Unlock()
	targets, err := s.column(ctx, s.stmts.text.dueTargets, micros(from), micros(now))
	if err != nil {
		return err
	}
	var next *int64
	if err := s.read.QueryRowContext(ctx, s.stmts.text.nextWake, micros(now)).Scan(&next); err != nil {
		return sqliteError(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looked = now
	for _, t := range targets {
		sh := h.at(t)
		sh.stored, sh.others = true, true
		h.tell(t)
	}
	if next != nil {
		h.wakeAt(fromMicros(*next))
	}
	return nil
}
