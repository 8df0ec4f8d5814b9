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
	Began    *time.Time      `json:"began"`    // when it was first attempted; null until then
	Ended    *time.Time      `json:"ended"`    // null where it has not
	Attempts int             `json:"attempts"` // made so far
	Last     *LastAttempt    `json:"last"`     // null where none was made
	Cursor   string          `json:"-"`

	seq int64
}

// LastAttempt is how the last attempt of a delivery ended.
type LastAttempt struct {
	Time    time.Time      `json:"time"`
	Outcome plugin.Outcome `json:"outcome"`
	Status  int            `json:"status"`
	Error   string         `json:"error,omitempty"`
}

// DeliveryPage is a part of a list of deliveries.
type DeliveryPage struct {
	Deliveries []ListedDelivery
	Next       string // what to look for the rest before; "" where there is none
}

// ListDeliveries lists the deliveries that sel chooses, those of the newest accepted
// events first, and of one event those planned last. Like [Store.List] it may cut a page
// short.
func (s *Store) ListDeliveries(ctx context.Context, sel Selection) (DeliveryPage, error) {
	log, err := s.deliveries(ctx, sel, nil)
	if err != nil {
		return DeliveryPage{}, fmt.Errorf("list deliveries: %w", dbError(err))
	}
	p := DeliveryPage{Deliveries: make([]ListedDelivery, len(log.Entries)), Next: log.Next}
	for i, e := range log.Entries {
		p.Deliveries[i] = *e.Delivery
	}
	return p, nil
}

// Deliveries is [Store.ListDeliveries] up to sel's limit, however long that takes.
func (s *Store) Deliveries(ctx context.Context, sel Selection) ([]ListedDelivery, error) {
	sel.Limit = limited(sel.Limit)
	out := []ListedDelivery{}
	for {
		p, err := s.ListDeliveries(ctx, sel)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Deliveries...)
		if sel.Limit -= len(p.Deliveries); sel.Limit == 0 || p.Next == "" {
			return out, nil
		}
		sel.Before = p.Next
	}
}

// listedDelivery reads one, and the place of its event among those that were asked for.
func listedDelivery(rows *sql.Rows) (i int, d ListedDelivery, err error) {
	var due, ended, began int64
	var rules []byte
	var at, status sql.NullInt64
	var outcome, failure sql.NullString
	if err := rows.Scan(&i, &d.seq, &d.ID, &d.Rule, &rules, &d.Target, &d.Type, &d.State, &d.Reason,
		&due, &ended, &d.Attempts, &began, &at, &outcome, &status, &failure); err != nil {
		return i, d, err
	}
	if err := json.Unmarshal(rules, &d.Rules); err != nil {
		return i, d, err
	}
	d.Began = optional(began)
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
	return i, d, nil
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
	if ofEvent.key() != nil { // else each delivery's event would be looked at
		where += ` AND (d.event > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'indexed')
			OR d.event IN (SELECT event FROM event_key WHERE key = ?))`
		args = append(args, *ofEvent.key())
	}
	own, err := sel.own()
	if err != nil {
		return "", nil, err
	}
	return where + own.where, append(args, own.args...), nil
}

// own are the conditions of sel in terms of a delivery d alone, and the keys that its
// event has.
func (sel Selection) own() (chosen, error) {
	var c chosen
	add := func(cond string, v ...any) {
		c.where += " AND " + cond
		c.args = append(c.args, v...)
	}
	if sel.Target != "" {
		add("d.target = ?", sel.Target)
		c.keys = append(c.keys, key("target", sel.Target))
	}
	if sel.Rule != "" {
		add("EXISTS (SELECT 1 FROM json_each(d.rules) WHERE value = ?)", sel.Rule)
		c.keys = append(c.keys, key("rule", sel.Rule))
	}
	if sel.ID != "" {
		add(`(d.id = ? OR d.event IN (SELECT event FROM seen WHERE id = ?
			UNION ALL SELECT seq FROM event WHERE seq > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'indexed') AND id = ?))`,
			sel.ID, sel.ID, sel.ID)
	}
	if len(sel.States) == 0 {
		return c, nil
	}
	for _, st := range sel.States {
		if !slices.Contains(States(), st) {
			return c, fmt.Errorf("%w: state %q is none of %s", ErrBadQuery, st, strings.Trim(fmt.Sprint(States()), "[]"))
		}
		c.args = append(c.args, string(st))
	}
	c.where += " AND d.state IN (" + marks(len(sel.States)) + ")"
	if !slices.ContainsFunc(sel.States, func(st State) bool { return !slices.Contains(undelivered(), st) }) {
		// As the index has it, to the letter.
		c.where += " AND d.state NOT IN ('waiting', 'delivered') AND d.state NOT IN ('parked', 'folded')"
	}
	return c, nil
}

// undelivered are the states of what ended and was not delivered, nor told with another.
func undelivered() []State { return []State{Dead, Expired, Cancelled, Skipped, Shadowed} }
