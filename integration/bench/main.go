//go:build linux

// Bench measures bellbuoy against the least that could do its job: a bare relay
// that appends each notification to a file, syncs it before it answers, and posts
// it on (see relay.go). Both run in turn, round by round, on the same machine and
// under the same load, so that what counts is the ratio. The figures of one alone
// say more about the machine.
//
// Generator and receiver run in this process and take their share of the machine
// from both alike.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "relay" {
		fatal(runRelay(os.Args[2:]))
		return
	}
	var (
		rounds = flag.Int("rounds", 3, "how often each is measured")
		scale  = flag.Float64("scale", 1, "events per measurement, as a multiple of the usual number")
		root   = flag.String("root", "..", "folder of bellbuoy's sources")
		dir    = flag.String("dir", "", "folder for the stores; it should lie on a real disk (default: a new one in the system's temporary folder)")
		only   = flag.Bool("relay-only", false, "measure the relay alone")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *rounds < 1 || *scale <= 0 || flag.NArg() > 0 {
		fatal(errors.New("wrong use; see -help"))
	}
	fatal(bench(ctx, options{rounds: *rounds, scale: *scale, root: *root, dir: *dir, relayOnly: *only}))
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds    int
	scale     float64
	root, dir string
	relayOnly bool
}

func bench(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp(o.dir, "bellbuoy-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	systems := []system{relay(self)}
	if !o.relayOnly {
		fmt.Println("building bellbuoy")
		program, err := sidecar.Build(ctx, o.root, dir, false)
		if err != nil {
			return err
		}
		systems = append(systems, bellbuoy(program))
	}

	rows := make(map[string][]figures, len(systems)) // by system, one a round
	for round := range o.rounds {
		for _, s := range systems {
			fmt.Printf("round %d of %d: %s\n", round+1, o.rounds, s.name)
			f, err := measure(ctx, s, dir, o.scale)
			if err != nil {
				return fmt.Errorf("measure %s: %w", s.name, err)
			}
			rows[s.name] = append(rows[s.name], f)
		}
	}
	fmt.Println()
	return table(os.Stdout, systems, rows)
}

// measure runs one round of one system.
func measure(ctx context.Context, s system, dir string, scale float64) (f figures, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("a round took more than ten minutes"))
	defer cancel()
	sink, err := startSink()
	if err != nil {
		return nil, err
	}
	defer sink.Close()
	work, err := os.MkdirTemp(dir, s.name+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	r, err := s.start(ctx, work, sink.URL())
	if err != nil {
		return nil, err
	}
	defer r.process.Kill()
	f = figures{rowReady: r.ready.Seconds() * 1000, rowBinary: float64(r.size) / 1e6}
	return f, r.run(ctx, sink, f, scale)
}
