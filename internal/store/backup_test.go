package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// backup writes a copy of s into a new file and returns its path.
func backup(t *testing.T, s *Store) string {
	t.Helper()
	c, err := s.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	path := file(t)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(f, c)
	if err := errors.Join(err, f.Close()); err != nil || n != c.Bytes {
		t.Fatalf("%d of %d bytes, %v", n, c.Bytes, err)
	}
	return path
}

// A copy that is made while events are accepted and delivered is a whole store: each
// event is in it with all that belongs to it, and what waits can be delivered.
func TestBackupWhileWriting(t *testing.T) {
	s := open(t, file(t))
	for i := range 50 {
		delivered(t, s, push(fmt.Sprint("before-", i), "a", "ci"))
	}
	waits := accept(t, s, push("waits", "a", "slow")).IDs[0]
	c := claim(t, s, "slow", 1)[0] // an attempt is under way
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := s.Accept(context.Background(), push(fmt.Sprint(w, "-", i), "a", "later")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	path := backup(t, s)
	cancel()
	writers.Wait()
	record(t, s, c, Delivered, time.Time{})
	after := accept(t, s, push("after", "a", "ci")).IDs[0]

	r := open(t, path)
	consistent(t, r)
	if !gone(t, r, after) {
		t.Error("what came after the copy is in it")
	}
	if got := natives(t, claim(t, r, "slow", 10)); got != "waits" {
		t.Errorf("claimed %q", got)
	}
	if n := rows(t, r, "event"); n < 51 {
		t.Errorf("%d events are in it", n)
	}
	if got := accept(t, r, push("before-1", "a", "ci")); got.Duplicates != 1 {
		t.Errorf("a repeat of what is in it: %+v", got)
	}
	if gone(t, r, waits) {
		t.Error("what waits is not in it")
	}
	left, err := filepath.Glob(s.path + copyName + "*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// One that is given up leaves nothing, and the next one can be made; what a killed
// process left is removed by the next, and nothing else.
func TestBackupLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bell[buoy]*.db")
	s := open(t, path)
	accept(t, s, push("one", "a", "ci"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Backup(ctx); err == nil {
		t.Error("a backup that was given up was made")
	}
	if err := os.Rename(backup(t, s), filepath.Join(dir, "kept.db")); err != nil {
		t.Fatal(err)
	}
	s.copying.Store(true)
	if _, err := s.Backup(t.Context()); !errors.Is(err, ErrCopying) {
		t.Errorf("two at a time: %v", err)
	}
	s.copying.Store(false)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path + copyName + "123", filepath.Join(dir, "bellbuoyx.db"+copyName+"1")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	got := strings.Join(names, " ")
	if strings.Contains(got, "bell[buoy]*.db"+copyName) || !strings.Contains(got, "kept.db") || !strings.Contains(got, "bellbuoyx.db"+copyName+"1") {
		t.Errorf("there are %s", got)
	}
}
