package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// InboxKeeps is how many notices an inbox keeps. Where more come the oldest go, read or
// not, and are counted.
const InboxKeeps = 1000

// Inbox is where notices for somebody are kept.
type Inbox struct {
	Kind string `json:"kind"` // user, team or organization
	Name string `json:"name"`
}

// Notice is what people are told of one event. All of it is plain text.
type Notice struct {
	ID string `json:"id"` // of the delivery
	Inbox
	Time  time.Time    `json:"time"` // when it was put there
	Level string       `json:"level"`
	Title string       `json:"title"`
	Facts []NoticeFact `json:"facts"`
	Text  string       `json:"text,omitempty"`
	Link  string       `json:"link,omitempty"`

	Event  string `json:"event"` // its id; the event may be gone before the notice
	Type   string `json:"type"`  // of the event
	Target string `json:"target"`
	// Read is when whoever asks has read it; nil: not yet.
	Read *time.Time `json:"read"`

	Cursor string `json:"-"`
}

// NoticeFact is one thing worth knowing of an event.
type NoticeFact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// noticeBody is what is kept of a notice and never chosen by.
type noticeBody struct {
	Facts []NoticeFact `json:"facts"`
	Text  string       `json:"text,omitempty"`
	Link  string       `json:"link,omitempty"`
}

// noticeBytes is about what a notice takes beside its texts: its row, its indexes and marks.
const noticeBytes = 512

// Notify puts n into its inbox, which is made where there is none yet, and returns when it
// is on disk. A notice whose id was put before is not put again: then added is false. It
// is work, and so goes behind events that are accepted. Its time is that of the store.
func (s *Store) Notify(ctx context.Context, n Notice) (added bool, err error) {
	body, err := json.Marshal(noticeBody{n.Facts, n.Text, n.Link})
	if err != nil {
		return false, fmt.Errorf("notify %s %s: encode: %w", n.Kind, n.Name, err)
	}
	size := int64(len(body) + len(n.Title) + noticeBytes)
	err = s.write(ctx, &job{lazy: true, rows: 1, run: func(ctx context.Context) error {
		added = false
		var one int
		err := s.conn.QueryRowContext(ctx, `SELECT 1 FROM notice WHERE id = ?1`, n.ID).Scan(&one)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		added = true
		return s.notify(ctx, n, string(body), size)
	}})
	if err != nil {
		return false, fmt.Errorf("notify %s %s: %w", n.Kind, n.Name, err)
	}
	return added, nil
}

// notify puts a notice that is not there yet.
func (s *Store) notify(ctx context.Context, n Notice, body string, size int64) error {
	var inbox, there int64
	if err := s.conn.QueryRowContext(ctx, `INSERT INTO inbox (kind, name, n, bytes, dropped) VALUES (?1, ?2, 1, ?3, 0)
		ON CONFLICT (kind, name) DO UPDATE SET n = inbox.n + 1, bytes = inbox.bytes + excluded.bytes RETURNING id, n`,
		n.Kind, n.Name, size).Scan(&inbox, &there); err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, `INSERT INTO notice (id, inbox, time, event, type, target, level, title, body, size)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
		n.ID, inbox, micros(s.now()), n.Event, n.Type, n.Target, n.Level, n.Title, body, size); err != nil {
		return err
	}
	if there <= InboxKeeps {
		return nil
	}
	gone, err := s.dropSomeNotices(ctx, `SELECT seq FROM notice WHERE inbox = ?1 ORDER BY seq LIMIT ?2`, inbox, min(there-InboxKeeps, deletes))
	if err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, `UPDATE inbox SET dropped = dropped + ?2 WHERE id = ?1`, inbox, gone)
	return err
}

// dropSomeNotices deletes the notices that which selects, with their marks, and returns
// how many there were.
func (s *Store) dropSomeNotices(ctx context.Context, which string, args ...any) (gone int, err error) {
	rows, err := s.conn.QueryContext(ctx, `DELETE FROM notice WHERE seq IN (`+which+`) RETURNING seq, inbox, size`, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	type sum struct{ n, bytes int64 }
	var seqs []int64
	of := map[int64]sum{}
	for rows.Next() {
		var seq, inbox, size int64
		if err := rows.Scan(&seq, &inbox, &size); err != nil {
			return 0, err
		}
		seqs = append(seqs, seq)
		of[inbox] = sum{of[inbox].n + 1, of[inbox].bytes + size}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for inbox, less := range of {
		if _, err := s.conn.ExecContext(ctx, `UPDATE inbox SET n = n - ?2, bytes = bytes - ?3 WHERE id = ?1`, inbox, less.n, less.bytes); err != nil {
			return 0, err
		}
	}
	_, err = s.conn.ExecContext(ctx, `DELETE FROM notice_read WHERE notice IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))`, listed(seqs))
	return len(seqs), err
}

// dropNotices deletes some of the notices that were put before a time, the oldest first,
// and reports whether there may be more.
func (s *Store) dropNotices(ctx context.Context, before int64) (more bool, err error) {
	var oldest int64
	err = s.own.QueryRowContext(ctx, `SELECT time FROM notice ORDER BY seq LIMIT 1`).Scan(&oldest)
	if errors.Is(err, sql.ErrNoRows) || err == nil && oldest >= before {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find notices to delete: %w", dbError(err))
	}
	gone := 0
	err = s.write(ctx, &job{lazy: true, rows: turnRows, run: func(ctx context.Context) (err error) {
		// In the order of seq they are in that of time, but where the clock was set back.
		gone, err = s.dropSomeNotices(ctx, `SELECT seq FROM (SELECT seq, time FROM notice ORDER BY seq LIMIT ?2) AS oldest WHERE time < ?1`, before, deletes)
		return err
	}})
	if err != nil {
		return false, fmt.Errorf("delete notices: %w", err)
	}
	return gone > 0, nil
}
