package store

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// health is the rows of the table target, in memory: what a healthy target answers
// costs no statement, and those who send may ask before each one.
type health struct {
	mu    sync.RWMutex
	known map[string]Condition // as committed

	changed map[string]Condition // by the running transaction; the writer's
	poke    chan struct{}        // one when there is more to move than a transaction did
}

func (h *health) init() {
	h.known, h.changed = map[string]Condition{}, map[string]Condition{}
	h.poke = make(chan struct{}, 1)
}

// committed is the condition of a target as the disk has it.
func (h *health) committed(target string) Condition {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.known[target]
}

// at is the condition of a target in the running transaction. Its caller is the writer.
func (h *health) at(target string) Condition {
	if c, ok := h.changed[target]; ok {
		return c
	}
	return h.known[target] // nobody else changes it
}

// publish has all see what the transaction changed that has been committed: the clock and
// the conditions, which are by that clock, together.
func (s *Store) publish() {
	h := &s.health
	set := s.steady != *s.committed.Load()
	if len(h.changed) == 0 && !set {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if set {
		now := s.steady
		s.committed.Store(&now)
	}
	maps.Copy(h.known, h.changed)
	clear(h.changed)
}

func (h *health) undo() { clear(h.changed) }

func (h *health) all() map[string]Condition {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return maps.Clone(h.known)
}

// Conditions returns the condition of each target that ever failed.
func (s *Store) Conditions() map[string]Condition { return s.health.all() }

// Sends reports whether deliveries to target may be sent now. Whoever holds some when
// they may not gives them back; a probe is sent all the same, see [Claimed.Probe].
func (s *Store) Sends(target string) bool {
	s.health.mu.RLock()
	g := s.health.known[target].gate(s.Now()) // both by one clock
	s.health.mu.RUnlock()
	return g.sends > 0 && !g.probe && (s.engine.lapsed == nil || !s.engine.lapsed())
}

// replace takes in what another process has committed.
func (h *health) replace(known map[string]Condition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = maps.Clone(known)
}

// loadConditions reads the table when the store is opened.
func (s *Store) loadConditions(ctx context.Context) (err error) {
	s.health.known, err = s.conditionRows(ctx)
	return dbError(err)
}

func (s *Store) conditionRows(ctx context.Context) (map[string]Condition, error) {
	rows, err := s.conn.QueryContext(ctx, s.stmts.text.conditions)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]Condition{}
	for rows.Next() {
		var target string
		var c Condition
		var open, probe, wait, paused, disabled, marked, lost int64
		if err := rows.Scan(&target, &c.Retries, &open, &probe, &wait, &paused, &c.Failures, &disabled, &c.Why,
			&c.Releasing, &marked, &c.Mark, &lost, &c.Said); err != nil {
			return nil, err
		}
		c.Wait, c.Lost = time.Duration(wait)*time.Microsecond, time.Duration(lost)*time.Microsecond
		c.Open, c.Probe, c.Paused, c.Disabled, c.Marked = moment(open), moment(probe), moment(paused), moment(disabled), moment(marked)
		all[target] = c
	}
	return all, rows.Err()
}

// moment is a time that may be absent, as a row has it.
func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return fromMicros(n)
}

// whole is t as it can be stored, so that what is written and what is read are equal.
func whole(t time.Time) time.Time {
	return moment(micros(t))
}

// answered takes in what an attempt says of its target: within the transaction that
// records it, so that no kill comes between the two.
func (s *Store) answered(ctx context.Context, o Outcome, now time.Time) error {
	now = whole(now)
	old := s.health.at(o.Target)
	if s.present.gone(o.Target) || s.present.named[o.Target].Shadow {
		return nil
	}
	if o.Outcome == "" {
		return s.probeUnsent(ctx, o, now)
	}
	next := old.after(answer{
		outcome: o.Outcome, scope: o.Receipt.Scope, status: o.Receipt.Status, dead: o.State == Dead,
		probe: o.Probe, asked: whole(o.Asked), next: whole(o.Next), error: brief(o.Error),
	}, s.present.named[o.Target], now)
	return s.turn(ctx, o.Target, old, next, now)
}

// brief is the beginning of an error: it is kept with each delivery that is parked for it.
func brief(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// probeUnsent lets another probe take the place of one that was claimed and not sent.
func (s *Store) probeUnsent(ctx context.Context, o Outcome, now time.Time) error {
	c := s.health.at(o.Target)
	if !o.Probe || c.Open.IsZero() {
		return nil
	}
	next := c
	next.Probe = whole(now)
	return s.turn(ctx, o.Target, c, next, now)
}

// turn writes down that a target's condition is next, says so to whoever listens, and
// has its shelf know what may be claimed.
func (s *Store) turn(ctx context.Context, target string, old, next Condition, now time.Time) error {
	if next == old {
		return nil
	}
	next, err := s.said(ctx, target, next, now)
	if err != nil {
		return err
	}
	if err := s.writeCondition(ctx, target, next); err != nil {
		return fmt.Errorf("write the condition of target %s: %w", target, err)
	}
	was, is := old.gate(now), next.gate(now)
	switch {
	case is.sends > was.sends:
		s.shelves.mark(target, true)
	case is.sends == 0:
		s.shut(target, is)
	}
	if old.Disabled.IsZero() && !next.Disabled.IsZero() {
		return s.parkSome(ctx, target)
	}
	return nil
}

// said raises the own event that tells of c, where that is news, and returns c with it.
func (s *Store) said(ctx context.Context, target string, c Condition, now time.Time) (Condition, error) {
	say := c.toSay()
	if say == c.Said {
		return c, nil
	}
	raised, err := s.raise(ctx, say, target, s.about(target, c, now), now)
	if err != nil {
		return c, fmt.Errorf("tell of target %s: %w", target, err)
	}
	if raised {
		c.Said = say
	}
	return c, nil
}

// shut has a shelf that nothing may be claimed from looked at again when the gate says
// so. What is on it is given back by who delivers: it is told.
func (s *Store) shut(target string, g gate) {
	s.shelves.change(target, func(sh *shelf) {
		if !g.again.IsZero() {
			s.shelves.wakeAt(sh, g.again)
		}
	})
}

func (s *Store) writeCondition(ctx context.Context, target string, c Condition) error {
	_, err := s.conn.ExecContext(ctx, s.stmts.text.putCondition, target, c.Retries, micros(c.Open), micros(c.Probe),
		c.Wait.Microseconds(), micros(c.Paused), c.Failures, micros(c.Disabled), c.Why, c.Releasing, micros(c.Marked), c.Mark,
		c.Lost.Microseconds(), string(c.Said))
	if err == nil {
		s.health.changed[target] = c
	}
	return err
}

// about is what an own event says of a target.
func (s *Store) about(target string, c Condition, now time.Time) event.Target {
	e := event.Target{Name: target, Type: s.present.named[target].Type, Condition: c.Word(now), Failures: c.Failures, Reason: c.Why}
	switch {
	case !c.Disabled.IsZero():
		e.Since = &c.Disabled
	case !c.Open.IsZero():
		e.Since = &c.Open
	case !c.Marked.IsZero():
		e.Since, e.Reason = &c.Marked, c.Mark
	}
	return e
}
