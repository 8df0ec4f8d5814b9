//go:build linux

// Bench measures bellbuoy against the least that could do its job: a bare relay
// that appends each notification to a file, syncs it before it answers, and posts
// it on (see relay.go). Both run in turn, round by round, on the same machine and
// under the same load, so that what counts is the ratio. The figures of one alone
// say more about the machine. Beside that it measures what it is to bellbuoy that a
// million deliveries wait, and what an event costs as rules, targets and stored events
// become many, and what each sender costs in memory.
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
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "relay" {
		fatal(runRelay(os.Args[2:]))
		return
	}
	o := wholeRun()
	flag.IntVar(&o.rounds, "rounds", o.rounds, "how often each is measured")
	flag.Float64Var(&o.scale, "scale", o.scale, "events per measurement and in stores, as a multiple of the usual number")
	flag.BoolVar(&o.short, "short", false, "a run of some two minutes, to see that it works: one round, few events, small stores")
	flag.StringVar(&o.parts, "parts", o.parts, "what to measure: beside the relay, deliveries that wait, cost per event, memory of senders")
	flag.StringVar(&o.write, "write", "", "document to write the tables into, from the sources' folder on")
	flag.StringVar(&o.root, "root", "..", "folder of bellbuoy's sources")
	flag.StringVar(&o.dir, "dir", "", "folder for the stores; it should lie on a real disk with 10 GB free (default: a new one in the system's temporary folder)")
	flag.BoolVar(&o.relayOnly, "relay-only", false, "measure the relay alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.check(flag.NArg()); err != nil {
		fatal(fmt.Errorf("%w; see -help", err))
	}
	fatal(run(ctx, o))
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
	short     bool
	parts     string
	write     string
	root, dir string
	relayOnly bool

	stored  []int // events in the stores that the cost is measured with, beside an empty one
	waiting int   // deliveries that wait
}

// wholeRun is how much the run has whose figures are for the document.
func wholeRun() options {
	return options{rounds: 5, scale: usualScale, parts: "side,waiting,cost,senders", stored: []int{100_000, 1_000_000}, waiting: 1_000_000}
}

// check completes the options and finds what is wrong with them.
func (o *options) check(args int) error {
	if args > 0 || o.rounds < 1 || o.scale <= 0 {
		return errors.New("wrong use")
	}
	for part := range strings.SplitSeq(o.parts, ",") {
		if !slices.Contains([]string{"side", "waiting", "cost", "senders"}, part) {
			return fmt.Errorf("there is no part %q", part)
		}
	}
	if o.relayOnly {
		o.parts = "side"
	}
	if o.write != "" {
		if o.short || o.relayOnly || o.scale < usualScale {
			return errors.New("such a run's figures are not for a document")
		}
		o.write = filepath.Join(o.root, o.write)
		if err := checkDocument(o.write); err != nil {
			return err
		}
	}
	stores := o.scale
	if o.short {
		o.rounds, o.scale, stores = 1, 0.05, 0.02
	}
	for i := range o.stored {
		o.stored[i] = max(1, int(float64(o.stored[i])*stores))
	}
	o.waiting = max(1000, int(float64(o.waiting)*stores)) // of fewer nothing is left to measure
	return nil
}

func (o options) has(part string) bool {
	return slices.Contains(strings.Split(o.parts, ","), part)
}

// bench is one run.
type bench struct {
	o       options
	dir     string
	program string // bellbuoy
	relay   system
	sink    *sink // of all
	load    *envelopes
	drained string // folder of the store in which so many waited; "" before
}

func (b *bench) say(format string, args ...any) {
	fmt.Printf("%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

func run(ctx context.Context, o options) (err error) {
	b := &bench{o: o}
	if b.dir, err = os.MkdirTemp(o.dir, "bellbuoy-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.relay = relay(self)
	if b.load, err = newEnvelopes(apps); err != nil {
		return err
	}
	if b.sink, err = startSink(); err != nil {
		return err
	}
	defer b.sink.Close()
	if !o.relayOnly {
		b.say("building bellbuoy")
		if b.program, err = sidecar.Build(ctx, o.root, b.dir, false); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context) (section, error)
	}{{"side", b.side}, {"waiting", b.waiting}, {"cost", b.costs}, {"senders", b.senders}} {
		if !o.has(part.name) {
			continue
		}
		if err := b.part(ctx, part.measure); err != nil {
			return err
		}
	}
	return nil
}

// part measures one table, prints it, and writes it into the document at once: what
// comes after it may fail, or be too long for somebody.
func (b *bench) part(ctx context.Context, measure func(context.Context) (section, error)) error {
	m, err := look(b.dir)
	if err != nil {
		return err
	}
	s, err := measure(ctx)
	if err != nil {
		return err
	}
	where, err := m.describe(b)
	if err != nil {
		return err
	}
	text, err := s.text(where)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s:\n%s", s.name, text)
	if b.o.write == "" {
		return nil
	}
	return s.write(b.o.write, where)
}

// side measures the relay and bellbuoy in turn, round by round.
func (b *bench) side(ctx context.Context) (section, error) {
	systems := []system{b.relay}
	if !b.o.relayOnly {
		systems = append(systems, bellbuoy(b.program, one))
	}
	rows := make([][]figures, 2) // of the relay and of bellbuoy, one a round
	for round := range b.o.rounds {
		for i, s := range systems {
			b.say("round %d of %d: %s", round+1, b.o.rounds, s.name)
			f, err := b.measure(ctx, s)
			if err != nil {
				return section{}, fmt.Errorf("measure %s: %w", s.name, err)
			}
			rows[i] = append(rows[i], f)
		}
		if !b.o.relayOnly {
			p99, err := matching(10_000)
			if err != nil {
				return section{}, fmt.Errorf("match events with many rules: %w", err)
			}
			rows[1][round][rowMatch] = p99
		}
	}
	return sideTable(rows[0], rows[1]), nil
}
