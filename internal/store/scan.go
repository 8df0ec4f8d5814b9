package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

const (
	// scanPage is how many events a scan reads at once.
	scanPage = 256
	// clockSlack is by how much clocks may have been set back and a scan still find all.
	clockSlack = time.Hour
)

// Scanned is one page of a scan.
type Scanned struct {
	Events []json.RawMessage // newest accepted first, the routed ones only
	Held   int               // events of the page that are not routed yet
	// Read is how many events were looked at so far, Of about how many there are.
	Read, Of int
}

// Scan gives page the events that were received from since on and were there when it
// began, newest first, until page returns an error. It reads page by page, each in a
// transaction of its own: a long one would keep the log from being emptied, and the
// writer would wait. So what retention takes meanwhile is not seen.
//
// Where to end is told by the order of acceptance: a clock that was set by more than an
// hour in that time may hide events.
func (s *Store) Scan(ctx context.Context, since time.Time, page func(Scanned) error) error {
	var top, bottom int64
	err := s.read.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0), coalesce(min(seq), 1) FROM event`).Scan(&top, &bottom)
	if err == nil && !since.IsZero() {
		bottom, err = s.firstSince(ctx, bottom, top, micros(since.Add(-clockSlack)))
	}
	if err != nil {
		return fmt.Errorf("scan events: %w", dbError(err))
	}
	of := int(top - bottom + 1)
	for high := top; high >= bottom; high -= scanPage {
		p := Scanned{Of: of}
		if err := s.scanPage(ctx, max(bottom, high-scanPage+1), high, micros(since), &p); err != nil {
			return fmt.Errorf("scan events: %w", dbError(err))
		}
		p.Read = min(int(top-high)+scanPage, of)
		if err := page(p); err != nil {
			return err
		}
	}
	return nil
}

// scanPage reads the events from low to high into p.
func (s *Store) scanPage(ctx context.Context, low, high, since int64, p *Scanned) error {
	rows, err := s.read.QueryContext(ctx, `SELECT state, json FROM event
		WHERE seq >= ?1 AND seq <= ?2 AND received >= ?3 ORDER BY seq DESC`, low, high, since)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var state string
		var event json.RawMessage
		if err := rows.Scan(&state, (*[]byte)(&event)); err != nil {
			return err
		}
		if state == "held" {
			p.Held++
		} else {
			p.Events = append(p.Events, event)
		}
	}
	return rows.Err()
}

// firstSince returns the lowest seq from bottom to top from which on events were
// received at or after since, top+1 where none was.
func (s *Store) firstSince(ctx context.Context, bottom, top, since int64) (int64, error) {
	end := top + 1
	for bottom < end {
		middle := bottom + (end-bottom)/2
		var seq, received int64
		err := s.read.QueryRowContext(ctx, `SELECT seq, received FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1`, middle).Scan(&seq, &received)
		switch {
		case err == sql.ErrNoRows || err == nil && received >= since:
			end = middle
		case err != nil:
			return 0, err
		default:
			bottom = seq + 1
		}
	}
	return bottom, nil
}
