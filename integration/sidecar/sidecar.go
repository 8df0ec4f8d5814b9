// Package sidecar runs bellbuoy as its users do: the real program, in a process of
// its own, that can be killed and started again over the same store.
package sidecar

import (
	"context"
	"os"
	"os/exec"

	"github.com/bellbuoy/bellbuoy/integration/process"
)

// Sidecar is one life of bellbuoy, from start to exit.
type Sidecar struct {
	*process.Process
	program string
	config  Config
}

// Start starts program with c and env on top of this process's environment, and
// returns at once; its output is appended to log. See [Sidecar.Ready].
func Start(program string, c Config, log string, env ...string) (*Sidecar, error) {
	flag := "--config"
	if c.OfRegistry {
		flag = "--registry-config"
	}
	cmd := exec.Command(program, "run", flag, c.Path)
	cmd.Env = append(os.Environ(), env...)
	p, err := process.Start(cmd, log)
	if err != nil {
		return nil, err
	}
	return &Sidecar{Process: p, program: program, config: c}, nil
}

// Ready waits until bellbuoy says that intake and delivery run.
func (s *Sidecar) Ready(ctx context.Context) error {
	return s.Process.Ready(ctx, "http://"+s.config.Listen+"/readyz")
}

// Intake is the URL that the registry "hub" posts to.
func (s *Sidecar) Intake() string { return "http://" + s.config.Listen + "/in/hub" }
