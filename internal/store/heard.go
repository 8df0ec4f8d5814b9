package store

import (
	"context"
	"fmt"
	"time"
)

// heardAmong is among how many of the last requests it is looked which registry came last.
const heardAmong = 10_000

// LastHeard tells when each registry was last heard, of those that were lately.
func (s *Store) LastHeard(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.own.QueryContext(ctx, `SELECT registry, max(received) FROM
		(SELECT registry, received FROM arrival ORDER BY seq DESC LIMIT ?1) AS last GROUP BY registry`, heardAmong)
	if err != nil {
		return nil, fmt.Errorf("ask when registries were last heard: %w", dbError(err))
	}
	defer rows.Close()
	heard := map[string]time.Time{}
	for rows.Next() {
		var name string
		var at int64
		if err := rows.Scan(&name, &at); err != nil {
			return nil, fmt.Errorf("ask when registries were last heard: %w", dbError(err))
		}
		heard[name] = fromMicros(at)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ask when registries were last heard: %w", dbError(err))
	}
	return heard, nil
}
