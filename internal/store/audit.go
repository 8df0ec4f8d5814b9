package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// AuditEntry is one thing that somebody had done, written in the transaction that did it.
type AuditEntry struct {
	Time    time.Time       `json:"time"`
	By      string          `json:"by"`
	What    string          `json:"what"`   // redeliver, replay, cancel, test, disable, enable, reset, create, change, delete
	Object  string          `json:"object"` // the target, delivery or event, or "rule NAME"; empty where there are many
	Details json.RawMessage `json:"details"`
	Cursor  string          `json:"-"`
}

// What the entries of the audit tell of.
const (
	AuditRedeliver = "redeliver"
	AuditReplay    = "replay"
	AuditCancel    = "cancel"
	AuditTest      = "test"
	AuditDisable   = "disable"
	AuditEnable    = "enable"
	AuditReset     = "reset"
)

// AuditQuery chooses entries. Zero fields do not narrow.
type AuditQuery struct {
	What, Object string
	Limit        int    // 1 to 1000; 0 = 50
	Before       string // cursor: AuditEntry.Cursor of the last one seen
}

// Audit lists what was had done, the newest first.
func (s *Store) Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error) {
	before, err := readCursor(q.Before)
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT seq, time, by, what, object, details FROM audit
		WHERE seq < ?1 AND (?2 = '' OR what = ?2) AND (?3 = '' OR object = ?3) ORDER BY seq DESC LIMIT ?4`,
		before, q.What, q.Object, limited(q.Limit))
	if err != nil {
		return nil, fmt.Errorf("list the audit: %w", dbError(err))
	}
	defer rows.Close()
	out := []AuditEntry{}
	for rows.Next() {
		var e AuditEntry
		var seq, at int64
		if err := rows.Scan(&seq, &at, &e.By, &e.What, &e.Object, (*[]byte)(&e.Details)); err != nil {
			return nil, fmt.Errorf("list the audit: %w", dbError(err))
		}
		e.Time, e.Cursor = fromMicros(at), writeCursor(seq)
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the audit: %w", dbError(err))
	}
	return out, nil
}

// audit writes an entry in the running transaction and returns its number. Its caller
// is the writer.
func (s *Store) audit(ctx context.Context, by, what, object string, details any) (int64, error) {
	b, err := json.Marshal(details)
	if err != nil {
		return 0, fmt.Errorf("audit: encode details: %w", err)
	}
	var seq int64
	err = s.conn.QueryRowContext(ctx, s.stmts.text.after.insertAudit, micros(s.now()), by, what, object, string(b)).Scan(&seq)
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	return seq, nil
}

// amend replaces the details of an entry whose doing goes on.
func (s *Store) amend(ctx context.Context, entry int64, details any) error {
	b, err := json.Marshal(details)
	if err == nil {
		_, err = s.conn.ExecContext(ctx, s.stmts.text.after.amendAudit, entry, string(b))
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// auditCancel writes, or amends, the entry of a cancellation of so many deliveries.
func (s *Store) auditCancel(ctx context.Context, entry int64, by, target string, n int) (int64, error) {
	details := map[string]int{"deliveries": n}
	if entry != 0 {
		return entry, s.amend(ctx, entry, details)
	}
	return s.audit(ctx, by, AuditCancel, target, details)
}

// readCursor reads the cursor of a list that is ordered by a number, the greatest first.
func readCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 1<<63 - 1, nil
	}
	seq, err := strconv.ParseInt(cursor, 36, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: cursor %q is not one of ours", ErrBadQuery, cursor)
	}
	return seq, nil
}

func writeCursor(seq int64) string { return strconv.FormatInt(seq, 36) }

// limited is how many a list has at the most, where n are asked for.
func limited(n int) int {
	if n <= 0 {
		return DefaultLimit
	}
	return min(n, MaxLimit)
}
