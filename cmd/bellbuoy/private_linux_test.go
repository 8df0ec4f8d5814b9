package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestKeepPrivate(t *testing.T) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0) // as a descriptor that is inherited
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	defer func() {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
			t.Error(err)
		}
	}()
	if err := keepPrivate(); err != nil {
		t.Fatal(err)
	}
	if v, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || v != 0 {
		t.Errorf("others may look into the process: %d, %v", v, err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("a sender would get the descriptor: %d, %v", flags, err)
	}
}
