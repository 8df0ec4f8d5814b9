//go:build unix && !linux

package host

import (
	"os/exec"
	"syscall"
)

// dieWithParent can do nothing here; the life pipe ends the process.
func dieWithParent(*syscall.SysProcAttr) {}

// reap waits for the end of the process and kills what it left running.
func (p *process) reap(cmd *exec.Cmd) error {
	err := cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return err
}
