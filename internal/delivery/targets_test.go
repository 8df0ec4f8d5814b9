package delivery

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// switches are the targets that a test's dispatcher knows.
type switches struct {
	known atomic.Pointer[map[string]Target]
}

// with starts a rig anew whose targets can be switched while it runs.
func (r *rig) with(s *switches) {
	r.end()
	all := r.targets
	s.known.Store(&all)
	r.find = func(n string) (Target, bool) { t, ok := (*s.known.Load())[n]; return t, ok }
	r.run()
}

// say has the store and the dispatcher know these targets, in the order of a reload.
func (r *rig) say(s *switches, targets map[string]Target) {
	r.t.Helper()
	both := map[string]Target{}
	named := map[string]store.Target{}
	for _, m := range []map[string]Target{*s.known.Load(), targets} {
		for n, t := range m {
			both[n] = t
		}
	}
	for n := range targets {
		named[n] = store.Target{}
	}
	s.known.Store(&both)
	if err := r.store.Targets(r.t.Context(), named); err != nil {
		r.t.Fatal(err)
	}
	s.known.Store(&targets)
}

// What is claimed for a target that goes is given back and parked; nothing is sent to it
// until it returns, and then everything once and in order.
func TestTargetComesAndGoes(t *testing.T) {
	var failing atomic.Int64
	r := newRig(t, func(s sent) error {
		if failing.Add(1)%17 == 0 {
			return errors.New("now and then")
		}
		return nil
	})
	var s switches
	r.window = 8
	r.with(&s)
	defer r.end()
	here := map[string]Target{}
	for n, tg := range r.targets {
		tg.Policy.Schedule = []time.Duration{0, time.Millisecond}
		here[n] = tg
	}
	r.say(&s, here)
	const events, repositories = 300, 3
	var work sync.WaitGroup
	done := make(chan struct{})
	work.Go(func() {
		for i := range events {
			r.accept(fmt.Sprintf("%d/%03d", i%repositories, i), fmt.Sprint(i%repositories), "ci")
		}
	})
	go func() { work.Wait(); close(done) }()
	for loading := true; loading; {
		select {
		case <-done:
			loading = false
		default:
		}
		r.say(&s, map[string]Target{"ops": here["ops"]})
		r.say(&s, here)
	}
	deadline := time.Now().Add(time.Minute)
	for i := range events {
		for r.trace(fmt.Sprintf("%d/%03d", i%repositories, i)).State != store.Delivered {
			if time.Now().After(deadline) {
				t.Fatalf("%d is not delivered: %+v", i, r.trace(fmt.Sprintf("%d/%03d", i%repositories, i)))
			}
			time.Sleep(time.Millisecond)
		}
	}
	last, seen := map[string]string{}, map[string]int{}
	for _, a := range r.attempts() {
		repository, _, _ := strings.Cut(a.native, "/")
		if a.native < last[repository] {
			t.Errorf("%s was attempted after %s", a.native, last[repository])
		}
		last[repository] = a.native
		seen[a.native]++
	}
	for native, n := range seen {
		if got := len(r.trace(native).Attempts); got != n {
			t.Errorf("%s was sent %d times, and %d are on record", native, n, got)
		}
	}
}

// While a target's secrets change, neither the old nor the new ones are written down.
func TestOldAndNewSecretsAreMasked(t *testing.T) {
	sending, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(sent) error {
		close(sending)
		<-release
		return plugin.Permanent(errors.New("neither old-secret nor new-secret is right"))
	})
	var s switches
	r.with(&s)
	defer r.end()
	of := func(secret string) map[string]Target {
		tg := r.targets["ci"]
		tg.Masks = []string{secret}
		return map[string]Target{"ci": tg}
	}
	r.say(&s, of("old-secret"))
	r.accept("a", "app", "ci")
	<-sending
	r.say(&s, of("new-secret"))
	close(release)
	for r.trace("a").State != store.Dead {
		time.Sleep(time.Millisecond)
	}
	if got := r.trace("a").Attempts[0].Error; got != "neither *** nor *** is right" {
		t.Errorf("written down: %q", got)
	}
}
