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
)

// How processes that share a store know of each other.
const (
	beatEvery = 5 * time.Second // a process says that it is alive
	// deadAfter is how long a process may say nothing before its leases are void, and
	// lapsedAfter from when on it begins nothing more itself: what it began before has
	// ended, or is about to be repeated.
	deadAfter   = 30 * time.Second
	lapsedAfter = 20 * time.Second
	// pollEvery is how often a process looks for itself for what others have left.
	pollEvery = 30 * time.Second
)

// sharing is what a process knows of the others, and of what they have written. But for
// what says otherwise, only the writer touches it.
type sharing struct {
	n          int64 // transactions up to the last one that is known here
	conditions int64 // the writer row's, as known here
	pruned     int64
	members    int64
	others     int // processes besides this one
	eldest     atomic.Bool
	dead       atomic.Bool  // it leaves as one that was killed; for tests
	doubt      bool         // it is not known what became of a commit
	number     atomic.Int64 // this process's, for whoever asks
	was        row

	listening atomic.Bool
	polled    time.Time // the beat's
	beaten    atomic.Pointer[time.Time]
	stop      context.CancelFunc
	ended     sync.WaitGroup
}

func (h *sharing) init() { h.stop = func() {} }

// row is the row of the table writer.
type row struct {
	n, owner                             int64
	arrival, event, delivery, quarantine int64
	ruleSet, conditions, pruned, members int64
	digests, paced                       bool
}

// The time is read when the lock is there: so the times of transactions are in their order,
// whoever makes them.
const lockWriter = `WITH w AS MATERIALIZED (SELECT * FROM writer WHERE id = 1 FOR UPDATE)
	SELECT n, owner, arrival, event, delivery, quarantine, rule_set, conditions, pruned, members, digests, paced,
		pg_current_xact_id()::text, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM w`

// lock begins a transaction of the only writer.
func (p *postgres) lock(ctx context.Context) (r row, err error) {
	if _, err = p.s.conn.ExecContext(ctx, `BEGIN`); err != nil {
		return r, err
	}
	var now int64
	err = p.s.conn.QueryRowContext(ctx, lockWriter).Scan(&r.n, &r.owner, &r.arrival, &r.event, &r.delivery, &r.quarantine,
		&r.ruleSet, &r.conditions, &r.pruned, &r.members, &r.digests, &r.paced, &p.tx, &now)
	if err == nil && !p.alone {
		clock := steady{base: fromMicros(now), since: time.Now()}
		p.s.steady = clock
		p.s.committed.Store(&clock)
	}
	return r, err
}

// begin begins a transaction, on another connection where the last one is gone. It takes
// in what others have written, so that all that follows is decided by the rows as they are.
func (p *postgres) begin(ctx context.Context) error {
	for try := 0; ; try++ {
		err := p.tryBegin(ctx)
		if err == nil || try > 0 || !postgresLost(err) || p.s.conn == nil {
			return err
		}
		p.drop() // it may have been gone for long
	}
}

func (p *postgres) tryBegin(ctx context.Context) error {
	if p.s.conn == nil {
		if err := p.connect(ctx); err != nil {
			return err
		}
	}
	if p.doubt {
		if err := p.renew(ctx); err != nil {
			return err
		}
	}
	r, err := p.lock(ctx)
	if err != nil {
		return err
	}
	alive, err := p.catchUp(ctx, r)
	if err != nil {
		return err
	}
	if !alive { // others took it for dead
		p.doubt = true
		if err := p.rollback(ctx); err != nil {
			return err
		}
		return p.tryBegin(ctx)
	}
	p.was = r
	return nil
}

// catchUp takes in what others have written since this process did. It reports whether
// they still take this process for alive.
func (p *postgres) catchUp(ctx context.Context, r row) (alive bool, err error) {
	s := p.s
	switch {
	case r.n == p.n:
		return true, nil
	case r.n < p.n:
		return false, errOlder
	}
	if r.members > p.members {
		if alive, err := p.meet(ctx); err != nil || !alive {
			return alive, err
		}
		p.members = r.members
	}
	s.seqs = sequences{r.arrival, r.event, r.delivery, r.quarantine, r.ruleSet}
	s.digests = s.digests || r.digests
	if r.conditions > p.conditions {
		if err := p.readConditions(ctx); err != nil {
			return false, err
		}
		p.conditions = r.conditions
	}
	if r.pruned > p.pruned {
		clear(s.renderings)
		p.pruned = r.pruned
	}
	p.n = r.n
	s.pacer.shared = r.paced && p.others > 0
	p.indexed()
	return true, nil
}

// meet counts the other processes. Where one came or went, what it held waits again.
func (p *postgres) meet(ctx context.Context) (alive bool, err error) {
	var eldest bool
	if err := p.s.conn.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE owner <> ?1), coalesce(bool_or(owner = ?1), false),
		coalesce(min(owner) = ?1, false) FROM process`, p.s.owner).Scan(&p.others, &alive, &eldest); err != nil {
		return false, err
	}
	p.eldest.Store(eldest)
	if alive {
		err = p.lookAgain(ctx)
	}
	return alive, err
}

// lookAgain has everything that waits looked at by this process.
func (p *postgres) lookAgain(ctx context.Context) error {
	targets, err := column(ctx, p.s.conn, p.s.stmts.text.waitingTargets)
	if err != nil {
		return err
	}
	for _, t := range targets {
		p.s.shelves.mark(t, true)
		p.s.shelves.at(t).known = false
	}
	return nil
}

// readConditions takes in what others have found of targets.
func (p *postgres) readConditions(ctx context.Context) error {
	s, now := p.s, p.s.now()
	old := s.health.all()
	read, err := s.conditionRows(ctx)
	if err != nil {
		return err
	}
	s.health.replace(read)
	for t := range old {
		if _, ok := read[t]; !ok {
			read[t] = Condition{}
		}
	}
	for t, c := range read {
		switch was, is := old[t].gate(now), c.gate(now); {
		case old[t] == c:
		case is.sends == 0:
			s.shut(t, is)
		case is.sends != was.sends || is.probe != was.probe:
			s.shelves.mark(t, true)
		}
	}
	return nil
}

// commit ends a transaction: events are indexed, the writer's row says what others must
// know, and they are told.
func (p *postgres) commit(ctx context.Context) error {
	s, text := p.s, p.s.stmts.text
	if s.seqs.event > p.was.event {
		for _, q := range []string{text.indexSeen, text.indexKeys} {
			if _, err := s.conn.ExecContext(ctx, q, p.was.event, s.seqs.event); err != nil {
				return fmt.Errorf("index events %d to %d: %w", p.was.event+1, s.seqs.event, err)
			}
		}
		if _, err := s.conn.ExecContext(ctx, measureNew, p.was.event, s.seqs.event, p.was.arrival, s.seqs.arrival); err != nil {
			return fmt.Errorf("measure events: %w", err)
		}
	}
	next := p.was
	next.n++
	next.arrival, next.event, next.delivery, next.quarantine, next.ruleSet = s.seqs.arrival, s.seqs.event, s.seqs.delivery, s.seqs.quarantine, s.seqs.ruleSet
	next.digests = next.digests || s.digests
	if len(s.health.changed) > 0 {
		next.conditions = next.n
	}
	if s.pruned {
		next.pruned = next.n
	}
	next.paced = next.paced || len(s.pacer.wrote) > 0
	if err := p.writeRow(ctx, next); err != nil {
		return err
	}
	if err := p.tellOthers(ctx, next.conditions == next.n); err != nil {
		return err
	}
	if err := p.end1(ctx); err != nil {
		return err
	}
	p.n, p.conditions, p.pruned, p.members = next.n, next.conditions, next.pruned, next.members
	s.pruned = false
	p.indexed()
	return nil
}

func (p *postgres) writeRow(ctx context.Context, r row) error {
	_, err := p.s.conn.ExecContext(ctx, `UPDATE writer SET n = ?1, owner = ?2, arrival = ?3, event = ?4, delivery = ?5, quarantine = ?6,
		rule_set = ?7, conditions = ?8, pruned = ?9, members = ?10, digests = ?11, paced = ?12`,
		r.n, r.owner, r.arrival, r.event, r.delivery, r.quarantine, r.ruleSet, r.conditions, r.pruned, r.members, r.digests, r.paced)
	return err
}

// measureNew adds to what is stored what the events of a transaction take.
const measureNew = `UPDATE upkeep SET stored = stored
	+ (SELECT coalesce(sum(length(json) + 2048), 0) FROM event WHERE seq > ?1 AND seq <= ?2)
	+ (SELECT coalesce(sum(length(body)), 0) FROM arrival WHERE seq > ?3 AND seq <= ?4)`

// indexed has the rest of the store know that there is no tail: every event is indexed in
// its own transaction.
func (p *postgres) indexed() {
	t := &p.s.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	t.indexed, t.last = p.s.seqs.event, p.s.seqs.event
	clear(t.events)
	clear(t.pending)
}

// end1 commits. Where the answer does not come, the server is asked what became of it.
func (p *postgres) end1(ctx context.Context) error {
	_, err := p.s.conn.ExecContext(ctx, `COMMIT`)
	if err == nil || !postgresLost(err) {
		return err
	}
	p.drop()
	committed, known := p.became(p.tx)
	if committed {
		return nil
	}
	p.doubt = !known
	return err
}

// askedFor is how long those who wait for a commit wait to hear what became of it.
const askedFor = 5 * time.Second

// became asks what became of a transaction whose COMMIT was not answered.
func (p *postgres) became(tx string) (committed, known bool) {
	ctx, cancel := context.WithTimeout(context.Background(), askedFor)
	defer cancel()
	for ctx.Err() == nil {
		var state sql.NullString
		err := error(nil)
		if p.s.conn == nil {
			err = p.connect(ctx)
		}
		if err == nil {
			err = p.s.conn.QueryRowContext(ctx, `SELECT pg_xact_status(?1::text::xid8)`, tx).Scan(&state)
			if err != nil {
				p.drop()
			}
		}
		switch {
		case final(err):
			return false, false
		case err == nil && state.String == "committed":
			return true, true
		case err == nil && state.String == "aborted":
			return false, true
		case err == nil && !state.Valid: // it is too old to be known
			return false, false
		}
		select { // it may be under way
		case <-ctx.Done():
		case <-time.After(firstBackoff / 4):
		}
	}
	return false, false
}

// roundedUp is by how much an end may be later than it was: see [Store.spend].
const roundedUp = `90000000`

// take makes this process one of those that use the store.
func (p *postgres) take(ctx context.Context) error {
	s := p.s
	s.tail.events, s.tail.pending = map[string]tailed{}, map[string]tailed{}
	if p.alone {
		if err := s.takeOverClock(ctx); err != nil {
			return err
		}
	}
	if err := p.renew(ctx); err != nil {
		return dbError(err)
	}
	for _, q := range []struct {
		text string
		at   time.Time
	}{ // by a clock that was set; ends may be rounded up, by a part of a window
		{`UPDATE spent SET ended = ?1 WHERE ended > ?1::bigint + ` + roundedUp, s.now()},
		{s.stmts.text.forgetSpent, s.now().Add(-longestWindow)},
	} {
		if _, err := s.conn.ExecContext(ctx, q.text, q.at.UnixMicro()); err != nil {
			return dbError(err)
		}
	}
	if err := s.conn.QueryRowContext(ctx, s.stmts.text.anyDigest).Scan(&s.digests); err != nil {
		return dbError(err)
	}
	targets, err := s.column(ctx, s.stmts.text.waitingTargets)
	if err != nil {
		return err
	}
	s.shelves.foundAtStart(targets)
	return nil
}

// renew gives this process a number, a new one where it had one: what was leased to that
// is not any more. Outcomes of what it had claimed then are refused.
func (p *postgres) renew(ctx context.Context) (err error) {
	s := p.s
	began := time.Now()
	r, err := p.lock(ctx)
	if err == nil && r.n < p.n {
		err = errOlder
	}
	if err != nil {
		return err
	}
	gone := []int64{s.owner}
	if p.alone { // whoever was there is not any more
		if gone, err = p.owners(ctx, `SELECT owner FROM process`); err != nil {
			return err
		}
	}
	for _, owner := range gone {
		if err := p.bury(ctx, owner); err != nil {
			return err
		}
	}
	r.owner++
	r.n++
	r.members = r.n
	rules := list(s.put)
	if _, err := s.conn.ExecContext(ctx, `INSERT INTO process (owner, seen, host, version, rules)
		VALUES (?1, clock_timestamp(), ?2, ?3, ?4)`, r.owner, hostname(), p.version, rules); err != nil {
		return err
	}
	if err := p.writeRow(ctx, r); err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, `COMMIT`); err != nil {
		return err // if it was done all the same, nobody goes by that number, and it dies
	}
	s.owner, p.doubt = r.owner, false
	p.number.Store(s.owner)
	p.beaten.Store(&began)
	if _, err := s.conn.ExecContext(ctx, `SELECT set_config('bellbuoy.owner', ?1, false)`, strconv.FormatInt(s.owner, 10)); err != nil {
		p.drop() // the next connection knows it
		return err
	}
	s.shelves.forgetAll()
	p.members = 0 // the next transaction looks who is there
	p.conditions = -1
	p.n = r.n - 1
	return p.settleIn(ctx)
}

// settleIn reads all that this process keeps in memory.
func (p *postgres) settleIn(ctx context.Context) error {
	r, err := p.lock(ctx)
	if err == nil {
		_, err = p.catchUp(ctx, r)
	}
	p.s.shelves.committed()
	return errors.Join(err, p.rollback(ctx))
}

func (p *postgres) owners(ctx context.Context, query string, args ...any) ([]int64, error) {
	rows, err := p.s.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return numbers(rows)
}

// bury ends what a process held: what it may have sent counts against the rates as if it
// ended now, and its leases are void.
func (p *postgres) bury(ctx context.Context, owner int64) error {
	if owner == 0 {
		return nil
	}
	for _, q := range []struct {
		text string
		args []any
	}{
		{`INSERT INTO spent (target, ended, n) SELECT target, ?2::bigint, count(*) FROM token WHERE owner = ?1 GROUP BY target`, []any{owner, p.s.now().UnixMicro() + 1}},
		{`DELETE FROM token WHERE owner = ?1`, []any{owner}},
		{`UPDATE delivery SET lease = 0, digest = coalesce(digest, 0) WHERE lease <> 0 AND lease = ?1`, []any{owner}},
		{`DELETE FROM process WHERE owner = ?1`, []any{owner}},
	} {
		if _, err := p.s.conn.ExecContext(ctx, q.text, q.args...); err != nil {
			return fmt.Errorf("take over from process %d: %w", owner, err)
		}
	}
	return nil
}

// run begins what goes on beside the writer.
func (p *postgres) run() {
	if p.alone {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	p.ended.Go(func() { p.beat(ctx) })
	p.ended.Go(func() { p.listen(ctx) })
}

// end ends it, and leaves in good order: what this process holds is free at once.
func (p *postgres) end() error {
	p.stop()
	p.ended.Wait()
	if p.s.conn == nil || p.s.owner == 0 || p.dead.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	r, err := p.lock(ctx)
	if err == nil {
		err = p.bury(ctx, p.s.owner)
	}
	if err == nil {
		r.n++
		r.members = r.n
		err = p.writeRow(ctx, r)
	}
	if err == nil {
		_, err = p.s.conn.ExecContext(ctx, `SELECT pg_notify(?1, '{"a":true,"c":true}')`, p.channel())
	}
	if err == nil {
		_, err = p.s.conn.ExecContext(ctx, `COMMIT`)
	}
	if err != nil { // what it holds is void before long all the same
		p.drop()
	}
	return nil
}

// beat says again and again that this process is alive, until ctx ends.
func (p *postgres) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := time.Now()
		look := began.Sub(p.polled) >= pollEvery || !p.listening.Load() || p.lapsed()
		err := p.s.write(ctx, &job{run: func(ctx context.Context) error { return p.heartbeat(ctx, look) }})
		if err == nil {
			p.beaten.Store(&began)
			if look {
				p.polled = began
			}
		}
	}
}

// heartbeat looks after the processes: this one is alive, and those that have not been
// for a while are dead.
func (p *postgres) heartbeat(ctx context.Context, look bool) error {
	s := p.s
	if _, err := s.conn.ExecContext(ctx, `UPDATE process SET seen = clock_timestamp() WHERE owner = ?1`, s.owner); err != nil {
		return err
	}
	dead, err := p.owners(ctx, `SELECT owner FROM process WHERE owner <> ?1 AND seen < clock_timestamp() - ?2 * interval '1 millisecond'`,
		s.owner, deadAfter.Milliseconds())
	if err != nil {
		return err
	}
	for _, owner := range dead {
		if err := p.bury(ctx, owner); err != nil {
			return err
		}
		p.was.members = p.was.n + 1
	}
	if len(dead) > 0 {
		_, err := p.meet(ctx)
		return err
	}
	if look {
		return p.lookAgain(ctx)
	}
	return nil
}

// lapsed reports whether others may take this process for dead before long, so that
// nothing more is to be begun. Anybody may ask. A machine that was suspended shows by the
// time of day.
func (p *postgres) lapsed() bool {
	last, now := p.beaten.Load(), time.Now()
	return !p.alone && last != nil && (now.Sub(*last) > lapsedAfter || now.Round(0).Sub(last.Round(0)) > lapsedAfter)
}

// goesBy notes that this process judges by rules, so that nobody deletes them.
func (p *postgres) goesBy(ctx context.Context, hash string) error {
	rules := append([]string{hash}, p.s.put...)
	_, err := p.s.conn.ExecContext(ctx, `UPDATE process SET rules = ?2 WHERE owner = ?1`, p.s.owner, list(rules))
	return err
}
