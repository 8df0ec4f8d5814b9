package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Events lists the events that q chooses, newest accepted first.
func (s *Store) Events(ctx context.Context, q Query) ([]Listed, error) {
	c, err := q.conditions()
	if err != nil {
		return nil, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("list events: %w", sqliteError(err))
	}
	defer tx.Rollback()
	// What is not indexed yet is looked at one by one; it is newer than what is.
	out, err := c.list(ctx, tx, `event e WHERE e.seq > (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'indexed')`, "e.seq", limit)
	if err == nil && len(out) < limit {
		indexed, order := `event e WHERE e.seq <= (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'indexed')`, "e.seq"
		if c.key != nil {
			indexed = `event_key k JOIN event e ON e.seq = k.event
				WHERE k.event <= (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'indexed') AND k.key = ?`
			order = "k.event"
			c.args = append([]any{*c.key}, c.args...)
		}
		var older []Listed
		older, err = c.list(ctx, tx, indexed, order, limit-len(out))
		out = append(out, older...)
	}
	if err != nil {
		return nil, fmt.Errorf("list events: %w", sqliteError(err))
	}
	return out, nil
}

// conditions are those of a query.
type conditions struct {
	where string
	args  []any
	key   *int64 // of event_key, the narrowest of those that the query names; nil for none
}

// list lists events of one source, newest first.
func (c conditions) list(ctx context.Context, tx *sql.Tx, from, order string, limit int) ([]Listed, error) {
	rows, err := tx.QueryContext(ctx, `SELECT e.seq, e.json,
			(SELECT json_group_object(state, n) FROM
				(SELECT d.state, count(*) AS n FROM delivery d WHERE d.event = e.seq GROUP BY d.state))
		FROM `+from+c.where+` ORDER BY `+order+` DESC LIMIT ?`, append(slices.Clone(c.args), limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Listed{}
	for rows.Next() {
		var l Listed
		var seq int64
		var counts []byte
		if err := rows.Scan(&seq, (*[]byte)(&l.Event), &counts); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(counts, &l.Deliveries); err != nil {
			return nil, err
		}
		l.Cursor = strconv.FormatInt(seq, 36)
		out = append(out, l)
	}
	return out, rows.Err()
}

// ErrBadQuery: a filter has a value that it cannot have.
var ErrBadQuery = errors.New("bad query")

// conditions reads q.
func (q Query) conditions() (conditions, error) {
	var c conditions
	add := func(cond string, v ...any) {
		c.where += " AND " + cond
		c.args = append(c.args, v...)
	}
	if q.Registry != "" {
		add("e.registry = ?", q.Registry)
	}
	for _, f := range []struct{ name, value, cond string }{ // the narrowest last
		{"type", q.Type, "e.type = ?"},
		{"rule", q.Rule, "EXISTS (SELECT 1 FROM json_each(e.matched) WHERE value = ?)"},
		{"target", q.Target, "EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq AND d.target = ?)"},
		{"repository", q.Repository, "e.repository = ?"},
		{"tag", q.Tag, "EXISTS (SELECT 1 FROM json_each(CAST(e.json AS TEXT), '$.artifact.tags') WHERE value = ?)"},
		{"digest", q.Digest, "e.digest = ?"},
		{"native", q.NativeID, "e.native_id = ?"},
	} {
		if f.value != "" {
			add(f.cond, f.value)
			c.key = new(key(f.name, f.value))
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
	if q.Before != "" {
		seq, err := strconv.ParseInt(q.Before, 36, 64)
		if err != nil {
			return c, fmt.Errorf("%w: cursor %q is not one of ours", ErrBadQuery, q.Before)
		}
		add("e.seq < ?", seq)
	}
	return c, nil
}

// Quarantine lists the bodies that could not be read, the last seen first, without
// the bodies.
func (s *Store) Quarantine(ctx context.Context, limit int) ([]Quarantined, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	rows, err := s.read.QueryContext(ctx, `SELECT id, registry, received, remote, reason, size, sha256, count, truncated
		FROM quarantine ORDER BY last DESC, seq DESC LIMIT ?1`, min(limit, MaxLimit))
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", sqliteError(err))
	}
	defer rows.Close()
	out := []Quarantined{}
	for rows.Next() {
		var q Quarantined
		var received int64
		var sum []byte
		if err := rows.Scan(&q.ID, &q.Registry, &received, &q.Remote, &q.Reason, &q.Size, &sum, &q.Count, &q.Truncated); err != nil {
			return nil, fmt.Errorf("list quarantine: %w", sqliteError(err))
		}
		q.Received, q.SHA256 = fromMicros(received), hex.EncodeToString(sum)
		out = append(out, q)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list quarantine: %w", sqliteError(err))
	}
	return out, nil
}

// Quarantined returns one body that could not be read, with its bytes and headers, or
// [ErrNotFound].
func (s *Store) Quarantined(ctx context.Context, id string) (Quarantined, error) {
	var q Quarantined
	var received int64
	var sum, headers []byte
	err := s.read.QueryRowContext(ctx, `SELECT id, registry, received, remote, reason, size, sha256, count, truncated, headers, body
		FROM quarantine WHERE id = ?1`, id).
		Scan(&q.ID, &q.Registry, &received, &q.Remote, &q.Reason, &q.Size, &sum, &q.Count, &q.Truncated, &headers, &q.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return q, fmt.Errorf("quarantined body %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return q, fmt.Errorf("read quarantined body %s: %w", id, sqliteError(err))
	}
	q.Received, q.SHA256 = fromMicros(received), hex.EncodeToString(sum)
	if err := json.Unmarshal(headers, &q.Headers); err != nil {
		return q, fmt.Errorf("read quarantined body %s: %w", id, err)
	}
	return q, nil
}
