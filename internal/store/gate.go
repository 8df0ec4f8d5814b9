package store

import (
	"context"
	"time"
)

// gate says what may be claimed for a target now: by its condition. Its caller is the
// writer, in a transaction.
func (s *Store) gate(target string, now time.Time) gate {
	if s.present.gone(target) { // it may be coming back; nothing is claimed before all of it has
		return gate{}
	}
	return s.health.at(target).gate(now)
}

// clock is now by a target's own clock, which stands still while its circuit is open: so
// nothing is given up, and no hold ends, for want of what was not sent.
func (s *Store) clock(target string, now time.Time) time.Time {
	return now.Add(-s.health.at(target).lost(now))
}

// lost is by how much a target's own clock is slow.
func (s *Store) lost(target string, now time.Time) time.Duration {
	return s.health.at(target).lost(now)
}

// parkedFor is why deliveries to a target must be parked, "" where they need not be.
func (s *Store) parkedFor(target string) string {
	if s.present.gone(target) {
		return s.present.why(target)
	}
	if c := s.health.at(target); !c.Disabled.IsZero() {
		return disabledReason(c)
	}
	return ""
}

// disabledReason is that of deliveries that are parked since their target is disabled.
func disabledReason(c Condition) string { return "target is disabled: " + c.Why }

// leaseProbe leases the one delivery that finds out whether a target answers again: one
// that is due, or else the first that will be.
func (s *Store) leaseProbe(ctx context.Context, target string, now time.Time) ([]Claimed, error) {
	out, err := s.lease(ctx, target, 1, now)
	if err == nil && len(out) == 0 {
		out, err = s.lease(ctx, target, 1, endOfTime)
	}
	if err != nil || len(out) == 0 {
		return nil, err
	}
	out[0].Probe = true
	old := s.health.at(target)
	next := old
	next.Probe = whole(now.Add(probeLease))
	return out, s.turn(ctx, target, old, next, now)
}

// endOfTime is later than all that is due.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// probed records a probe that was not answered. It is in the trace, and the delivery is
// as it was before: its schedule stands still.
func (s *Store) probed(ctx context.Context, o Outcome) (changed int64, err error) {
	r, err := s.conn.ExecContext(ctx, s.stmts.text.probed, o.Seq, o.made(), s.leased(o), o.Receipt.Resume)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
