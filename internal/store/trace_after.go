package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Redelivered is one time that a delivery was asked for again.
type Redelivered struct {
	Time time.Time `json:"time"`
	By   string    `json:"by"`
	Run  string    `json:"run,omitempty"`
	// State, Reason and Attempts are those that it had; of a delivery that was made of
	// another one's, From is the id of that and they are empty.
	State    State  `json:"state,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Attempts int    `json:"attempts"`
	From     string `json:"from,omitempty"`
}

// Replayed is an event that another is a replay of, or that is a replay.
type Replayed struct {
	Event string    `json:"event"`
	Time  time.Time `json:"time"` // when the replay was made
	By    string    `json:"by"`
}

// traceAfter adds to an event's trace what people had done with it, and what shadow
// mode kept.
func traceAfter(ctx context.Context, tx *sql.Tx, seq int64, t *Trace, bodies map[string]string) error {
	byID := map[string]*TracedDelivery{}
	for i := range t.Deliveries {
		byID[t.Deliveries[i].ID] = &t.Deliveries[i]
	}
	if err := each(ctx, tx, `SELECT d.id, r.time, u.by, coalesce(n.id, ''), r.state, r.reason, r.attempts, coalesce(o.id, '')
		FROM delivery d JOIN redelivery r ON r.delivery = d.seq JOIN audit u ON u.seq = r.audit
			LEFT JOIN run n ON n.id = json_extract(u.details, '$.run') LEFT JOIN delivery o ON o.seq = r.source
		WHERE d.event = ?1 ORDER BY d.seq, r.audit`, seq, func(rows *sql.Rows) error {
		var id string
		var at int64
		var r Redelivered
		if err := rows.Scan(&id, &at, &r.By, &r.Run, &r.State, &r.Reason, &r.Attempts, &r.From); err != nil {
			return err
		}
		r.Time = fromMicros(at)
		if d := byID[id]; d != nil {
			d.Redeliveries = append(d.Redeliveries, r)
		}
		return nil
	}); err != nil {
		return err
	}
	if err := each(ctx, tx, `SELECT d.id, s.time, s.request, s.body, s.error
		FROM delivery d JOIN shadow s ON s.delivery = d.seq WHERE d.event = ?1`, seq, func(rows *sql.Rows) error {
		var id, body string
		var at int64
		var request []byte
		var s Shadowing
		if err := rows.Scan(&id, &at, &request, &body, &s.Error); err != nil {
			return err
		}
		if err := json.Unmarshal(request, &s.Request); err != nil {
			return err
		}
		if s.Request.Method != "" && s.Request.Body == "" {
			s.Request.Body = bodies[body]
		}
		s.Time = fromMicros(at)
		if d := byID[id]; d != nil {
			d.Shadow = &s
		}
		return nil
	}); err != nil {
		return err
	}
	replayed := func(add func(Replayed)) func(*sql.Rows) error {
		return func(rows *sql.Rows) error {
			var r Replayed
			var at int64
			if err := rows.Scan(&r.Event, &at, &r.By); err != nil {
				return err
			}
			r.Time = fromMicros(at)
			add(r)
			return nil
		}
	}
	// What a replay is made of may be gone already: then its id is not known any more.
	if err := each(ctx, tx, `SELECT coalesce(e.id, ''), me.received, u.by FROM replayed r JOIN event me ON me.seq = r.event
			JOIN audit u ON u.seq = r.audit LEFT JOIN event e ON e.seq = r.source WHERE r.event = ?1`, seq,
		replayed(func(r Replayed) { t.ReplayOf = &r })); err != nil {
		return err
	}
	return each(ctx, tx, `SELECT e.id, e.received, u.by FROM replayed r JOIN event e ON e.seq = r.event
			JOIN audit u ON u.seq = r.audit WHERE r.source = ?1 ORDER BY r.event LIMIT 100`, seq,
		replayed(func(r Replayed) { t.Replays = append(t.Replays, r) }))
}

// each calls f for each row that a question is answered with.
func each(ctx context.Context, tx *sql.Tx, query string, arg any, f func(*sql.Rows) error) error {
	rows, err := tx.QueryContext(ctx, query, arg)
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
