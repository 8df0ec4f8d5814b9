package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
)

//go:embed schema/sqlite/*.sql
var sqliteSchema embed.FS

// checkAtStart is the size up to which a file is checked through and through before
// it is used. A larger one would delay the start; its damage shows when it is read.
const checkAtStart = 16 << 20

// sqlite is the engine that keeps the store in a file.
func (s *Store) sqlite() engine {
	return engine{
		open: func(ctx context.Context, o Options) (err error) {
			if s.lock, err = lockFile(s.path); err != nil {
				return err
			}
			if err := s.dropCopies(); err != nil {
				return err
			}
			return s.openSQLite(ctx, o.Version)
		},
		take: s.takeOver,
		begin: func(ctx context.Context) error {
			_, err := s.conn.ExecContext(ctx, s.stmts.text.begin)
			return err
		},
		commit: func(ctx context.Context) error {
			_, err := s.conn.ExecContext(ctx, `COMMIT`)
			return err
		},
		rollback: func(ctx context.Context) error {
			_, err := s.conn.ExecContext(ctx, `ROLLBACK`)
			return err
		},
		lost:       func(error) bool { return false },
		checkpoint: s.checkpoint,
		logFull:    s.logFull,
		space:      s.pages,
		disk:       func() (disk, bool) { return diskOf(filepath.Dir(s.path)) },
		files:      s.sqliteFiles,
	}
}

// openSQLite opens the file with its one writing and its few reading connections.
// synchronous=FULL is what makes a 202 a promise: with NORMAL a power cut takes back
// commits that were answered. Checkpoints are not left to the writer, whose callers
// would wait for them: see checkpoint.
func (s *Store) openSQLite(ctx context.Context, version string) error {
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if s.db, err = openDSN(s.path, "_txlock=immediate", "_pragma=busy_timeout(5000)", "_pragma=journal_mode(WAL)",
		"_pragma=synchronous(FULL)", "_pragma=wal_autocheckpoint(0)", "_pragma=journal_size_limit("+strconv.Itoa(maxLog)+")"); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	if err := s.migrate(ctx, info.Size()); err != nil {
		return err
	}
	if _, err := s.db.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES ('written_by', ?1)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, version); err != nil {
		return s.openError(err)
	}
	failpoint.At("migrated")
	if s.read, err = openDSN(s.path, "_pragma=busy_timeout(5000)", "_pragma=query_only(1)"); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(1)
	// What waits here keeps the writer out: a checkpoint gives up soon, and comes again.
	if s.own, err = openDSN(s.path, "_pragma=busy_timeout(50)", "_pragma=query_only(1)"); err != nil {
		return err
	}
	s.own.SetMaxOpenConns(2)
	s.own.SetMaxIdleConns(1)
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return s.openError(err)
	}
	s.stmts = &statements{text: &sqliteTexts}
	if err := s.stmts.prepare(ctx, s.conn); err != nil {
		return s.openError(unfit(err, info.Size())) // its schema has the right number
	}
	return nil
}

func openDSN(path string, query ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: abs}
	dsn := u.String() + "?"
	for i, q := range query {
		if i > 0 {
			dsn += "&"
		}
		dsn += q
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return db, nil
}

// migrate brings the schema to what this bellbuoy knows.
func (s *Store) migrate(ctx context.Context, size int64) error {
	if size > 0 && size <= checkAtStart {
		var verdict string
		if err := s.db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
			return s.openError(err)
		}
		if verdict != "ok" {
			return fmt.Errorf("open store %s: %w: %s; restore it from a backup, or move it away to start empty", s.path, ErrCorrupt, verdict)
		}
	}
	dir, err := fs.Sub(sqliteSchema, "schema/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.db, dir)
	if err != nil {
		return s.openError(err)
	}
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return s.openError(unfit(err, size))
	}
	if current > known {
		by := "a newer version"
		var v string
		if err := s.db.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'written_by'`).Scan(&v); err == nil && v != "" {
			by = "bellbuoy " + v
		}
		return fmt.Errorf("open store %s: %w: its schema is %d, made by %s, and this bellbuoy knows up to %d; run that version or a later one",
			s.path, ErrNewer, current, by, known)
	}
	for current < known { // not each number need have a migration
		failpoint.At("migration")
		done, err := p.UpByOne(ctx)
		if err != nil {
			return s.openError(unfit(err, size))
		}
		current = done.Source.Version
	}
	return nil
}

// unfit calls a file damaged, or none of ours, for which a statement of ours is wrong: its
// tables are not those that its version has.
func unfit(err error, size int64) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && size > 0 && e.Code() == sqlite3.SQLITE_ERROR {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// openError says what an error of the first statements means.
func (s *Store) openError(err error) error {
	err = dbError(err)
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("open store %s: %w; restore it from a backup, or move it away to start empty", s.path, err)
	}
	return fmt.Errorf("open store %s: %w", s.path, err)
}

// sqliteDamaged reports whether err says that the file is damaged.
func sqliteDamaged(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// sqliteFinal reports whether nothing may be written after err: the disk failed, went
// read-only, or the file is damaged. A full disk is not final.
func sqliteFinal(err error) bool {
	if errors.Is(err, ErrCorrupt) {
		return true
	}
	var e *sqlite.Error
	if !errors.As(err, &e) || sqliteFull(err) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY:
		return true
	}
	return false
}

// sqliteFull reports whether err says that the disk is full: for the file and its log, or for
// the index of the log that connections share, which has an error of its own.
func sqliteFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE)
}

// checkpoint moves what is committed from the log into the file, beside the writer, and
// reports whether all of it was moved, so that the log starts over. Under load the writer
// never leaves a moment in which that is so: then, when the log has grown long, the writer
// is kept out while the little is moved that came meanwhile.
func (s *Store) checkpoint(ctx context.Context) (all bool, err error) {
	for _, mode := range []string{"PASSIVE", "RESTART"} {
		var busy, pages, moved int64
		failpoint.At("checkpoint begun")
		err = s.own.QueryRowContext(ctx, `PRAGMA wal_checkpoint(`+mode+`)`).Scan(&busy, &pages, &moved)
		if err != nil {
			return false, fmt.Errorf("checkpoint store: %w", dbError(err))
		}
		failpoint.At("checkpoint made")
		all = busy == 0 && moved == pages
		if busy != 0 || pages < longLog || s.copying.Load() {
			break // a reader is in the way, or there is no need
		}
	}
	return all, nil
}

// How long the log may be: in pages, before the writer is kept out for a moment (16
// MiB); in bytes, before it waits for a checkpoint. The log's
// file is cut to the latter when it starts over.
const (
	longLog = 4096
	maxLog  = 64 << 20
)

// logFull reports whether the log is so long that the writer must wait.
func (s *Store) logFull() bool {
	info, err := os.Stat(s.path + "-wal")
	return err == nil && info.Size() > maxLog
}

// sqliteTexts are the statements in SQLite's dialect.
var sqliteTexts = texts{
	paceTexts: sqlitePace,
	clock:     sqliteClock,

	begin:   `BEGIN IMMEDIATE`,
	inOrder: ``, // it reads the list first, from its beginning

	// The four that every event runs do not number their arguments: for each number the
	// driver makes a string, and looks for an argument of that name.
	insertArrival: `INSERT INTO arrival (seq, registry, received, remote, headers, body, size, sha256, truncated)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
	insertEvent: `INSERT INTO event (seq, id, arrival, state, held_for, route_at, received, type, status, registry,
			repository, digest, keys, native_id, fingerprint, rule_set, matched, json)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
	findSeen:    `SELECT event, fingerprint FROM seen WHERE id = ?1`,
	countRepeat: `UPDATE event SET repeats = repeats + 1, conflicts = conflicts + ?2 WHERE seq = ?1`,
	indexSeen: `INSERT INTO seen (event, id, fingerprint, at)
		SELECT seq, id, fingerprint, received FROM event WHERE seq > ?1 AND seq <= ?2 ORDER BY id`,
	indexKeys: `INSERT INTO event_key (key, event)
		SELECT CAST(k.value AS BIGINT), e.seq FROM event e, json_each(e.keys) k WHERE e.seq > ?1 AND e.seq <= ?2 ORDER BY 1, 2
		ON CONFLICT DO NOTHING`,
	setIndexed: `UPDATE meta SET value = ?1 WHERE key = 'indexed'`,
	insertDelivery: `INSERT INTO delivery (seq, id, event, target, type, rule, rules, key, state, due, lease, behind, give_up, hold, rendering, sum)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, ?, ?, ?, ?, ?)`,
	insertQuarantine: `INSERT INTO quarantine (seq, id, registry, received, last, remote, headers, reason, body, size, sha256, truncated)
		VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
		ON CONFLICT (registry, sha256) DO UPDATE SET count = quarantine.count + 1, last = excluded.last`,
	addTally: `INSERT INTO tally (hour, registry, what, type, n) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (hour, registry, what, type) DO UPDATE SET n = tally.n + excluded.n`,
	insertRuleSet: `INSERT INTO rule_set (hash, source, judged) VALUES (?1, ?2, 0)
		ON CONFLICT (hash) DO UPDATE SET last = 9223372036854775807 RETURNING id`,
	insertRendering: `INSERT INTO rendering (hash, source) VALUES (?1, ?2)
		ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING id`,

	keyWaits: `SELECT
		EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND key = ?2 AND key <> '' AND state = 'waiting' AND lease = 0),
		EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND key = ?2 AND state = 'waiting' AND behind = 1),
		EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND key = ?2 AND state = 'waiting' AND attempts > 0 AND hold_until > ?3)`,
	keyHeldBack: `SELECT EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND key = ?2 AND state = 'waiting'
		AND attempts > 0 AND hold_until > ?3)`,
	claim: `UPDATE delivery SET lease = ?4 WHERE seq IN (
			SELECT seq FROM (SELECT seq FROM delivery
				WHERE target = ?1 AND state = 'waiting' AND lease = 0 AND attempts > 0 AND due <= ?2 ORDER BY due LIMIT ?3) AS again
			UNION ALL
			SELECT seq FROM (SELECT seq FROM delivery
				WHERE target = ?1 AND state = 'waiting' AND lease = 0 AND attempts = 0 AND behind = 0 AND due <= ?2 ORDER BY seq LIMIT ?3) AS fresh
			LIMIT ?3)
		RETURNING seq, id, type, key, earlier + attempts, earlier, resume, give_up, (SELECT json FROM event WHERE event.seq = delivery.event),
			coalesce((SELECT source FROM rendering WHERE rendering.id = delivery.rendering), ''), probes, sum`,
	free: `UPDATE delivery SET behind = 0 WHERE seq IN (SELECT seq FROM delivery
		WHERE target = ?1 AND key = ?2 AND state = 'waiting' AND behind = 1 ORDER BY seq LIMIT ?3)`,
	keysBehind: `WITH RECURSIVE k (key) AS (
			SELECT min(key) FROM delivery WHERE target = ?1 AND state = 'waiting' AND behind = 1
			UNION ALL
			SELECT (SELECT min(key) FROM delivery WHERE target = ?1 AND key > k.key AND state = 'waiting' AND behind = 1)
			FROM k WHERE k.key IS NOT NULL)
		SELECT key FROM k WHERE key IS NOT NULL`,
	holdsEnded: `SELECT key FROM delivery
		WHERE target = ?1 AND state = 'waiting' AND attempts > 0 AND hold_until > ?2 AND hold_until <= ?3 AND key <> ''`,
	anyWaiting: `SELECT EXISTS (SELECT 1 FROM delivery WHERE target = ?1 AND state = 'waiting' AND lease = 0)`,
	nextWake: `SELECT min(t) FROM (
		SELECT * FROM (SELECT due AS t FROM delivery
			WHERE target = ?1 AND state = 'waiting' AND lease = 0 AND attempts > 0 AND due > ?2 ORDER BY due LIMIT 1) AS again
		UNION ALL
		SELECT * FROM (SELECT due FROM delivery
			WHERE target = ?1 AND state = 'waiting' AND lease = 0 AND attempts = 0 AND behind = 0 AND due > ?2 ORDER BY seq LIMIT 1) AS fresh
		UNION ALL
		SELECT * FROM (SELECT hold_until + ?3 FROM delivery
			WHERE target = ?1 AND state = 'waiting' AND attempts > 0 AND hold_until > ?2 - ?3 AND hold_until < 9223372036854775807
			ORDER BY hold_until LIMIT 1) AS held) AS t`,
	record: `UPDATE delivery SET state = ?4, reason = ?5, due = ?6, attempts = attempts + ?10, lease = 0, resume = ?7, ended = ?8,
			hold_until = CASE WHEN ?4 = 'waiting' AND hold_until = 0
				THEN CASE WHEN hold = 0 THEN 9223372036854775807 ELSE ?9 + hold END ELSE hold_until END
		WHERE seq = ?1 AND earlier + attempts + probes = ?2 AND lease = ?3 AND state = 'waiting'`,
	giveBack:  `UPDATE delivery SET lease = 0 WHERE seq = ?1 AND earlier + attempts + probes = ?2 AND lease = ?3 AND state = 'waiting'`,
	holdUntil: `SELECT hold_until FROM delivery WHERE seq = ?1`,
	holdBack: `UPDATE delivery SET behind = 1 WHERE target = ?1 AND key = ?2 AND key <> '' AND state = 'waiting'
		AND lease = 0 AND attempts = 0 AND behind = 0 AND seq > ?3`,
	giveBackBehind: `UPDATE delivery SET behind = 1, lease = 0 WHERE target = ?1 AND key = ?2 AND lease <> 0 AND seq > ?3
		AND lease = ?4 AND attempts = 0 AND state = 'waiting'`,
	insertAttempt: `INSERT INTO attempt (delivery, n, time, outcome, status, latency, request, reply, scope, error, next, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
	routeEvent: `UPDATE event SET state = 'routed', held_for = '', route_at = 0, type = ?2, status = ?3, repository = ?4,
			digest = ?5, rule_set = ?7, keys = (SELECT json_group_array(value)
				FROM (SELECT value FROM json_each(event.keys) UNION SELECT value FROM json_each(?6)) AS merged), matched = ?8, json = ?9
		WHERE seq = ?1 AND state = 'held'`,
	park: `UPDATE delivery SET state = 'parked', reason = ?2, ended = ?3 WHERE seq IN (SELECT seq FROM delivery
		WHERE target = ?1 AND state = 'waiting' AND lease = 0 ORDER BY seq LIMIT ?4)`,
	parkOne: `UPDATE delivery SET state = 'parked', reason = ?2, ended = ?3
		WHERE seq = ?1 AND state = 'waiting' AND lease = 0`,
	release: `UPDATE delivery SET state = 'waiting', reason = '', ended = 0,
			behind = CASE WHEN attempts = 0 AND key <> '' THEN 1 ELSE behind END,
			give_up = give_up + CASE WHEN ended = 0 OR ended > ?2 THEN 0 ELSE ?2 - ended END,
			hold_until = CASE WHEN hold_until IN (0, 9223372036854775807) OR ended = 0 OR ended > ?2 THEN hold_until
				ELSE hold_until + ?2 - ended END
		WHERE seq IN (SELECT seq FROM delivery WHERE target = ?1 AND state = 'parked' ORDER BY seq LIMIT ?3)`,
	cancel: `UPDATE delivery SET state = 'cancelled', reason = ?2, ended = ?3 WHERE seq IN (SELECT seq FROM delivery
		WHERE target = ?1 AND state = 'parked' ORDER BY seq LIMIT ?4)`,

	conditions: `SELECT name, retries, open, probe, wait, paused, failures, disabled, why, releasing, marked, mark, lost, said
		FROM target`,
	putCondition: `INSERT INTO target (name, retries, open, probe, wait, paused, failures, disabled, why, releasing, marked, mark, lost, said)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
		ON CONFLICT (name) DO UPDATE SET retries = excluded.retries, open = excluded.open, probe = excluded.probe,
			wait = excluded.wait, paused = excluded.paused, failures = excluded.failures, disabled = excluded.disabled,
			why = excluded.why, releasing = excluded.releasing, marked = excluded.marked, mark = excluded.mark,
			lost = excluded.lost, said = excluded.said`,
	probed: `UPDATE delivery SET probes = probes + 1, lease = 0, resume = ?4
		WHERE seq = ?1 AND earlier + attempts + probes = ?2 AND lease = ?3 AND state = 'waiting'`,
	raise: `INSERT INTO raised (type, about, at) VALUES (?1, ?2, ?3)
		ON CONFLICT (type, about) DO UPDATE SET at = excluded.at WHERE raised.at <= ?3 - ?4 OR raised.at > ?3`,
	repark: `UPDATE delivery SET reason = ?2 WHERE seq IN (SELECT seq FROM delivery
		WHERE target = ?1 AND state = 'parked' AND reason <> ?2 ORDER BY seq LIMIT ?3)`,
	expire: `UPDATE delivery SET state = 'expired', reason = ?3 || reason, ended = ?4 WHERE seq IN (SELECT seq FROM delivery
		WHERE target = ?1 AND state = 'parked' AND ended <= ?2 ORDER BY ended LIMIT ?5)`,
	countOverdue: `SELECT count(*) FROM delivery WHERE target = ?1 AND state = 'parked' AND ended <= ?2`,

	after: sqliteAfter,

	voidLeases: `UPDATE delivery SET lease = 0, digest = coalesce(digest, 0) WHERE seq IN (SELECT seq FROM delivery WHERE lease <> 0)`,
	waitingTargets: `WITH RECURSIVE t (target) AS (
			SELECT min(target) FROM delivery WHERE state = 'waiting' AND lease = 0
			UNION ALL
			SELECT (SELECT min(target) FROM delivery WHERE target > t.target AND state = 'waiting' AND lease = 0)
			FROM t WHERE t.target IS NOT NULL)
		SELECT target FROM t WHERE target IS NOT NULL`,
	parkedTargets: `WITH RECURSIVE t (target) AS (
			SELECT min(target) FROM delivery WHERE state = 'parked'
			UNION ALL
			SELECT (SELECT min(target) FROM delivery WHERE target > t.target AND state = 'parked')
			FROM t WHERE t.target IS NOT NULL)
		SELECT target FROM t WHERE target IS NOT NULL`,
	upkeep: sqliteUpkeep,

	addStanding: `INSERT INTO standing (target, state, type, n, entered) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (target, state) DO UPDATE SET n = standing.n + excluded.n, entered = standing.entered + excluded.entered,
			type = CASE WHEN excluded.type = '' THEN standing.type ELSE excluded.type END`,
	addEnded: `INSERT INTO ended (hour, target, state, n) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (hour, target, state) DO UPDATE SET n = ended.n + excluded.n`,
	addMinute: `INSERT INTO minute (minute, first, last) VALUES (?1, ?2, ?3)
		ON CONFLICT (minute) DO UPDATE SET
			first = CASE WHEN minute.first < excluded.first THEN minute.first ELSE excluded.first END,
			last = CASE WHEN minute.last > excluded.last THEN minute.last ELSE excluded.last END`,
	dropTally:   `DELETE FROM tally WHERE hour < ?1`,
	dropEnded:   `DELETE FROM ended WHERE hour < ?1`,
	dropMinutes: `DELETE FROM minute WHERE last < (SELECT min(seq) FROM event)`,
}
