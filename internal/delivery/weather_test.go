package delivery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// Whatever a target answers, whoever disables, enables and resets it, and however often
// the process ends: every delivery comes to its end, none is sent after the target was
// seen to be disabled or paused, and those of a repository are first attempted in order.
func TestWeather(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { weather(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

// kill ends the rig's life as kill -9 would: what runs next finds the files as they were
// in the midst of it.
func (r *rig) kill() {
	r.t.Helper()
	synctest.Wait() // nobody writes
	next := filepath.Join(r.t.TempDir(), "b.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(r.path + suffix)
		if err == nil {
			err = os.WriteFile(next+suffix, b, 0o600)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	r.end()
	r.path = next
}

func weather(t *testing.T, rnd *rand.Rand) {
	var mu sync.Mutex
	random := func(n int) int { mu.Lock(); defer mu.Unlock(); return rnd.IntN(n) }
	fair, mood := false, 0
	r := newRig(t, func(s sent) error {
		time.Sleep(time.Duration(random(2000)) * time.Millisecond)
		mu.Lock()
		now, fine := mood, fair
		mu.Unlock()
		switch {
		case fine:
			return nil
		case now == 0 && random(60) == 0:
			return plugin.Throttled(errors.New("status 429"), time.Now().Add(time.Duration(random(600))*time.Second))
		case now == 1 && random(5) > 0, now == 2:
			return errors.New("refused")
		case random(50) == 0:
			return plugin.Permanent(errors.New("status 400"))
		}
		return nil
	})
	r.end()
	r.window, r.hold = 4+random(20), 1000*time.Hour
	tg := r.targets["ci"]
	tg.Concurrency = 1 + random(6)
	tg.Policy.Schedule = []time.Duration{0, time.Second, 20 * time.Second}
	r.targets["ci"] = tg
	named := map[string]store.Target{"ci": {Type: "webhook", DisableAfter: random(4)}}
	begin := func() {
		t.Helper()
		r.run()
		if err := r.store.Targets(t.Context(), named); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	const events = 120
	for i := range events {
		repo := fmt.Sprint("r", random(8))
		r.accept(fmt.Sprintf("%s/%03d", repo, i), repo, "ci")
		var err error
		switch random(24) {
		case 0, 1, 2:
			mu.Lock()
			mood = rnd.IntN(3)
			mu.Unlock()
		case 3:
			_, err = r.store.Disable(t.Context(), "ci", "alice")
			time.Sleep(3 * time.Second) // what is under way ends
			quiet := len(r.attempts())
			if counts, cerr := r.store.TargetCounts(t.Context()); cerr != nil || counts["ci"].States[store.Waiting] > 0 {
				t.Errorf("while it is disabled: %v %v", counts, cerr)
			}
			time.Sleep(time.Duration(random(1000)) * time.Second)
			if n := len(r.attempts()) - quiet; n > 0 {
				t.Errorf("%d sends while it was disabled", n)
			}
		case 4:
			_, err = r.store.Enable(t.Context(), "ci", "alice")
		case 5:
			_, err = r.store.Reset(t.Context(), "ci", "alice")
		case 6:
			if random(2) == 0 {
				r.kill()
			} else {
				r.end()
			}
			begin()
		case 7:
			err = errors.Join(r.store.Targets(t.Context(), nil), r.store.Targets(t.Context(), named))
		case 8, 9, 10, 11:
			time.Sleep(time.Duration(random(60_000)) * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
		if c := r.store.Conditions()["ci"]; c.Paused.After(time.Now()) && random(3) == 0 {
			time.Sleep(3 * time.Second)
			if c = r.store.Conditions()["ci"]; c.Paused.After(time.Now()) {
				quiet := len(r.attempts())
				time.Sleep(time.Until(c.Paused) - time.Millisecond)
				if n := len(r.attempts()) - quiet; n > 0 {
					t.Errorf("%d sends while it was paused", n)
				}
			}
		}
	}
	mu.Lock()
	fair = true
	mu.Unlock()
	if _, err := r.store.Reset(t.Context(), "ci", "alice"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Hour)
	defer r.end()
	counts, err := r.store.TargetCounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := counts["ci"].States
	if ended[store.Delivered]+ended[store.Dead] != events {
		t.Errorf("states %v, condition %+v", ended, r.store.Conditions()["ci"])
	}
	last, seen := map[string]string{}, map[string]int{}
	for _, a := range r.attempts() {
		repo, _, _ := strings.Cut(a.native, "/")
		if seen[a.native]++; seen[a.native] == 1 {
			if a.native < last[repo] {
				t.Errorf("%s was attempted after %s", a.native, last[repo])
			}
			last[repo] = a.native
		}
	}
	for native, n := range seen {
		if got := len(r.trace(native).Attempts); got > n || got == 0 { // a kill takes what was not written yet
			t.Errorf("%s was sent %d times, and %d are on record", native, n, got)
		}
	}
}
