package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bellbuoy/bellbuoy/integration/faults"
	"github.com/bellbuoy/bellbuoy/integration/faults/disk"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// Wherever the disk runs full, what comes is refused, and nothing of it is written; when
// there is room again, the store goes on by itself, with all that it had said yes to.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	r := faults.Rand(t)
	times, refused := faults.Scale(t, 300, 2000), 0
	writes := trouble{kinds: []disk.Kind{disk.Write}, fault: disk.Full}
	last := writes.count(t, r)
	for i := range times {
		n := writes
		n.first, n.times = 1+int64(i)*last/int64(times), 1+r.Int64N(1+r.Int64N(60))
		if i%8 == 0 { // what connections share becomes larger seldom
			n.kinds, n.first = []disk.Kind{disk.Share}, 1+r.Int64N(3)
		}
		calls, err := n.live(t, r, func(s *store.Store, p *promises) error {
			for range 100 { // what is left of the time without room
				if p.post(s, r) == nil {
					break
				}
			}
			if space := s.Space(); space.Full {
				return fmt.Errorf("there is room, and the store says: %s", space)
			}
			return errors.Join(s.Err(), p.post(s, r))
		})
		if err != nil {
			t.Fatalf("without room from the call %d on, for %d: %v", n.first, n.times, err)
		}
		if calls >= n.first {
			refused++
		}
	}
	t.Logf("%d times a full disk, nothing lost", refused)
	if refused < times/2 {
		t.Errorf("the disk was full only %d times of %d", refused, times)
	}
}

// Where the disk fails, the store takes nothing any more and says why; what it had said yes
// to is there when it is opened on a disk that works.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	for what, one := range map[string]trouble{
		"writes":               {kinds: []disk.Kind{disk.Write}, fault: disk.Broken},
		"syncs":                {kinds: []disk.Kind{disk.Sync}, fault: disk.Broken},
		"reads":                {kinds: []disk.Kind{disk.Read}, fault: disk.Broken},
		"opens, cuts, deletes": {kinds: []disk.Kind{disk.Open, disk.Truncate, disk.Delete}, fault: disk.Broken},
		"read-only":            {kinds: []disk.Kind{disk.Write}, fault: func(disk.Kind) disk.Fault { return disk.ReadOnly() }},
	} {
		t.Run(what, func(t *testing.T) {
			r := faults.Rand(t)
			times, failed := faults.Scale(t, 60, 2000), 0
			last := one.count(t, r)
			for i := range times {
				n := one
				n.first, n.times = 1+int64(i)*last/int64(times), 1
				if i%2 == 0 {
					n.times = never
				}
				calls, err := n.live(t, r, func(s *store.Store, p *promises) error {
					if s.Err() == nil && slices.Contains([]string{"reads", "opens, cuts, deletes"}, what) {
						return nil // only who asked has heard of it
					}
					return ended(s, p, r)
				})
				if err != nil {
					t.Fatalf("at the call %d: %v", n.first, err)
				}
				if calls >= n.first {
					failed++
				}
			}
			t.Logf("%d times, nothing lost", failed)
			if failed < times/4 {
				t.Errorf("the disk failed only %d times of %d", failed, times)
			}
		})
	}
}

// ended wants a store to have failed for good.
func ended(s *store.Store, p *promises, r *rand.Rand) error {
	select {
	case err := <-s.Failed():
		if !strings.Contains(err.Error(), s.Path()) {
			return fmt.Errorf("it does not say which store failed: %w", err)
		}
	default:
		return errors.New("the disk failed, and the store goes on")
	}
	if err := p.post(s, r); !errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("the disk failed, and the store answers %v", err)
	}
	if cs, err := s.Claim(context.Background(), "ci", 1); err == nil {
		return fmt.Errorf("the disk failed, and it hands out %v", cs)
	}
	return nil
}

// trouble is the call of some kinds at which the disk begins to fail, for so many of them.
type trouble struct {
	kinds        []disk.Kind
	first, times int64
	fault        func(disk.Kind) disk.Fault
}

// count returns how many such calls there are in a life without trouble.
func (n trouble) count(t *testing.T, r *rand.Rand) int64 {
	t.Helper()
	n.first = never
	calls, err := n.live(t, r, nil)
	if err != nil || calls == 0 {
		t.Fatalf("without trouble: %d calls, %v", calls, err)
	}
	return calls
}

// on begins to count calls.
func (n trouble) on(d *disk.Disk) *atomic.Int64 {
	calls := new(atomic.Int64)
	d.Fail(func(c disk.Call) disk.Fault {
		if !slices.Contains(n.kinds, c.Kind) {
			return disk.Fault{}
		}
		if i := calls.Add(1); i < n.first || i-n.first >= n.times {
			return disk.Fault{}
		}
		return n.fault(c.Kind)
	})
	return calls
}

// live has a store live on a disk that gets into trouble, and then on one that works. check
// looks at the store after the trouble. It returns how many such calls there were.
func (n trouble) live(t *testing.T, r *rand.Rand, check func(s *store.Store, p *promises) error) (int64, error) {
	t.Helper()
	dir, d, remove := underDisk(t)
	defer remove()
	var clock atomic.Int64
	p := newPromises(func() int { return int(clock.Add(1)) })
	p.deletes = r.IntN(3) == 0
	calls := n.on(d)
	met := func() bool { return calls.Load() >= n.first }
	s, err := openStore(dir)
	if err == nil && met() { // in what is tried twice: nobody was promised anything yet
		check = func(*store.Store, *promises) error { return nil }
	}
	if err != nil {
		if !met() || !strings.Contains(err.Error(), dir) && !asDisk(err) {
			return calls.Load(), err
		}
	} else if err := n.livedThrough(s, p, r, met, check); err != nil {
		return calls.Load(), err
	}
	d.Fail(nil)
	if s, err = openStore(dir); err != nil {
		return calls.Load(), fmt.Errorf("open it again: %w", err)
	}
	db := ask(t, dir, 5*time.Second)
	defer db.Close()
	err = errors.Join(p.kept(db, p.now()), goesOn(s, r))
	return calls.Load(), errors.Join(err, s.Close(), whole(db))
}

// livedThrough is a life up to its end, in which there may be trouble.
func (n trouble) livedThrough(s *store.Store, p *promises, r *rand.Rand, met func() bool, check func(*store.Store, *promises) error) error {
	err := p.work(s, 25, r)
	if met() {
		if err != nil && s.Err() == nil && !asDisk(err) {
			return errors.Join(err, s.Close())
		}
		if err := check(s, p); err != nil {
			return errors.Join(err, s.Close())
		}
		err = nil
	}
	if cerr := s.Close(); !met() {
		err = errors.Join(err, cerr)
	}
	return err
}

// asDisk reports whether err is the disk's, told to who asked something.
func asDisk(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && slices.Contains([]int{sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}, e.Code()&0xff)
}
