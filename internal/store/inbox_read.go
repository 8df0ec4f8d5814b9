package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// NoticeLevels are the levels that a notice can have.
func NoticeLevels() []string { return []string{"info", "good", "warning", "bad"} }

// Reader is who reads notices: whose marks they carry, and which of them there are.
type Reader struct {
	Person  string
	Inboxes []Inbox
	All     bool // every inbox that there is, and not only those
}

// NoticeQuery chooses notices. Zero fields do not narrow.
type NoticeQuery struct {
	Reader Reader
	Unread bool   // by the reader
	Level  string // one of NoticeLevels
	Limit  int    // 1 to 1000; 0 = 50
	Before string // cursor: Notice.Cursor of the last one seen
}

// InboxCount is how many notices are in an inbox, and how many of them its reader has not
// read.
type InboxCount struct {
	Inbox
	Unread  int `json:"unread"`
	Notices int `json:"notices"`
	Dropped int `json:"dropped"` // that went because the inbox was full, since it was made
}

// UnreadCount is how much is not read.
type UnreadCount struct {
	Unread  int            `json:"unread"`
	Levels  map[string]int `json:"levels"` // of those, by level; a level of none is absent
	Inboxes []InboxCount   `json:"inboxes"`
}

// inboxes are those that a reader sees, by their numbers.
func (s *Store) inboxes(ctx context.Context, from questioner, r Reader) (ids []int64, counts map[int64]InboxCount, err error) {
	rows, err := from.QueryContext(ctx, `SELECT id, kind, name, n, dropped FROM inbox ORDER BY kind, name`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	counts = map[int64]InboxCount{}
	for rows.Next() {
		var id int64
		var c InboxCount
		if err := rows.Scan(&id, &c.Kind, &c.Name, &c.Notices, &c.Dropped); err != nil {
			return nil, nil, err
		}
		if r.All || slices.Contains(r.Inboxes, c.Inbox) {
			ids, counts[id] = append(ids, id), c
		}
	}
	return ids, counts, rows.Err()
}

// Notices lists what a reader sees, the newest first.
func (s *Store) Notices(ctx context.Context, q NoticeQuery) ([]Notice, error) {
	before, err := readCursor(q.Before)
	if err != nil {
		return nil, err
	}
	if q.Level != "" && !slices.Contains(NoticeLevels(), q.Level) {
		return nil, fmt.Errorf("%w: level %q is none of %v", ErrBadQuery, q.Level, NoticeLevels())
	}
	ids, of, err := s.inboxes(ctx, s.read, q.Reader)
	if err != nil {
		return nil, fmt.Errorf("list the inbox: %w", dbError(err))
	}
	return s.notices(ctx, of, `n.inbox IN (SELECT CAST(value AS BIGINT) FROM json_each(?2)) AND n.seq < ?3
			AND (?4 = 0 OR r.notice IS NULL) AND (?5 = '' OR n.level = ?5) ORDER BY n.seq DESC LIMIT ?6`,
		q.Reader.Person, listed(ids), before, q.Unread, q.Level, limited(q.Limit))
}

// notices are those that where, in which ?1 is the person, chooses.
func (s *Store) notices(ctx context.Context, of map[int64]InboxCount, where string, args ...any) ([]Notice, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT n.seq, n.id, n.inbox, n.time, n.event, n.type, n.target, n.level, n.title, n.body,
			coalesce(r.time, 0)
		FROM notice n LEFT JOIN notice_read r ON r.person = ?1 AND r.notice = n.seq WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list the inbox: %w", dbError(err))
	}
	defer rows.Close()
	out := []Notice{}
	for rows.Next() {
		var n Notice
		var seq, inbox, at, read int64
		var text []byte
		if err := rows.Scan(&seq, &n.ID, &inbox, &at, &n.Event, &n.Type, &n.Target, &n.Level, &n.Title, &text, &read); err != nil {
			return nil, fmt.Errorf("list the inbox: %w", dbError(err))
		}
		var body noticeBody
		if err := json.Unmarshal(text, &body); err != nil {
			return nil, fmt.Errorf("list the inbox: read notice %s: %w", n.ID, err)
		}
		n.Inbox, n.Time, n.Read, n.Cursor = of[inbox].Inbox, fromMicros(at), optional(read), writeCursor(seq)
		n.Facts, n.Text, n.Link = body.Facts, body.Text, body.Link
		if n.Facts == nil {
			n.Facts = []NoticeFact{}
		}
		out = append(out, n)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the inbox: %w", dbError(err))
	}
	return out, nil
}

// Unread counts what a reader has not read, as it is at one moment.
func (s *Store) Unread(ctx context.Context, r Reader) (UnreadCount, error) {
	u, err := s.unread(ctx, r)
	if err != nil {
		return u, fmt.Errorf("count what is unread: %w", dbError(err))
	}
	return u, nil
}

func (s *Store) unread(ctx context.Context, r Reader) (UnreadCount, error) {
	u := UnreadCount{Levels: map[string]int{}, Inboxes: []InboxCount{}}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return u, err
	}
	defer tx.Rollback()
	ids, of, err := s.inboxes(ctx, tx, r)
	if err != nil {
		return u, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT n.inbox, n.level, count(*) FROM notice n
		WHERE n.inbox IN (SELECT CAST(value AS BIGINT) FROM json_each(?2))
			AND NOT EXISTS (SELECT 1 FROM notice_read r WHERE r.person = ?1 AND r.notice = n.seq)
		GROUP BY n.inbox, n.level`, r.Person, listed(ids))
	if err != nil {
		return u, err
	}
	defer rows.Close()
	for rows.Next() {
		var inbox int64
		var level string
		var n int
		if err := rows.Scan(&inbox, &level, &n); err != nil {
			return u, err
		}
		c := of[inbox]
		c.Unread += n
		of[inbox] = c
		u.Unread += n
		u.Levels[level] += n
	}
	for _, id := range ids {
		u.Inboxes = append(u.Inboxes, of[id])
	}
	return u, rows.Err()
}

// Notice returns the notice of an id. What the reader does not see is [ErrNotFound].
func (s *Store) Notice(ctx context.Context, r Reader, id string) (Notice, error) {
	ids, of, err := s.inboxes(ctx, s.read, r)
	if err != nil {
		return Notice{}, fmt.Errorf("find notice %s: %w", id, dbError(err))
	}
	return s.notice(ctx, r, id, ids, of)
}

// notice finds one in inboxes of those numbers.
func (s *Store) notice(ctx context.Context, r Reader, id string, inboxes []int64, of map[int64]InboxCount) (Notice, error) {
	found, err := s.notices(ctx, of, `n.id = ?2 AND n.inbox IN (SELECT CAST(value AS BIGINT) FROM json_each(?3))`, r.Person, id, listed(inboxes))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("find notice %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Notice{}, err
	}
	return found[0], nil
}

// Mark marks the notice of an id as read by the reader, or takes that mark away, and
// returns the notice. One that is marked already keeps its time. What the reader does not
// see is [ErrNotFound].
func (s *Store) Mark(ctx context.Context, r Reader, id string, read bool) (Notice, error) {
	ids, of, err := s.inboxes(ctx, s.read, r)
	if err != nil {
		return Notice{}, fmt.Errorf("mark notice %s: %w", id, dbError(err))
	}
	err = s.write(ctx, &job{rows: 1, run: func(ctx context.Context) error {
		if !read {
			_, err := s.conn.ExecContext(ctx, `DELETE FROM notice_read WHERE person = ?1 AND notice IN (SELECT seq FROM notice
				WHERE id = ?2 AND inbox IN (SELECT CAST(value AS BIGINT) FROM json_each(?3)))`, r.Person, id, listed(ids))
			return err
		}
		_, err := s.conn.ExecContext(ctx, `INSERT INTO notice_read (person, notice, time)
			SELECT CAST(?1 AS TEXT), seq, CAST(?2 AS BIGINT) FROM notice
			WHERE id = ?3 AND inbox IN (SELECT CAST(value AS BIGINT) FROM json_each(?4))
			ON CONFLICT DO NOTHING`, r.Person, micros(s.now()), id, listed(ids))
		return err
	}})
	if err != nil {
		return Notice{}, fmt.Errorf("mark notice %s: %w", id, err)
	}
	return s.notice(ctx, r, id, ids, of)
}

// markedAtOnce is how many notices one transaction marks.
const markedAtOnce = 250

// MarkAll marks all as read that the reader sees, up to the notice of an id, as they are
// listed: it and what is older; "" is all that are there when it begins. It returns how many
// were not marked before. On an error some are marked, and calling it again does the rest.
func (s *Store) MarkAll(ctx context.Context, r Reader, upTo string) (marked int, err error) {
	ids, _, err := s.inboxes(ctx, s.read, r)
	if err != nil {
		return 0, fmt.Errorf("mark all as read: %w", dbError(err))
	}
	var last sql.NullInt64
	if upTo == "" {
		err = s.read.QueryRowContext(ctx, `SELECT max(seq) FROM notice`).Scan(&last)
	} else {
		err = s.read.QueryRowContext(ctx, `SELECT seq FROM notice WHERE id = ?1 AND inbox IN (SELECT CAST(value AS BIGINT) FROM json_each(?2))`,
			upTo, listed(ids)).Scan(&last)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("mark all up to notice %s: %w", upTo, ErrNotFound)
	}
	if err != nil {
		return 0, fmt.Errorf("mark all as read: %w", dbError(err))
	}
	for {
		var n int64
		err := s.write(ctx, &job{rows: turnRows, run: func(ctx context.Context) error {
			done, err := s.conn.ExecContext(ctx, `INSERT INTO notice_read (person, notice, time)
				SELECT CAST(?1 AS TEXT), n.seq, CAST(?2 AS BIGINT) FROM notice n
				WHERE n.inbox IN (SELECT CAST(value AS BIGINT) FROM json_each(?3)) AND n.seq <= ?4
					AND NOT EXISTS (SELECT 1 FROM notice_read r WHERE r.person = ?1 AND r.notice = n.seq)
				ORDER BY n.seq DESC LIMIT ?5`, r.Person, micros(s.now()), listed(ids), last.Int64, markedAtOnce)
			if err != nil {
				return err
			}
			n, err = done.RowsAffected()
			return err
		}})
		if err != nil {
			return marked, fmt.Errorf("mark all as read: %w", err)
		}
		if marked += int(n); n < markedAtOnce {
			return marked, nil
		}
	}
}
