package store

import (
	"context"
	"errors"
	"fmt"
)

// keyRegistries adds to the keys of events the one of their registry, in a store of a
// version that did not find events by it.
func (s *Store) keyRegistries(ctx context.Context) (err error) {
	if _, err := s.conn.ExecContext(ctx, s.stmts.text.begin); err != nil {
		return dbError(err)
	}
	defer func() {
		if err != nil {
			_, rerr := s.conn.ExecContext(ctx, `ROLLBACK`)
			err = fmt.Errorf("index events by their registry: %w", dbError(errors.Join(err, rerr)))
		}
	}()
	r, err := s.conn.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('keyed', 'registry') ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil {
		return err
	} else if n > 0 {
		if err := s.keyEach(ctx); err != nil {
			return err
		}
	}
	_, err = s.conn.ExecContext(ctx, `COMMIT`)
	return err
}

func (s *Store) keyEach(ctx context.Context) error {
	registries, err := s.column(ctx, `SELECT DISTINCT registry FROM event`)
	if err != nil {
		return err
	}
	for _, registry := range registries {
		k := key("registry", registry)
		if _, err := s.conn.ExecContext(ctx, `INSERT INTO event_key (key, event)
			SELECT ?1, seq FROM event WHERE registry = ?2 AND seq <= ?3 ON CONFLICT DO NOTHING`, k, registry, s.tail.indexed); err != nil {
			return err
		}
		if _, err := s.conn.ExecContext(ctx, `UPDATE event SET keys = json_insert(keys, '$[#]', ?1)
			WHERE registry = ?2 AND seq > ?3`, k, registry, s.tail.indexed); err != nil {
			return err
		}
	}
	return nil
}
