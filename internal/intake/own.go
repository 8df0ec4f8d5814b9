package intake

import (
	"context"
	"log/slog"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// sayOwn logs what bellbuoy tells of a target, for who has no rule that delivers it.
func (h *Handler) sayOwn(ctx context.Context, e *event.Event) {
	level, say := slog.LevelWarn, ""
	switch e.Type {
	case event.TargetFailing:
		say = "a target fails, or its options are wrong"
	case event.TargetDisabled:
		say = "a target is disabled: its deliveries are parked"
	case event.TargetRecovered:
		level, say = slog.LevelInfo, "a target has recovered"
	case event.Expired:
		say = "deliveries to a target were parked for too long, and have expired"
	}
	if say == "" || e.Target == nil {
		return
	}
	of := []any{"target", e.Target.Name, "condition", e.Target.Condition, "event", e.ID}
	if e.Target.Reason != "" {
		of = append(of, "reason", e.Target.Reason)
	}
	if e.Target.Deliveries > 0 {
		of = append(of, "deliveries", e.Target.Deliveries)
	}
	h.log.Log(ctx, level, say, of...)
}
