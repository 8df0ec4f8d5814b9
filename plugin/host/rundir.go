package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	dirPrefix = "host-"
	// maxSocket is what fits into a socket's address on Linux (108 bytes with the
	// final zero) and on the BSDs (104).
	maxSocket = 103
	// socketName is the longest name that go-plugin gives to a socket within the
	// directory of a life.
	socketName = len("/plugin-dir4294967295/plugin4294967295")
)

// runDir is the directory of one host, 0700, in which each life of a sender has its
// own. A lock on it says that its host lives: one without is swept by the next host.
type runDir struct {
	path string
	lock *os.File
}

// openRunDir sweeps base of what dead hosts left there and makes a directory in it.
func openRunDir(base string) (*runDir, error) {
	if base == "" {
		return nil, errors.New("open run directory: no path is given")
	}
	base, err := filepath.Abs(base)
	if err != nil {
		return nil, fmt.Errorf("open run directory: %w", err)
	}
	if longest := len(base) + len("/"+dirPrefix+"4294967295") + socketName; longest > maxSocket {
		return nil, fmt.Errorf("open run directory %s: its path is too long for sockets in it: %d bytes at most, it has %d",
			base, maxSocket-(longest-len(base)), len(base))
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, fmt.Errorf("open run directory: %w", err)
	}
	// Held while we sweep and make our own, which is not locked at once.
	baseLock, err := lockDir(base, syscall.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("open run directory: %w", err)
	}
	defer baseLock.Close()
	if err := sweep(base); err != nil {
		return nil, fmt.Errorf("sweep run directory %s: %w", base, err)
	}
	path, err := os.MkdirTemp(base, dirPrefix)
	if err != nil {
		return nil, fmt.Errorf("open run directory: %w", err)
	}
	lock, err := lockDir(path, syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open run directory: %w", err), os.Remove(path))
	}
	return &runDir{path: path, lock: lock}, nil
}

func sweep(base string) error {
	entries, err := os.ReadDir(base)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), dirPrefix) {
			continue
		}
		path := filepath.Join(base, e.Name())
		lock, err := lockDir(path, syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, fs.ErrNotExist):
			continue // its host lives, or has just removed it
		case err != nil:
			return err
		}
		if err := errors.Join(os.RemoveAll(path), lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

func lockDir(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

// remove removes the directory with all that is in it.
func (d *runDir) remove() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}
