package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
)

// maxBatch bounds the jobs of one commit, so that its callers do not wait long for
// each other.
const maxBatch = 512

// lazyWait is how long a job that nobody waits for may wait for one that somebody
// does, to share its commit.
const lazyWait = 5 * time.Millisecond

// callerWait is how long a caller's job may wait for those of others.
const callerWait = 200 * time.Microsecond

// countWait is how long a counted event may wait for a commit to be counted in.
const countWait = time.Second

// A checkpoint is asked for after so many commits, or fewer that had so many jobs: by
// their number alone, the log would grow with the size of a batch.
const (
	checkpointEvery = 256
	checkpointJobs  = 4096
)

// job is one caller's writing. run is called within a transaction of many jobs, and
// again if another of them failed, so what it changes in memory it leaves to then,
// which is called after the commit. One with rows is work, of about as many rows, that
// callers go before: see [queue].
type job struct {
	run  func(ctx context.Context) error
	then func()
	lazy bool
	rows int
	done chan error
}

// write has the writer run j and waits until it is on disk, or was not done at all.
// Once taken it is carried out whatever ctx says: a caller that went away must not
// undo what others share. So ctx counts only until then.
func (s *Store) write(ctx context.Context, j *job) error {
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	j.done = make(chan error, 1)
	select {
	case s.jobs <- j:
	case <-s.closed:
		return fmt.Errorf("%w: it is closing", ErrUnavailable)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	select {
	case err := <-j.done:
		return err
	case <-s.done:
		select { // it may have been answered just before the end
		case err := <-j.done:
			return err
		default:
			return fmt.Errorf("%w: it is closing", ErrUnavailable)
		}
	}
}

// writer commits what waits, until the store is closed.
func (s *Store) writer() {
	defer close(s.done)
	checkpoints := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range checkpoints {
			s.moveLog()
		}
	}()
	defer func() {
		close(checkpoints)
		<-ended
	}()

	var flush <-chan time.Time // set while something waits only to be counted
	batch := make([]*job, 0, maxBatch+1)
	always := make(chan struct{})
	close(always)
	commits, jobs := 0, 0 // since a checkpoint was asked for
	held := false         // by a reader, so that the log stayed full
	for {
		batch = batch[:0]
		var left <-chan struct{} // ready where the last transaction left something
		if !s.queue.empty() {
			left = always
		}
		select {
		case j := <-s.jobs:
			s.queue.add(j)
		case <-left:
		case <-s.counts.more:
			if flush == nil {
				flush = time.After(countWait)
			}
			continue
		case <-flush:
			flush = nil
			if s.counts.empty() {
				continue
			}
			s.queue.add(nothing())
		case <-s.tail.due():
			batch = append(batch, s.indexing())
		case <-s.closed:
			s.drain()
			return
		}
		var turn bool
		batch, turn = s.gather(batch)
		if len(s.tail.events) >= indexAfter {
			batch = append(batch, s.indexing())
		}
		began := time.Now()
		s.commitAll(batch)
		if turn {
			s.queue.worked(began, time.Now())
		}
		commits, jobs = commits+1, jobs+len(batch)
		if s.engine.checkpoint == nil {
			continue
		}
		due := commits >= checkpointEvery || jobs >= checkpointJobs
		switch full := s.engine.logFull(); {
		case full && (due || !held):
			// Beside the writer a checkpoint can fall ever further behind it.
			held = !s.moveLog()
		case due:
			select {
			case checkpoints <- struct{}{}:
			default: // one is under way, and another is asked for
			}
		default:
			continue
		}
		commits, jobs = 0, 0
	}
}

// nothing is a job for a commit that only does what each commit does.
func nothing() *job {
	return &job{run: func(context.Context) error { return nil }, lazy: true, done: make(chan error, 1)}
}

// gather waits for the company that the first jobs are to have, adds the jobs of the next
// transaction to batch, and reports whether it is work's turn.
func (s *Store) gather(batch []*job) (_ []*job, turn bool) {
	for waiting := len(batch) == 0; ; {
		s.pull()
		callers := eager(s.queue.callers)
		wait := s.company(callers)
		if wait <= 0 || !waiting {
			s.callers = callers
			return s.queue.take(batch, time.Now())
		}
		select {
		case j := <-s.jobs:
			s.queue.add(j)
		case <-time.After(wait):
			waiting = false
		case <-s.closed:
			waiting = false
		}
	}
}

// pull takes in what was sent.
func (s *Store) pull() {
	for {
		select {
		case j := <-s.jobs:
			s.queue.add(j)
		default:
			return
		}
	}
}

// company is how long a batch waits for more jobs. Work waits until it has rested. What
// nobody waits for waits a little for what somebody does, to share its commit. Callers
// wait a moment for as many as came with the last batch: those that were answered together
// tend to come again together, and a commit costs the same for all as for the first of them.
func (s *Store) company(callers int) time.Duration {
	rest, work := time.Until(s.queue.rest), eager(s.queue.work)
	switch {
	case len(s.queue.callers) == 0 && rest > 0:
		return rest
	case callers+work == 0:
		return lazyWait
	case work == 0 && callers < s.callers:
		return callerWait
	}
	return 0
}

// drain commits what was sent before the store was closed.
func (s *Store) drain() {
	for s.pull(); !s.queue.empty(); s.pull() {
		batch, _ := s.queue.take(nil, s.queue.rest)
		s.commitAll(batch)
	}
	if !s.counts.empty() {
		s.commitAll(nil)
	}
}

// moveLog makes a checkpoint, and reports whether the log can start over.
func (s *Store) moveLog() bool {
	s.moving.Lock()
	defer s.moving.Unlock()
	all, err := s.engine.checkpoint(context.Background())
	if err != nil && final(err) {
		s.fail(err)
	}
	return all
}

// commitAll runs a batch in one transaction. Where that fails through one of the
// jobs, each is run in a transaction of its own, so that it fails alone.
func (s *Store) commitAll(batch []*job) {
	if err := s.Err(); err != nil {
		for _, j := range batch {
			j.done <- fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return
	}
	theirs, err := s.commit(batch)
	if theirs && len(batch) > 1 && s.Err() == nil {
		for _, j := range batch {
			_, err := s.commit([]*job{j})
			j.done <- err
		}
		return
	}
	for _, j := range batch {
		j.done <- err
	}
}

// commit runs jobs in one transaction and, when the disk has it, their thens. It
// reports whether an error is one of the jobs', and not the transaction's.
func (s *Store) commit(jobs []*job) (theirs bool, err error) {
	// Nothing here may be interrupted half-way, and a context that can end costs the
	// driver a goroutine for each statement.
	ctx, began := context.Background(), time.Now()
	if s.engine.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.engine.limit)
		defer cancel()
	}
	counted := s.counts.take()
	s.sums.begin()
	s.objects.changed = false
	err = s.engine.begin(ctx) // it may find that others have written
	seqs, present, steady, kept := s.seqs, s.present, s.steady, s.kept
	defer func() {
		s.tell(len(jobs), time.Since(began), err)
		s.away.Store(err != nil && s.engine.lost(err))
		if err != nil {
			s.seqs, s.present, s.steady, s.kept = seqs, present, steady, kept
			s.counts.putBack(counted)
			err = s.rollback(ctx, err)
		}
	}()
	if err != nil {
		return false, err
	}
	if err := s.followClock(ctx); err != nil {
		return false, err
	}
	failpoint.At("commit begun")
	for _, j := range jobs {
		if err := j.run(ctx); err != nil {
			return !s.engine.lost(err), err
		}
	}
	if err := s.tellMembers(ctx); err != nil {
		return false, err
	}
	for k, n := range counted {
		s.counts.inTx[k] += n
	}
	for k, n := range s.counts.inTx {
		if _, err := s.stmts.addTally.ExecContext(ctx, k.hour, k.registry, k.what, k.typ, n); err != nil {
			return false, err
		}
	}
	if err := s.add(ctx); err != nil {
		return false, err
	}
	failpoint.At("commit written")
	if err := s.engine.commit(ctx); err != nil {
		return false, err
	}
	failpoint.At("commit on disk")
	s.tail.committed(s.seqs.event)
	for _, j := range jobs {
		if j.then != nil {
			j.then()
		}
	}
	s.publish() // before whoever is told of work asks
	s.shelves.committed()
	s.keeper.refused.Store(false)
	s.keeper.note()
	failpoint.At("commit handed over")
	return false, nil
}

// rollback undoes a transaction that failed with err, in the file and in memory, and
// returns err as callers are to see it.
func (s *Store) rollback(ctx context.Context, err error) error {
	if rerr := s.engine.rollback(ctx); rerr != nil && final(rerr) {
		err = errors.Join(err, rerr)
	}
	s.shelves.undo()
	s.tail.undo()
	s.health.undo()
	clear(s.renderings)
	if noRoom(err) {
		s.keeper.refused.Store(true)
		s.keeper.note()
	}
	if final(err) {
		s.fail(err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, dbError(err))
}

// fail ends all writing.
func (s *Store) fail(err error) {
	err = fmt.Errorf("store %s failed: %w", s.path, dbError(err))
	if s.broken.CompareAndSwap(nil, &err) {
		s.fatal <- err
		s.shelves.nudge() // whoever waits for work must hear of it
	}
}
