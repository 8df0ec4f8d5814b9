package store

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// goneTarget is the reason of deliveries that were parked because the config does
// not name their target.
const goneTarget = "target is not in the config"

// How much one transaction moves where many deliveries change their state, so that
// those who wait for the next one do not wait long.
const (
	movedAtOnce   = 250 // deliveries
	targetsAtOnce = 256
)

// Target is what the store goes by for one target of the config.
type Target struct {
	Rate         Rate
	DigestAfter  int           // when more events than that wait they become one message; 0 = never
	DisableAfter int           // deliveries in a row that end dead until it is disabled; 0 = it never is
	ParkFor      time.Duration // how long a delivery stays parked before it expires
	Shadow       bool          // what is sent is made and kept, and not sent
	Parked       string        // why nothing may be sent to it yet, though it is there; "" = it may
	Type         string
}

// Rate bounds the sends in any window of time.
type Rate struct {
	Sends int // 0 = any number
	Per   time.Duration
}

// presence is what the store knows of the config's targets. Its maps are replaced and
// never changed, so that a transaction that fails can take back what it said.
type presence struct {
	named map[string]Target // those that the config has; nil while nobody has said
	here  map[string]bool   // of those, the ones whose deliveries all wait again
}

// gone reports whether deliveries to target must be parked, since it is not there, or
// nothing may be sent to it yet.
func (p presence) gone(target string) bool { return p.named != nil && !p.here[target] }

// why is the reason of deliveries that are parked for that.
func (p presence) why(target string) string {
	if t := p.named[target]; t.Parked != "" {
		return t.Parked
	}
	return goneTarget
}

// Targets tells the store which targets there are from now on. Deliveries of others are
// parked until their target's name returns: those that wait at once, those that are
// claimed when they are given back or fail, and those that are planned by who has not
// heard of it yet. Those of targets that returned wait again, in their order, before
// anything newer; the time for which they were parked is not counted against them.
//
// On an error some are moved and some are not; nothing is lost, and calling it again
// does the rest. One caller at a time.
func (s *Store) Targets(ctx context.Context, named map[string]Target) error {
	named = maps.Clone(named)
	if named == nil {
		named = map[string]Target{}
	}
	parked, err := s.column(ctx, s.stmts.text.parkedTargets)
	if err != nil {
		return fmt.Errorf("find parked deliveries: %w", err)
	}
	returning, err := s.announce(ctx, named, parked)
	if err != nil {
		return fmt.Errorf("take in which targets there are: %w", err)
	}
	// Only now: what is planned since is parked as it is written.
	waiting, err := s.column(ctx, s.stmts.text.waitingTargets)
	if err != nil {
		return fmt.Errorf("find waiting deliveries: %w", err)
	}
	var gone []string
	for _, t := range waiting {
		if now, ok := named[t]; !ok || now.Parked != "" {
			gone = append(gone, t)
		}
	}
	if err := s.move(ctx, gone, s.park, func([]string) {}); err != nil {
		return fmt.Errorf("park deliveries: %w", err)
	}
	if err := s.move(ctx, returning, s.restore, s.welcome); err != nil {
		return fmt.Errorf("release parked deliveries: %w", err)
	}
	return nil
}

// announce makes named the config's targets and returns those of them whose deliveries
// may be parked. parked are the targets that had some when nobody had said yet.
func (s *Store) announce(ctx context.Context, named map[string]Target, parked []string) (returning []string, err error) {
	first := make(map[string]bool, len(parked))
	for _, t := range parked {
		first[t] = true
	}
	err = s.write(ctx, &job{run: func(ctx context.Context) error {
		old, here := s.present, make(map[string]bool, len(named))
		if err := s.adopt(ctx, old.named, named); err != nil {
			return err
		}
		returning = nil
		for t, now := range named {
			switch {
			case now.Parked != "":
			case old.named == nil && !first[t] || old.here[t]:
				here[t] = true
			default:
				returning = append(returning, t)
			}
		}
		s.present = presence{named: named, here: here}
		s.shadow(old.named, named)
		for t := range old.here {
			if !here[t] {
				s.shelves.change(t, func(*shelf) {}) // what was handed over is to be given back
			}
		}
		return s.closeUnasked(ctx)
	}})
	return returning, err
}

// move applies one to each of targets until nothing is left to move, some at a time, and
// tells done, within the same transaction, which of them are finished.
func (s *Store) move(ctx context.Context, targets []string, one func(ctx context.Context, target string, n int) (int, error), done func([]string)) error {
	for len(targets) > 0 {
		finished := 0
		err := s.write(ctx, &job{rows: turnRows, run: func(ctx context.Context) error {
			finished = 0
			for left := movedAtOnce; left > 0 && finished < min(len(targets), targetsAtOnce); finished++ {
				n, err := one(ctx, targets[finished], left)
				if err != nil {
					return err
				}
				if left -= n; left == 0 {
					break // there may be more of this one
				}
			}
			done(targets[:finished])
			return nil
		}})
		if err != nil {
			return err
		}
		targets = targets[finished:]
	}
	return nil
}

func (s *Store) park(ctx context.Context, target string, n int) (int, error) {
	r, err := s.stmts.park.ExecContext(ctx, target, s.parkedFor(target), micros(s.now()), n)
	if err != nil {
		return 0, err
	}
	moved, err := r.RowsAffected()
	return int(moved), err
}

// parkOne parks a delivery that nobody holds any more.
func (s *Store) parkOne(ctx context.Context, target string, seq int64, now time.Time) error {
	_, err := s.stmts.parkOne.ExecContext(ctx, seq, s.parkedFor(target), micros(now))
	return err
}

// parkKey parks a delivery that was to be tried again, and what stands behind it: if its
// target returned now, what was handed over of its key would overtake it.
func (s *Store) parkKey(ctx context.Context, o Outcome, now time.Time) error {
	if err := s.holdBack(ctx, o, now); err != nil {
		return err
	}
	if err := s.parkOne(ctx, o.Target, o.Seq, now); err != nil {
		return err
	}
	_, err := s.park(ctx, o.Target, movedAtOnce) // the others of this target are parked already
	return err
}

// release has parked deliveries wait again. Those with a key that were not tried yet are
// put behind what may be tried again of it; the next claim finds out whether there is any.
func (s *Store) release(ctx context.Context, target string, n int) (int, error) {
	r, err := s.stmts.release.ExecContext(ctx, target, micros(s.now()), n)
	if err != nil {
		return 0, err
	}
	moved, err := r.RowsAffected()
	return int(moved), err
}

// welcome makes targets claimable, all of whose deliveries wait again.
func (s *Store) welcome(targets []string) {
	if len(targets) == 0 {
		return
	}
	here := maps.Clone(s.present.here)
	for _, t := range targets {
		here[t] = true
		s.shelves.own(t).known = false
		s.shelves.mark(t, true)
	}
	s.present.here = here
}

// Cancel ends the deliveries that are parked for a target that the config does not name,
// for by, who is named in their reason and in the audit, and returns how many. Where the
// config names the target the error is [ErrConfigured]; an attempt under way is not waited
// for, and is parked if it fails.
func (s *Store) Cancel(ctx context.Context, target, by string) (int, error) {
	reason, entry := "cancelled by "+by, int64(0)
	for total := 0; ; {
		moved, configured := int64(0), false
		err := s.write(ctx, &job{rows: turnRows, run: func(ctx context.Context) error {
			_, named := s.present.named[target]
			if configured = s.present.named == nil || named; configured {
				return nil
			}
			r, err := s.stmts.cancel.ExecContext(ctx, target, reason, micros(s.now()), movedAtOnce)
			if err != nil {
				return err
			}
			if moved, err = r.RowsAffected(); err != nil || moved == 0 {
				return err
			}
			entry, err = s.auditCancel(ctx, entry, by, target, total+int(moved))
			return err
		}})
		if err == nil && configured {
			err = ErrConfigured
		}
		if err != nil {
			return total, fmt.Errorf("cancel deliveries to target %s: %w", target, err)
		}
		if total += int(moved); moved < movedAtOnce {
			return total, nil
		}
	}
}
