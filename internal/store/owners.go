package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

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
	if err := p.sameSchema(ctx, p.s.conn); err != nil {
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

// sameSchema fails where a later version has changed the schema under this process.
func (p *postgres) sameSchema(ctx context.Context, conn asker) error {
	var version int64
	var by string
	if err := conn.QueryRowContext(ctx, `SELECT (SELECT max(version_id) FROM goose_db_version),
		(SELECT value FROM meta WHERE key = 'written_by')`).Scan(&version, &by); err != nil {
		return err
	}
	known, err := postgresVersion()
	if err == nil && version > known {
		err = fmt.Errorf("%w, %s, while this one ran: its schema is %d, and this bellbuoy knows up to %d", ErrNewer, by, version, known)
	}
	return err
}
