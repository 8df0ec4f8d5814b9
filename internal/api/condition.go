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
	done  string // for the log
	store func(s *store.Store, ctx context.Context, target, by string) (store.Condition, error)
}

func disable() decision { return decision{"target disabled", (*store.Store).Disable} }

func enable() decision { return decision{"target enabled", (*store.Store).Enable} }

func reset() decision { return decision{"target reset", (*store.Store).Reset} }

// decide carries a decision out. It answers with the condition that follows, when all
// deliveries of the target are where they belong then.
func (s *server) decide(d decision) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		by, err := readBy(w, r)
		if err != nil {
			fail(w, http.StatusBadRequest, "%v", err)
			return
		}
		// A caller that hangs up leaves no half of it behind.
		c, err := d.store(s.Store, context.WithoutCancel(r.Context()), name, by)
		switch {
		case errors.Is(err, store.ErrNotFound):
			fail(w, http.StatusNotFound, "there is no target %q: list what there is with `bellbuoy targets`", name)
		case err != nil:
			s.failStore(w, r, err)
		default:
			s.Log.InfoContext(r.Context(), d.done, "target", name, "by", by)
			answer(w, conditionOf(c, s.names(name), s.now().UTC()))
		}
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

// readBy reads the body of a request that changes something: who wants it.
func readBy(w http.ResponseWriter, r *http.Request) (string, error) {
	var request struct {
		By string `json:"by"`
	}
	if err := readJSON(w, r, &request); err != nil {
		return "", err
	}
	return who(r, request.By)
}
