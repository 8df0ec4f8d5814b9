package store

import (
	"fmt"
	"math"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// openAfter is how many attempts in a row that are to be made again open a circuit.
const openAfter = 5

// How long it is from the opening of a circuit to the first probe, and from one probe to
// the next at the most. In between it doubles.
const (
	firstProbe = 30 * time.Second
	lastProbe  = 5 * time.Minute
)

// probeLease is how long a probe may be under way before another is sent: longer than
// any attempt takes.
const probeLease = 90 * time.Second

// Condition is what the answers of a target have made of it. The zero Condition is that
// of a target that never failed. It is a value: its methods return the next one.
type Condition struct {
	Retries int           // attempts in a row that are to be made again
	Open    time.Time     // since when its circuit is open; zero = it is closed
	Probe   time.Time     // while it is open: when the next probe may be sent
	Wait    time.Duration // while it is open: from a probe to the next

	Paused   time.Time // until when the target takes nothing, as it said; may be past
	Failures int       // deliveries in a row that ended dead

	Disabled  time.Time // since when nothing is sent until somebody says so; zero = it is not disabled
	Why       string    // it is disabled, or its circuit is open
	Releasing bool      // it is to be enabled, as soon as what is parked waits again

	Marked time.Time // since when its options are known to be wrong; zero = they are not
	Mark   string    // the answer that shows it

	Lost time.Duration // how long its circuit was open, up to the last time that it closed
	Said event.Type    // the last own event about it
}

// answer is how one attempt ended, as far as it says something of the target.
type answer struct {
	outcome plugin.Outcome
	scope   plugin.Scope
	status  int
	dead    bool      // the delivery ended with it
	probe   bool      // it was made while the circuit was open
	asked   time.Time // before which the target wishes to hear nothing; zero = it did not say
	next    time.Time // when the schedule has the next attempt
	error   string
}

// after returns the condition in which an answer leaves a target of which the config
// says t.
func (c Condition) after(a answer, t Target, now time.Time) Condition {
	if !c.Disabled.IsZero() { // it was under way when that was decided
		return c
	}
	switch {
	case a.scope == plugin.ScopeSender && !a.probe:
		return c // nobody knows what the target would have said
	case a.outcome == plugin.Retry:
		c = c.unanswered(a, now)
	default:
		c = c.closed(now)
	}
	switch {
	case a.scope == plugin.ScopeMisconfigured && a.outcome != plugin.Delivered:
		if c.Marked.IsZero() {
			c.Marked, c.Mark = now, a.error
		}
	case a.outcome != plugin.Retry:
		c.Marked, c.Mark = time.Time{}, ""
	}
	if a.outcome == plugin.ThrottledTarget {
		until := a.asked
		if until.IsZero() {
			until = a.next
		}
		if until.After(c.Paused) {
			c.Paused = until
		}
	}
	switch {
	case a.outcome == plugin.Delivered:
		c.Failures = 0
	case a.dead:
		c.Failures++
	}
	switch {
	case goneForGood(a.outcome, a.scope, a.status):
		c = c.disabled("the target says that it is gone", now)
	case t.DisableAfter > 0 && c.Failures >= t.DisableAfter:
		c = c.disabled(fmt.Sprintf("%d deliveries in a row ended dead, the last with: %s", c.Failures, a.error), now)
	}
	return c
}

// goneForGood reports whether an attempt that ended so shows that its target will take
// nothing any more.
func goneForGood(outcome plugin.Outcome, scope plugin.Scope, status int) bool {
	return outcome != plugin.Delivered && scope == plugin.ScopeTargetGone || outcome == plugin.PermanentFail && status == 410
}

// unanswered takes in an attempt that is to be made again.
func (c Condition) unanswered(a answer, now time.Time) Condition {
	c.Retries++
	switch {
	case !c.Open.IsZero() && !a.probe: // it was under way when the circuit opened
		return c
	case !c.Open.IsZero():
		c.Wait = min(2*c.Wait, lastProbe)
	case c.Retries < openAfter:
		return c
	default:
		c.Open, c.Wait = now, firstProbe
	}
	c.Why = a.error
	c.Probe = now.Add(c.Wait)
	if a.asked.After(c.Probe) {
		c.Probe = a.asked
	}
	return c
}

// closed closes the circuit.
func (c Condition) closed(now time.Time) Condition {
	c.Lost = c.lost(now)
	c.Retries, c.Open, c.Probe, c.Wait = 0, time.Time{}, time.Time{}, 0
	if c.Disabled.IsZero() {
		c.Why = ""
	}
	return c
}

// disabled stops all sending. The circuit is closed: what is parked loses no time by it.
func (c Condition) disabled(why string, now time.Time) Condition {
	c = c.closed(now)
	c.Disabled, c.Why, c.Releasing = now, why, false
	return c
}

// enabled lets sending go on.
func (c Condition) enabled() Condition {
	c.Disabled, c.Why, c.Releasing, c.Failures = time.Time{}, "", false, 0
	return c
}

// reset forgets what the target's answers said of it, but not that it is disabled.
func (c Condition) reset(now time.Time) Condition {
	c = c.closed(now)
	c.Paused, c.Failures, c.Marked, c.Mark = time.Time{}, 0, time.Time{}, ""
	return c
}

// lost is how long circuits of the target were open, up to now.
func (c Condition) lost(now time.Time) time.Duration {
	if c.Open.IsZero() {
		return c.Lost
	}
	return c.Lost + max(0, now.Sub(c.Open))
}

// gate says what may be claimed.
type gate struct {
	sends int       // how many deliveries at a time
	probe bool      // the one that may be claimed is a probe
	again time.Time // where none may: when time alone changes that; zero = it does not
}

// gate says what may be claimed for the target now.
func (c Condition) gate(now time.Time) gate {
	switch {
	case !c.Disabled.IsZero():
		return gate{}
	case c.Paused.After(now):
		return gate{again: c.Paused}
	case c.Open.IsZero():
		return gate{sends: math.MaxInt}
	case c.Probe.After(now):
		return gate{again: c.Probe}
	}
	return gate{sends: 1, probe: true}
}

// toSay is the own event by which whoever listens knows the condition.
func (c Condition) toSay() event.Type {
	switch {
	case !c.Disabled.IsZero():
		return event.TargetDisabled
	case !c.Open.IsZero() || !c.Marked.IsZero():
		return event.TargetFailing
	case c.Said == event.TargetDisabled || c.Said == event.TargetFailing:
		return event.TargetRecovered
	}
	return c.Said
}

// Words for the condition of a target.
const (
	Healthy        = "healthy"
	FailingTarget  = "failing"  // its circuit is open
	PausedTarget   = "paused"   // it asked to be left alone for a time
	DisabledTarget = "disabled" // until somebody enables it
)

// Word is the condition in one word.
func (c Condition) Word(now time.Time) string {
	switch {
	case !c.Disabled.IsZero():
		return DisabledTarget
	case c.Paused.After(now):
		return PausedTarget
	case !c.Open.IsZero():
		return FailingTarget
	}
	return Healthy
}
