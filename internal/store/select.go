package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Selection chooses deliveries: those of the events that the query chooses, where Rule,
// Target and Outcome are the delivery's own. Zero fields do not narrow.
type Selection struct {
	Query
	// ID is that of a delivery, or of an event, of which all are chosen then.
	ID     string  `json:"id,omitempty"`
	States []State `json:"state,omitempty"`
}

// ListedDelivery is one delivery of a list.
type ListedDelivery struct {
	ID       string          `json:"id"`
	Event    json.RawMessage `json:"event"` // as stored
	Rule     string          `json:"rule"`
	Rules    []string        `json:"rules"`
	Target   string          `json:"target"`
	Type     string          `json:"type"`
	State    State           `json:"state"`
	Reason   string          `json:"reason,omitempty"`
	Next     *time.Time      `json:"next"`     // when the next attempt is due; null in an end state
	Ended    *time.Time      `json:"ended"`    // null where it has not
	Attempts int             `json:"attempts"` // made so far
	Last     *LastAttempt    `json:"last"`     // null where none was made
	Cursor   string          `json:"-"`
}

// LastAttempt is how the last attempt of a delivery ended.
type LastAttempt struct {
	Time    time.Time      `json:"time"`
	Outcome plugin.Outcome `json:"outcome"`
	Status  int            `json:"status"`
	Error   string         `json:"error,omitempty"`
}

// Deliveries lists the deliveries that sel chooses, those planned last first.
func (s *Store) Deliveries(ctx context.Context, sel Selection) ([]ListedDelivery, error) {
	before, err := readCursor(sel.Before)
	if err != nil {
		return nil, err
	}
	sel.Before = "" // it is one of deliveries
	where, args, err := sel.conditions()
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT d.seq, d.id, e.json, d.rule, d.rules, d.target, d.type, d.state, d.reason,
			d.due, d.ended, d.earlier + d.attempts, a.time, a.outcome, a.status, a.error
		FROM delivery d JOIN event e ON e.seq = d.event
			LEFT JOIN attempt a ON a.delivery = d.seq AND a.n = d.earlier + d.attempts + d.probes
		WHERE d.seq < ?`+where+` ORDER BY d.seq DESC LIMIT ?`, append(append([]any{before}, args...), limited(sel.Limit))...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", dbError(err))
	}
	defer rows.Close()
	out := []ListedDelivery{}
	for rows.Next() {
		d, err := listedDelivery(rows)
		if err != nil {
			return nil, fmt.Errorf("list deliveries: %w", dbError(err))
		}
		out = append(out, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list deliveries: %w", dbError(err))
	}
	return out, nil
}

func listedDelivery(rows *sql.Rows) (ListedDelivery, error) {
	var d ListedDelivery
	var seq, due, ended int64
	var rules []byte
	var at, status sql.NullInt64
	var outcome, failure sql.NullString
	if err := rows.Scan(&seq, &d.ID, (*[]byte)(&d.Event), &d.Rule, &rules, &d.Target, &d.Type, &d.State, &d.Reason,
		&due, &ended, &d.Attempts, &at, &outcome, &status, &failure); err != nil {
		return d, err
	}
	if err := json.Unmarshal(rules, &d.Rules); err != nil {
		return d, err
	}
	switch d.State {
	case Waiting:
		d.Next = optional(due)
	case Parked:
	default:
		d.Ended = optional(ended)
	}
	if at.Valid {
		d.Last = &LastAttempt{fromMicros(at.Int64), plugin.Outcome(outcome.String), int(status.Int64), failure.String}
	}
	d.Cursor = writeCursor(seq)
	return d, nil
}

// conditions are those of sel, in terms of a delivery d and its event e.
func (sel Selection) conditions() (string, []any, error) {
	q := sel.Query
	q.Rule, q.Target, q.Outcome = "", "", ""
	ofEvent, err := q.chosen()
	if err != nil {
		return "", nil, err
	}
	where, args := ofEvent.where, ofEvent.args
	add := func(cond string, v ...any) {
		where += " AND " + cond
		args = append(args, v...)
	}
	if ofEvent.key() != nil { // else each delivery's event would be looked at
		add(`(d.event > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'indexed')
			OR d.event IN (SELECT event FROM event_key WHERE key = ?))`, *ofEvent.key())
	}
	if sel.Target != "" {
		add("d.target = ?", sel.Target)
	}
	if sel.Rule != "" {
		add("EXISTS (SELECT 1 FROM json_each(d.rules) WHERE value = ?)", sel.Rule)
	}
	if sel.ID != "" {
		add(`(d.id = ? OR d.event IN (SELECT event FROM seen WHERE id = ?
			UNION ALL SELECT seq FROM event WHERE seq > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'indexed') AND id = ?))`,
			sel.ID, sel.ID, sel.ID)
	}
	if len(sel.States) > 0 {
		marks := make([]string, len(sel.States))
		for i, st := range sel.States {
			if !slices.Contains(States(), st) {
				return "", nil, fmt.Errorf("%w: state %q is none of %s", ErrBadQuery, st, strings.Trim(fmt.Sprint(States()), "[]"))
			}
			marks[i] = "?"
			args = append(args, string(st))
		}
		where += " AND d.state IN (" + strings.Join(marks, ", ") + ")"
		if !slices.ContainsFunc(sel.States, func(st State) bool { return !slices.Contains(undelivered(), st) }) {
			// As the index has it, to the letter.
			where += " AND d.state NOT IN ('waiting', 'delivered') AND d.state NOT IN ('parked', 'folded')"
		}
	}
	return where, args, nil
}

// undelivered are the states of what ended and was not delivered, nor told with another.
func undelivered() []State { return []State{Dead, Expired, Cancelled, Skipped, Shadowed} }
