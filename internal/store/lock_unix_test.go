//go:build unix

package store

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A process that is just being started has a copy of each open file. A store that is closed
// in that moment is free all the same.
func TestLockIsGivenUpBesideACopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.db")
	l, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := syscall.Dup(int(l.f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(child)
	if err := l.release(); err != nil {
		t.Fatal(err)
	}
	again, err := lockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.release(); err != nil {
		t.Error(err)
	}
}
