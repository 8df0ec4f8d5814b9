//go:build unix && !linux

package exec

import (
	"os/exec"
	"syscall"
)

// What of this process a command gets, and who waits for orphans, is up to the system here.
func prepare() {}

// dieWithParent can do nothing here.
func dieWithParent(*syscall.SysProcAttr) {}

// reap waits for the end of the command and kills what it left running in its group.
func (g *group) reap(cmd *exec.Cmd) {
	_ = cmd.Wait() // its state says how it ended
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reaped = true
	_ = syscall.Kill(-g.id, syscall.SIGKILL)
}
