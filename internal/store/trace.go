package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Trace tells all that is known of one event, by its id, that of one of its deliveries or
// its native id: how it
// came, what the rules matched, each delivery and each attempt. [ErrNotFound] where
// there is none. It is one reading of the rows that the queue works on, taken at one
// moment.
func (s *Store) Trace(ctx context.Context, id string) (Trace, error) {
	seq := s.tail.at(id) // before the transaction: what is not there now is indexed in it
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Trace{}, fmt.Errorf("trace event %s: %w", id, dbError(err))
	}
	defer tx.Rollback()
	if seq == 0 {
		if seq, err = find(ctx, tx, id); err != nil {
			return Trace{}, fmt.Errorf("trace event %s: %w", id, dbError(err))
		}
	}
	t, err := trace(ctx, tx, seq)
	if err != nil {
		return Trace{}, fmt.Errorf("trace event %s: %w", id, dbError(err))
	}
	return t, nil
}

func trace(ctx context.Context, tx *sql.Tx, seq int64) (Trace, error) {
	var t Trace
	var received, routeAt int64
	var heldFor string
	var headers, matched, body, sum []byte
	var hash sql.NullString
	err := tx.QueryRowContext(ctx, `SELECT e.state, e.held_for, e.route_at, e.matched, e.json, r.hash,
			a.received, a.remote, a.headers, a.body, a.size, a.sha256, a.truncated, e.repeats, e.conflicts
		FROM event e JOIN arrival a ON a.seq = e.arrival LEFT JOIN rule_set r ON r.id = e.rule_set
		WHERE e.seq = ?1`, seq).Scan(&t.State, &heldFor, &routeAt, &matched, (*[]byte)(&t.Event), &hash,
		&received, &t.Received.Remote, &headers, &body, &t.Received.Size, &sum, &t.Received.Truncated,
		&t.Received.Repeats, &t.Received.Conflicts)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound // deleted since it was found
	}
	if err != nil {
		return t, err
	}
	if heldFor != "" {
		t.Hold = &Hold{Reason: heldFor, RouteAt: fromMicros(routeAt)}
	}
	t.RuleSet = hash.String
	t.Received.Time = fromMicros(received)
	t.Received.Body = body
	t.Received.SHA256 = hex.EncodeToString(sum)
	if err := errors.Join(json.Unmarshal(headers, &t.Received.Headers), json.Unmarshal(matched, &t.Matched)); err != nil {
		return t, err
	}
	bodies := map[string]string{"event": string(t.Event), "native": string(body)}
	if t.Deliveries, err = tracedDeliveries(ctx, tx, seq, bodies); err != nil {
		return t, err
	}
	return t, traceAfter(ctx, tx, seq, &t, bodies)
}

// find returns the seq of the indexed event with that id, or else of the one with a
// delivery of that id, or else of the newest one, indexed or not, with that native id.
func find(ctx context.Context, tx *sql.Tx, id string) (int64, error) {
	var seq int64
	for _, q := range []struct {
		text string
		args []any
	}{
		{`SELECT e.seq FROM seen s JOIN event e ON e.seq = s.event WHERE s.id = ?1`, []any{id}},
		{`SELECT event FROM delivery WHERE id = ?1`, []any{id}},
		{`SELECT seq FROM event WHERE seq > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'indexed') AND native_id = ?1
			ORDER BY seq DESC LIMIT 1`, []any{id}},
		{`SELECT e.seq FROM event_key k JOIN event e ON e.seq = k.event
			WHERE k.key = ?1 AND e.native_id = ?2 ORDER BY k.event DESC LIMIT 1`, []any{key("native", id), id}},
	} {
		err := tx.QueryRowContext(ctx, q.text, q.args...).Scan(&seq)
		if !errors.Is(err, sql.ErrNoRows) {
			return seq, err
		}
	}
	return 0, ErrNotFound
}

func tracedDeliveries(ctx context.Context, tx *sql.Tx, event int64, bodies map[string]string) ([]TracedDelivery, error) {
	rows, err := tx.QueryContext(ctx, `SELECT d.id, d.rule, d.rules, d.target, d.type, d.state, d.reason, d.due, coalesce(g.source, ''),
			a.n, a.time, a.outcome, a.status, a.latency, a.request, a.reply, a.scope, a.error, a.next, a.body
		FROM delivery d LEFT JOIN attempt a ON a.delivery = d.seq LEFT JOIN rendering g ON g.id = d.rendering
		WHERE d.event = ?1 ORDER BY d.seq, a.n`, event)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []TracedDelivery{}
	for rows.Next() {
		var d TracedDelivery
		var a struct {
			n, time, status, latency, next              sql.NullInt64
			outcome, request, reply, scope, error, body sql.NullString
		}
		var due int64
		var rules []byte
		if err := rows.Scan(&d.ID, &d.Rule, &rules, &d.Target, &d.Type, &d.State, &d.Reason, &due, (*[]byte)(&d.Rendering),
			&a.n, &a.time, &a.outcome, &a.status, &a.latency, &a.request, &a.reply, &a.scope, &a.error, &a.next, &a.body); err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].ID != d.ID {
			if err := json.Unmarshal(rules, &d.Rules); err != nil {
				return nil, err
			}
			if d.State == Waiting {
				d.Next = optional(due)
			}
			d.Attempts = []Attempt{}
			out = append(out, d)
		}
		if !a.n.Valid {
			continue
		}
		attempt := Attempt{
			Time: fromMicros(a.time.Int64), Outcome: plugin.Outcome(a.outcome.String), Status: int(a.status.Int64),
			LatencyMS: float64(a.latency.Int64) / 1000, Reply: a.reply.String, Scope: plugin.Scope(a.scope.String),
			Error: a.error.String, Next: optional(a.next.Int64),
		}
		if err := json.Unmarshal([]byte(a.request.String), &attempt.Request); err != nil {
			return nil, err
		}
		// A body that is the event's own JSON, or the registry's, is left out, so that
		// it is kept once and not with each attempt.
		if attempt.Request.Method != "" && attempt.Request.Body == "" {
			attempt.Request.Body = bodies[a.body.String]
		}
		last := &out[len(out)-1]
		last.Attempts = append(last.Attempts, attempt)
	}
	return out, rows.Err()
}
