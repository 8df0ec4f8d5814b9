package delivery

import (
	"math/rand/v2"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// maxRetryAfter bounds how long a target can ask to be left alone.
const maxRetryAfter = time.Hour

// jitter is the share by which a delay may be longer or shorter, so that what failed
// together does not come back together.
const jitter = 0.2

// Policy says when attempts are made.
type Policy struct {
	// Schedule has the delays before attempts 1 to n; the last one repeats.
	Schedule []time.Duration
	// Random returns numbers from 0 up to 1, by which delays vary; nil = those of
	// math/rand.
	Random func() float64
}

// Next returns when to try again after the attempt of that number ended with v at
// now. A target's own wish is heeded where it is longer than the schedule, up to an
// hour, and is never shortened.
func (p Policy) Next(attempt int, v plugin.Verdict, now time.Time) time.Time {
	wait := p.delay(attempt + 1)
	random := p.Random
	if random == nil {
		random = rand.Float64
	}
	wait += time.Duration((2*random() - 1) * jitter * float64(wait))
	next := now.Add(wait)
	if asked := Asked(v, now); asked.After(next) {
		return asked
	}
	return next
}

// Asked returns before when a target that answered v at now wishes to hear nothing, which
// is within an hour; zero where it did not say, or named the past.
func Asked(v plugin.Verdict, now time.Time) time.Time {
	after := v.After
	if !v.Until.IsZero() {
		after = v.Until.Sub(now)
	}
	if after <= 0 {
		return time.Time{}
	}
	return now.Add(min(after, maxRetryAfter))
}

// First returns when the first attempt of what is accepted at now is due.
func (p Policy) First(now time.Time) time.Time { return now.Add(p.delay(1)) }

// delay is the scheduled wait before the attempt of that number.
func (p Policy) delay(attempt int) time.Duration {
	if len(p.Schedule) == 0 {
		return 0
	}
	return p.Schedule[min(attempt, len(p.Schedule))-1]
}
