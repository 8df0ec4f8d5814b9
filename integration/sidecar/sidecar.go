// Package sidecar runs bellbuoy as its users do: the real program, in a process of
// its own, that can be killed and started again over the same store.
package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Sidecar is one life of bellbuoy, from start to exit.
type Sidecar struct {
	program string
	config  Config
	cmd     *exec.Cmd
	log     *os.File
	exited  chan struct{} // closed when the process is reaped
}

// Start starts program with c and env on top of this process's environment, and
// returns at once; its output is appended to log. See [Sidecar.Ready].
func Start(program string, c Config, log string, env ...string) (*Sidecar, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open bellbuoy's log: %w", err)
	}
	s := &Sidecar{program: program, config: c, log: f, exited: make(chan struct{})}
	s.cmd = exec.Command(program, "run", "--config", c.Path)
	s.cmd.Stdout, s.cmd.Stderr = f, f
	s.cmd.Env = append(os.Environ(), env...)
	if err := startAndWait(s.cmd, s.exited); err != nil {
		f.Close()
		return nil, fmt.Errorf("start bellbuoy: %w", err)
	}
	return s, nil
}

// Ready waits until bellbuoy says that intake and delivery run.
func (s *Sidecar) Ready(ctx context.Context) error {
	const pause = 2 * time.Millisecond
	url := "http://" + s.config.Listen + "/readyz"
	for {
		if answered(ctx, url) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until bellbuoy is ready: %w\n%s", ctx.Err(), s.Log())
		case <-s.exited:
			return fmt.Errorf("bellbuoy ended before it was ready: %s\n%s", s.cmd.ProcessState, s.Log())
		case <-time.After(pause):
		}
	}
}

func answered(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// PID is the process's id.
func (s *Sidecar) PID() int { return s.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (s *Sidecar) Exited() <-chan struct{} { return s.exited }

// Kill ends the process as kill -9 does and waits until it is gone.
func (s *Sidecar) Kill() {
	_ = s.cmd.Process.Kill() // fails only where it has ended already
	<-s.exited
	s.log.Close()
}

// Stop asks the process to stop, waits for it and returns its exit status. When ctx
// ends first, it is killed.
func (s *Sidecar) Stop(ctx context.Context) (int, error) {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, fmt.Errorf("ask bellbuoy to stop: %w", err)
	}
	return s.Exit(ctx)
}

// Exit waits until the process ends by itself and returns its exit status. When ctx
// ends first, it is killed.
func (s *Sidecar) Exit(ctx context.Context) (int, error) {
	select {
	case <-s.exited:
		s.log.Close()
		return s.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		log := s.Log()
		s.Kill()
		return 0, fmt.Errorf("wait until bellbuoy ends: %w\n%s", ctx.Err(), log)
	}
}

// Log returns the end of what the process wrote.
func (s *Sidecar) Log() string {
	const most = 16 << 10
	b, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-most):])
}

// Intake is the URL that the registry "hub" posts to.
func (s *Sidecar) Intake() string { return "http://" + s.config.Listen + "/in/hub" }
