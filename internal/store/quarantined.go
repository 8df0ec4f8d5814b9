package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Quarantine lists the bodies that could not be read, the last seen first, without
// the bodies.
func (s *Store) Quarantine(ctx context.Context, limit int) ([]Quarantined, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	rows, err := s.read.QueryContext(ctx, `SELECT id, registry, received, remote, reason, size, sha256, count, truncated
		FROM quarantine ORDER BY last DESC, seq DESC LIMIT ?1`, min(limit, MaxLimit))
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", dbError(err))
	}
	defer rows.Close()
	out := []Quarantined{}
	for rows.Next() {
		var q Quarantined
		var received int64
		var sum []byte
		if err := rows.Scan(&q.ID, &q.Registry, &received, &q.Remote, &q.Reason, &q.Size, &sum, &q.Count, &q.Truncated); err != nil {
			return nil, fmt.Errorf("list quarantine: %w", dbError(err))
		}
		q.Received, q.SHA256 = fromMicros(received), hex.EncodeToString(sum)
		out = append(out, q)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list quarantine: %w", dbError(err))
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
		return q, fmt.Errorf("read quarantined body %s: %w", id, dbError(err))
	}
	q.Received, q.SHA256 = fromMicros(received), hex.EncodeToString(sum)
	if err := json.Unmarshal(headers, &q.Headers); err != nil {
		return q, fmt.Errorf("read quarantined body %s: %w", id, err)
	}
	return q, nil
}
