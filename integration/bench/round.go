//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/process"
)

// measure runs one round of one system: all that is measured of both.
func (b *bench) measure(ctx context.Context, s system) (f figures, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("a round took more than ten minutes"))
	defer cancel()
	dir, err := os.MkdirTemp(b.dir, s.name+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	f = figures{}
	return f, s.run(ctx, dir, b.sink.URL(), func(r *running) error {
		f[rowReady], f[rowBinary] = millis(r.ready), float64(r.size)/1e6
		return b.round(ctx, r, f)
	})
}

func (b *bench) round(ctx context.Context, r *running, f figures) error {
	load := b.load.first(128)
	warm := b.sink.expect(b.many(500))
	if _, err := closed(ctx, warm, load, r.connections(4, false)); err != nil {
		return err
	}
	if err := b.sink.wait(ctx, warm); err != nil {
		return err
	}
	time.Sleep(time.Second) // let it come to rest
	idle, err := process.Memory(r.process.PID())
	if err != nil {
		return err
	}
	f[rowIdle] = mebibytes(idle)

	for _, phase := range []struct {
		connections, events int
	}{{1, 3000}, {16, 20000}, {128, 20000}} {
		t, err := b.throughput(ctx, r, load, phase.connections, b.many(phase.events))
		if err != nil {
			return fmt.Errorf("%d connections: %w", phase.connections, err)
		}
		f[fmt.Sprintf(rowDelivered, phase.connections)] = t.delivered
		f[fmt.Sprintf(rowCPU, phase.connections)] = t.cpu
		f[rowLoaded] = max(f[rowLoaded], t.memory)
	}
	steady, err := b.steady(ctx, r, load, b.many(1500))
	if err != nil {
		return fmt.Errorf("at a steady rate: %w", err)
	}
	f[rowP50], f[rowP99] = between(steady.due, steady.first)
	return b.connecting(ctx, r, load, f)
}

// connecting measures how many events are accepted where each comes on a connection
// of its own.
func (b *bench) connecting(ctx context.Context, r *running, load *envelopes, f figures) error {
	for _, phase := range []struct {
		events int
		row    string
		post   func(*batch) (time.Duration, error)
	}{
		{1500, rowRegistry, func(n *batch) (time.Duration, error) { return r.fromRegistry(n, load) }},
		{1500, rowNew1, func(n *batch) (time.Duration, error) { return closed(ctx, n, load, r.connections(1, true)) }},
		{5000, rowNew16, func(n *batch) (time.Duration, error) { return closed(ctx, n, load, r.connections(16, true)) }},
	} {
		n := b.sink.expect(b.many(phase.events))
		took, err := phase.post(n)
		if err == nil {
			err = b.sink.wait(ctx, n)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", phase.row, err)
		}
		f[phase.row] = float64(len(n.due)) / took.Seconds()
	}
	return nil
}

// many is how many events are measured where n are usual.
func (b *bench) many(n int) int { return max(1, int(float64(n)*b.o.scale)) }

// throughput is what the posting of a batch, as fast as it is answered, has shown.
type throughput struct {
	delivered float64 // a second, all the way
	cpu       float64 // milliseconds for 1000 events, of the whole process tree
	memory    float64 // the most, in MiB
}

func (b *bench) throughput(ctx context.Context, r *running, load *envelopes, connections, events int) (throughput, error) {
	n := b.sink.expect(events)
	var t throughput
	err := r.costs(ctx, events, &t, func() error {
		if _, err := closed(ctx, n, load, r.connections(connections, false)); err != nil {
			return err
		}
		return b.sink.wait(ctx, n)
	})
	if err != nil {
		return t, err
	}
	t.delivered = float64(events) / latest(n.first).Sub(earliest(n.due)).Seconds()
	return t, nil
}

// costs measures what the system spends on so many events while do runs.
func (r *running) costs(ctx context.Context, events int, t *throughput, do func() error) error {
	before, err := process.CPU(r.process.PID())
	if err != nil {
		return err
	}
	loaded, stop := context.WithCancel(ctx)
	peak := make(chan int64)
	go func() { peak <- r.watchMemory(loaded) }()
	err = do()
	stop()
	t.memory = mebibytes(<-peak)
	if err != nil {
		return err
	}
	after, err := process.CPU(r.process.PID())
	t.cpu = (after - before).Seconds() * 1e6 / float64(events)
	return err
}

// watchMemory returns the most memory that the system had until ctx ends.
func (r *running) watchMemory(ctx context.Context) int64 {
	var most int64
	for {
		if now, err := process.Memory(r.process.PID()); err == nil {
			most = max(most, now)
		}
		select {
		case <-ctx.Done():
			return most
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// rate is how many events a second come where times are measured: a busy company's.
const rate = 300

// steady posts so many events at the rate and waits until all are delivered.
func (b *bench) steady(ctx context.Context, r *running, load *envelopes, events int) (*batch, error) {
	n := b.sink.expect(events)
	if err := open(ctx, n, load, r.connections(8, false), rate); err != nil {
		return nil, err
	}
	return n, b.sink.wait(ctx, n)
}

// between returns how many milliseconds lie between each two times, for the one in
// the middle and for the 99th of a hundred.
func between(from, to []time.Time) (p50, p99 float64) {
	took := make([]time.Duration, len(from))
	for i := range took {
		took[i] = to[i].Sub(from[i])
	}
	return quantiles(took)
}

func quantiles(took []time.Duration) (p50, p99 float64) {
	slices.Sort(took)
	return millis(took[len(took)/2]), millis(took[len(took)*99/100])
}

func millis(d time.Duration) float64   { return d.Seconds() * 1000 }
func mebibytes(n int64) float64        { return float64(n) / (1 << 20) }
func earliest(t []time.Time) time.Time { return slices.MinFunc(t, time.Time.Compare) }
func latest(t []time.Time) time.Time   { return slices.MaxFunc(t, time.Time.Compare) }
