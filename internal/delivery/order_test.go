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
)

// However attempts fail and whenever events come, the next event of a repository is
// not attempted before the one before it has ended.
func TestOrderUnderRandomFailures(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomFailures(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
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
