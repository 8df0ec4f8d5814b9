package faults_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/faults"
	"github.com/bellbuoy/bellbuoy/integration/faults/disk"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// A damaged file is refused, and said to be damaged, or it is used as far as it is whole:
// nothing is handed out that is not what came.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	r := faults.Rand(t)
	times := faults.Scale(t, 150, 200_000)
	before := memory(t)
	became := map[string]int{}
	var p *promises
	var closed, open disk.Image
	for i := range times {
		if i%100 == 0 {
			p, open, closed = filled(t, r)
		}
		image := []disk.Image{open, closed}[i%2]
		image, how := damaged(image, r)
		end, err := p.usable(t, image, r)
		if err != nil {
			t.Fatalf("file %d, %s: %v", i, how, errors.Join(err, keepImage(image)))
		}
		became[end]++
	}
	t.Logf("%d damaged files: %v", times, became)
	if now := memory(t); now-before > 512<<20 {
		t.Errorf("it took %d MiB of memory", (now-before)>>20)
	}
	for _, end := range []string{"refused", "failed", "used"} {
		if became[end] == 0 {
			t.Errorf("none is %s", end)
		}
	}
}

// memory is the most that this process has had at a time, SQLite's own included.
func memory(t *testing.T) int64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "darwin" {
		return u.Maxrss
	}
	return u.Maxrss << 10
}

// filled returns the files of a store with much that waits: as a process leaves them that
// is killed, with most in the log, and as one that ends.
func filled(t *testing.T, r *rand.Rand) (p *promises, killed, closed disk.Image) {
	t.Helper()
	dir, _, remove := underDisk(t)
	defer remove()
	var clock atomic.Int64
	p = newPromises(func() int { return int(clock.Add(1)) })
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = p.work(s, 20, r)
	for range 60 {
		err = errors.Join(err, p.post(s, r))
	}
	killed = imageOf(t, dir, storeName, storeName+"-wal")
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return p, killed, imageOf(t, dir, storeName)
}

func imageOf(t *testing.T, dir string, names ...string) disk.Image {
	t.Helper()
	out := disk.Image{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	return out
}

// damaged returns the files with some damage, and what that is.
func damaged(of disk.Image, r *rand.Rand) (disk.Image, string) {
	out := disk.Image{}
	for name, b := range of {
		out[name] = slices.Clone(b)
	}
	name := storeName
	if _, ok := out[name+"-wal"]; ok && r.IntN(3) > 0 {
		name += "-wal"
	}
	b := out[name]
	at := r.IntN(len(b))
	n := min(1+r.IntN(1<<r.IntN(14)), len(b)-at)
	switch r.IntN(6) {
	case 0, 1:
		for range 1 + r.IntN(20) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		return out, "flipped bits in " + name
	case 2:
		out[name] = b[:at]
		return out, fmt.Sprintf("%s cut to %d of %d", name, at, len(b))
	case 3:
		clear(b[at : at+n])
		return out, fmt.Sprintf("%d zeros in %s at %d of %d", n, name, at, len(b))
	case 4:
		for i := range b[at : at+n] {
			b[at+i] = byte(r.Uint32())
		}
		return out, fmt.Sprintf("%d random bytes in %s at %d of %d", n, name, at, len(b))
	default: // what a disk does that writes to the wrong place
		pages := len(b) / 4096
		from, to := r.IntN(pages)*4096, r.IntN(pages)*4096
		copy(b[to:to+4096], b[from:from+4096])
		return out, fmt.Sprintf("a page of %s at %d also at %d", name, from, to)
	}
}

// usable opens a store on damaged files, if it can be, and takes all out of it.
func (p *promises) usable(t *testing.T, image disk.Image, r *rand.Rand) (end string, err error) {
	t.Helper()
	dir, _, remove := underDisk(t)
	defer remove()
	if err := image.Write(dir); err != nil {
		return "", err
	}
	s, err := openStore(dir)
	if errors.Is(err, store.ErrCorrupt) {
		return "refused", nil
	}
	if err != nil {
		return "", fmt.Errorf("it is refused, and not said to be damaged: %w", err)
	}
	defer s.Close()
	for _, target := range bookTargets() {
		if err := p.takeAll(s, target); err != nil {
			return "", err
		}
	}
	for id := range p.events {
		if _, err := s.Trace(context.Background(), id); err != nil && r.IntN(10) == 0 {
			break // it is enough that it says so
		}
	}
	_ = newPromises(func() int { return 0 }).post(s, r)
	if s.Err() != nil {
		return "failed", nil
	}
	return "used", nil
}

// takeAll has all delivered that waits for a target, and compares it to what came.
func (p *promises) takeAll(s *store.Store, target string) error {
	for range 1000 {
		claimed, err := s.Claim(context.Background(), target, 8)
		if err != nil || len(claimed) == 0 {
			return nil
		}
		var ends []store.Outcome
		for _, c := range claimed {
			d := p.deliveries[c.ID]
			if d == nil || d.target != target {
				return fmt.Errorf("delivery %s to %s was not planned", c.ID, target)
			}
			if !bytes.Equal(c.Event, d.of.json) {
				return fmt.Errorf("delivery %s is handed out with other bytes", c.ID)
			}
			raw, _, err := s.Native(context.Background(), c.Seq)
			if err == nil && !bytes.Equal(raw.Bytes, d.of.body) {
				return fmt.Errorf("the body that delivery %s came in has other bytes", c.ID)
			}
			ends = append(ends, store.Outcome{
				Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Probe: c.Probe, Probes: c.Probes,
				State: store.Delivered, Time: time.Now(), Outcome: "delivered",
			})
		}
		if err := s.RecordNow(context.Background(), ends); err != nil {
			return nil
		}
	}
	return errors.New("there is no end of what is handed out")
}
