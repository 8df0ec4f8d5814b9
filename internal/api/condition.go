package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// gone is the state of a target that the configuration does not name.
const gone = "gone"

// condition is how a target is, by what it answered and what people decided.
type condition struct {
	State    string     `json:"state"`            // healthy, failing, paused, disabled or gone
	Since    *time.Time `json:"since,omitempty"`  // of failing and disabled
	Until    *time.Time `json:"until,omitempty"`  // of paused: then it is sent to; of failing: then it is probed
	Reason   string     `json:"reason,omitempty"` // of failing and disabled
	Failures int        `json:"failures"`         // deliveries in a row that ended dead
	// Marked is there while its options are known to be wrong.
	Marked *marked `json:"marked,omitempty"`
}

// marked is what shows that a target's options are wrong.
type marked struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// conditionOf shows c as it is at now.
func conditionOf(c store.Condition, named bool, now time.Time) condition {
	out := condition{State: c.Word(now), Failures: c.Failures}
	if !named {
		out.State = gone
	}
	switch {
	case !c.Disabled.IsZero():
		out.Since, out.Reason = &c.Disabled, c.Why
	case !c.Open.IsZero():
		out.Since, out.Reason, out.Until = &c.Open, c.Why, &c.Probe
	}
	if out.State == store.PausedTarget {
		out.Until = &c.Paused
	}
	if !c.Marked.IsZero() {
		out.Marked = &marked{c.Marked, c.Mark}
	}
	return out
}

// decision is what a person may decide of a target.
type decision struct {
	verb    string // in the path
	summary string
	done    string // for the log
	store   func(s *store.Store, ctx context.Context, target, by string) (store.Condition, error)
}

func decisions() []decision {
	return []decision{
		{"disable", "Send nothing to a target: what comes for it is parked", "target disabled", (*store.Store).Disable},
		{"enable", "Send to a target again, and what is parked for it", "target enabled", (*store.Store).Enable},
		{"reset", "Forget that a target failed, and send to it now", "target reset", (*store.Store).Reset},
	}
}

type decideInput struct {
	ByName
	Body ByRequest
}

// decide carries a decision out. It answers with the condition that follows, when all
// deliveries of the target are where they belong then.
func (s *server) decide(d decision) func(context.Context, *decideInput) (*body[condition], error) {
	return func(ctx context.Context, in *decideInput) (*body[condition], error) {
		by, err := who(ctx, in.Body.By)
		if err != nil {
			return nil, err
		}
		// A caller that hangs up leaves no half of it behind.
		c, err := d.store(s.Store, context.WithoutCancel(ctx), in.Name, by)
		if errors.Is(err, store.ErrNotFound) {
			return nil, problemf(http.StatusNotFound, "there is no target %q: list what there is with `bellbuoy targets`", in.Name)
		}
		if err != nil {
			return nil, err
		}
		s.Log.InfoContext(ctx, d.done, "target", in.Name, "by", by)
		return &body[condition]{conditionOf(c, s.names(in.Name), s.now().UTC())}, nil
	}
}

// names reports whether the configuration in use names the target.
func (s *server) names(target string) bool {
	for _, t := range s.Running().Targets {
		if t.Name == target {
			return true
		}
	}
	return false
}
