//go:build unix && !linux

package host

import (
	"os/exec"
	"syscall"
)

// dieWithParent can do nothing here; the life pipe ends the process.
func dieWithParent(*syscall.SysProcAttr) {}

// private reports whether this process lets no other of its user look into it.
func private() bool { return false }

// What confines a process elsewhere is up to how bellbuoy is started.
func confineNext()    {}
func confine(pid int) {}

// reapOrphans has nothing to do: what starts processes here waits for orphans.
func reapOrphans(group int) {}

// reap waits for the end of the process and kills what it left running.
func (p *process) reap(cmd *exec.Cmd) error {
	err := cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return err
}
