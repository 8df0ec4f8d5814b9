// Package process runs programs that tests kill, stop and look into.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Process is a program that was started.
type Process struct {
	cmd    *exec.Cmd
	log    *os.File
	exited chan struct{} // closed when the process is reaped
}

// Start starts cmd; what it writes is appended to the file log. On Linux it is
// killed when this process ends, however that comes about.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", cmd.Path, err)
	}
	cmd.Stdout, cmd.Stderr = f, f
	p := &Process{cmd: cmd, log: f, exited: make(chan struct{})}
	if err := startAndWait(cmd, p.exited); err != nil {
		f.Close()
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill ends the process as kill -9 does and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only where it has ended already
	<-p.exited
	p.log.Close()
}

// Stop asks the process to stop, waits for it and returns its exit status. When ctx
// ends first, it is killed.
func (p *Process) Stop(ctx context.Context) (int, error) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, fmt.Errorf("ask %s to stop: %w", p.cmd.Path, err)
	}
	return p.Exit(ctx)
}

// Exit waits until the process ends by itself and returns its exit status. When ctx
// ends first, it is killed.
func (p *Process) Exit(ctx context.Context) (int, error) {
	select {
	case <-p.exited:
		p.log.Close()
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		p.Kill()
		return 0, fmt.Errorf("wait until %s ends: %w\n%s", p.cmd.Path, ctx.Err(), p.Log())
	}
}

// Log returns the end of what the process wrote, and what others wrote to the same
// file before it.
func (p *Process) Log() string {
	const most = 16 << 10
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}
