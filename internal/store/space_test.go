package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestLimitOfSpace(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		size, file int64
		disk       disk
		known      bool
		want       int64
		byDisk     bool
	}{
		{2048 * mib, 100 * mib, disk{100_000 * mib, 50_000 * mib}, true, 2048 * mib, false},
		{2048 * mib, 100 * mib, disk{100_000 * mib, 564 * mib}, true, 600 * mib, true},
		{2048 * mib, 100 * mib, disk{100_000 * mib, 10 * mib}, true, 100 * mib, true},
		{2048 * mib, 100 * mib, disk{}, false, 2048 * mib, false},
		{2048 * mib, 0, disk{20 * mib, 20 * mib}, true, 19 * mib, true},
	} {
		if got, byDisk := limit(c.size, c.file, c.disk, c.known); got != c.want || byDisk != c.byDisk {
			t.Errorf("%+v: %d MiB, by the disk %t", c, got/mib, byDisk)
		}
	}
}

// A disk that has no room for what is written is a full store, until it has.
func TestDiskRefuses(t *testing.T) {
	s := open(t, file(t))
	pages := func(most int64) {
		t.Helper()
		if err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
			_, err := s.conn.ExecContext(ctx, fmt.Sprint(`PRAGMA max_page_count = `, most))
			return err
		}}); err != nil {
			t.Fatal(err)
		}
	}
	accept(t, s, push("one", "a", "ci"))
	pages(1) // no more than there are
	if _, err := s.Accept(t.Context(), fat("two", 1<<20, "ci")); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("accepted without room: %v", err)
	}
	if space := s.Space(); !space.Full || !space.Alarm || !space.Disk || space.String() == "" {
		t.Errorf("%+v", space)
	}
	pages(1 << 20)
	accept(t, s, fat("two", 1<<20, "ci"))
	if space := s.Space(); space.Full || space.String() != "" {
		t.Errorf("with room: %+v", space)
	}
}
