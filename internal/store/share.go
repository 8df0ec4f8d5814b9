package store

import (
	"context"
	"database/sql"
	"fmt"
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
		p.s.shelves.own(t).known = false
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
	if err := p.finish(ctx); err != nil {
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

// finish commits. Where the answer does not come, the server is asked what became of it.
func (p *postgres) finish(ctx context.Context) error {
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
