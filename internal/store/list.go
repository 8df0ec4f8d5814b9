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
	"time"
)

// Bounds of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Events lists the events that q chooses, newest accepted first.
func (s *Store) Events(ctx context.Context, q Query) ([]Listed, error) {
	where, args, err := q.where()
	if err != nil {
		return nil, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	args = append(args, min(limit, MaxLimit))
	rows, err := s.read.QueryContext(ctx, `SELECT e.seq, e.json,
			(SELECT json_group_object(state, n) FROM
				(SELECT d.state, count(*) AS n FROM delivery d WHERE d.event = e.seq GROUP BY d.state))
		FROM event e `+where+` ORDER BY e.seq DESC LIMIT ?`, args...)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", sqliteError(err))
	}
	defer rows.Close()
	out := []Listed{}
	for rows.Next() {
		var l Listed
		var seq int64
		var counts []byte
		if err := rows.Scan(&seq, (*[]byte)(&l.Event), &counts); err != nil {
			return nil, fmt.Errorf("list events: %w", sqliteError(err))
		}
		if err := json.Unmarshal(counts, &l.Deliveries); err != nil {
			return nil, fmt.Errorf("list events: %w", err)
		}
		l.Cursor = strconv.FormatInt(seq, 36)
		out = append(out, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list events: %w", sqliteError(err))
	}
	return out, nil
}

// ErrBadQuery: a filter has a value that it cannot have.
var ErrBadQuery = errors.New("bad query")

// where makes the condition of q and its arguments.
func (q Query) where() (string, []any, error) {
	var conds []string
	var args []any
	add := func(cond string, v ...any) {
		conds = append(conds, cond)
		args = append(args, v...)
	}
	for _, c := range []struct{ cond, v string }{
		{"e.type = ?", q.Type}, {"e.registry = ?", q.Registry}, {"e.repository = ?", q.Repository},
		{"e.digest = ?", q.Digest}, {"e.native_id = ?", q.NativeID},
		{"e.seq IN (SELECT event FROM event_tag WHERE tag = ?)", q.Tag},
		{"EXISTS (SELECT 1 FROM json_each(e.matched) WHERE value = ?)", q.Rule},
	} {
		if c.v != "" {
			add(c.cond, c.v)
		}
	}
	switch {
	case q.Target != "" && q.Outcome != "":
		add("EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq AND d.target = ? AND d.state = ?)", q.Target, q.Outcome)
	case q.Target != "":
		add("EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq AND d.target = ?)", q.Target)
	case q.Outcome != "":
		add("EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq AND d.state = ?)", q.Outcome)
	}
	if q.Outcome != "" && !slices.Contains(States(), State(q.Outcome)) {
		return "", nil, fmt.Errorf("%w: outcome %q is none of %s", ErrBadQuery, q.Outcome, strings.Trim(fmt.Sprint(States()), "[]"))
	}
	for _, c := range []struct {
		cond string
		t    time.Time
	}{{"e.received >= ?", q.Since}, {"e.received < ?", q.Until}} {
		if !c.t.IsZero() {
			add(c.cond, micros(c.t))
		}
	}
	if q.Before != "" {
		seq, err := strconv.ParseInt(q.Before, 36, 64)
		if err != nil {
			return "", nil, fmt.Errorf("%w: cursor %q is not one of ours", ErrBadQuery, q.Before)
		}
		add("e.seq < ?", seq)
	}
	if len(conds) == 0 {
		return "", nil, nil
	}
	return "WHERE " + strings.Join(conds, " AND "), args, nil
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
