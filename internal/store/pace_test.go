package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// pace is a store with targets that have a rate, and all that happens to it: what is
// claimed is sent late, given back or lost, the process is killed, the clock is set.
type pace struct {
	t       *rapid.T
	path    string
	target  Target
	offset  atomic.Int64 // of the clock on the wall
	store   *Store
	claimed []Claimed   // not sent yet
	flying  []Claimed   // arrived, and not ended
	arrived []time.Time // at the receiver, by a clock that nobody sets
	n       int
}

func (p *pace) ok(err error) {
	if err != nil {
		p.t.Helper()
		p.t.Fatal(err)
	}
}

func (p *pace) start() {
	var err error
	p.store, err = begin(context.Background(), p.path, Options{Version: "test", Window: 64,
		Now: func() time.Time { return time.Now().Add(time.Duration(p.offset.Load())) }})
	p.ok(err)
	p.ok(p.store.PutRuleSet(context.Background(), testRules, []byte("[]")))
	p.ok(p.store.Targets(context.Background(), map[string]Target{"chat": p.target}))
}

func (p *pace) accept(key string) {
	p.n++
	a := push(fmt.Sprintf("n%06d", p.n), key, "chat")
	_, err := p.store.Accept(context.Background(), a)
	p.ok(err)
}

func (p *pace) claim(n int) int {
	cs, err := p.store.Claim(context.Background(), "chat", n)
	p.ok(err)
	p.claimed = append(p.claimed, cs...)
	return len(cs)
}

// pick takes one of cs out at random.
func (p *pace) pick(cs *[]Claimed) Claimed {
	i := rapid.IntRange(0, len(*cs)-1).Draw(p.t, "which")
	c := (*cs)[i]
	*cs = slices.Delete(*cs, i, i+1)
	return c
}

func (p *pace) record(o Outcome) { p.ok(p.store.Record(context.Background(), []Outcome{o})) }

func ended(c Claimed, state State) Outcome {
	o := Outcome{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, State: state, Time: time.Now()}
	switch state {
	case Delivered:
		o.Outcome = plugin.Delivered
	case Dead:
		o.Outcome = plugin.PermanentFail
	case Waiting:
		o.Outcome, o.Next = plugin.Retry, time.Now()
	}
	return o
}

// kill ends the process: what was claimed and had not arrived never does.
func (p *pace) kill() {
	p.ok(p.store.Close())
	p.claimed, p.flying = nil, nil
	p.start()
}

// within holds what arrived to the rate.
func (p *pace) within() {
	n, per := p.target.Rate.Sends, p.target.Rate.Per
	for i := 0; i+n < len(p.arrived); i++ {
		if gap := p.arrived[i+n].Sub(p.arrived[i]); gap < per {
			p.t.Fatalf("%d arrived within %v, which is less than %v: from number %d on", n+1, gap, per, i)
		}
	}
}

// bubble runs one of rapid's runs by a clock of its own, and fails it outside.
func bubble(t *testing.T, run func()) {
	var failed any
	synctest.Test(t, func(*testing.T) {
		defer func() { failed = recover() }()
		run()
	})
	if failed != nil {
		panic(failed)
	}
}

// However sends are delayed, given back, lost and repeated, processes killed and clocks
// set, no window has more arrivals than the rate says; and whatever happened, a window
// later the next one is let go.
func TestRateHoldsInAnyWindow(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		bubble(t, func() {
			t := rt
			p := &pace{t: t, path: filepath.Join(dir, fmt.Sprint(runs)), target: Target{Rate: Rate{
				Sends: rapid.SampledFrom([]int{1, 2, 5, 20}).Draw(t, "sends"),
				Per:   rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, time.Minute}).Draw(t, "per"),
			}}}
			per := p.target.Rate.Per
			p.start()
			defer func() { p.ok(p.store.Close()) }()
			wait := func(t *rapid.T) {
				time.Sleep(time.Duration(rapid.Int64Range(0, int64(per)*5/4).Draw(t, "wait")))
			}
			step := func(from, to int64) func(*rapid.T) {
				return func(t *rapid.T) {
					p.offset.Add(rapid.Int64Range(from*int64(per), to*int64(per)).Draw(t, "step"))
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"accept": func(t *rapid.T) {
					for range rapid.IntRange(1, 8).Draw(t, "n") {
						p.accept(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "key"))
					}
				},
				"claim":  func(t *rapid.T) { p.claim(rapid.IntRange(1, 10).Draw(t, "n")) },
				"claim ": func(t *rapid.T) { p.claim(rapid.IntRange(1, 10).Draw(t, "n")) },
				"arrive": func(t *rapid.T) {
					for range min(len(p.claimed), rapid.IntRange(1, 8).Draw(t, "n")) {
						p.flying = append(p.flying, p.pick(&p.claimed))
						p.arrived = append(p.arrived, time.Now())
					}
				},
				"end": func(t *rapid.T) {
					for range min(len(p.flying), rapid.IntRange(1, 8).Draw(t, "n")) {
						p.record(ended(p.pick(&p.flying), rapid.SampledFrom([]State{Delivered, Dead, Waiting}).Draw(t, "state")))
					}
				},
				"give back": func(t *rapid.T) {
					if len(p.claimed) > 0 {
						c := p.pick(&p.claimed)
						p.record(Outcome{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Probes: c.Probes, Returned: true})
					}
				},
				"end unsent": func(t *rapid.T) {
					if len(p.claimed) > 0 {
						p.record(ended(p.pick(&p.claimed), Skipped))
					}
				},
				"wait":  wait,
				"wait ": wait,
				"kill":  func(*rapid.T) { p.kill() },
				// With the next commit the store sees that the clock was set. If it was set
				// forward and no process lived to see it, that is time that passed.
				"set the clock": func(t *rapid.T) {
					step(-3, 3)(t)
					p.accept("")
				},
				"set the clock back and kill": func(t *rapid.T) {
					step(-3, 0)(t)
					p.kill()
				},
				"": func(*rapid.T) { p.within() },
			})
			for _, c := range slices.Concat(p.claimed, p.flying) {
				p.record(ended(c, Delivered))
			}
			p.claimed, p.flying = nil, nil
			p.accept("")
			p.claim(1)
			time.Sleep(per + time.Millisecond)
			if len(p.claimed) == 0 && p.claim(1) == 0 {
				t.Fatalf("nothing is let go after %v", per)
			}
		})
	})
}

// Where no token is left, the target is named again just when the next one is free: by
// its age, by being given back, or because the config allows more.
func TestReadyWhenATokenIsFree(t *testing.T) {
	const per = time.Minute
	synctest.Test(t, func(t *testing.T) {
		s := open(t, temp(t))
		rate := func(sends int) {
			t.Helper()
			if err := s.Targets(t.Context(), map[string]Target{"chat": {Rate: Rate{Sends: sends, Per: per}}}); err != nil {
				t.Fatal(err)
			}
		}
		rate(2)
		for i := range 8 {
			accept(t, s, push(fmt.Sprintf("n%d", i), "", "chat"))
		}
		next := func(n int) ([]Claimed, time.Duration) {
			t.Helper()
			begun := time.Now()
			for {
				if _, err := s.Ready(t.Context()); err != nil {
					t.Fatal(err)
				}
				if cs := claim(t, s, "chat", n); len(cs) > 0 {
					return cs, time.Since(begun)
				}
			}
		}
		first, _ := next(8)
		if len(first) != 2 {
			t.Fatalf("claimed %d at once", len(first))
		}
		time.AfterFunc(10*time.Second, func() { record(t, s, first[0], Delivered, time.Time{}) })
		time.AfterFunc(20*time.Second, func() { record(t, s, first[1], Delivered, time.Time{}) })
		near := func(got, want time.Duration) {
			t.Helper()
			if d := got - want; d < 0 || d > 100*time.Millisecond {
				t.Errorf("claimed after %v, want %v", got, want)
			}
		}
		second, after := next(8)
		near(after, 70*time.Second)
		third, after := next(8)
		near(after, 10*time.Second)
		if len(second) != 1 || len(third) != 1 {
			t.Fatalf("claimed %d and %d", len(second), len(third))
		}
		time.AfterFunc(time.Second, func() {
			o := Outcome{Seq: third[0].Seq, Target: "chat", Attempt: 1, Returned: true}
			if err := s.Record(t.Context(), []Outcome{o}); err != nil {
				t.Error(err)
			}
		})
		_, after = next(8)
		near(after, time.Second)
		changed := make(chan struct{})
		time.AfterFunc(time.Second, func() {
			defer close(changed)
			rate(4)
		})
		more, after := next(8)
		<-changed
		near(after, time.Second)
		if len(more) != 2 {
			t.Errorf("claimed %d when two more were allowed", len(more))
		}
	})
}

// A target that gets a rate while much is handed over for it: that is given back.
func TestRateComesWithAReload(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "chat")
	for i := range 8 {
		accept(t, s, push(fmt.Sprintf("n%d", i), "", "chat"))
	}
	begun := claim(t, s, "chat", 1)
	if err := s.Targets(t.Context(), map[string]Target{"chat": {Rate: Rate{Sends: 3, Per: time.Hour}}}); err != nil {
		t.Fatal(err)
	}
	if got := natives(t, claim(t, s, "chat", 8)); got != "n1 n2" {
		t.Errorf("claimed %q; one was under way, and three are allowed", got)
	}
	record(t, s, begun[0], Delivered, time.Time{})
	if got := claim(t, s, "chat", 8); len(got) != 0 {
		t.Errorf("claimed %q", natives(t, got))
	}
	say(t, s, "chat")
	if got := natives(t, claim(t, s, "chat", 8)); got != "n3 n4 n5 n6 n7" {
		t.Errorf("claimed %q without a rate", got)
	}
}

// A rate of very many sends is counted in few rows, and none too early.
func TestManySendsInFewRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, temp(t))
		rate := Rate{Sends: exactSends + 6, Per: 350 * time.Millisecond}
		if err := s.Targets(t.Context(), map[string]Target{"chat": {Rate: rate}}); err != nil {
			t.Fatal(err)
		}
		var sent []time.Time
		if err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
			for i := range int64(1500) {
				time.Sleep(time.Duration(rand.IntN(600)) * time.Microsecond)
				c := Claimed{Seq: -1 - i, Target: "chat", Attempt: 1}
				n, err := s.ration(ctx, "chat", 1)
				if err != nil {
					return err
				}
				if n == 0 {
					continue
				}
				sent = append(sent, time.Now())
				if err := errors.Join(s.take(ctx, "chat", []Claimed{c}), s.spend(ctx, ended(c, Delivered))); err != nil {
					return err
				}
			}
			return nil
		}}); err != nil {
			t.Fatal(err)
		}
		for i := 0; i+rate.Sends < len(sent); i++ {
			if gap := sent[i+rate.Sends].Sub(sent[i]); gap < rate.Per {
				t.Fatalf("%d within %v", rate.Sends+1, gap)
			}
		}
		var rows int
		if err := s.read.QueryRowContext(t.Context(), `SELECT count(*) FROM spent`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if len(sent) <= rate.Sends || rows > exactSends+8 {
			t.Errorf("%d sent, in %d rows", len(sent), rows)
		}
	})
}
