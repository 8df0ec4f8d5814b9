//go:build linux

package host

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// BenchmarkHop is one send through a real process with a sender that does nothing,
// at several numbers of sends in flight. cpu-us/op is the processor time of both
// processes together.
func BenchmarkHop(b *testing.B) {
	for _, inFlight := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("inflight=%d", inFlight), func(b *testing.B) {
			h := newHost(b, "idle", func(h *Host) { h.timing = defaultTiming() })
			d := plugin.Delivery{
				ID: "0192a7de-7b1c-7c3d-8f00-0123456789ab", Attempt: 1, Target: "ci", Type: "test",
				Options: json.RawMessage(`{"url":"https://ci.example.com/hook","headers":{"X-Token":"secret"}}`),
				Event:   json.RawMessage(`{"v":1,"pad":"` + strings.Repeat("x", 1000) + `"}`),
			}
			if _, err := h.Send(b.Context(), d); err != nil {
				b.Fatal(err)
			}
			pid := h.Stats()[0].PID
			var left atomic.Int64
			left.Store(int64(b.N))
			var failed atomic.Pointer[error]
			b.ReportAllocs()
			before := cpu(b, pid)
			b.ResetTimer()
			var wg sync.WaitGroup
			for range inFlight {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := h.Send(b.Context(), d); err != nil {
							failed.Store(&err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			if err := failed.Load(); err != nil {
				b.Fatal(*err)
			}
			b.ReportMetric(float64((cpu(b, pid)-before).Microseconds())/float64(b.N), "cpu-us/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
		})
	}
}

// cpu is the processor time that this process and process pid have used.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	total := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	for _, field := range strings.Fields(rest)[11:13] { // utime and stime, in ticks of 10 ms
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		total += time.Duration(n) * 10 * time.Millisecond
	}
	return total
}
