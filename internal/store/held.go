package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// PutRuleSet keeps the source of the rules that judge events from now on. A routing
// that names a hash that was never put is refused.
func (s *Store) PutRuleSet(ctx context.Context, hash string, source []byte) error {
	packed, err := s.packed(hash, source)
	if err != nil {
		return fmt.Errorf("keep rule set %.12s: %w", hash, err)
	}
	var id int64
	var unused []string
	err = s.write(ctx, &job{
		run: func(ctx context.Context) error {
			if err := s.stmts.insertRuleSet.QueryRowContext(ctx, hash, packed).Scan(&id); err != nil {
				return err
			}
			if s.engine.goesBy != nil {
				if err := s.engine.goesBy(ctx, hash); err != nil {
					return err
				}
			}
			var err error
			unused, err = column(ctx, s.conn, s.stmts.text.upkeep.deleteUnused, list(append([]string{hash}, s.put...)))
			return err
		},
		then: func() {
			for _, hash := range unused {
				s.ruleSets.Delete(hash)
			}
			s.ruleSets.Store(hash, id)
			s.inUse(hash)
		},
	})
	if err != nil {
		return fmt.Errorf("keep rule set %.12s: %w", hash, err)
	}
	return nil
}

// packedRules is the source of a rule set as it is stored.
type packedRules struct {
	hash   string
	packed []byte
}

// packSize is from which size on sources are compressed.
const packSize = 1 << 10

// packed returns the source of a rule set as it is stored; it is asked for more than once in
// a row.
func (s *Store) packed(hash string, plain []byte) ([]byte, error) {
	if len(plain) < packSize {
		return plain, nil
	}
	if last := s.source.Load(); last != nil && last.hash == hash {
		return last.packed, nil
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		if _, err = w.Write(plain); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	s.source.Store(&packedRules{hash, b.Bytes()})
	return b.Bytes(), nil
}

// unpacked undoes packed. What is not compressed, as JSON is not, is returned as it is.
func unpacked(b []byte) ([]byte, error) {
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	b, err = io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return b, nil
}

// ruleSet returns the id of the rules that judged an event which is being written.
func (s *Store) ruleSet(ctx context.Context, hash string) (int64, error) {
	id, ok := s.ruleSets.Load(hash)
	if !ok {
		return 0, fmt.Errorf("rule set %q was not put into the store", hash)
	}
	return id.(int64), s.judging(ctx, id.(int64))
}

// RuleSet returns the source of the rules with that hash, or [ErrNotFound].
func (s *Store) RuleSet(ctx context.Context, hash string) ([]byte, error) {
	var b []byte
	err := s.read.QueryRowContext(ctx, `SELECT source FROM rule_set WHERE hash = ?1`, hash).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("rule set %q: %w", hash, ErrNotFound)
	}
	if err == nil {
		b, err = unpacked(b)
	}
	return b, dbError(err)
}

// HeldDue returns up to n held events whose time to be routed has come at now, the
// longest due first, and when the next of the others is due: zero if there is none.
func (s *Store) HeldDue(ctx context.Context, now time.Time, n int) ([]Held, time.Time, error) {
	clock := *s.committed.Load()
	now = clock.at(now)
	rows, err := s.own.QueryContext(ctx, `SELECT e.id, e.registry, e.held_for, e.route_at, e.json,
			a.headers, a.body, a.size, a.sha256, a.truncated
		FROM event e JOIN arrival a ON a.seq = e.arrival
		WHERE e.state = 'held' AND e.route_at <= ?1 ORDER BY e.route_at, e.seq LIMIT ?2`, micros(now), n)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("find held events: %w", dbError(err))
	}
	defer rows.Close()
	var out []Held
	for rows.Next() {
		var h Held
		var routeAt int64
		var event, headers, sum []byte
		if err := rows.Scan(&h.ID, &h.Registry, &h.Reason, &routeAt, &event, &headers,
			&h.Raw.Bytes, &h.Raw.Size, &sum, &h.Raw.Truncated); err != nil {
			return nil, time.Time{}, fmt.Errorf("read held event: %w", dbError(err))
		}
		h.RouteAt = fromMicros(routeAt)
		copy(h.Raw.SHA256[:], sum)
		if err := errors.Join(json.Unmarshal(event, &h.Event), json.Unmarshal(headers, &h.Headers)); err != nil {
			return nil, time.Time{}, fmt.Errorf("read held event %s: %w", h.ID, err)
		}
		out = append(out, h)
	}
	if err := rows.Err(); err != nil {
		return nil, time.Time{}, fmt.Errorf("read held events: %w", dbError(err))
	}
	var next sql.NullInt64
	if err := s.own.QueryRowContext(ctx, `SELECT min(route_at) FROM event WHERE state = 'held' AND route_at > ?1`,
		micros(now)).Scan(&next); err != nil {
		return nil, time.Time{}, fmt.Errorf("find next held event: %w", dbError(err))
	}
	if !next.Valid {
		return out, time.Time{}, nil
	}
	return out, clock.moment(fromMicros(next.Int64)), nil
}

// Route makes a held event routed, with its final JSON and its deliveries. One that
// was routed before stays as it is.
func (s *Store) Route(ctx context.Context, id string, r Routing) error {
	var final event.Event
	if err := json.Unmarshal(r.JSON, &final); err != nil {
		return fmt.Errorf("route event %s: read its JSON: %w", id, err)
	}
	repository, digest := subject(&final)
	err := s.write(ctx, &job{run: func(ctx context.Context) error {
		ruleSet, err := s.ruleSet(ctx, r.RuleSet)
		if err != nil {
			return err
		}
		e, ok, err := s.seen(ctx, id)
		if err != nil || !ok {
			return err
		}
		routed, err := s.stmts.routeEvent.ExecContext(ctx, e.seq, string(final.Type), string(final.Status), repository, digest, keys(&final, r),
			ruleSet, list(r.Matched), r.JSON)
		if err != nil {
			return err
		}
		if n, err := routed.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if err := s.plan(ctx, e.seq, r); err != nil {
			return err
		}
		if e.seq <= s.tail.indexed { // with what was known then; a list looks at the columns too
			_, err = s.stmts.indexKeys.ExecContext(ctx, e.seq-1, e.seq)
		}
		return err
	}})
	if err != nil {
		return fmt.Errorf("route event %s: %w", id, err)
	}
	return nil
}
