package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// own lists the types of bellbuoy's own events, oldest first.
func (r *rig) own() []event.Type {
	r.t.Helper()
	held, _, err := r.store.HeldDue(r.t.Context(), time.Now().Add(time.Hour), 100)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []event.Type
	for _, h := range held {
		if h.Reason != "own" || h.Registry != store.Own || h.Event.Target == nil {
			r.t.Errorf("held: %+v", h)
		}
		out = append(out, h.Event.Type)
	}
	return out
}

// one has the rig's targets send one at a time, and the config name them.
func (r *rig) one(change func(*store.Target)) {
	r.t.Helper()
	named := map[string]store.Target{}
	for n, tg := range r.targets {
		if tg.Concurrency != 1 { // else it may be read already
			tg.Concurrency = 1
			r.targets[n] = tg
		}
		t := store.Target{Type: tg.Type}
		if change != nil {
			change(&t)
		}
		named[n] = t
	}
	if err := r.store.Targets(r.t.Context(), named); err != nil {
		r.t.Fatal(err)
	}
}

// The fifth attempt in a row without an answer opens the circuit; then there are probes,
// further and further apart, that burn no attempt, and after the first that is answered
// everything is delivered, in order.
func TestCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		r := newRig(t, func(s sent) error {
			if s.target == "ci" && !up.Load() {
				return errors.New("refused")
			}
			return nil
		})
		defer r.end()
		r.one(nil)
		for i := range 8 {
			r.accept(fmt.Sprint("n", i), fmt.Sprint("repo", i), "ci", "ops")
		}
		time.Sleep(2 * time.Second)
		if got := r.order("ci"); got != "n0 n1 n2 n3 n4" {
			t.Errorf("attempted before the circuit opened: %s", got)
		}
		if got := strings.Fields(r.order("ops")); len(got) != 8 {
			t.Errorf("another target got %s", got)
		}
		c := r.store.Conditions()["ci"]
		if c.Word(time.Now()) != store.FailingTarget || c.Retries != 5 || c.Why != "refused" {
			t.Errorf("condition %+v", c)
		}
		r.accept("n8", "repo8", "ci")
		time.Sleep(12 * time.Hour)
		var gaps []time.Duration
		probes := r.attempts()
		var last time.Duration
		n := 0
		for _, s := range probes {
			if s.target != "ci" {
				continue
			}
			if n++; n >= 5 && len(gaps) < 7 {
				if n > 5 {
					gaps = append(gaps, (s.at - last).Round(time.Second))
				}
				last = s.at
			}
		}
		if got := fmt.Sprint(gaps); got != "[30s 1m0s 2m0s 4m0s 5m0s 5m0s 5m0s]" {
			t.Errorf("probes came after %s", got)
		}
		recorded := 0
		for i := range 9 {
			d := r.trace(fmt.Sprint("n", i))
			if d.State != store.Waiting {
				t.Errorf("n%d is %s (%s)", i, d.State, d.Reason)
			}
			recorded += len(d.Attempts)
			for _, a := range d.Attempts {
				if a.Next == nil || a.Error != "refused" {
					t.Errorf("attempt %+v", a)
				}
			}
		}
		if recorded != n || n < 140 {
			t.Errorf("%d attempts were made, %d are in the trace", n, recorded)
		}
		before := len(r.attempts())
		up.Store(true)
		time.Sleep(6 * time.Minute)
		var after []string
		for _, s := range r.attempts()[before:] {
			after = append(after, s.native)
		}
		if len(after) != 9 || !slices.IsSorted(after[1:]) { // the first was the probe
			t.Errorf("after it came back: %s", after)
		}
		if c := r.store.Conditions()["ci"]; c.Word(time.Now()) != store.Healthy || c.Retries != 0 || c.Lost < 12*time.Hour {
			t.Errorf("condition %+v", c)
		}
		if got := fmt.Sprint(r.own()); got != "[bellbuoy.target.failing bellbuoy.target.recovered]" {
			t.Errorf("told %s", got)
		}
	})
}

// Neither a restart nor a kill closes a circuit, and the time behind it is not counted.
func TestCircuitOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		r := newRig(t, func(sent) error {
			if !up.Load() {
				return errors.New("refused")
			}
			return nil
		})
		defer func() { r.end() }()
		r.one(nil)
		for i := range 5 {
			r.accept(fmt.Sprint("n", i), fmt.Sprint("repo", i), "ci")
		}
		time.Sleep(time.Second)
		r.end()
		time.Sleep(100 * time.Hour)
		r.run()
		r.one(nil)
		time.Sleep(time.Second)
		if got := len(r.attempts()); got != 6 {
			t.Errorf("%d attempts, want the 5 and a probe", got)
		}
		up.Store(true)
		time.Sleep(2 * time.Minute)
		for i := range 5 {
			if d := r.trace(fmt.Sprint("n", i)); d.State != store.Delivered {
				t.Errorf("n%d: %+v", i, d)
			}
		}
	})
}

// An answer that says no is an answer: it opens nothing.
func TestRefusalsOpenNoCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(s sent) error {
			if s.native[0] == 'p' {
				return plugin.Permanent(errors.New("status 400"))
			}
			return errors.New("status 503")
		})
		defer r.end()
		r.one(nil)
		for i := range 12 {
			r.accept(fmt.Sprint([]string{"r", "p"}[i/4%2], i), fmt.Sprint("repo", i), "ci")
		}
		time.Sleep(time.Second)
		if got := r.order("ci"); got != "r0 r1 r2 r3 p4 p5 p6 p7 r8 r9 r10 r11" {
			t.Errorf("attempts %s", got)
		}
		if c := r.store.Conditions()["ci"]; !c.Open.IsZero() || c.Retries != 4 || c.Failures != 4 {
			t.Errorf("condition %+v", c)
		}
	})
}

// A target that asks to be left alone is, as a whole: what waits burns no attempt.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quiet atomic.Int64 // until when, in microseconds
		r := newRig(t, func(s sent) error {
			if s.native == "n2" && s.attempt == 1 {
				until := time.Now().Add(7 * time.Minute)
				quiet.Store(until.UnixMicro())
				return plugin.Throttled(errors.New("status 429"), until)
			}
			if time.Now().UnixMicro() < quiet.Load() {
				t.Errorf("%s was sent %v too early", s.native, time.Until(time.UnixMicro(quiet.Load())))
			}
			return nil
		})
		defer r.end()
		r.one(nil)
		for i := range 6 {
			r.accept(fmt.Sprint("n", i), fmt.Sprint("repo", i), "ci")
		}
		time.Sleep(time.Minute)
		r.accept("n6", "repo6", "ci")
		if got := r.order("ci"); got != "n0 n1 n2" {
			t.Errorf("attempts %s", got)
		}
		if c := r.store.Conditions()["ci"]; c.Word(time.Now()) != store.PausedTarget {
			t.Errorf("condition %+v", c)
		}
		time.Sleep(10 * time.Minute)
		if got := r.order("ci"); got != "n0 n1 n2 n2 n3 n4 n5 n6" {
			t.Errorf("attempts %s", got)
		}
		for i := range 7 {
			want := 1
			if i == 2 {
				want = 2
			}
			if d := r.trace(fmt.Sprint("n", i)); d.State != store.Delivered || len(d.Attempts) != want {
				t.Errorf("n%d: %+v", i, d)
			}
		}
	})
}

// Too many dead deliveries in a row, or a 410, disable a target: the rest is parked,
// through a restart too, until somebody enables it; then it is delivered in order.
func TestDisabledTarget(t *testing.T) {
	for name, gone := range map[string]bool{"after 3 dead": false, "410": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var up atomic.Bool
				r := newRig(t, func(s sent) error {
					if up.Load() {
						return nil
					}
					return plugin.Permanent(errors.New("no"))
				})
				defer func() { r.end() }()
				dead := 3
				disableAfter := func(t *store.Target) { t.DisableAfter = dead }
				if gone {
					dead = 1
					disableAfter = nil
					r.scope = plugin.ScopeTargetGone
				}
				r.one(disableAfter)
				for i := range 8 {
					r.accept(fmt.Sprint("n", i), "repo", "ci")
				}
				time.Sleep(time.Second)
				if got := len(r.attempts()); got != dead {
					t.Errorf("%d attempts, want %d", got, dead)
				}
				r.end()
				r.run()
				r.one(disableAfter)
				r.accept("n8", "repo", "ci")
				time.Sleep(time.Hour)
				for i := range 9 {
					want := store.Parked
					if i < dead {
						want = store.Dead
					}
					if d := r.trace(fmt.Sprint("n", i)); d.State != want || want == store.Parked && !strings.HasPrefix(d.Reason, "target is disabled: ") {
						t.Errorf("n%d is %s (%s), want %s", i, d.State, d.Reason, want)
					}
				}
				if c := r.store.Conditions()["ci"]; c.Word(time.Now()) != store.DisabledTarget || c.Failures != dead {
					t.Errorf("condition %+v", c)
				}
				up.Store(true)
				time.Sleep(time.Hour)
				if got := len(r.attempts()); got != dead {
					t.Errorf("%d attempts, want %d still", got, dead)
				}
				c, err := r.store.Reset(t.Context(), "ci", "alice")
				if err != nil || c.Word(time.Now()) != store.Healthy || c.Failures != 0 {
					t.Errorf("reset: %+v, %v", c, err)
				}
				time.Sleep(time.Minute)
				want := "n0 n1 n2 n3 n4 n5 n6 n7 n8"
				if got := r.order("ci"); got != want {
					t.Errorf("sent %s, want %s", got, want)
				}
				if got := fmt.Sprint(r.own()); got != "[bellbuoy.target.disabled bellbuoy.target.recovered]" {
					t.Errorf("told %s", got)
				}
			})
		})
	}
}

// What is parked for too long expires, once, and is told of; what is not stays.
func TestParkedTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(sent) error { return nil })
		defer r.end()
		r.one(func(t *store.Target) { t.ParkFor = 24 * time.Hour })
		if _, err := r.store.Disable(t.Context(), "ci", "alice"); err != nil {
			t.Fatal(err)
		}
		r.accept("old", "repo", "ci")
		time.Sleep(23 * time.Hour)
		r.accept("new", "repo", "ci")
		time.Sleep(2 * time.Hour)
		if d := r.trace("old"); d.State != store.Expired || d.Reason != "parked for 24h0m0s: target is disabled: disabled by alice" {
			t.Errorf("old is %s: %s", d.State, d.Reason)
		}
		if d := r.trace("new"); d.State != store.Parked {
			t.Errorf("new is %s", d.State)
		}
		if got := fmt.Sprint(r.own()); got != "[bellbuoy.target.disabled bellbuoy.expired]" {
			t.Errorf("told %s", got)
		}
		if _, err := r.store.Enable(t.Context(), "ci", "alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := r.order("ci"); got != "new" {
			t.Errorf("sent %s", got)
		}
	})
}

// A target with a wrong certificate, say, is marked, and the mark goes with the first
// delivery that it takes.
func TestMisconfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(s sent) error {
			if s.attempt == 1 {
				return errors.New("its certificate is not accepted")
			}
			return nil
		})
		defer r.end()
		r.one(nil)
		r.scope = plugin.ScopeMisconfigured
		r.accept("n", "repo", "ci")
		time.Sleep(time.Second)
		if c := r.store.Conditions()["ci"]; c.Marked.IsZero() || c.Mark != "its certificate is not accepted" || c.Word(time.Now()) != store.Healthy {
			t.Errorf("condition %+v", c)
		}
		time.Sleep(2 * time.Minute)
		if c := r.store.Conditions()["ci"]; !c.Marked.IsZero() || c.Mark != "" {
			t.Errorf("condition %+v", c)
		}
		// The news that it is well again came within a minute of the bad ones, of another type.
		if got := fmt.Sprint(r.own()); got != "[bellbuoy.target.failing bellbuoy.target.recovered]" {
			t.Errorf("told %s", got)
		}
	})
}

// What was claimed and not sent is given back when the target closes, though an attempt
// is under way that takes long.
func TestGivenBackUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(s sent) error {
			if s.native == "n0" {
				time.Sleep(14 * time.Second)
			}
			time.Sleep(time.Second)
			return nil
		})
		defer r.end()
		r.one(nil)
		tg := r.targets["ci"]
		tg.Concurrency = 2
		r.targets["ci"] = tg
		for i := range 30 {
			r.accept(fmt.Sprint("n", i), fmt.Sprint("repo", i%15), "ci")
		}
		time.Sleep(500 * time.Millisecond)
		if _, err := r.store.Disable(t.Context(), "ci", "alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		for i := range 30 {
			want := store.Parked
			switch i {
			case 0:
				want = store.Waiting // under way
			case 1:
				want = store.Delivered
			}
			if d := r.trace(fmt.Sprint("n", i)); d.State != want {
				t.Errorf("n%d is %s, want %s", i, d.State, want)
			}
		}
	})
}
