package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// When events are indexed: so many at a time, or so long after the first of them.
const (
	indexAfter = 512
	indexWait  = 500 * time.Millisecond
)

// key is what event_key has for one thing that events are found by: a hash of its name
// and value. In a billion events two things share one by chance, so a query looks at the
// columns too.
func key(name, value string) int64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, s := range [...]string{name, ":", value} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	return int64(h)
}

// keys lists, as JSON, what an event is found by. The names are those of the filters.
func keys(e *event.Event, r Routing) string {
	b := append(make([]byte, 0, 192), '[')
	add := func(name, value string) {
		if value == "" {
			return
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, key(name, value), 10)
	}
	repository, digest := subject(e)
	add("registry", e.Registry.Name)
	add("type", string(e.Type))
	add("repository", repository)
	add("digest", digest)
	add("native", e.Native.ID)
	if e.Artifact != nil {
		for _, t := range e.Artifact.Tags {
			add("tag", t)
		}
	}
	for _, m := range r.Matched {
		add("rule", m)
	}
	for _, d := range r.Deliveries {
		add("target", d.Target)
	}
	return string(append(b, ']'))
}

// tail is the newest events, those that are not indexed yet: they are found here by
// their id, and in lists by looking at each of them.
type tail struct {
	mu      sync.RWMutex
	indexed int64 // the seq of the last event that is indexed; set by the writer
	last    int64 // the seq of the last event
	events  map[string]tailed
	pending map[string]tailed // of the running transaction; the writer's
	since   time.Time         // when the first of events came
}

// tailed is one event of the tail.
type tailed struct {
	seq         int64
	fingerprint [32]byte
}

// loadTail reads the tail that the last process left.
func (s *Store) loadTail(ctx context.Context) error {
	t := &s.tail
	t.events, t.pending = map[string]tailed{}, map[string]tailed{}
	var value string
	switch err := s.conn.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'indexed'`).Scan(&value); {
	case errors.Is(err, sql.ErrNoRows):
		value = "0"
		if _, err := s.conn.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('indexed', '0')`); err != nil {
			return dbError(err)
		}
	case err != nil:
		return dbError(err)
	}
	var err error
	if t.indexed, err = strconv.ParseInt(value, 10, 64); err != nil {
		return fmt.Errorf("%w: indexed %q is no number", ErrCorrupt, value)
	}
	rows, err := s.conn.QueryContext(ctx, `SELECT id, seq, fingerprint FROM event WHERE seq > ?1`, t.indexed)
	if err != nil {
		return dbError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var e tailed
		var sum []byte
		if err := rows.Scan(&id, &e.seq, &sum); err != nil {
			return dbError(err)
		}
		copy(e.fingerprint[:], sum)
		t.events[id] = e
		t.last = max(t.last, e.seq)
	}
	return dbError(rows.Err())
}

// seen finds an event by its id, for the writer, or returns false.
func (s *Store) seen(ctx context.Context, id string) (tailed, bool, error) {
	t := &s.tail
	for _, m := range []map[string]tailed{t.pending, t.events} { // nobody else writes to them
		if e, ok := m[id]; ok {
			return e, true, nil
		}
	}
	var e tailed
	var sum []byte
	err := s.stmts.findSeen.QueryRowContext(ctx, id).Scan(&e.seq, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		return tailed{}, false, nil
	}
	copy(e.fingerprint[:], sum)
	return e, err == nil, err
}

// indexing is the job that fills the two tables for the tail. It is one of its own, so
// that an event that could not be indexed would keep no other from being written.
func (s *Store) indexing() *job {
	t := &s.tail
	to := t.last // what comes in the same transaction waits for the next time
	return &job{
		lazy: true,
		done: make(chan error, 1),
		run: func(ctx context.Context) error {
			for _, st := range []*sql.Stmt{s.stmts.indexSeen, s.stmts.indexKeys} {
				if _, err := st.ExecContext(ctx, t.indexed, to); err != nil {
					return fmt.Errorf("index events %d to %d: %w", t.indexed+1, to, err)
				}
				failpoint.At("index half filled")
			}
			_, err := s.stmts.setIndexed.ExecContext(ctx, strconv.FormatInt(to, 10))
			return err
		},
		then: func() { t.indexedTo(to) },
	}
}

// committed takes in what a transaction added, up to seq last.
func (t *tail) committed(last int64) {
	if len(t.pending) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == 0 {
		t.since = time.Now()
	}
	t.last = last
	for id, e := range t.pending {
		t.events[id] = e
	}
	clear(t.pending)
}

// undo forgets what a transaction was to add. If it was to index, that is tried again
// after a while.
func (t *tail) undo() {
	clear(t.pending)
	t.since = time.Now()
}

// indexedTo takes the events up to seq to out of the tail.
func (t *tail) indexedTo(to int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.indexed, t.since = to, time.Now()
	for id, e := range t.events {
		if e.seq <= to {
			delete(t.events, id)
		}
	}
}

// at returns the seq of an event of the tail, or 0.
func (t *tail) at(id string) int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.events[id].seq
}

// due is when the tail is to be indexed, whatever comes: nil where it is empty.
func (t *tail) due() <-chan time.Time {
	if len(t.events) == 0 {
		return nil
	}
	return time.After(time.Until(t.since.Add(indexWait)))
}
