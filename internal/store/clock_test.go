package store

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// A clock that is set, by a second or by years, changes no delay: not that of a retry, of a
// pause, of a circuit's probe, of what is parked, of what is held, nor when a delivery is
// given up. Nor does one that was set back while no process ran, or forward while one waited.
func TestClockIsSet(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, step := range []time.Duration{time.Second, -time.Second, time.Hour, -time.Hour, 10 * year, -10 * year} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprint(step, restarts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { setClock(t, step, restarts) })
			})
		}
	}
}

func setClock(t *testing.T, step time.Duration, restarts bool) {
	path := temp(t)
	var set atomic.Int64 // by how much the clock was set
	var s *Store
	begin := func() {
		var err error
		if s, err = begin(t.Context(), path, Options{Version: "test", Now: func() time.Time { return time.Now().Add(time.Duration(set.Load())) }}); err != nil {
			t.Fatal(err)
		}
		if err := s.PutRuleSet(t.Context(), testRules, []byte("[]")); err != nil {
			t.Fatal(err)
		}
		config := map[string]Target{}
		for _, name := range []string{"retried", "paused", "open", "parked"} {
			config[name] = Target{Type: "webhook", ParkFor: 2 * time.Hour}
		}
		if err := s.Targets(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	defer func() { s.Close() }()

	began := time.Now()
	held := push("held", "a", "retried")
	held.Items[0].Hold, held.Items[0].Routing = &Hold{"lookup", began.Add(30 * time.Minute)}, Routing{}
	accept(t, s, held)
	attempt := func(target string, o Outcome) {
		c := claim(t, s, target, 1)[0]
		o.Seq, o.Target, o.Attempt, o.State, o.Time, o.Error = c.Seq, target, c.Attempt, Waiting, time.Now(), "no"
		if err := s.Record(t.Context(), []Outcome{o}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"retried", "paused", "open"} {
		accept(t, s, push(name, "", name))
	}
	attempt("retried", Outcome{Outcome: plugin.Retry, Next: began.Add(20 * time.Minute)})
	attempt("paused", Outcome{Outcome: plugin.ThrottledTarget, Next: began.Add(10 * time.Minute), Asked: began.Add(10 * time.Minute)})
	for range openAfter {
		attempt("open", Outcome{Outcome: plugin.Retry, Next: began})
	}
	if _, err := s.Disable(t.Context(), "parked", "me"); err != nil {
		t.Fatal(err)
	}
	accept(t, s, push("parked", "", "parked"))

	set.Add(int64(step))
	if restarts {
		if step > 0 { // a process that does not see it cannot tell it from time that passed
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, _ = s.Ready(ctx)
			cancel()
		}
		for range 2 { // the second finds the clock as the first left it
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			begin()
		}
	}
	// claimed reports whether something is claimed for a target, as Ready says.
	claimed := func(target string) func() bool {
		return func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			for {
				ready, err := s.Ready(ctx)
				if err != nil {
					return false
				}
				for _, name := range ready {
					cs, err := s.Claim(t.Context(), name, 9)
					if err != nil {
						t.Fatal(err)
					}
					if len(cs) == 0 {
						continue
					}
					if left := time.Until(cs[0].GiveUp) + time.Since(began); !cs[0].Probe && (left-72*time.Hour).Abs() > 3*time.Second {
						t.Errorf("%s is given up %v after it was accepted", name, left)
					}
					if name != target {
						t.Errorf("%s is claimed %v after it was accepted", name, time.Since(began))
					}
					record(t, s, cs[0], Delivered, time.Time{})
					return true
				}
			}
		}
	}
	for _, one := range []struct {
		what  string
		after time.Duration
		is    func() bool
	}{
		{"a probe", firstProbe, claimed("open")},
		{"what was paused", 10 * time.Minute, claimed("paused")},
		{"what is tried again", 20 * time.Minute, claimed("retried")},
		{"what was held", 30 * time.Minute, func() bool {
			due, _, err := s.HeldDue(t.Context(), time.Now(), 9)
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(due, func(h Held) bool { return h.Event.Target == nil })
		}},
		{"what was parked", 2 * time.Hour, func() bool {
			if err := s.Tend(t.Context()); err != nil {
				t.Fatal(err)
			}
			counts, err := s.TargetCounts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return counts["parked"].States[Expired] > 0
		}},
	} {
		time.Sleep(time.Until(began.Add(one.after - 4*time.Second)))
		if one.is() {
			t.Errorf("%s came early, %v after it began", one.what, time.Since(began))
		}
		time.Sleep(time.Until(began.Add(one.after + 2*time.Second)))
		if !one.is() {
			t.Errorf("%s has not come %v after it began", one.what, time.Since(began))
		}
	}
}
