package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Session is somebody who is logged in.
type Session struct {
	ID     string // the hash of what his browser shows
	Person string
	Way    string // password or oidc
	// Proof is a sum over what he logged in with.
	Proof      string
	Groups     []string // that the identity provider names
	Made, Seen time.Time
	Remote     string
	Agent      string
}

// MakeSession keeps a new session, in the place of the one of id old, where there is such a
// one, and forgets those that were made, or seen last, before a time.
func (s *Store) MakeSession(ctx context.Context, n Session, old string, madeBefore, seenBefore time.Time) error {
	groups, err := json.Marshal(n.Groups)
	if err != nil {
		return fmt.Errorf("log %s in: %w", n.Person, err)
	}
	err = s.write(ctx, &job{run: func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, `DELETE FROM session WHERE id = ?1 OR made < ?2 OR seen < ?3`, old, micros(madeBefore), micros(seenBefore))
		if err == nil {
			_, err = s.conn.ExecContext(ctx, `INSERT INTO session (id, person, way, proof, member, made, seen, remote, agent)
				VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
				n.ID, n.Person, n.Way, n.Proof, string(groups), micros(n.Made), micros(n.Seen), n.Remote, n.Agent)
		}
		if err == nil {
			_, err = s.audit(ctx, n.Person, AuditLogin, n.Person, map[string]string{"way": n.Way, "remote": n.Remote})
		}
		return err
	}})
	if err != nil {
		return fmt.Errorf("log %s in: %w", n.Person, err)
	}
	return nil
}

// Session returns the session of an id, over or not, else [ErrNotFound].
func (s *Store) Session(ctx context.Context, id string) (Session, error) {
	return theOne(s.sessions(ctx, `id = ?1`, id))
}

// Sessions lists those of a person, or of everybody where that is "", the newest first;
// over or not.
func (s *Store) Sessions(ctx context.Context, person string) ([]Session, error) {
	return s.sessions(ctx, `?1 = '' OR person = ?1 ORDER BY made DESC, id LIMIT ?2`, person, MaxLimit)
}

func (s *Store) sessions(ctx context.Context, where string, args ...any) ([]Session, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, person, way, proof, member, made, seen, remote, agent FROM session WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("find sessions: %w", dbError(err))
	}
	defer rows.Close()
	list := []Session{}
	for rows.Next() {
		var n Session
		var groups string
		var made, seen int64
		if err := rows.Scan(&n.ID, &n.Person, &n.Way, &n.Proof, &groups, &made, &seen, &n.Remote, &n.Agent); err != nil {
			return nil, fmt.Errorf("find sessions: %w", dbError(err))
		}
		if err := json.Unmarshal([]byte(groups), &n.Groups); err != nil {
			return nil, fmt.Errorf("read the groups of a session of %s: %w", n.Person, err)
		}
		n.Made, n.Seen = fromMicros(made), fromMicros(seen)
		list = append(list, n)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find sessions: %w", dbError(err))
	}
	return list, nil
}

// SeenSession notes when a session was seen.
func (s *Store) SeenSession(ctx context.Context, id string, at time.Time) error {
	err := s.write(ctx, &job{lazy: true, run: func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, `UPDATE session SET seen = ?2 WHERE id = ?1 AND seen < ?2`, id, micros(at))
		return err
	}})
	if err != nil {
		return fmt.Errorf("note that a session was seen: %w", err)
	}
	return nil
}

// EndSession ends the session of an id, if it is that of person, or whoever's where that is
// "". It is [ErrNotFound] where there is no such one.
func (s *Store) EndSession(ctx context.Context, by, id, person string) error {
	var ended bool
	err := s.write(ctx, &job{run: func(ctx context.Context) error {
		ended = false
		rows, err := s.conn.QueryContext(ctx, `DELETE FROM session WHERE id = ?1 AND (?2 = '' OR person = ?2) RETURNING person`, id, person)
		if err != nil {
			return err
		}
		var whose string
		for rows.Next() {
			ended = true
			if err := rows.Scan(&whose); err != nil {
				rows.Close()
				return err
			}
		}
		if err := rows.Close(); err != nil || !ended {
			return err
		}
		_, err = s.audit(ctx, by, AuditLogout, whose, struct{}{})
		return err
	}})
	if err == nil && !ended {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}
