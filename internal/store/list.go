package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// ErrBadQuery: a filter has a value that it cannot have.
var ErrBadQuery = errors.New("bad query")

// scanFor is how long a list looks for more before it is cut short: filters that each
// choose many events, and hardly one together, would have it look at all of them, and
// whoever reads keeps the log from being shortened.
const scanFor = 150 * time.Millisecond

// Events lists the events that q chooses, newest accepted first, up to its limit. Of
// filters of which each chooses many events, and hardly one together, this may take
// long: see [Store.List].
func (s *Store) Events(ctx context.Context, q Query) ([]Listed, error) {
	q.Limit = q.limit()
	out := []Listed{}
	for {
		p, err := s.List(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, p.Events...)
		if q.Limit -= len(p.Events); q.Limit == 0 || p.Next == "" {
			return out, nil
		}
		q.Before = p.Next
	}
}

// List lists the events that q chooses, newest accepted first, page by page. A page is
// cut short where many events are looked at that q does not choose: then it has fewer
// than q's limit, maybe none, and its Next is where to go on all the same.
func (s *Store) List(ctx context.Context, q Query) (Page, error) {
	q.Limit = q.limit()
	p, err := s.list(ctx, q)
	if err != nil {
		return p, fmt.Errorf("list events: %w", dbError(err))
	}
	return p, nil
}

func (q Query) limit() int {
	if q.Limit <= 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

func (s *Store) list(ctx context.Context, q Query) (Page, error) {
	c, err := q.chosen()
	if err != nil {
		return Page{}, err
	}
	// Before the transaction: what is not in the tail now is indexed in it.
	tail := s.tail.at(q.ID)
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Page{}, err
	}
	defer tx.Rollback()
	l := &listing{text: s.stmts.text, tx: tx, q: q, chosen: c, target: q.Target, until: time.Now().Add(scanFor), page: Page{Events: []Listed{}}}
	if q.Outcome != "" {
		l.states = []State{State(q.Outcome)}
	}
	if err := l.list(ctx, tail); err != nil {
		return Page{}, err
	}
	return l.page, l.detail(ctx)
}

// list fills the page; tail is as of [listing.bound].
func (l *listing) list(ctx context.Context, tail int64) error {
	if err := l.bound(ctx, tail); err != nil {
		return err
	}
	var indexed int64
	if err := l.tx.QueryRowContext(ctx, `SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'indexed'`).Scan(&indexed); err != nil {
		return err
	}
	// What is not indexed yet is looked at one by one; it is newer than what is.
	if err := l.scan(ctx, allEvents, max(l.from, indexed+1), l.to); err != nil {
		return err
	}
	if l.page.Next != "" || l.from > indexed {
		return nil
	}
	to := min(l.to, indexed+1)
	if l.only != nil {
		return l.scan(ctx, *l.only, l.from, to)
	}
	source, err := l.narrowest(ctx, l.from, to)
	if err != nil {
		return err
	}
	return l.scan(ctx, source, l.from, to)
}

// chosen is what a query asks of an event e.
type chosen struct {
	where string // of an event e
	args  []any
	keys  []int64 // what event_key has for it, all of them, as a rule the narrowest last
}

// key is one of keys, nil where there is none.
func (c chosen) key() *int64 {
	if len(c.keys) == 0 {
		return nil
	}
	return &c.keys[len(c.keys)-1]
}

// chosen reads q, but for its times and its cursor.
func (q Query) chosen() (chosen, error) {
	var c chosen
	add := func(cond string, v ...any) {
		c.where += " AND " + cond
		c.args = append(c.args, v...)
	}
	for _, f := range []struct{ name, value, cond string }{
		{"", q.ID, "e.id = ?"},
		{"registry", q.Registry, "e.registry = ?"},
		{"type", q.Type, "e.type = ?"},
		{"rule", q.Rule, "EXISTS (SELECT 1 FROM json_each(e.matched) WHERE value = ?)"},
		{"target", q.Target, "EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq AND d.target = ?)"},
		{"repository", q.Repository, "e.repository = ?"},
		{"tag", q.Tag, "EXISTS (SELECT 1 FROM json_each(CAST(e.json AS TEXT), '$.artifact.tags') WHERE value = ?)"},
		{"digest", q.Digest, "e.digest = ?"},
		{"native", q.NativeID, "e.native_id = ?"},
	} {
		if f.value == "" {
			continue
		}
		add(f.cond, f.value)
		if f.name != "" {
			c.keys = append(c.keys, key(f.name, f.value))
		}
	}
	if q.Outcome != "" {
		if !slices.Contains(States(), State(q.Outcome)) {
			return c, fmt.Errorf("%w: outcome %q is none of %s", ErrBadQuery, q.Outcome, strings.Trim(fmt.Sprint(States()), "[]"))
		}
		add("EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq AND d.state = ? AND (? = '' OR d.target = ?))",
			q.Outcome, q.Target, q.Target)
	}
	if !q.Since.IsZero() {
		add("e.received >= ?", micros(q.Since))
	}
	if !q.Until.IsZero() {
		add("e.received < ?", micros(q.Until))
	}
	return c, nil
}

// listing is one list in the making.
type listing struct {
	text   *texts
	tx     *sql.Tx
	q      Query
	chosen chosen
	states []State // in one of which a delivery is, to target where one is named
	target string
	only   *source   // where what is indexed is looked for; nil = in the narrowest
	until  time.Time // when it is cut short
	page   Page

	from, to int64 // seqs to look at: from is one of them, to is none
	seqs     []any // of the page's events
}

// bound finds between which events to look. tail is the seq of the event that is asked
// for by its id, where it is not indexed yet.
func (l *listing) bound(ctx context.Context, tail int64) error {
	l.from, l.to = 1, 1<<62
	narrow := func(from, to int64) { l.from, l.to = max(l.from, from), min(l.to, to) }
	if l.q.Before != "" {
		seq, err := readCursor(l.q.Before)
		if err != nil {
			return err
		}
		narrow(1, seq)
	}
	var seq sql.NullInt64
	one := func(query string, arg any) error {
		err := l.tx.QueryRowContext(ctx, query, arg).Scan(&seq)
		if errors.Is(err, sql.ErrNoRows) {
			seq, err = sql.NullInt64{}, nil
		}
		if !seq.Valid {
			l.to = 0 // nothing is there
		}
		return err
	}
	if l.q.ID != "" {
		seq = sql.NullInt64{Int64: tail, Valid: tail != 0}
		if tail == 0 {
			if err := one(`SELECT event FROM seen WHERE id = ?1`, l.q.ID); err != nil {
				return err
			}
		}
		narrow(seq.Int64, seq.Int64+1)
	}
	if !l.q.Since.IsZero() {
		if err := one(`SELECT min(first) FROM minute WHERE minute >= ?1`, l.q.Since.Unix()/60); err != nil {
			return err
		}
		narrow(seq.Int64, l.to)
	}
	if !l.q.Until.IsZero() {
		if err := one(`SELECT max(last) FROM minute WHERE minute <= ?1`, l.q.Until.Unix()/60); err != nil {
			return err
		}
		narrow(l.from, seq.Int64+1)
	}
	return nil
}

// scan looks at the events of a source from a seq on and before another, newest first,
// and adds those that are chosen to the page, until that is full or cut short.
func (l *listing) scan(ctx context.Context, from source, lo, hi int64) error {
	for n := 64; lo < hi; n = min(4*n, 1024) {
		seqs, err := from.newest(ctx, l.tx, lo, hi, n)
		if err != nil {
			return err
		}
		if err := l.take(ctx, seqs); err != nil {
			return err
		}
		switch {
		case len(l.page.Events) == l.q.Limit:
			l.page.Next = l.page.Events[l.q.Limit-1].Cursor
			return nil
		case len(seqs) < n:
			return nil
		}
		hi = seqs[n-1]
		if time.Now().After(l.until) {
			l.page.Next = strconv.FormatInt(hi, 36)
			return nil
		}
	}
	return nil
}

// take adds those of the events to the page that are chosen, as far as there is room.
func (l *listing) take(ctx context.Context, seqs []int64) error {
	if len(seqs) == 0 {
		return nil
	}
	those, err := json.Marshal(seqs)
	if err != nil {
		return err
	}
	args := append([]any{string(those)}, l.chosen.args...)
	rows, err := l.tx.QueryContext(ctx, `SELECT e.seq, e.json,
			coalesce((SELECT json_group_object(state, n) FROM
				(SELECT d.state, count(*) AS n FROM delivery d WHERE d.event = e.seq GROUP BY d.state) AS of_it), '{}')
		FROM json_each(?) c CROSS JOIN event e WHERE e.seq = CAST(c.value AS BIGINT)`+l.chosen.where+l.text.inOrder+` LIMIT ?`,
		append(args, l.q.Limit-len(l.page.Events))...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var one Listed
		var seq int64
		var counts []byte
		if err := rows.Scan(&seq, (*[]byte)(&one.Event), &counts); err != nil {
			return err
		}
		if err := json.Unmarshal(counts, &one.Deliveries); err != nil {
			return err
		}
		one.Cursor = strconv.FormatInt(seq, 36)
		l.page.Events = append(l.page.Events, one)
		l.seqs = append(l.seqs, seq)
	}
	return rows.Err()
}

// detail adds the deliveries that are asked for by rule, target or outcome.
func (l *listing) detail(ctx context.Context) error {
	if l.q.Rule == "" && l.q.Target == "" && l.q.Outcome == "" || len(l.seqs) == 0 {
		return nil
	}
	those, err := json.Marshal(l.seqs)
	if err != nil {
		return err
	}
	rows, err := l.tx.QueryContext(ctx, `SELECT c.key, d.id, d.rules, d.target, d.state,
			coalesce((SELECT a.time FROM attempt a WHERE a.delivery = d.seq ORDER BY a.n LIMIT 1), 0)
		FROM json_each(?1) c CROSS JOIN delivery d WHERE d.event = CAST(c.value AS BIGINT)
			AND (?2 = '' OR EXISTS (SELECT 1 FROM json_each(d.rules) WHERE value = ?2))
			AND (?3 = '' OR d.target = ?3) AND (?4 = '' OR d.state = ?4) ORDER BY c.key, d.seq`,
		string(those), l.q.Rule, l.q.Target, l.q.Outcome)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var d ChosenDelivery
		var rules []byte
		var began int64
		if err := rows.Scan(&i, &d.ID, &rules, &d.Target, &d.State, &began); err != nil {
			return err
		}
		if err := json.Unmarshal(rules, &d.Rules); err != nil {
			return err
		}
		d.Began = optional(began)
		l.page.Events[i].Chosen = append(l.page.Events[i].Chosen, d)
	}
	return rows.Err()
}
