package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
)

// ErrCopying: a backup is being made already.
var ErrCopying = errors.New("a backup is being made")

// ErrNoCopy: the store is in PostgreSQL, which has its own ways to be copied.
var ErrNoCopy = errors.New("the store is in PostgreSQL: back it up with pg_dump, or as you back up that server")

// copyName is how the file of a backup that is being made begins, beside the store.
const copyName = ".backup-"

// Copy is a copy of the whole store as it was at one moment, to be read once. It has no
// name and is gone when it is closed, or this process ends.
type Copy struct {
	file  *os.File
	Bytes int64
}

func (c *Copy) Read(p []byte) (int, error) { return c.file.Read(p) }

// Close gives the copy up.
func (c *Copy) Close() error { return c.file.Close() }

// Backup copies the store beside those who write: they wait for nothing. While it goes
// on, the log beside the store grows by what is written. The copy is on the same disk
// until it is closed; where that has no room, the error is [ErrFull]. It is a store that
// can be opened, without what is free in this one. One at a time: [ErrCopying].
//
// In it is all that is in the rows: events, bodies and headers as they came, requests with
// their secrets masked. The options of targets are not.
func (s *Store) Backup(ctx context.Context) (_ *Copy, err error) {
	if isPostgres(s.dsn) {
		return nil, ErrNoCopy
	}
	if !s.copying.CompareAndSwap(false, true) {
		return nil, ErrCopying
	}
	defer func() {
		if err != nil {
			s.copying.Store(false)
		}
	}()
	if err := s.roomForCopy(ctx); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+copyName) // 0600
	if err != nil {
		return nil, fmt.Errorf("back up store: %w", err)
	}
	defer os.Remove(f.Name())
	failpoint.At("backup begun")
	if err := s.copyInto(ctx, f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("back up store: %w", dbError(err)), f.Close())
	}
	failpoint.At("backup copied")
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("back up store: %w", err), f.Close())
	}
	s.copying.Store(false) // the store is as before; what is left is a file
	return &Copy{file: f, Bytes: info.Size()}, nil
}

// roomForCopy looks whether the disk has room for a copy, and for what is written
// meanwhile.
func (s *Store) roomForCopy(ctx context.Context) error {
	space, err := s.pages(ctx)
	if err != nil {
		return err
	}
	d, ok := diskOf(filepath.Dir(s.path))
	if need := space.Used + space.Used/4; ok && d.free-d.reserve() < need {
		return fmt.Errorf("%w: a copy takes %d MiB beside the store for a while, and the disk has %d MiB left",
			ErrFull, need>>20, d.free>>20)
	}
	return nil
}

// copyInto makes an empty file a copy of the store, on a connection of its own, which
// sees the store as it is at the beginning.
func (s *Store) copyInto(ctx context.Context, file string) error {
	db, err := openDSN(s.path, "_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `VACUUM INTO ?1`, file)
	return errors.Join(err, db.Close())
}

// dropCopies removes what a process left that was killed while it made a backup.
func (s *Store) dropCopies() error {
	left, err := filepath.Glob(globbed(s.path) + copyName + "*")
	if err != nil {
		return fmt.Errorf("look for old copies of store %s: %w", s.path, err)
	}
	for _, f := range left {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an old copy of the store: %w", err)
		}
	}
	return nil
}

// globbed is a path as a pattern that only it fits.
func globbed(path string) string {
	out := make([]byte, 0, len(path))
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, path[i])
	}
	return string(out)
}
