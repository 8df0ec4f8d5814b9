package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed schema/postgres/*.sql
var postgresSchema embed.FS

// errOlder: the database is not the one that this process has written to, or was set back.
var errOlder = errors.New("the database was restored to an earlier state, or is another one")

// How long the database may take. What it promises others is bounded by the server too,
// so that a process which is stopped in the middle of a transaction keeps nobody waiting.
const (
	connectWithin = 3 * time.Second
	idleWithin    = 10 * time.Second // between two statements of a transaction
	writeWithin   = 30 * time.Second // a transaction
	firstBackoff  = 100 * time.Millisecond
	lastBackoff   = 3 * time.Second
)

// postgres is what the engine of that name knows. Only the writer touches it, where it
// does not say otherwise.
type postgres struct {
	s       *Store
	version string
	alone   bool // no other process is to be minded: tests in a bubble of time
	config  *pgx.ConnConfig
	name    string // of the schema, as the server knows it
	store   string // what tells this store from others

	backend string // which of the server's processes serves the writer
	tx      string // the running transaction
	retry   time.Time
	backoff time.Duration
	failure error // of the last attempt to connect

	sharing
	size atomic.Int64 // of the tables, in bytes
}

// postgres is the engine that keeps the store in a PostgreSQL database, in the tables of
// the schema that its search_path names first.
func (s *Store) postgres(o Options) engine {
	p := &postgres{s: s, version: o.Version, alone: o.alone, backoff: firstBackoff}
	p.sharing.init()
	return engine{
		open: p.open, take: p.take, run: p.run,
		limit: writeWithin, begin: p.begin, commit: p.commit, rollback: p.rollback, lost: postgresLost,
		timed:  !o.alone,
		shared: func() bool { return p.others > 0 }, lapsed: p.lapsed, leads: p.eldest.Load, goesBy: p.goesBy,
		space: p.space,
		disk:  func() (disk, bool) { return disk{}, false },
		files: func() Files { return Files{Size: p.size.Load()} },
		close: p.end,
		crash: func() { p.dead.Store(true) },
		beat:  func(ctx context.Context) error { return p.heartbeat(ctx, true) }, listening: p.listening.Load,
	}
}

// shown is the path or URL of a store as people may see it.
func shown(store string) string {
	if !isPostgres(store) {
		return store
	}
	u, err := url.Parse(store)
	if err != nil {
		return "postgres://(a URL that cannot be read)"
	}
	q := u.Query()
	for _, key := range []string{"password", "sslpassword"} {
		if q.Has(key) {
			q.Set(key, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

func (p *postgres) open(ctx context.Context, _ Options) (err error) {
	s := p.s
	if p.config, err = pgx.ParseConfig(s.dsn); err != nil {
		var bad *pgconn.ParseConfigError
		if errors.As(err, &bad) { // it quotes the URL
			err = errors.New(strings.TrimPrefix(strings.ReplaceAll(bad.Error(), s.dsn, s.path), "cannot parse "))
		}
		return fmt.Errorf("open store %s: %w", s.path, err)
	}
	p.config.ConnectTimeout = connectWithin
	p.config.DialFunc = (&net.Dialer{Timeout: connectWithin,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}).DialContext
	set := p.config.RuntimeParams
	for key, value := range map[string]string{
		"application_name":                    "bellbuoy",
		"client_encoding":                     "UTF8",
		"jit":                                 "off", // statements are short: to compile one takes longer than to run it
		"tcp_keepalives_idle":                 "5",
		"tcp_keepalives_count":                "3",
		"synchronous_commit":                  "on", // a commit is a promise, whatever the server's default
		"tcp_keepalives_interval":             "2",
		"idle_in_transaction_session_timeout": strconv.FormatInt(idleWithin.Milliseconds(), 10),
		"statement_timeout":                   strconv.FormatInt(writeWithin.Milliseconds(), 10),
	} {
		set[key] = value
	}
	if err := p.migrate(ctx); err != nil {
		return err
	}
	set["bellbuoy.owner"] = "0"
	s.db = sql.OpenDB(connector(p.config))
	s.db.SetMaxOpenConns(2) // the writer's, and another while that one is given up
	s.db.SetMaxIdleConns(0)
	asking := p.config.Copy()
	asking.RuntimeParams["default_transaction_read_only"] = "on"
	asking.RuntimeParams["default_transaction_isolation"] = "repeatable read" // one moment for each answer
	s.read, s.own = sql.OpenDB(connector(asking)), sql.OpenDB(connector(asking))
	for db, most := range map[*sql.DB]int{s.read: 4, s.own: 2} {
		db.SetMaxOpenConns(most)
		db.SetMaxIdleConns(1)
		db.SetConnMaxIdleTime(time.Minute)
	}
	s.stmts = &statements{text: postgresTexts()}
	return p.connect(ctx)
}

// migrate brings the schema to what this bellbuoy knows, one process at a time.
func (p *postgres) migrate(ctx context.Context) error {
	fail := func(err error) error { return fmt.Errorf("open store %s: %w", p.s.path, dbError(err)) }
	unbound := p.config.Copy()
	delete(unbound.RuntimeParams, "statement_timeout")
	db := stdlib.OpenDB(*unbound)
	defer db.Close()
	if err := db.QueryRowContext(ctx, `SELECT coalesce(current_schema(), '')`).Scan(&p.name); err != nil {
		return fail(err)
	}
	if p.name == "" {
		return fmt.Errorf("open store %s: its search_path names no schema that there is: make one, or set another search_path", p.s.path)
	}
	dir, err := fs.Sub(postgresSchema, "schema/postgres")
	if err != nil {
		return fail(err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockID(p.name)), lock.WithLockTimeout(1, 60))
	if err != nil {
		return fail(err)
	}
	g, err := goose.NewProvider(goose.DialectPostgres, db, dir, goose.WithSessionLocker(locker))
	if err != nil {
		return fail(err)
	}
	current, known, err := g.GetVersions(ctx)
	if err != nil {
		return fail(err)
	}
	if current > known {
		by := "a newer version"
		var v string
		if err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'written_by'`).Scan(&v); err == nil && v != "" {
			by = "bellbuoy " + v
		}
		return fmt.Errorf("open store %s: %w: its schema is %d, made by %s, and this bellbuoy knows up to %d; run that version or a later one",
			p.s.path, ErrNewer, current, by, known)
	}
	if _, err := g.Up(ctx); err != nil {
		return fail(err)
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('written_by', $1)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, p.version); err != nil {
		return fail(err)
	}
	if err := db.QueryRowContext(ctx, `SELECT store FROM writer`).Scan(&p.store); err != nil {
		return fail(err)
	}
	return nil
}

// lockID is by which processes that would migrate the same schema find each other.
func lockID(schema string) int64 { return key("bellbuoy schema", schema) }

// connect gives the writer a connection. What the last one was doing is ended by the
// server first: it may not have noticed yet that nobody is there.
func (p *postgres) connect(ctx context.Context) error {
	s := p.s
	if now := time.Now(); now.Before(p.retry) && p.retry.Sub(now) <= lastBackoff {
		return p.failure
	}
	ctx, cancel := context.WithTimeout(ctx, 2*connectWithin)
	defer cancel()
	conn, err := s.db.Conn(ctx)
	if err == nil {
		if err = p.prepare(ctx, conn); err != nil {
			conn.Close()
		}
	}
	if err != nil {
		p.failure = fmt.Errorf("reach the database: %w", err)
		p.retry = time.Now().Add(p.backoff)
		p.backoff = min(2*p.backoff, lastBackoff)
		return p.failure
	}
	p.backoff, p.retry = firstBackoff, time.Time{}
	s.conn = conn
	return nil
}

func (p *postgres) prepare(ctx context.Context, conn *sql.Conn) error {
	if p.backend != "" {
		var ended sql.NullBool
		err := conn.QueryRowContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE pid || ' ' || backend_start = ?1 AND usename = current_user`, p.backend).Scan(&ended)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	var store string
	if err := conn.QueryRowContext(ctx, `SELECT w.store, (SELECT pid || ' ' || backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()),
			set_config('bellbuoy.owner', ?1, false)
		FROM writer w`, strconv.FormatInt(p.s.owner, 10)).Scan(&store, &p.backend, new(string)); err != nil {
		return err
	}
	if store != p.store {
		return errOlder
	}
	if err := p.sameSchema(ctx, conn); err != nil {
		return err
	}
	return p.s.stmts.prepare(ctx, conn)
}

// postgresVersion is the version of the schema that this bellbuoy makes.
func postgresVersion() (int64, error) {
	list, err := fs.ReadDir(postgresSchema, "schema/postgres")
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return goose.NumericComponent(list[len(list)-1].Name())
}

// drop gives the writer's connection up.
func (p *postgres) drop() {
	if p.s.conn == nil {
		return
	}
	p.s.stmts.close()
	// A connection that does not answer is closed, and not given back for others.
	_ = p.s.conn.Raw(func(any) error { return driver.ErrBadConn })
	p.s.conn.Close()
	p.s.conn = nil
}

func (p *postgres) rollback(context.Context) error {
	if p.s.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	if _, err := p.s.conn.ExecContext(ctx, `ROLLBACK`); err != nil {
		p.drop()
	}
	return nil
}

// space tells what the events take by the count that is kept of it: what is deleted makes
// no table smaller.
func (p *postgres) space(ctx context.Context) (Space, error) {
	var size, used int64
	if err := p.s.own.QueryRowContext(ctx, `SELECT
		(SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
			WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'),
		(SELECT greatest(0, stored + quarantined + (SELECT coalesce(sum(bytes), 0)::bigint FROM inbox)) FROM upkeep)`).Scan(&size, &used); err != nil {
		return Space{}, fmt.Errorf("measure store: %w", dbError(err))
	}
	p.size.Store(size)
	return Space{Size: size, Used: used}, nil
}

// postgresLost reports whether err is one of the connection, or of a server that ends or
// begins: what was being done may be done again on another.
func postgresLost(err error) bool {
	if err == nil {
		return false
	}
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch {
		case strings.HasPrefix(said.Code, "08"), strings.HasPrefix(said.Code, "57P"), said.Code == "25P03", said.Code == "53300":
			return true
		case said.Code == "57014": // it took too long
			return true
		}
		return false
	}
	var refused *pgconn.ConnectError
	var broken net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) || errors.As(err, &refused) ||
		errors.As(err, &broken) || pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

// postgresFull reports whether err says that the server's disk is full.
func postgresFull(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == "53100"
}

func hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return ""
	}
	return h
}
