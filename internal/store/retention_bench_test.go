package store

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// BenchmarkAcceptWhileDeleting is how long callers wait for an accept, of 200 a second,
// while as many events of 10 deliveries' worth of rows are deleted beside them as there
// are; and without.
func BenchmarkAcceptWhileDeleting(b *testing.B) {
	for _, deleting := range []bool{false, true} {
		b.Run(fmt.Sprintf("deleting=%t", deleting), func(b *testing.B) {
			s := open(b, temp(b))
			filled(b, s, 20_000)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan struct{})
			before := rows(b, s, "event")
			go func() {
				defer close(ended)
				if deleting {
					s.Keep(Retention{Age: time.Nanosecond, Size: 1 << 40})
					s.Retain(ctx, slog.New(slog.DiscardHandler))
				}
			}()
			var waits []time.Duration
			every := time.NewTicker(5 * time.Millisecond)
			defer every.Stop()
			began := time.Now()
			for i := 0; b.Loop(); i++ {
				<-every.C
				at := time.Now()
				accept(b, s, push(fmt.Sprint("new-", i), "a", "slow"))
				waits = append(waits, time.Since(at))
			}
			took := time.Since(began)
			cancel()
			<-ended
			slices.Sort(waits)
			b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(before+len(waits)-rows(b, s, "event"))/took.Seconds(), "deleted/s")
		})
	}
}

// filled puts n events into s that were delivered.
func filled(b *testing.B, s *Store, n int) {
	b.Helper()
	var callers sync.WaitGroup
	for caller := range 64 {
		callers.Go(func() {
			for i := range n / 64 {
				if _, err := s.Accept(context.Background(), push(fmt.Sprint(caller, "-", i), fmt.Sprint("r", i%100), "ci")); err != nil {
					b.Error(err)
					return
				}
				cs, err := s.Claim(context.Background(), "ci", 100)
				if err != nil {
					b.Error(err)
					return
				}
				var ends []Outcome
				for _, c := range cs {
					ends = append(ends, Outcome{Seq: c.Seq, Target: c.Target, Attempt: c.Attempt, State: Delivered, Time: time.Now(), Outcome: plugin.Delivered})
				}
				if err := s.Record(context.Background(), ends); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	if b.Failed() {
		b.FailNow()
	}
}
