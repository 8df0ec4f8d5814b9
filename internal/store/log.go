package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// LogQuery chooses entries of the log of a rule or of a target. Zero fields do not narrow.
type LogQuery struct {
	Rule, Target string // one of them
	Outcome      State  // of the delivery
	Since, Until time.Time
	// All, where it is not nil, has the log list every event of these types, also those
	// that no delivery of the rule or to the target was planned for. Outcome is "" then.
	All    []event.Type
	Limit  int    // 1 to 1000; 0 = 50
	Before string // cursor: LogPage.Next
}

// LogPage is a part of a log.
type LogPage struct {
	Entries []LogEntry
	Next    string // what to look for the rest before; "" where there is none
}

// LogEntry is one delivery of a log, or an event for which none was planned.
type LogEntry struct {
	Event    json.RawMessage
	Delivery *ListedDelivery // nil: none was planned
	// RuleSet is the hash of the rules that judged the event, and Matched are those that
	// took it. They are told with [LogQuery.All] only.
	RuleSet string
	Matched []string
	Cursor  string
}

// Log lists the deliveries of a rule or to a target: those of the newest accepted events
// first, and of one event those planned last. Like [Store.List] it may cut a page short.
func (s *Store) Log(ctx context.Context, q LogQuery) (LogPage, error) {
	sel := Selection{Query: Query{Rule: q.Rule, Target: q.Target, Since: q.Since, Until: q.Until, Limit: q.Limit, Before: q.Before}}
	if q.Outcome != "" {
		sel.States = []State{q.Outcome}
	}
	err := error(nil)
	if (q.Rule == "") == (q.Target == "") || q.All != nil && q.Outcome != "" {
		err = fmt.Errorf("%w: a log is of one rule or one target, and all of it has no outcome", ErrBadQuery)
	}
	var p LogPage
	if err == nil {
		p, err = s.deliveries(ctx, sel, q.All)
	}
	if err != nil {
		return p, fmt.Errorf("list the log of %s%s: %w", q.Rule, q.Target, dbError(err))
	}
	return p, nil
}

// deliveries lists deliveries; where all is not nil, also events of these types without
// such.
func (s *Store) deliveries(ctx context.Context, sel Selection, all []event.Type) (LogPage, error) {
	at, err := readLogCursor(sel.Before)
	if err != nil {
		return LogPage{}, err
	}
	of, err := sel.own()
	if err != nil {
		return LogPage{}, err
	}
	q := sel.Query
	q.Limit, q.Before, q.Rule, q.Target, q.Outcome = limited(sel.Limit), at.before(), "", "", ""
	c, err := q.chosen()
	if err != nil {
		return LogPage{}, err
	}
	l := &listing{text: s.stmts.text, q: q, chosen: c, until: time.Now().Add(scanFor), page: Page{Events: []Listed{}}}
	if all != nil {
		l.ofTypes(all)
	} else {
		l.having(sel, of)
	}
	tail := s.tail.at(sel.ID) // before the transaction: what is not there now is indexed in it
	if l.tx, err = s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
		return LogPage{}, err
	}
	defer l.tx.Rollback()
	if sel.ID != "" {
		if tail == 0 {
			tail, err = eventOf(ctx, l.tx, sel.ID)
		}
		if tail == 0 || err != nil {
			return LogPage{Entries: []LogEntry{}}, err
		}
		// Found by its seq, it need not be looked for in an index.
		l.only = &source{seq: "k.seq", arms: []arm{{`SELECT k.seq FROM event k WHERE k.seq = ?`, []any{tail}}}}
	}
	if err := l.list(ctx, 0); err != nil {
		return LogPage{}, err
	}
	deliveries, err := l.deliveries(ctx, of)
	if err != nil {
		return LogPage{}, err
	}
	judged := make([]LogEntry, len(l.seqs))
	if all != nil {
		if judged, err = l.judged(ctx); err != nil {
			return LogPage{}, err
		}
	}
	return l.entries(at, deliveries, judged), nil
}

// eventOf returns the seq of the event that has a delivery of that id, or is it; 0 where
// there is none.
func eventOf(ctx context.Context, tx *sql.Tx, id string) (int64, error) {
	for _, query := range []string{`SELECT event FROM delivery WHERE id = ?1`, `SELECT event FROM seen WHERE id = ?1`} {
		var seq int64
		err := tx.QueryRowContext(ctx, query, id).Scan(&seq)
		if !errors.Is(err, sql.ErrNoRows) {
			return seq, err
		}
	}
	return 0, nil
}

// having narrows l to events with a delivery as sel says, which is what of asks.
func (l *listing) having(sel Selection, of chosen) {
	l.chosen.where += " AND EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq" + of.where + ")"
	l.chosen.args = append(l.chosen.args, of.args...)
	l.chosen.keys = append(l.chosen.keys, of.keys...)
	l.states, l.target = sel.States, sel.Target
}

// ofTypes narrows l to routed events of some types.
func (l *listing) ofTypes(types []event.Type) {
	l.only = &source{seq: "k.event"}
	l.chosen.where += " AND e.state = 'routed' AND e.type IN (" + marks(len(types)) + ")"
	for _, t := range types {
		l.chosen.args = append(l.chosen.args, string(t))
		l.only.arms = append(l.only.arms, keyed(key("type", string(t))).arms...)
	}
}

// entries lays out the page: as many as the limit has room for.
func (l *listing) entries(at logCursor, deliveries [][]ListedDelivery, judged []LogEntry) LogPage {
	p := LogPage{Entries: []LogEntry{}, Next: l.page.Next}
	for i, seq := range l.seqs {
		entry, last := judged[i], seq.(int64)
		entry.Event, entry.Cursor = l.page.Events[i].Event, writeCursor(last)
		if len(deliveries[i]) == 0 && entry.RuleSet != "" {
			p.Entries = append(p.Entries, entry)
		}
		for j, d := range deliveries[i] {
			if last == at.event && at.delivery != 0 && d.seq >= at.delivery {
				continue
			}
			entry.Delivery, entry.Cursor = &deliveries[i][j], d.Cursor
			p.Entries = append(p.Entries, entry)
			if len(p.Entries) == l.q.Limit && j < len(deliveries[i])-1 {
				p.Next = entry.Cursor
				return p
			}
		}
		if len(p.Entries) == l.q.Limit {
			p.Next = ""
			if i < len(l.seqs)-1 || l.page.Next != "" {
				p.Next = logCursor{event: last}.String()
			}
			return p
		}
	}
	return p
}

// deliveries reads the deliveries of the page's events that of asks for.
func (l *listing) deliveries(ctx context.Context, of chosen) ([][]ListedDelivery, error) {
	out := make([][]ListedDelivery, len(l.seqs))
	if len(l.seqs) == 0 {
		return out, nil
	}
	those, err := json.Marshal(l.seqs)
	if err != nil {
		return nil, err
	}
	rows, err := l.tx.QueryContext(ctx, `SELECT c.key, d.seq, d.id, d.rule, d.rules, d.target, d.type, d.state, d.reason,
			d.due, d.ended, d.earlier + d.attempts,
			coalesce((SELECT b.time FROM attempt b WHERE b.delivery = d.seq ORDER BY b.n LIMIT 1), 0),
			a.time, a.outcome, a.status, a.error
		FROM json_each(?) c CROSS JOIN delivery d
			LEFT JOIN attempt a ON a.delivery = d.seq AND a.n = d.earlier + d.attempts + d.probes
		WHERE d.event = CAST(c.value AS BIGINT)`+of.where+` ORDER BY c.key, d.seq DESC`, append([]any{string(those)}, of.args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		i, d, err := listedDelivery(rows)
		if err != nil {
			return nil, err
		}
		d.Event = l.page.Events[i].Event
		d.Cursor = logCursor{l.seqs[i].(int64), d.seq}.String()
		out[i] = append(out[i], d)
	}
	return out, rows.Err()
}

// judged reads which rules judged the page's events, and which took them.
func (l *listing) judged(ctx context.Context) ([]LogEntry, error) {
	out := make([]LogEntry, len(l.seqs))
	if len(l.seqs) == 0 {
		return out, nil
	}
	those, err := json.Marshal(l.seqs)
	if err != nil {
		return nil, err
	}
	rows, err := l.tx.QueryContext(ctx, `SELECT c.key, e.matched, r.hash
		FROM json_each(?1) c CROSS JOIN event e JOIN rule_set r ON r.id = e.rule_set
		WHERE e.seq = CAST(c.value AS BIGINT)`, string(those))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var matched []byte
		var hash string
		if err := rows.Scan(&i, &matched, &hash); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(matched, &out[i].Matched); err != nil {
			return nil, err
		}
		out[i].RuleSet = hash
	}
	return out, rows.Err()
}

// marks are n parameters of a statement.
func marks(n int) string { return strings.Join(slices.Repeat([]string{"?"}, n), ", ") }

// logCursor is where a page of a log ends: before an event, or, where delivery is not 0,
// before that delivery of it.
type logCursor struct{ event, delivery int64 }

func (c logCursor) String() string {
	if c.delivery == 0 {
		return writeCursor(c.event)
	}
	return writeCursor(c.event) + "." + writeCursor(c.delivery)
}

// before is the cursor of a list of events in which the page's begin.
func (c logCursor) before() string {
	switch {
	case c.event == 0:
		return ""
	case c.delivery != 0:
		return writeCursor(c.event + 1)
	}
	return writeCursor(c.event)
}

func readLogCursor(cursor string) (logCursor, error) {
	if cursor == "" {
		return logCursor{}, nil
	}
	of, in, cut := strings.Cut(cursor, ".")
	var c logCursor
	var err error
	if c.event, err = readCursor(of); err == nil && cut {
		c.delivery, err = readCursor(in)
	}
	if err == nil && (c.event <= 0 || cut && (in == "" || c.delivery <= 0)) {
		err = fmt.Errorf("%w: cursor %q is not one of ours", ErrBadQuery, cursor)
	}
	return c, err
}
