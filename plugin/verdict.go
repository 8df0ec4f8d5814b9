package plugin

import (
	"errors"
	"time"
)

// Outcome is how one attempt ended.
type Outcome string

const (
	Delivered       Outcome = "delivered" // the target has it
	Retry           Outcome = "retry"     // try again, on the schedule or later
	PermanentFail   Outcome = "permanent" // trying again would fail again
	ThrottledTarget Outcome = "throttled" // the target takes nothing before a time
)

// verdict is an error that says what to do next.
type verdict struct {
	err     error
	outcome Outcome
	after   time.Duration
	until   time.Time
}

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// Permanent wraps err to say that trying again would fail again. A nil err stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &verdict{err: err, outcome: PermanentFail}
}

// RetryAfter wraps err to say that the target asked to be left alone for d. The
// host waits at least as long as its schedule says, and at most an hour.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &verdict{err: err, outcome: Retry, after: d}
}

// Throttled wraps err to say that the target takes nothing, from anyone, before
// until; the zero time leaves that to the host's schedule.
func Throttled(err error, until time.Time) error {
	if err == nil {
		return nil
	}
	return &verdict{err: err, outcome: ThrottledTarget, until: until}
}

// Verdict is an error of [Sender.Send], read.
type Verdict struct {
	Outcome Outcome
	After   time.Duration // with Retry: not before that long from now; 0 = as scheduled
	Until   time.Time     // with ThrottledTarget: not before then; zero = as scheduled
}

// ReadVerdict reads what err says: nil is [Delivered], an error that nobody wrapped
// is [Retry].
func ReadVerdict(err error) Verdict {
	if err == nil {
		return Verdict{Outcome: Delivered}
	}
	var v *verdict
	if errors.As(err, &v) {
		return Verdict{Outcome: v.outcome, After: v.after, Until: v.until}
	}
	return Verdict{Outcome: Retry}
}
