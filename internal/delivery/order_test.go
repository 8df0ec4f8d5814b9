package delivery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// worlds is how many seeds are tried: make simulate, which runs without the race detector,
// tries thousands of worlds in which all of this happens too.
func worlds() uint64 {
	if raced {
		return 3
	}
	return 12
}

// However attempts fail and whenever events come, the next event of a repository is
// not attempted before the one before it has ended.
func TestOrderUnderRandomFailures(t *testing.T) {
	for seed := range worlds() {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomFailures(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

// Nothing is stuck, however small the window, however soon holds end, and though the
// process ends in between.
func TestNothingIsStuck(t *testing.T) {
	for seed := range worlds() {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 1))
				var mu sync.Mutex
				random := func(n int) int { mu.Lock(); defer mu.Unlock(); return rnd.IntN(n) }
				r := newRig(t, func(s sent) error {
					time.Sleep(time.Duration(random(30)) * time.Millisecond)
					if s.attempt < 6 && random(3) == 0 {
						return errors.New("no")
					}
					return nil
				})
				r.end()
				r.window, r.hold = 4, time.Duration(20+random(100))*time.Millisecond
				tg := r.targets["ci"]
				tg.Policy.Schedule = []time.Duration{0, 50 * time.Millisecond}
				r.targets["ci"] = tg
				r.run()
				const events = 150
				for i := range events {
					repo := fmt.Sprint("r", random(6))
					r.accept(fmt.Sprintf("%s/%03d", repo, i), repo, "ci")
					if random(4) == 0 {
						time.Sleep(time.Duration(random(30)) * time.Millisecond)
					}
					if i == events/2 {
						r.end()
						r.run()
					}
				}
				time.Sleep(time.Hour) // five failures in a row open the circuit
				defer r.end()
				l, err := r.store.Events(t.Context(), store.Query{Limit: 1000, Outcome: string(store.Delivered)})
				if err != nil || len(l) != events {
					t.Errorf("%d of %d events are delivered (%v)", len(l), events, err)
				}
			})
		})
	}
}

// A repository with much to say leaves room for the others of its target.
func TestHotRepositoryLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(sent) error { time.Sleep(time.Second); return nil })
		defer r.end()
		for i := range 100 {
			r.accept(fmt.Sprint("hot", i), "hot", "ci")
		}
		r.accept("other", "other", "ci")
		time.Sleep(5 * time.Second)
		if !strings.Contains(r.order("ci"), "other") {
			t.Errorf("after 5 s with idle slots: %s", r.order("ci"))
		}
	})
}

// Told to stop while outcomes cannot be written, a dispatcher stops.
func TestStopWhileNothingCanBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(sent) error { time.Sleep(time.Second); return errors.New("no") })
		r.accept("a", "a", "ci")
		time.Sleep(500 * time.Millisecond) // in flight
		if err := r.store.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if err := r.stop(); err == nil {
			t.Error("the outcome is lost without a word")
		}
	})
}

func randomFailures(t *testing.T, rnd *rand.Rand) {
	const events, repositories = 200, 12
	var mu sync.Mutex
	random := func(n int) int { mu.Lock(); defer mu.Unlock(); return rnd.IntN(n) }
	r := newRig(t, func(s sent) error {
		time.Sleep(time.Duration(random(20)) * time.Millisecond)
		if random(10) == 0 {
			return errors.New("no")
		}
		return nil
	})
	defer r.end()
	tg := r.targets["ci"]
	tg.Policy.Schedule = []time.Duration{0, 50 * time.Millisecond}
	r.targets["ci"] = tg
	for i := range events {
		repo := fmt.Sprint("r", random(repositories))
		r.accept(fmt.Sprintf("%s/%03d", repo, i), repo, "ci")
		if random(3) == 0 {
			time.Sleep(time.Duration(random(30)) * time.Millisecond)
		}
	}
	time.Sleep(time.Minute)
	last := map[string]string{} // of each repository, what was attempted last
	delivered := 0
	for _, s := range r.attempts() {
		repo, _, _ := strings.Cut(s.native, "/")
		if s.native < last[repo] {
			t.Errorf("%s was attempted after %s", s.native, last[repo])
		}
		if s.native != last[repo] {
			delivered++
		}
		last[repo] = s.native
	}
	if delivered != events {
		t.Errorf("%d events were attempted, want %d", delivered, events)
	}
}
