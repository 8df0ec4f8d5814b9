package faults_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/faults"
	"github.com/bellbuoy/bellbuoy/integration/faults/disk"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// A long log needs a larger index, a file of its own beside it. Where that finds no room,
// the disk is full, and not broken.
func TestDiskFullForTheIndexOfTheLog(t *testing.T) {
	t.Parallel()
	r := faults.Rand(t)
	dir, d, remove := underDisk(t)
	defer remove()
	var clock atomic.Int64
	p := newPromises(func() int { return int(clock.Add(1)) })
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	db := ask(t, dir, time.Second)
	defer db.Close()
	tx, err := db.BeginTx(context.Background(), nil) // a reader, so that the log cannot start over
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM event`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	met := trouble{kinds: []disk.Kind{disk.Share}, first: 1, times: 3, fault: disk.Full}.on(d)
	for i := 0; met.Load() == 0; i++ {
		if err := p.post(s, r); err != nil && met.Load() == 0 || i > 20_000 {
			t.Fatalf("arrival %d, before the index grows: %v", i, err)
		}
	}
	refused := 0
	for met.Load() <= 3 { // there is no room three times
		if err := p.post(s, r); err != nil && !errors.Is(err, store.ErrUnavailable) || s.Err() != nil {
			t.Fatalf("without room for the index: %v, the store: %v", err, s.Err())
		} else if err != nil {
			refused++
		}
	}
	if err := errors.Join(p.post(s, r), tx.Rollback(), s.Close(), p.kept(db, p.now())); err != nil {
		t.Error(err)
	}
	if refused == 0 {
		t.Error("it had room")
	}
}

// smallDisk names the environment variable with which this test starts itself once more, as
// a process with a small disk of its own.
const smallDisk = "BELLBUOY_TEST_SMALL_DISK"

// A disk that is full in earnest. It takes a kernel that lets one mount a small one in a
// namespace; where it does not, that is said, and [TestDiskFull] is the proof.
func TestSmallDisk(t *testing.T) {
	dir := os.Getenv(smallDisk)
	if dir == "" {
		t.Parallel()
		runOnSmallDisk(t)
		return
	}
	r := faults.Rand(t)
	var clock atomic.Int64
	p := newPromises(func() int { return int(clock.Add(1)) })
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	times := faults.Scale(t, 10, 200)
	for range times {
		fillDisk(t, s, p, r)
		if space := s.Space(); !space.Full || !space.Disk {
			t.Fatalf("the disk is full, and the store says %+v", space)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.post(s, r), s.Err()); err != nil {
			t.Fatalf("there is room again: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		db := ask(t, dir, time.Second)
		if err := errors.Join(p.kept(db, p.now()), db.Close()); err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{"", "-wal", "-shm"} { // begin anew
			if err := os.RemoveAll(filepath.Join(dir, storeName) + suffix); err != nil {
				t.Fatal(err)
			}
		}
		p = newPromises(p.now)
		if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err = openStore(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("%d times a full disk, nothing lost", times)
}

// fillDisk posts until there is no room, and a little longer.
func fillDisk(t *testing.T, s *store.Store, p *promises, r *rand.Rand) {
	t.Helper()
	refused := 0
	for i := 0; refused < 20; i++ {
		err := p.post(s, r)
		if err != nil && !errors.Is(err, store.ErrUnavailable) || s.Err() != nil || i > 100_000 {
			t.Fatalf("arrival %d on a disk that runs full: %v, the store: %v", i, err, s.Err())
		}
		if err != nil {
			refused++
		} else {
			refused = 0
		}
	}
}
