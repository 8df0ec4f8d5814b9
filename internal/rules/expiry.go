package rules

import (
	"fmt"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// byExpiry holds for artifacts that expire within the given time of the event. Those
// that have expired already do, too.
func byExpiry(within time.Duration) condition {
	return condition{
		predicate: "expires_in",
		holds: func(s *subject) bool {
			left, ok := lifetime(s.event)
			return ok && left <= within
		},
		why: func(s *subject) string {
			left, ok := lifetime(s.event)
			switch {
			case s.event.Expiry == nil:
				return fmt.Sprintf("the event is about no expiry, and the rule wants one within %s", days(within))
			case !ok:
				return fmt.Sprintf("the event does not say when the artifact expires, and the rule wants that within %s", days(within))
			}
			return fmt.Sprintf("the artifact expires in %s, and the rule wants that within %s", days(left), days(within))
		},
	}
}

// lifetime returns how long the artifact had left when the event happened.
func lifetime(e *event.Event) (time.Duration, bool) {
	const most = float64(1<<63-1) / float64(24*time.Hour)
	if e.Expiry == nil || e.Expiry.Days == nil {
		return 0, false
	}
	switch left := *e.Expiry.Days; {
	case left >= most:
		return 1<<63 - 1, true
	case left <= -most:
		return -1 << 63, true
	default:
		return time.Duration(left * float64(24*time.Hour)), true
	}
}

// days writes d in days, or where it is less in hours and minutes.
func days(d time.Duration) string {
	switch d = d.Round(time.Minute); {
	case d == 24*time.Hour:
		return "1 day"
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d > 48*time.Hour || d < -48*time.Hour:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	}
	return d.String()[:len(d.String())-len("0s")]
}
