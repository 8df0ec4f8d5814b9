package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dieWithParent has the kernel kill the process when the thread that starts it ends.
func dieWithParent(attr *syscall.SysProcAttr) {
	attr.Pdeathsig = syscall.SIGKILL
}

// private reports whether this process lets no other of its user look into it.
func private() bool {
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return err == nil && dumpable == 0
}

// confineNext keeps the process that this thread starts next, and its children, from
// gaining rights by what they execute: no set-uid program makes them another user. It
// stays with the thread, to which it does no harm.
func confineNext() {
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// confine has a process leave no core dump, which would hold secrets, and be the first to
// go when memory is short: it can be started again. It does what the system allows.
func confine(pid int) {
	_ = unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0)
}

// reapOrphans waits for what a dead process left in its group, and which was killed with
// it, where the orphans of others are ours to wait for: as the first process of a
// container without an init. Nobody else would, and they would stay as zombies.
func reapOrphans(group int) {
	var heir int32
	_ = unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&heir)), 0, 0, 0)
	if os.Getpid() != 1 && heir == 0 {
		return
	}
	for {
		if _, err := unix.Wait4(-group, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return // there are no more
		}
	}
}

// reap waits for the end of the process and kills what it left running. The group is
// killed while the dead process still holds its number, so that it cannot be another's.
func (p *process) reap(cmd *exec.Cmd) error {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	p.reaped = true
	return cmd.Wait()
}
