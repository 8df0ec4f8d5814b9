package delivery

import (
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// wall is the clock on the wall, which is set now and then. All that the simulation expects
// is by the other one, that of the bubble: a delay is as long as it is, whatever somebody
// does to the clock.
func (s *simulation) wall() time.Time { return time.Now().Add(time.Duration(s.set.Load())) }

// clock sets the clock on the wall. Nobody is told of it.
func (s *simulation) clock() {
	by := []time.Duration{time.Second, time.Hour, 10 * 365 * 24 * time.Hour}[s.n(3)]
	if s.chance(2) {
		by = -by
	}
	s.set.Add(int64(by))
	s.note("the clock is set by %v", by)
}

// between is what happens while no process runs.
func (s *simulation) between() {
	if s.chance(4) {
		s.clock()
	}
}

// known is by how much the clock is wrong, as far as the present process knows.
func (s *simulation) known() time.Duration { return time.Until(s.store.Now()) }

// unseen takes in what a process cannot know that begins now: that the clock was set
// forward is, for it, time that passed. What was to be held back until then, or was to wait
// for a place in a rate, is so no more. s.mu is held.
func (s *simulation) unseen() {
	if s.known() <= s.saw {
		return
	}
	for _, p := range s.planned {
		p.again = true
	}
	for _, l := range s.lanes {
		clear(l.open)
	}
	for _, to := range s.targets {
		to.arrivals, to.changed = nil, time.Now()
	}
}

// condition is what the store knows of a target, by the clock of the bubble.
func (s *simulation) condition(target string) store.Condition {
	var c store.Condition
	follows := s.known()
	for stable := false; !stable; { // the store may follow the clock meanwhile
		was := follows
		c = s.store.Conditions()[target]
		follows = s.known()
		stable = follows == was
	}
	for _, at := range []*time.Time{&c.Open, &c.Paused, &c.Disabled} {
		if !at.IsZero() {
			*at = at.Add(-follows)
		}
	}
	return c
}
