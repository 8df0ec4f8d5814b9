package faults_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/faults"
	"github.com/bellbuoy/bellbuoy/integration/faults/disk"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// Whenever the power is cut, what a store said that it had is there when it is opened
// again, nothing is there by half, and it goes on working.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	r := faults.Rand(t)
	cuts := faults.Scale(t, 3000, 1_000_000)
	done := 0
	for lived := 0; done < cuts; lived++ {
		n, image, err := powerCuts(t, r, min(cuts-done, 100), lived, nil)
		if err != nil {
			t.Fatal(errors.Join(err, keepImage(image)))
		}
		done += n
	}
	t.Logf("%d power cuts, nothing lost", done)
}

// The test would find it if the store did not wait for the disk: with syncs of the log, or
// of the file that a checkpoint writes, that do nothing, something is lost.
func TestPowerCutFindsMissingSyncs(t *testing.T) {
	t.Parallel()
	for what, file := range map[string]string{"commits": storeName + "-wal", "checkpoints": storeName} {
		t.Run(what, func(t *testing.T) {
			r := faults.Rand(t)
			ignore := func(c disk.Call) disk.Fault {
				if c.Kind == disk.Sync && c.File == file {
					return disk.Ignored()
				}
				return disk.Fault{}
			}
			for lived := range 20 {
				n, _, err := powerCuts(t, r, 50, lived, ignore)
				if err != nil {
					t.Logf("found after %d cuts: %v", 50*lived+n, err)
					return
				}
			}
			t.Error("nothing is lost without them")
		})
	}
}

// powerCuts has a store live on a disk and cuts the power so often, each time at another
// point of that life. It returns how often the store survived, and what it did not.
func powerCuts(t *testing.T, r *rand.Rand, cuts, lived int, fault func(disk.Call) disk.Fault) (int, disk.Image, error) {
	t.Helper()
	p, h := life(t, r, lived, fault)
	done := 0
	for at, image := range h.Cuts(cuts*4/5, r) {
		opening, err := p.survives(t, image, at, r)
		if err != nil {
			return done, image, fmt.Errorf("life %d, cut at %d of %d: %w", lived, at, h.Len(), err)
		}
		if done++; done%4 > 0 {
			continue
		}
		for again, image := range opening.Cuts(1, r) { // while it is opened after the power cut
			if _, err := p.survives(t, image, at, r); err != nil {
				return done, image, fmt.Errorf("life %d, cut at %d of %d, then at %d of %d: %w", lived, at, h.Len(), again, opening.Len(), err)
			}
			done++
		}
	}
	return done, nil, nil
}

// life is that of a store from its making on, through some restarts.
func life(t *testing.T, r *rand.Rand, lived int, fault func(disk.Call) disk.Fault) (*promises, *disk.History) {
	t.Helper()
	dir, d, remove := underDisk(t)
	defer remove()
	d.Fail(fault)
	d.Record(disk.Image{})
	p := newPromises(d.Now)
	p.deletes = lived%3 == 1
	restarts, arrivals := 3, 10+r.IntN(30)
	if lived%10 == 9 { // long enough for checkpoints of its own
		restarts, arrivals = 1, 300
	}
	for range restarts {
		s, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		stop := checkpointing(t, dir, r)
		err = p.work(s, arrivals, r)
		stop()
		if err = errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return p, d.End()
}

// checkpointing moves the log into the file now and then, as the store does after hundreds
// of commits, until it is stopped.
func checkpointing(t *testing.T, dir string, r *rand.Rand) (stop func()) {
	t.Helper()
	db := ask(t, dir, 50*time.Millisecond) // what waits here keeps the writer out
	r = rand.New(rand.NewPCG(r.Uint64(), 0))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		for {
			select {
			case <-ctx.Done():
				ended <- nil
				return
			case <-time.After(time.Duration(r.IntN(10)) * time.Millisecond):
			}
			mode := []string{"PASSIVE", "PASSIVE", "RESTART"}[r.IntN(3)]
			if _, err := db.Exec(`PRAGMA wal_checkpoint(` + mode + `)`); err != nil {
				ended <- err
				return
			}
		}
	}()
	return func() {
		cancel()
		if err := errors.Join(<-ended, db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// underDisk makes a folder on a disk that can be broken, until it is removed: a night makes
// too many to leave that to the test's end.
func underDisk(t *testing.T) (dir string, d *disk.Disk, remove func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bellbuoy-disk-")
	if err == nil {
		d, err = disk.Under(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, d, func() {
		if err := errors.Join(d.Remove(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	}
}

// ask opens a store's file beside the store. It waits so long for others.
func ask(t *testing.T, dir string, wait time.Duration) *sql.DB {
	t.Helper()
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.Join(dir, storeName), RawQuery: fmt.Sprintf("_pragma=busy_timeout(%d)", wait.Milliseconds())}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// survives opens a store on what a disk has after a power cut, and returns what opening it
// does to the disk.
func (p *promises) survives(t *testing.T, image disk.Image, at int, r *rand.Rand) (*disk.History, error) {
	t.Helper()
	dir, d, remove := underDisk(t)
	defer remove()
	if err := image.Write(dir); err != nil {
		return nil, err
	}
	d.Record(image)
	s, err := openStore(dir)
	opening := d.End()
	if err != nil {
		return nil, err
	}
	db := ask(t, dir, 5*time.Second)
	defer db.Close()
	err = p.kept(db, at)
	if err == nil {
		err = goesOn(s, r)
	}
	if err = errors.Join(err, s.Close()); err == nil && r.IntN(4) == 0 {
		err = whole(db)
	}
	return opening, err
}

// goesOn has a store take one thing more, and hand out all that waits.
func goesOn(s *store.Store, r *rand.Rand) error {
	err := newPromises(func() int { return 0 }).post(s, r)
	for _, target := range bookTargets() {
		claimed, cerr := s.Claim(context.Background(), target, 8)
		var ends []store.Outcome
		for _, c := range claimed {
			ends = append(ends, store.Outcome{
				Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Probe: c.Probe, Probes: c.Probes,
				State: store.Dead, Time: time.Now(), Outcome: plugin.PermanentFail,
			})
		}
		err = errors.Join(err, cerr, s.RecordNow(context.Background(), ends))
	}
	return errors.Join(err, s.Err())
}

// keepImage leaves files where somebody can look at them.
func keepImage(image disk.Image) error {
	dir, err := os.MkdirTemp("", "bellbuoy-cut-")
	if err == nil {
		err = image.Write(dir)
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("the files are in %s", dir)
}
