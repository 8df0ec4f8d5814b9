package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// maxHeldCounted bounds how many held events are counted.
const maxHeldCounted = 10_000

// Commit is one transaction, as those who watch are told of it.
type Commit struct {
	Took    time.Duration
	Jobs    int // writes that shared it
	Failed  bool
	Counted []Counted // what it added to the tally; nil where it failed
}

// Counted is how many events of one type came from one registry, and what was done with
// them: see [EventHour].
type Counted struct {
	Registry, Type, What string
	Count                int
}

// tell tells those who watch of the running transaction, which took so long and ended
// with err.
func (s *Store) tell(jobs int, took time.Duration, err error) {
	if s.watch == nil {
		return
	}
	c := Commit{Took: took, Jobs: jobs, Failed: err != nil}
	if err == nil {
		for k, n := range s.counts.inTx {
			c.Counted = append(c.Counted, Counted{k.registry, string(k.typ), k.what, n})
		}
	}
	s.watch(c)
}

// Backlog is what stands at one moment.
type Backlog struct {
	Targets map[string]TargetCount
	// Oldest is, for each target that something waits for, when the event came that has
	// waited longest.
	Oldest    map[string]time.Time
	Held      int       // events that wait to be routed; at most 10000 are counted
	HeldSince time.Time // when the first of them was, or is, to be routed at the latest; zero = none is held
}

// Backlog reads what stands from counters and indexes. What it takes grows with the
// number of targets that something waits for, and with nothing else.
func (s *Store) Backlog(ctx context.Context) (Backlog, error) {
	b := Backlog{Oldest: map[string]time.Time{}}
	var err error
	if b.Targets, err = targetCounts(ctx, s.read); err != nil {
		return b, fmt.Errorf("read what waits: %w", dbError(err))
	}
	for target, c := range b.Targets {
		if c.States[Waiting] == 0 {
			continue
		}
		at, err := s.oldest(ctx, target)
		if err != nil {
			return b, fmt.Errorf("read what waits for %s: %w", target, dbError(err))
		}
		if !at.IsZero() {
			b.Oldest[target] = at
		}
	}
	var at sql.NullInt64
	err = s.read.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM (SELECT 1 FROM event WHERE state = 'held' LIMIT ?1) AS held),
		(SELECT min(route_at) FROM event WHERE state = 'held')`, maxHeldCounted).Scan(&b.Held, &at)
	if err != nil {
		return b, fmt.Errorf("count held events: %w", dbError(err))
	}
	if at.Valid {
		b.HeldSince = fromMicros(at.Int64)
	}
	return b, nil
}

// oldest is when the event came that target has waited for longest: of what is leased,
// which is at most a window of deliveries, and of the rest, which is in order.
func (s *Store) oldest(ctx context.Context, target string) (time.Time, error) {
	var at int64
	err := s.read.QueryRowContext(ctx, `SELECT e.received FROM event e WHERE e.seq = (SELECT d.event FROM delivery d WHERE d.seq = (
		SELECT min(seq) FROM (
			SELECT min(seq) AS seq FROM delivery WHERE target = ?1 AND state = 'waiting' AND lease = 0
			UNION ALL
			SELECT min(seq) FROM delivery WHERE target = ?1 AND lease <> 0 AND state = 'waiting') AS of_them))`, target).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMicros(at), err
}

// Files are the sizes of what the store has on disk, in bytes.
type Files struct{ Size, Log int64 }

// Files tells how large the store's file is, and the log beside it; of PostgreSQL how large
// its tables were when they were measured last.
func (s *Store) Files() Files { return s.engine.files() }

func (s *Store) sqliteFiles() Files {
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	return Files{Size: size(s.path), Log: size(s.path + "-wal")}
}
