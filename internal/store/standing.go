package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// hoursKept is for how long the counters by the hour are kept.
const hoursKept = 90 * 24

// sums are what the running transaction adds to the counters of deliveries and to the
// table of minutes. They count what the triggers of the schema leave out: deliveries
// that are leased as they are written, and those that are delivered while leased, which
// is nearly all of them. Only the writer touches them.
type sums struct {
	planned   map[plannedFor]int
	delivered map[string]int // by target
	minutes   map[int64]span
	at        time.Time // of what was delivered: the latest, since a transaction is short
	hour      int64     // up to which old counters were looked for
}

// plannedFor is a target, of the type that it has.
type plannedFor struct{ target, typ string }

// span is the first and the last event of a minute.
type span struct{ first, last int64 }

func (c *sums) init() {
	c.planned, c.delivered, c.minutes = map[plannedFor]int{}, map[string]int{}, map[int64]span{}
}

// begin forgets what a transaction before this one was to add.
func (c *sums) begin() {
	clear(c.planned)
	clear(c.delivered)
	clear(c.minutes)
}

// plan counts a delivery that is leased as it is written.
func (c *sums) plan(target, typ string) { c.planned[plannedFor{target, typ}]++ }

// end counts a delivery that was leased and came to the end that most come to.
func (c *sums) end(o Outcome, now time.Time) {
	if o.State == Delivered {
		c.delivered[o.Target]++
		c.at = now
	}
}

// accept notes that the event with that seq came at that time.
func (c *sums) accept(seq int64, at time.Time) {
	m := at.Unix() / 60
	sp, ok := c.minutes[m]
	if !ok {
		sp.first = seq
	}
	sp.last = seq
	c.minutes[m] = sp
}

// add writes the sums of the running transaction.
func (s *Store) add(ctx context.Context) error {
	c := &s.sums
	for p, n := range c.planned {
		if _, err := s.stmts.addStanding.ExecContext(ctx, p.target, string(Waiting), p.typ, n, n); err != nil {
			return err
		}
	}
	for target, n := range c.delivered {
		if _, err := s.stmts.addStanding.ExecContext(ctx, target, string(Waiting), "", -n, 0); err != nil {
			return err
		}
		if _, err := s.stmts.addStanding.ExecContext(ctx, target, string(Delivered), "", n, n); err != nil {
			return err
		}
		if _, err := s.stmts.addEnded.ExecContext(ctx, hourOf(c.at), target, string(Delivered), n); err != nil {
			return err
		}
	}
	hour := int64(0)
	for m, sp := range c.minutes {
		if _, err := s.stmts.addMinute.ExecContext(ctx, m, sp.first, sp.last); err != nil {
			return err
		}
		hour = max(hour, m/60)
	}
	if hour <= c.hour {
		return nil
	}
	c.hour = hour
	for _, st := range []*sql.Stmt{s.stmts.dropTally, s.stmts.dropEnded} {
		if _, err := st.ExecContext(ctx, hour-hoursKept); err != nil {
			return err
		}
	}
	_, err := s.stmts.dropMinutes.ExecContext(ctx)
	return err
}

// TargetCount is how many deliveries to one target are in each state.
type TargetCount struct {
	Type    string // of the target, when one of them was planned
	States  map[State]int
	Entered map[State]int // how many ever came into it, those included that left it, or are deleted
}

// TargetCounts tells how many deliveries to each target are in each state, for the
// targets that have or had one. It reads counters, and no deliveries.
func (s *Store) TargetCounts(ctx context.Context) (map[string]TargetCount, error) {
	counts, err := targetCounts(ctx, s.read)
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", dbError(err))
	}
	return counts, nil
}

func targetCounts(ctx context.Context, db *sql.DB) (map[string]TargetCount, error) {
	rows, err := db.QueryContext(ctx, `SELECT target, state, type, n, entered FROM standing`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[string]TargetCount{}
	for rows.Next() {
		var target, typ string
		var state State
		var n, entered int
		if err := rows.Scan(&target, &state, &typ, &n, &entered); err != nil {
			return nil, err
		}
		c, ok := counts[target]
		if !ok {
			c.States, c.Entered = map[State]int{}, map[State]int{}
		}
		if c.Type == "" {
			c.Type = typ
		}
		if n != 0 {
			c.States[state] = n
		}
		c.Entered[state] = entered
		counts[target] = c
	}
	return counts, rows.Err()
}

// Hours are what happened by the hour.
type Hours struct {
	Events     []EventHour    `json:"events"`
	Deliveries []DeliveryHour `json:"deliveries"`
}

// EventHour is how many events of one type came from one registry in one hour, and what
// was made of them.
type EventHour struct {
	Hour     time.Time `json:"hour"` // its beginning
	Registry string    `json:"registry"`
	Type     string    `json:"type,omitempty"` // not of bodies in quarantine
	// What: stored, counted (of a type that nobody asked to keep), duplicate, conflict
	// (a duplicate with other bytes) or quarantined.
	What  string `json:"what"`
	Count int    `json:"count"`
}

// DeliveryHour is how many deliveries to one target, or to all, came to one end in one hour.
type DeliveryHour struct {
	Hour   time.Time `json:"hour"`
	Target string    `json:"target,omitempty"` // "" = all
	State  State     `json:"state"`
	Count  int       `json:"count"`
}

// Hours tells what happened by the hour, from the hour of since on, the oldest first; sum has
// the deliveries to all targets added up. It reads counters, which are kept for 90 days.
func (s *Store) Hours(ctx context.Context, since time.Time, sum bool) (Hours, error) {
	h := Hours{Events: []EventHour{}, Deliveries: []DeliveryHour{}}
	err := s.each(ctx, `SELECT hour, registry, type, what, n FROM tally WHERE hour >= ?1 ORDER BY hour, registry, type, what`,
		hourOf(since), func(rows *sql.Rows) error {
			var hour int64
			var e EventHour
			err := rows.Scan(&hour, &e.Registry, &e.Type, &e.What, &e.Count)
			e.Hour = beginning(hour)
			h.Events = append(h.Events, e)
			return err
		})
	if err != nil {
		return h, fmt.Errorf("read the hours' events: %w", dbError(err))
	}
	query := `SELECT hour, target, state, n FROM ended WHERE hour >= ?1 ORDER BY hour, target, state`
	if sum {
		query = `SELECT hour, '', state, CAST(sum(n) AS BIGINT) FROM ended WHERE hour >= ?1 GROUP BY hour, state ORDER BY hour, state`
	}
	err = s.each(ctx, query,
		hourOf(since), func(rows *sql.Rows) error {
			var hour int64
			var d DeliveryHour
			err := rows.Scan(&hour, &d.Target, &d.State, &d.Count)
			d.Hour = beginning(hour)
			h.Deliveries = append(h.Deliveries, d)
			return err
		})
	if err != nil {
		return h, fmt.Errorf("read the hours' deliveries: %w", dbError(err))
	}
	return h, nil
}

func beginning(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }

// each calls f for each row of a question with one argument.
func (s *Store) each(ctx context.Context, query string, arg any, f func(*sql.Rows) error) error {
	rows, err := s.read.QueryContext(ctx, query, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
