package exec

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// prepare makes this process one that runs commands. They get none of its descriptors,
// whoever opened them: not the pipe that tells that the host lives. And where the host is a
// container's first process, so that nobody waits for orphans, they are left to this one.
func prepare() {
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) // older kernels lack it
	if os.Getppid() == 1 {
		_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
}

// dieWithParent has the kernel kill the command when the thread that starts it ends.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// reap waits for the end of the command and kills what it left running in its group, while
// the dead command still holds the number. Orphans that are this process's are waited for.
func (g *group) reap(cmd *exec.Cmd) {
	for {
		if err := unix.Waitid(unix.P_PID, g.id, nil, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	g.mu.Lock()
	_ = syscall.Kill(-g.id, syscall.SIGKILL)
	_ = cmd.Wait() // its state says how it ended
	g.reaped = true
	g.mu.Unlock()
	for {
		if _, err := unix.Wait4(-g.id, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return // there are no more
		}
	}
}
