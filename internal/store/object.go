package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Errors of [Store.ChangeObjects], by which nothing was changed.
var (
	// ErrObjects: objects were changed since they were read.
	ErrObjects = errors.New("objects were changed meanwhile")
	// ErrVersion: an object has another version than it was to have.
	ErrVersion = errors.New("it has another version")
)

// Object is one registry, target or rule that somebody made beside those of the
// configuration's files. The store does not read what is in it.
type Object struct {
	Seq              int64 // in the order in which they were made; never given out twice
	Kind, Name       string
	Body             json.RawMessage
	Sealed           []byte // nil where there is nothing secret
	Note             json.RawMessage
	Version          int64 // 1 when it was made, one more with each change
	Created, Changed time.Time
	By               string
}

// Objects are all of them, in the order in which they were made, as they were at one time.
type Objects struct {
	Generation int64 // it grows with each change
	List       []Object
}

// ObjectChange makes an object, changes it, or deletes it.
type ObjectChange struct {
	Kind, Name string
	Body       json.RawMessage // nil deletes it
	Sealed     []byte
	Note       json.RawMessage // nil leaves the one that there is
	// Version is the one that the object has; 0 = there is none of that name.
	Version int64
	Details any // for the audit, in which there is no secret
}

// What the entries of the audit tell of objects.
const (
	AuditCreate = "create"
	AuditChange = "change"
	AuditDelete = "delete"
)

// Objects returns the objects that there are.
func (s *Store) Objects(ctx context.Context) (Objects, error) {
	var all Objects
	rows, err := s.own.QueryContext(ctx, `SELECT CAST(m.value AS BIGINT), o.seq, o.kind, o.name, o.body, o.sealed, o.note, o.version, o.created, o.changed, o.by
		FROM meta m LEFT JOIN object o ON true WHERE m.key = 'objects' ORDER BY o.seq`)
	if err != nil {
		return all, fmt.Errorf("read objects: %w", dbError(err))
	}
	defer rows.Close()
	for rows.Next() {
		var seq, version, created, changed sql.NullInt64
		var kind, name, by sql.NullString
		var body, sealed, note []byte
		if err := rows.Scan(&all.Generation, &seq, &kind, &name, &body, &sealed, &note, &version, &created, &changed, &by); err != nil {
			return all, fmt.Errorf("read objects: %w", dbError(err))
		}
		if !seq.Valid {
			continue // there is none
		}
		all.List = append(all.List, Object{
			Seq: seq.Int64, Kind: kind.String, Name: name.String, Body: body, Sealed: sealed, Note: note, Version: version.Int64,
			Created: fromMicros(created.Int64), Changed: fromMicros(changed.Int64), By: by.String,
		})
	}
	if err := rows.Err(); err != nil {
		return all, fmt.Errorf("read objects: %w", dbError(err))
	}
	return all, nil
}

// ObjectsGeneration is that of [Store.Objects] now.
func (s *Store) ObjectsGeneration(ctx context.Context) (int64, error) {
	n, err := s.column(ctx, `SELECT value FROM meta WHERE key = 'objects'`)
	if err == nil && len(n) != 1 {
		err = fmt.Errorf("%w: nothing says how often objects were changed", ErrCorrupt)
	}
	if err != nil {
		return 0, fmt.Errorf("ask whether objects have changed: %w", err)
	}
	return strconv.ParseInt(n[0], 10, 64)
}

// ObjectsChanged tells when another process says that it has changed objects. Who misses
// that, as all do where nothing is told, sees it by [Store.ObjectsGeneration].
func (s *Store) ObjectsChanged() <-chan struct{} { return s.objects.heard }

// Shared reports whether other processes may have the store open, and change it.
func (s *Store) Shared() bool { return isPostgres(s.dsn) }

// objectNews is what is known of changes to objects.
type objectNews struct {
	heard   chan struct{} // others have made some
	changed bool          // the running transaction does; the writer's
}

func (n *objectNews) init() { n.heard = make(chan struct{}, 1) }

func (n *objectNews) tell() {
	select {
	case n.heard <- struct{}{}:
	default:
	}
}

// ChangeObjects makes changes for by, all or none, with an entry in the audit for each. It
// returns the objects' next generation, and what was made or changed, in the order of
// changes; of what was deleted there is an object without a body. generation is the one by
// which the changes were found to be good. Errors: [ErrObjects] where that has passed;
// [ErrVersion] where an object is not as the change says.
func (s *Store) ChangeObjects(ctx context.Context, by string, generation int64, changes []ObjectChange) (next int64, made []Object, err error) {
	passed := false
	err = s.write(ctx, &job{run: func(ctx context.Context) error {
		var now string
		if err := s.conn.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'objects'`).Scan(&now); err != nil {
			return err
		}
		if passed = now != strconv.FormatInt(generation, 10); passed {
			return nil
		}
		list := make([]Object, len(changes))
		for i, c := range changes {
			o, err := s.changeObject(ctx, by, c)
			if err != nil {
				return fmt.Errorf("%s %s: %w", c.Kind, c.Name, err)
			}
			list[i] = o
		}
		next, made = generation+1, list
		s.objects.changed = true
		_, err := s.conn.ExecContext(ctx, `UPDATE meta SET value = ?1 WHERE key = 'objects'`, strconv.FormatInt(next, 10))
		return err
	}})
	if err == nil && passed {
		err = ErrObjects
	}
	if err != nil {
		return 0, nil, fmt.Errorf("change objects: %w", err)
	}
	return next, made, nil
}

func (s *Store) changeObject(ctx context.Context, by string, c ObjectChange) (Object, error) {
	now := micros(s.now())
	o := Object{Kind: c.Kind, Name: c.Name, Body: c.Body, Sealed: c.Sealed, Version: c.Version + 1, Changed: fromMicros(now), By: by}
	var row *sql.Row
	what := AuditChange
	switch {
	case c.Body == nil:
		what = AuditDelete
		row = s.conn.QueryRowContext(ctx, `DELETE FROM object WHERE kind = ?1 AND name = ?2 AND version = ?3 RETURNING seq, created, note`,
			c.Kind, c.Name, c.Version)
	case c.Version == 0:
		what = AuditCreate
		row = s.conn.QueryRowContext(ctx, `INSERT INTO object (kind, name, body, sealed, note, version, created, changed, by)
			VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6, ?7) ON CONFLICT DO NOTHING RETURNING seq, created, note`,
			c.Kind, c.Name, string(c.Body), c.Sealed, nullable(c.Note), now, by)
	default:
		row = s.conn.QueryRowContext(ctx, `UPDATE object SET body = ?4, sealed = ?5, note = coalesce(?6, note), version = version + 1, changed = ?7, by = ?8
			WHERE kind = ?1 AND name = ?2 AND version = ?3 RETURNING seq, created, note`,
			c.Kind, c.Name, c.Version, string(c.Body), c.Sealed, nullable(c.Note), now, by)
	}
	var created int64
	switch err := row.Scan(&o.Seq, &created, (*[]byte)(&o.Note)); {
	case errors.Is(err, sql.ErrNoRows):
		return o, ErrVersion
	case err != nil:
		return o, err
	}
	o.Created = fromMicros(created)
	details := c.Details
	if details == nil {
		details = struct{}{}
	}
	_, err := s.audit(ctx, by, what, c.Kind+" "+c.Name, details)
	return o, err
}

func nullable(b []byte) any {
	if b == nil {
		return nil
	}
	return string(b)
}
