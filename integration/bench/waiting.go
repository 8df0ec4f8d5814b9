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

// The rows of what waits.
const (
	rowStart        = "start to ready, ms"
	rowDrain        = "delivered/s of what waits"
	rowDrainCPU     = "CPU ms per 1 000 of them"
	rowDrainMemory  = "memory (PSS) meanwhile, MiB"
	rowAcceptBeside = "accepted beside it at 300/s, %s, ms"
	rowAcceptAfter  = "accepted after it at 300/s, %s, ms"
	rowStoreSize    = "the store, MB"
)

func waitingLines() []line {
	return []line{
		{name: rowStart, want: want{least: 5000, goal: 2000, less: true}},
		{name: rowDrain},
		{name: rowDrainCPU},
		{name: rowDrainMemory},
		{name: fmt.Sprintf(rowAcceptBeside, "p50")},
		{name: fmt.Sprintf(rowAcceptBeside, "p99")},
		{name: fmt.Sprintf(rowAcceptAfter, "p50")},
		{name: fmt.Sprintf(rowAcceptAfter, "p99")},
		{name: rowStoreSize},
	}
}

// starts is how often a bellbuoy with a full store is started.
const starts = 5

// waiting measures a bellbuoy for whose target a great many deliveries wait: how long
// it takes to start, how fast they go out, and what it is to the intake. The store
// that is left, in which all is delivered, serves the costs.
func (b *bench) waiting(ctx context.Context) (section, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Hour, errors.New("it took more than two hours"))
	defer cancel()
	n := b.o.waiting
	dir := filepath.Join(b.dir, "waiting")
	if err := b.fill(ctx, dir, n, false); err != nil {
		return section{}, err
	}
	var f []figures
	info, err := os.Stat(filepath.Join(dir, "bellbuoy.db"))
	if err != nil {
		return section{}, err
	}
	waiting := b.sink.expectStored(n)
	for i := range starts {
		b.say("start %d of %d with %s waiting", i+1, starts, count(n, "delivery"))
		r, err := bellbuoy(b.program, one).start(ctx, dir, b.sink.URL())
		if err != nil {
			return section{}, err
		}
		f = append(f, figures{rowStart: millis(r.ready)})
		if i+1 < starts {
			r.process.Kill() // a few have gone out; most wait still
			continue
		}
		f[0][rowStoreSize] = float64(info.Size()) / 1e6
		err = b.drain(ctx, r, waiting, f[0])
		if err == nil {
			_, err = r.process.Stop(ctx)
		} else {
			r.process.Kill()
		}
		if err != nil {
			return section{}, fmt.Errorf("with %s waiting: %w", count(n, "delivery"), err)
		}
	}
	b.drained = dir
	return oneTable(sectionWaiting, waitingLines(), f), nil
}

// drain waits until all of what waits has come, and posts beside that and after it.
func (b *bench) drain(ctx context.Context, r *running, waiting *batch, f figures) error {
	b.say("draining")
	begin, left := time.Now(), b.sink.left(waiting)
	// As many as are surely posted while others still go out.
	events := max(1, min(30*rate, left/100))
	var t throughput
	beside := b.sink.expect(events)
	err := r.costs(ctx, left+events, &t, func() error {
		if err := open(ctx, beside, b.load, r.connections(8, false), rate); err != nil {
			return err
		}
		if b.sink.left(waiting) == 0 {
			return errors.New("all had gone out before the posting beside it ended")
		}
		if err := b.sink.wait(ctx, waiting); err != nil {
			return err
		}
		return b.sink.wait(ctx, beside)
	})
	if err != nil {
		return err
	}
	f[rowDrain] = float64(left) / latest(waiting.first).Sub(begin).Seconds()
	f[rowDrainCPU], f[rowDrainMemory] = t.cpu, t.memory
	after, err := b.steady(ctx, r, b.load, events)
	if err != nil {
		return err
	}
	for row, n := range map[string]*batch{rowAcceptBeside: beside, rowAcceptAfter: after} {
		f[fmt.Sprintf(row, "p50")], f[fmt.Sprintf(row, "p99")] = between(n.due, n.answered)
	}
	return nil
}
