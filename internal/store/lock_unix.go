//go:build unix

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// fileLock is held while a process has the store open. The kernel drops it when the
// process ends, however it ends.
type fileLock struct{ f *os.File }

// lockFile takes the lock beside the store at path. The file stays: removing it
// would let two processes hold locks on two files of one name.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open store: %w: its folder must exist and be writable", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		defer f.Close()
		b, _ := io.ReadAll(io.LimitReader(f, 32))
		by := ""
		if pid := strings.TrimSpace(string(b)); pid != "" {
			by = ", process " + pid
		}
		return nil, fmt.Errorf("open store %s: %w%s: stop that one, or give this one another store", path, ErrLocked, by)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock store %s: %w", path, err)
	}
	if err := f.Truncate(0); err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock store %s: %w", path, err)
		}
	}
	return &fileLock{f}, nil
}

// release gives the lock up in so many words: a process that is being started has a copy
// of the file for a moment, and would keep a lock that is only closed.
func (l *fileLock) release() error {
	if l == nil || l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
