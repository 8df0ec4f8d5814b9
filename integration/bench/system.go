//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/process"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// system is one of those that are compared.
type system struct {
	name  string
	start func(ctx context.Context, dir, target string) (*running, error)
}

// running is a system that has said it is ready.
type running struct {
	process *process.Process
	intake  poster.Poster // but for its client
	ready   time.Duration // from the start on
	size    int64         // of the program; 0 = of no interest
}

func relay(self string) system {
	return system{"relay", func(ctx context.Context, dir, target string) (*running, error) {
		addr, err := loopback.Address()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(self, "relay", "-listen", addr, "-target", target, "-journal", filepath.Join(dir, "journal"))
		start := time.Now()
		p, err := process.Start(cmd, filepath.Join(dir, "log"))
		if err != nil {
			return nil, err
		}
		return begun(ctx, p, start, "http://"+addr+"/", "http://"+addr+"/")
	}}
}

// bellbuoy runs over the store that is in its folder, or makes one.
func bellbuoy(program string, conf shape) system {
	return system{"bellbuoy", func(ctx context.Context, dir, target string) (*running, error) {
		c, err := conf.write(dir, target)
		if err != nil {
			return nil, err
		}
		start := time.Now()
		s, err := sidecar.Start(program, c, filepath.Join(dir, "log"))
		if err != nil {
			return nil, err
		}
		r, err := begun(ctx, s.Process, start, "http://"+c.Listen+"/readyz", s.Intake())
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(program)
		if err != nil {
			r.process.Kill()
			return nil, err
		}
		r.size = info.Size()
		return r, nil
	}}
}

func begun(ctx context.Context, p *process.Process, start time.Time, ready, intake string) (*running, error) {
	if err := p.Ready(ctx, ready); err != nil {
		p.Kill()
		return nil, err
	}
	took := time.Since(start)
	return &running{
		process: p,
		intake:  poster.Poster{URL: intake, Bearer: sidecar.Bearer},
		ready:   took,
	}, nil
}

// run starts the system in dir, has use measure it, and ends it such that what its
// processes spent is accounted to this one.
func (s system) run(ctx context.Context, dir, target string, use func(*running) error) error {
	r, err := s.start(ctx, dir, target)
	if err != nil {
		return err
	}
	if err := use(r); err != nil {
		r.process.Kill()
		return err
	}
	_, err = r.process.Stop(ctx)
	return err
}
