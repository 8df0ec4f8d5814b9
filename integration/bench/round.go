//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/process"
)

// figures are one round's, by the name of the row.
type figures map[string]float64

// run measures everything of a system that runs, into f.
func (r *running) run(ctx context.Context, s *sink, f figures, scale float64) error {
	many := func(n int) int { return max(1, int(float64(n)*scale)) }

	warm := s.expect(many(500))
	if _, err := closed(ctx, warm, r.connections(4, false)); err != nil {
		return err
	}
	if err := s.wait(ctx, warm); err != nil {
		return err
	}
	time.Sleep(time.Second) // let it come to rest
	idle, err := process.Memory(r.process.PID())
	if err != nil {
		return err
	}
	f[rowIdle] = float64(idle) / (1 << 20)

	for _, phase := range []struct {
		connections, events int
	}{{1, 3000}, {16, 20000}, {128, 20000}} {
		if err := r.throughput(ctx, s, f, phase.connections, many(phase.events)); err != nil {
			return fmt.Errorf("%d connections: %w", phase.connections, err)
		}
	}
	if err := r.latency(ctx, s, f, many(1500)); err != nil {
		return fmt.Errorf("at a steady rate: %w", err)
	}
	for _, phase := range []struct {
		posters, events int
		row             string
	}{{1, 1500, rowNew1}, {16, 5000, rowNew16}} {
		b := s.expect(many(phase.events))
		took, err := closed(ctx, b, r.connections(phase.posters, true))
		if err != nil {
			return fmt.Errorf("with a new connection for each event: %w", err)
		}
		f[phase.row] = float64(len(b.due)) / took.Seconds()
		if err := s.wait(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// throughput measures how many events a second go all the way, what they cost, and
// with the most connections how much memory it takes.
func (r *running) throughput(ctx context.Context, s *sink, f figures, connections, events int) error {
	b := s.expect(events)
	before, err := process.CPU(r.process.PID())
	if err != nil {
		return err
	}
	loaded, stop := context.WithCancel(ctx)
	peak := make(chan int64)
	go func() { peak <- r.watchMemory(loaded) }()
	_, err = closed(ctx, b, r.connections(connections, false))
	if err == nil {
		err = s.wait(ctx, b)
	}
	stop()
	most := <-peak
	if err != nil {
		return err
	}
	after, err := process.CPU(r.process.PID())
	if err != nil {
		return err
	}
	took := latest(b.first).Sub(earliest(b.due))
	f[fmt.Sprintf(rowDelivered, connections)] = float64(events) / took.Seconds()
	f[fmt.Sprintf(rowCPU, connections)] = (after - before).Seconds() * 1e6 / float64(events)
	f[rowLoaded] = max(f[rowLoaded], float64(most)/(1<<20))
	return nil
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

// latency measures how long events take from when they are due to the sink.
func (r *running) latency(ctx context.Context, s *sink, f figures, events int) error {
	const rate, connections = 300, 8
	b := s.expect(events)
	if err := open(ctx, b, r.connections(connections, false), rate); err != nil {
		return err
	}
	if err := s.wait(ctx, b); err != nil {
		return err
	}
	took := make([]time.Duration, events)
	for i := range took {
		took[i] = b.first[i].Sub(b.due[i])
	}
	slices.Sort(took)
	f[rowP50] = took[events/2].Seconds() * 1000
	f[rowP99] = took[events*99/100].Seconds() * 1000
	return nil
}

func earliest(times []time.Time) time.Time { return slices.MinFunc(times, time.Time.Compare) }
func latest(times []time.Time) time.Time   { return slices.MaxFunc(times, time.Time.Compare) }
