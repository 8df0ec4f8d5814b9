package intake

import (
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Judge says what the plan in use makes of e, accepted at from: its JSON and the deliveries
// that its rules ask for. It stores nothing.
func (h *Handler) Judge(e *event.Event, from time.Time) (store.Routing, error) {
	return h.plan.Load().route(e, from)
}

// Terms are those on which the plan in use has deliveries to a target planned, false where
// it does not name it.
func (h *Handler) Terms(target string) (store.Terms, bool) {
	t, ok := h.plan.Load().Targets[target]
	return store.Terms{Type: t.Type, Ordered: t.Ordered, GiveUpAfter: t.GiveUpAfter, Hold: t.Hold}, ok
}
