//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// plan is a bellbuoy whose cost per event is measured: its configuration, and how many
// events its store has at the start. base is the place in the table of the one that it
// is held against; its own where there is none.
type plan struct {
	shape
	stored int
	base   int
}

// plans are those of the table of costs. Each is one step away from another in rules,
// targets or stored events.
func plans(o options) []plan {
	p := []plan{{one, 0, 0}, {shape{100, 1}, 0, 0}, {shape{apps, 1}, 0, 0}, {shape{apps, 100}, 0, 2}, {shape{apps, apps}, 0, 2}}
	for _, n := range o.stored {
		p = append(p, plan{one, n, 0})
	}
	return p
}

func (p plan) name() string {
	return fmt.Sprintf("%s, %s, %s", count(p.rules, "rule"), count(p.targets, "target"), count(p.stored, "event")+" stored")
}

// What is measured of each plan.
const (
	costCPU     = "CPU ms per 1000"
	costAccept  = "accepted p50, ms"
	costAccept9 = "accepted p99, ms"
	costEnd     = "end to end p50, ms"
	costEnd9    = "end to end p99, ms"
	costRate    = "delivered/s"
	costMemory  = "memory, MiB"
	costReady   = "start to ready, ms"
)

// costs measures all plans in turn, round by round.
func (b *bench) costs(ctx context.Context) (section, error) {
	all := plans(b.o)
	dirs := make([]string, len(all))
	for i, p := range all {
		switch {
		case p.stored > 0 && p.stored == b.o.waiting && b.drained != "":
			dirs[i] = b.drained
		case p.stored > 0:
			dirs[i] = filepath.Join(b.dir, fmt.Sprint("stored-", p.stored))
			if err := b.fill(ctx, dirs[i], p.stored, true); err != nil {
				return section{}, err
			}
			defer os.RemoveAll(dirs[i])
		}
	}
	rows := make([][]figures, len(all)) // by plan, one a round
	for round := range b.o.rounds {
		for i, p := range all {
			b.say("cost, round %d of %d: %s", round+1, b.o.rounds, p.name())
			f, err := b.cost(ctx, p, dirs[i])
			if err != nil {
				return section{}, fmt.Errorf("measure the cost with %s: %w", p.name(), err)
			}
			rows[i] = append(rows[i], f)
		}
	}
	return costTable(all, rows), nil
}

// fill makes dir and a store in it.
func (b *bench) fill(ctx context.Context, dir string, n int, delivered bool) error {
	b.say("filling a store with %s", count(n, "event"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	start := time.Now()
	if err := seed(ctx, dir, b.load, n, delivered); err != nil {
		return err
	}
	b.say("filled in %s", time.Since(start).Round(time.Second))
	return nil
}

// cost measures one plan, over the store in dir, or an empty one where dir is "".
func (b *bench) cost(ctx context.Context, p plan, dir string) (f figures, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("it took more than ten minutes"))
	defer cancel()
	if dir == "" {
		if dir, err = os.MkdirTemp(b.dir, "cost-"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
	}
	f = figures{}
	return f, bellbuoy(b.program, p.shape).run(ctx, dir, b.sink.URL(), func(r *running) error {
		// Each repository once, and so each target: the first event of one costs more.
		if _, err := b.throughput(ctx, r, b.load, 16, b.many(apps)); err != nil {
			return err
		}
		t, err := b.throughput(ctx, r, b.load, 16, b.many(2*apps))
		if err != nil {
			return err
		}
		n, err := b.steady(ctx, r, b.load, b.many(1500))
		if err != nil {
			return err
		}
		f[costCPU], f[costRate], f[costMemory], f[costReady] = t.cpu, t.delivered, t.memory, millis(r.ready)
		f[costAccept], f[costAccept9] = between(n.due, n.answered)
		f[costEnd], f[costEnd9] = between(n.due, n.first)
		return nil
	})
}

// noMore is up to which multiple a cost counts as the same: so much the figures of one
// plan differ by themselves.
const noMore = 1.2

const (
	staysSame = "the same"
	grows     = "**grows**"
)

func costTable(all []plan, rows [][]figures) section {
	s := section{name: sectionCost, head: []string{
		"with", "CPU ms per 1 000", "of that with less", "accepted p50 / p99 ms", "end to end p50 / p99 ms", "of that with less",
		"delivered/s", "memory MiB", "start ms", "verdict",
	}}
	for i, p := range all {
		of := func(name string) string { return number(median(column(rows[i], name))) }
		cells := []string{
			p.name(), of(costCPU), "", of(costAccept) + " / " + of(costAccept9), of(costEnd) + " / " + of(costEnd9), "",
			of(costRate), of(costMemory), of(costReady), "",
		}
		if p.base != i {
			cpu, end := ratios(rows[i], rows[p.base], costCPU), ratios(rows[i], rows[p.base], costEnd)
			cells[2], cells[5] = spread(cpu), spread(end)
			cells[len(cells)-1] = staysSame
			if median(cpu) > noMore || median(end) > noMore {
				cells[len(cells)-1] = grows
			}
		}
		s.rows = append(s.rows, cells)
	}
	return s
}
