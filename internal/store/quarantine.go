package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// What quarantine may take.
const (
	// quarantineBudget is up to how much the bodies in it are kept whole; in a small
	// store, quarantineShare of it.
	quarantineBudget = 64 << 20
	quarantineShare  = 16
	// stubBytes is what is kept of a body beyond that. These may take as much again;
	// then the oldest go.
	stubBytes = 4 << 10
	// rowBytes is about what a row takes beside its body and its headers.
	rowBytes = 256
	// dropsAtOnce is how many go in one transaction: they may be large.
	dropsAtOnce = 20
)

// quarantine writes down a body that could not be read, or counts it where the same
// came before. However many come, what they take is bounded, and none is refused.
func (w *acceptance) quarantine(ctx context.Context) error {
	s, a := w.s, w.a
	w.result = Accepted{Quarantined: 1}
	s.counts.addInTx(a.Registry, a.Received, tallyQuarantined, "")
	t := &s.stmts.text.upkeep
	known, err := s.conn.ExecContext(ctx, t.countQuarantine, a.Registry, a.Body.SHA256[:], micros(a.Received))
	if err != nil {
		return err
	}
	if n, err := known.RowsAffected(); err != nil || n > 0 {
		return err
	}
	body, truncated := a.Body.Bytes, a.Body.Truncated
	taken, budget := int64(0), s.quarantineBudget()
	if err := s.conn.QueryRowContext(ctx, t.quarantined).Scan(&taken); err != nil {
		return err
	}
	row := int64(len(w.headers)) + rowBytes
	if taken+row+int64(len(body)) > budget && len(body) > stubBytes {
		body, truncated = body[:stubBytes], true
	}
	row += int64(len(body))
	for taken+row > 2*budget {
		n, freed, err := s.dropOldest(ctx, never, dropsAtOnce)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		taken -= freed
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	s.seqs.quarantine++
	if _, err := s.stmts.insertQuarantine.ExecContext(ctx, s.seqs.quarantine, id.String(), a.Registry, micros(a.Received),
		a.Remote, w.headers, a.Quarantine, body, a.Body.Size, a.Body.SHA256[:], truncated); err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, t.addQuarantined, row)
	return err
}

// quarantineBudget is up to how much is kept whole.
func (s *Store) quarantineBudget() int64 {
	if r := s.keeper.limits.Load(); r != nil {
		return min(quarantineBudget, r.Size/quarantineShare)
	}
	return quarantineBudget
}

// dropOldest deletes up to n of the bodies that last came before a time, those first
// that came longest ago, and returns how many and how much they took.
func (s *Store) dropOldest(ctx context.Context, before int64, n int) (dropped int, freed int64, err error) {
	t := &s.stmts.text.upkeep
	rows, err := s.conn.QueryContext(ctx, t.oldQuarantine, before, n)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var bytes int64
		if err := rows.Scan(&bytes); err != nil {
			return 0, 0, err
		}
		dropped, freed = dropped+1, freed+bytes
	}
	if err := rows.Err(); err != nil || dropped == 0 {
		return 0, 0, err
	}
	_, err = s.conn.ExecContext(ctx, t.addQuarantined, -freed)
	return dropped, freed, err
}

// dropQuarantine deletes some of the bodies that last came before a time, and reports
// whether there may be more.
func (s *Store) dropQuarantine(ctx context.Context, before int64) (more bool, err error) {
	var n int
	var oldest *int64
	if err := s.own.QueryRowContext(ctx, s.stmts.text.upkeep.oldestQuarantine).Scan(&oldest); err != nil {
		return false, fmt.Errorf("find bodies to delete from quarantine: %w", dbError(err))
	}
	if oldest == nil || *oldest >= before {
		return false, nil
	}
	err = s.write(ctx, &job{lazy: true, rows: turnRows, run: func(ctx context.Context) error {
		var err error
		n, _, err = s.dropOldest(ctx, before, dropsAtOnce)
		return err
	}})
	if err != nil {
		return false, fmt.Errorf("delete from quarantine: %w", err)
	}
	return n > 0, nil
}
