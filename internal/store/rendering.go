package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
)

// maxRenderings is how many of them the writer knows the numbers of.
const maxRenderings = 4096

// rendering keeps how a message is made, each but once, and returns its number: NULL
// for "". Its caller is the writer, in a transaction.
func (s *Store) rendering(ctx context.Context, source string) (sql.NullInt64, error) {
	if source == "" {
		return sql.NullInt64{}, nil
	}
	if id, ok := s.renderings[source]; ok {
		return sql.NullInt64{Int64: id, Valid: true}, nil
	}
	hash := sha256.Sum256([]byte(source))
	var id int64
	if err := s.stmts.insertRendering.QueryRowContext(ctx, hash[:], source).Scan(&id); err != nil {
		return sql.NullInt64{}, fmt.Errorf("keep a rendering: %w", err)
	}
	if len(s.renderings) >= maxRenderings {
		clear(s.renderings)
	}
	s.renderings[source] = id
	return sql.NullInt64{Int64: id, Valid: true}, nil
}

// Native returns the body that the event of a delivery came in, as far as it was kept,
// and its content type. [ErrNotFound] where there is no such delivery, [ErrCorrupt] where
// the file is damaged there.
func (s *Store) Native(ctx context.Context, seq int64) (Raw, string, error) {
	var raw Raw
	var headers, sum []byte
	var own bool // they came at one time; a replay came in nothing of its own
	err := s.own.QueryRowContext(ctx, `SELECT a.body, a.size, a.sha256, a.truncated, a.headers,
			e.received = a.received OR EXISTS (SELECT 1 FROM replayed r WHERE r.event = e.seq)
		FROM delivery d JOIN event e ON e.seq = d.event JOIN arrival a ON a.seq = e.arrival
		WHERE d.seq = ?1`, seq).Scan(&raw.Bytes, &raw.Size, &sum, &raw.Truncated, &headers, &own)
	if errors.Is(err, sql.ErrNoRows) {
		return Raw{}, "", fmt.Errorf("read what delivery %d came in: %w", seq, ErrNotFound)
	}
	if err != nil {
		return Raw{}, "", fmt.Errorf("read what delivery %d came in: %w", seq, dbError(err))
	}
	copy(raw.SHA256[:], sum)
	bellbuoys := raw.Size == 0 && len(raw.Bytes) == 0 // what it tells of itself came in nothing, which has no sum
	if !own || !raw.Truncated && !bellbuoys && sha256.Sum256(raw.Bytes) != raw.SHA256 {
		return Raw{}, "", fmt.Errorf("read what delivery %d came in: %w: its bytes are not those that came", seq, ErrCorrupt)
	}
	var named map[string]string
	if err := json.Unmarshal(headers, &named); err != nil {
		return Raw{}, "", fmt.Errorf("read the headers that delivery %d came with: %w", seq, err)
	}
	return raw, named["Content-Type"], nil
}
