package serve

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// followHost ends this process when the pipe at descriptor fd does. Only the host
// holds the other end, so that it closes however the host dies. An empty fd is a host
// without a pipe.
func followHost(fd string) error {
	if fd == "" {
		return nil
	}
	n, err := strconv.Atoi(fd)
	if err != nil || n < 3 {
		return fmt.Errorf("%q is not a descriptor of a pipe", fd)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(n, &st); err != nil {
		return fmt.Errorf("descriptor %d: %w", n, err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return fmt.Errorf("descriptor %d is not a pipe", n)
	}
	syscall.CloseOnExec(n)
	if err := syscall.SetNonblock(n, true); err != nil { // so that waiting costs no thread
		return fmt.Errorf("descriptor %d: %w", n, err)
	}
	pipe := os.NewFile(uintptr(n), "life")
	go func() {
		var b [1]byte
		for {
			if _, err := pipe.Read(b[:]); err != nil {
				os.Exit(0)
			}
		}
	}()
	return nil
}

// divertStdout makes what is printed to standard output come out at standard error.
// Before the first call standard output is the handshake's; later nobody has to read
// it, and a print would block.
func divertStdout(stderr *os.File) {
	os.Stdout, os.Stderr = stderr, stderr
	if err := unix.Dup2(int(stderr.Fd()), 1); err != nil {
		fmt.Fprintf(stderr, "divert standard output: %v\n", err)
	}
}
