package delivery

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// How many seeds are simulated where BELLBUOY_SEEDS does not say, and how often events
// come in one.
const (
	simulatedSeeds = 20
	simulatedTimes = 12
	repetitions    = 20 // of a seed that is named
)

// A seed makes a world: targets with settings of their own, events, and what befalls
// them, in an order and at times that it decides. Whatever it is, the promises hold while
// it goes on, and when all is well again every delivery comes to its end. The store is the
// real one; what is simulated is the targets and the time.
//
// BELLBUOY_SEEDS says how many seeds are tried, BELLBUOY_SEED names the only one. A seed
// decides all but in which order things happen that happen at the same instant; so that
// one is tried several times.
func TestSimulation(t *testing.T) {
	only, seeds := number(t, "BELLBUOY_SEED", 0), number(t, "BELLBUOY_SEEDS", simulatedSeeds)
	if only != 0 {
		seeds = repetitions
	}
	empty := wiredStore(t)
	var all reached
	t.Cleanup(func() { all.enough(t) })
	for i := range seeds {
		seed := i + 1
		if only != 0 {
			seed = only
		}
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("repeat it: BELLBUOY_SEED=%d go test ./internal/delivery -run TestSimulation", seed)
				}
			}()
			dir := memoryDir(t)
			synctest.Test(t, func(t *testing.T) { newSimulation(t, seed, dir, empty).run(&all) })
		})
	}
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// memoryDir is a folder that needs no disk, where there is such.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "bellbuoy-simulation-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// run lets happen what the seed decides, then has all recover, and looks at what came
// of it.
func (s *simulation) run(all *reached) {
	defer func() {
		if s.t.Failed() {
			s.t.Log("what happened:\n" + strings.Join(s.told, "\n"))
		}
	}()
	for _, to := range s.targets {
		s.note("%s: %v", to.name, to)
	}
	s.begin()
	for range simulatedTimes {
		for range 1 + s.n(2)*s.n(4) {
			s.accept()
			s.settle()
		}
		for s.chance(2) {
			s.befall()
			s.settle()
		}
		if s.chance(2) {
			time.Sleep(time.Duration(s.n(20_000)) * time.Millisecond)
		} else if s.chance(12) {
			time.Sleep(time.Duration(s.n(3600)) * time.Second)
		}
		s.route()
	}
	s.recover()
	s.end()
	s.check(all)
}

// settle lets all that is to happen now happen, as a rule: then a seed decides more.
func (s *simulation) settle() {
	if !s.chance(10) {
		synctest.Wait()
	}
}

// befall is one thing that happens.
func (s *simulation) befall() {
	to := s.targets[s.n(len(s.targets))]
	switch s.n(26) {
	case 0, 1, 2, 3, 4, 5, 6:
		to.set(mood(s.n(int(moods))))
		s.note("%s is %v", to.name, to.mood)
	case 7, 8:
		s.ask(to, "disable", s.store.Disable)
	case 9:
		s.ask(to, "enable", s.store.Enable)
	case 10, 11:
		s.ask(to, "reset", s.store.Reset)
	case 12:
		s.note("%s goes", to.name)
		s.reload(func() { to.here = false })
	case 13:
		s.note("%s is in the config", to.name)
		s.reload(func() { to.here = true })
	case 14:
		s.reload(func() { to.settings(s) })
		s.note("%s has other settings: %v", to.name, to)
	case 15, 16, 21:
		s.redeliver(to)
	case 22, 23:
		s.cancel()
	case 17:
		s.note("stop")
		s.end()
		time.Sleep(time.Duration(s.n(600)) * time.Second)
		s.between()
		s.begin()
	case 18:
		s.tidy()
	case 19, 20:
		s.kill()
		if s.chance(2) {
			time.Sleep(time.Duration(s.n(100)) * time.Second)
		}
		s.between()
		s.begin()
	case 24, 25:
		s.clock()
	}
}

// recover ends all that is wrong, but for a target that stays gone or disabled where the
// seed says so, and waits for what is to come of it.
func (s *simulation) recover() {
	for _, to := range s.targets {
		to.set(well)
	}
	lost := s.targets[s.n(len(s.targets))]
	how := s.n(4) // 2 and 3: all recover
	s.reload(func() {
		for _, to := range s.targets {
			to.here = how != 0 || to != lost
		}
	})
	for _, to := range s.targets {
		if how == 1 && to == lost {
			s.ask(to, "disable", s.store.Disable)
		} else if to.here {
			s.ask(to, "reset", s.store.Reset)
		}
	}
	for range 100 {
		time.Sleep(5 * time.Minute)
		s.route()
		if s.waiting() == 0 {
			return
		}
	}
	s.t.Errorf("%d deliveries wait for ever", s.waiting())
}

func (s *simulation) waiting() (n int) {
	counts, err := s.store.TargetCounts(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range counts {
		n += c.States[store.Waiting]
	}
	return n
}

// kill ends the process as kill -9 would: the next one finds the files as they were.
// What is under way arrives or does not, and nobody hears of it.
func (s *simulation) kill() {
	synctest.Wait() // nobody writes
	s.note("kill")
	s.lives++
	next := filepath.Join(s.dir, fmt.Sprint(s.lives, ".db"))
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(s.path + suffix)
		if err == nil {
			err = os.WriteFile(next+suffix, b, 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s.forgotten()
	known := s.known()
	s.end()
	s.path, s.saw = next, known
}

// newSimulation makes the world of a seed, which begins with a copy of the store at empty.
func newSimulation(t *testing.T, seed uint64, dir, empty string) *simulation {
	s := &simulation{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 0)), dir: dir, start: time.Now(),
		planned: map[string]*planned{}, copies: map[copyOf]*planned{}, sends: map[string]*sends{}, lanes: map[laneOf]*laneSeen{}}
	s.path = filepath.Join(dir, "0.db")
	b, err := os.ReadFile(empty)
	if err = errors.Join(err, os.WriteFile(s.path, b, 0o600)); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"ci", "chat", "ops"} {
		to := &simulatedTarget{s: s, name: name, here: true, rnd: rand.New(rand.NewPCG(seed, uint64(i+1)))}
		to.settings(s)
		s.targets = append(s.targets, to)
	}
	return s
}
