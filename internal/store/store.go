// Package store is the book: every event that bellbuoy has said yes to, what the
// rules made of it, every delivery and every attempt. Queue and trace are two
// readings of the same rows; there is no other record of what happened.
//
// One method is one transaction. Writes of many callers share a commit: they are
// taken by one goroutine that commits what waits, callers before work (see queue), and
// answers when the disk has it. Reads go beside it and see what is committed.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
)

// Errors that callers tell apart.
var (
	// ErrNotFound: there is no such event or body.
	ErrNotFound = errors.New("not found")
	// ErrLocked: another process has the store open.
	ErrLocked = errors.New("store is in use by another bellbuoy")
	// ErrNewer: a newer bellbuoy has written to it; this one does not touch it.
	ErrNewer = errors.New("store was written by a newer bellbuoy")
	// ErrCorrupt: the file is damaged, or no store at all.
	ErrCorrupt = errors.New("store is corrupt")
	// ErrConfigured: the target is in the config, so that its deliveries are made.
	ErrConfigured = errors.New("target is in the config")
	// ErrUnavailable: the store cannot take it now, and nothing of it was written.
	ErrUnavailable = errors.New("store unavailable")
)

// Options are what a store is opened with.
type Options struct {
	// Version of this bellbuoy: an older one that is refused later is told it.
	Version string
	// Window is how many deliveries of one target may be leased to this process at
	// a time: handed over in memory or claimed. Default 1024.
	Window int
	// Watch is told of each commit, by the goroutine that makes them; may be nil.
	Watch func(Commit)
	// Now is the clock on the wall, from which the store's own follows; nil = time.Now.
	Now func() time.Time

	alone bool // no other process is to be minded, and all that were there are dead; for tests
}

// Store is one open store. Its methods may be called from many goroutines.
type Store struct {
	path   string // as people may see it
	dsn    string // the path of a file, or the URL of a database with its password
	engine engine
	window int
	owner  int64 // this process's number: what its leases say

	lock  *fileLock
	db    *sql.DB   // the writer's, one connection
	conn  *sql.Conn // that connection
	read  *sql.DB   // for those who ask
	own   *sql.DB   // for what runs by itself, which slow questions must not delay
	stmts *statements

	jobs   chan *job
	queue  queue         // the writer's
	closed chan struct{} // no new writes
	done   chan struct{} // the writer has ended
	once   sync.Once
	fatal  chan error // the first error after which nothing more is written
	broken atomic.Pointer[error]
	away   atomic.Bool // the last transaction found no connection

	shelves   shelves
	seqs      sequences
	present   presence // the writer's
	health    health
	wall      func() time.Time       // nil: the system's
	steady    steady                 // the writer's
	kept      time.Time              // when the time was last written down; the writer's
	committed atomic.Pointer[steady] // the clock by which the rows are that others see
	pacer     pacer
	digests   bool // there are or were some; the writer's
	tail      tail
	counts    counts
	keeper    keeper
	copying   atomic.Bool // a backup is being made
	moving    sync.Mutex  // held by the one that makes a checkpoint
	sums      sums
	watch     func(Commit)
	callers   int // jobs that somebody waited for in the last batch; the writer's

	objects objectNews

	source     atomic.Pointer[packedRules] // the one that was put last
	ruleSets   sync.Map                    // hash -> id
	put        []string                    // the hashes that were put last, the newest first; the writer's
	renderings map[string]int64            // ids of those used lately; the writer's
	pruned     bool                        // some were deleted in the running transaction; the writer's
}

// sequences are the last numbers given out, and the id of the rule set that judged last.
// Only the writer touches them.
type sequences struct{ arrival, event, delivery, quarantine, ruleSet int64 }

// Open opens the store at path, making it where there is none. It brings an older
// schema up to date and refuses a newer one ([ErrNewer]), one that another process
// has open ([ErrLocked]) and a damaged one ([ErrCorrupt]). Leases of earlier
// processes are void from here on: this process holds the only lock.
//
// Where path is the URL of a PostgreSQL database (postgres://...), any number of processes
// may have it open. Each has leases of its own, which are void when it has closed the store
// or has not been heard of for [deadAfter].
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	s := &Store{
		path:   shown(path),
		dsn:    path,
		window: o.Window,
		watch:  o.Watch,
		jobs:   make(chan *job, 4096),
		closed: make(chan struct{}),
		done:   make(chan struct{}),
		fatal:  make(chan error, 1),

		renderings: map[string]int64{},
		wall:       o.Now,
		pacer:      pacer{wrote: map[string]bool{}},
	}
	if isPostgres(path) {
		s.engine = s.postgres(o)
	} else {
		s.engine = s.sqlite()
	}
	if s.window <= 0 {
		s.window = 1024
	}
	s.shelves.init()
	s.counts.init()
	s.health.init()
	s.keeper.init()
	s.sums.init()
	s.objects.init()
	defer func() {
		if err != nil {
			s.closeAll()
		}
	}()
	if err := s.engine.open(ctx, o); err != nil {
		return nil, err
	}
	if err := s.engine.take(ctx); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			// Each of its questions has an answer, whatever is in the tables.
			err = fmt.Errorf("%w: a row is missing that every store has: %w", ErrCorrupt, err)
		}
		return nil, fmt.Errorf("take over store %s: %w", s.path, err)
	}
	go s.writer()
	if s.engine.run != nil {
		s.engine.run()
	}
	return s, nil
}

// takeOver makes this process the owner: it voids the leases of the last one and
// reads where the numbers stand.
func (s *Store) takeOver(ctx context.Context) error {
	var last string
	switch err := s.conn.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'owner'`).Scan(&last); {
	case errors.Is(err, sql.ErrNoRows):
		last = "0"
	case err != nil:
		return dbError(err)
	}
	n, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: owner %q is no number", ErrCorrupt, last)
	}
	s.owner = n + 1
	if _, err := s.conn.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('owner', ?1)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, strconv.FormatInt(s.owner, 10)); err != nil {
		return dbError(err)
	}
	failpoint.At("store taken over")
	if _, err := s.conn.ExecContext(ctx, s.stmts.text.voidLeases); err != nil {
		return dbError(err)
	}
	if err := s.takeOverClock(ctx); err != nil {
		return err
	}
	failpoint.At("leases void")
	if err := s.takeOverTokens(ctx); err != nil {
		return err
	}
	if err := s.conn.QueryRowContext(ctx, s.stmts.text.anyDigest).Scan(&s.digests); err != nil {
		return dbError(err)
	}
	for query, seq := range map[string]*int64{
		`SELECT coalesce(max(seq), 0) FROM arrival`:    &s.seqs.arrival,
		`SELECT coalesce(max(seq), 0) FROM event`:      &s.seqs.event,
		`SELECT coalesce(max(seq), 0) FROM delivery`:   &s.seqs.delivery,
		`SELECT coalesce(max(seq), 0) FROM quarantine`: &s.seqs.quarantine,
	} {
		if err := s.conn.QueryRowContext(ctx, query).Scan(seq); err != nil {
			return dbError(err)
		}
	}
	if err := s.loadGivenOut(ctx); err != nil {
		return err
	}
	if err := s.loadTail(ctx); err != nil {
		return err
	}
	if err := s.keyRegistries(ctx); err != nil {
		return err
	}
	// An event may be gone from the table and have its row in seen still.
	s.seqs.event = max(s.seqs.event, s.tail.indexed)
	if err := s.loadConditions(ctx); err != nil {
		return err
	}
	targets, err := s.column(ctx, s.stmts.text.waitingTargets)
	if err != nil {
		return err
	}
	s.shelves.foundAtStart(targets)
	return nil
}

// column reads one column of text.
func (s *Store) column(ctx context.Context, query string, args ...any) ([]string, error) {
	return column(ctx, s.own, query, args...)
}

// questioner is a connection, or several, that answers questions with rows.
type questioner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func column(ctx context.Context, from questioner, query string, args ...any) ([]string, error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, dbError(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, dbError(err)
		}
		out = append(out, v)
	}
	return out, dbError(rows.Err())
}

// Path is where the store is: a file, or the URL of a database without its password.
func (s *Store) Path() string { return s.path }

// Failed delivers the error after which the store takes nothing any more: the disk
// failed, or the file was damaged. The process should end then: a failed sync is
// never tried again, since the system may have dropped what it could not write.
func (s *Store) Failed() <-chan error { return s.fatal }

// Err is that error, nil while the store works.
func (s *Store) Err() error {
	if p := s.broken.Load(); p != nil {
		return *p
	}
	return nil
}

// Away reports whether the database could not be reached when something was last to be
// written. Nothing is accepted then; the store goes on as soon as it can be reached, and looks
// by itself every few seconds. A file is never away.
func (s *Store) Away() bool { return s.away.Load() }

// Close commits what waits and closes the store. Writes that come later fail with
// [ErrUnavailable], reads with an error.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		<-s.done
		s.shelves.stop()
		err = s.closeAll()
	})
	return err
}

func (s *Store) closeAll() error {
	var errs []error
	if s.engine.close != nil {
		errs = append(errs, s.engine.close())
	}
	if s.stmts != nil {
		s.stmts.close()
	}
	if s.own != nil {
		errs = append(errs, s.own.Close())
	}
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	errs = append(errs, s.lock.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// optional is a time that may be absent, as the trace shows it.
func optional(n int64) *time.Time {
	if n == 0 {
		return nil
	}
	t := fromMicros(n)
	return &t
}
