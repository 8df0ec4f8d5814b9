package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// several opens a store n times, as n processes do that share it.
func several(t *testing.T, url string, n int) []*Store {
	t.Helper()
	var all []*Store
	for range n {
		all = append(all, join(t, url))
	}
	return all
}

func join(t *testing.T, url string) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, Options{Version: "test", Window: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.PutRuleSet(t.Context(), testRules, []byte("[]")); err != nil {
		t.Fatal(err)
	}
	return s
}

// consumer takes what one process may claim of a target, and sends it at once.
type consumer struct {
	s      *Store
	target string
	got    func(c Claimed) Outcome
	holds  func(claimed []Claimed, holds bool) // told of what it has; may be nil
}

func (c consumer) run(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		if _, err := c.s.Ready(ctx); err != nil {
			return
		}
		for {
			claimed, err := c.s.Claim(ctx, c.target, 8)
			if err != nil {
				if ctx.Err() == nil {
					t.Error(err)
				}
				return
			}
			if len(claimed) == 0 {
				break
			}
			if c.holds != nil {
				c.holds(claimed, true)
			}
			var out []Outcome
			stop := map[string]bool{}
			for _, one := range claimed {
				o := Outcome{Seq: one.Seq, Lease: one.Lease, Target: one.Target, Key: one.Key, Attempt: one.Attempt, Probes: one.Probes, Returned: true}
				if !stop[one.Key] {
					o = c.got(one)
					stop[one.Key] = one.Key != "" && o.State == Waiting
				}
				out = append(out, o)
			}
			if c.holds != nil {
				c.holds(claimed, false) // others may have it before this returns
			}
			if err := c.s.RecordNow(context.WithoutCancel(ctx), out); err != nil {
				t.Error(err)
				return
			}
		}
	}
}

func sentAs(c Claimed, state State, outcome plugin.Outcome) Outcome {
	o := Outcome{Seq: c.Seq, Lease: c.Lease, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Probes: c.Probes, Probe: c.Probe,
		State: state, Time: time.Now(), Outcome: outcome, Receipt: plugin.Receipt{Status: 200}}
	if state == Waiting {
		o.Next = time.Now().Add(20 * time.Millisecond)
	}
	return o
}

// Three processes take events of the same repositories and deliver them, some at the
// second attempt: each arrives once, those of a repository in the order of acceptance, and
// no two processes ever have the same repository in their hands.
func TestProcessesShareTheQueue(t *testing.T) {
	stores := several(t, database(t), 3)
	each := 60
	var mu sync.Mutex
	order := map[string][]int64{} // by key
	failed := map[int64]bool{}
	by := map[int]int{}
	left := len(stores) * each
	hands := map[string]int{} // by key, who has it
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for i, s := range stores {
		say(t, s, "ci")
		all.Go(func() {
			consumer{s, "ci", func(c Claimed) Outcome {
				mu.Lock()
				defer mu.Unlock()
				if c.Seq%11 == 0 && !failed[c.Seq] {
					failed[c.Seq] = true
					return sentAs(c, Waiting, plugin.ThrottledTarget)
				}
				order[c.Key] = append(order[c.Key], c.Seq)
				by[i]++
				if left--; left == 0 {
					cancel()
				}
				return sentAs(c, Delivered, plugin.Delivered)
			}, func(claimed []Claimed, holds bool) {
				mu.Lock()
				defer mu.Unlock()
				for _, c := range claimed {
					if other, held := hands[c.Key]; holds && held && other != i {
						t.Errorf("%s is in the hands of %d and of %d", c.Key, i, other)
					}
					if hands[c.Key] = i; !holds {
						delete(hands, c.Key)
					}
				}
			}}.run(ctx, t)
		})
		all.Go(func() {
			for n := range each {
				accept(t, s, push(fmt.Sprint("n", i, "-", n), fmt.Sprint("repo", n%5), "ci"))
			}
		})
	}
	all.Wait()
	if left != 0 {
		t.Fatalf("%d never arrived", left)
	}
	for key, seqs := range order {
		if !slices.IsSorted(seqs) {
			t.Errorf("%s arrived in the order %v", key, seqs)
		}
	}
	t.Logf("delivered by each: %v", by)
}

// What one process leaves to others wakes them, and what it finds of a target they know.
func TestProcessesHearOfEachOther(t *testing.T) {
	stores := several(t, database(t), 2)
	a, b := stores[0], stores[1]
	say(t, a, "ci")
	say(t, b, "ci")
	for !b.engine.listening() {
		time.Sleep(time.Millisecond)
	}
	accept(t, a, push("first", "r", "ci"))
	claimed := claim(t, a, "ci", 1)
	if len(claimed) != 1 {
		t.Fatal("nothing was handed over")
	}
	if got := claim(t, b, "ci", 1); len(got) > 0 {
		t.Fatalf("both have %v", got)
	}
	if err := a.RecordNow(t.Context(), []Outcome{{Seq: claimed[0].Seq, Lease: claimed[0].Lease, Target: "ci", Key: "r", Attempt: 1, Returned: true}}); err != nil {
		t.Fatal(err)
	}
	until(t, b, "ci", "first")
	if _, err := a.Disable(t.Context(), "ci", "alice"); err != nil {
		t.Fatal(err)
	}
	for b.Sends("ci") {
		time.Sleep(time.Millisecond)
	}
	if c := b.Conditions()["ci"]; c.Disabled.IsZero() || !strings.Contains(c.Why, "alice") {
		t.Errorf("the other knows %+v", c)
	}
}

// A process that was taken for dead loses what it held: another sends that, and what the
// first says of it is refused. It goes on under another number.
func TestTakenForDead(t *testing.T) {
	url := database(t)
	stores := several(t, url, 2)
	a, b := stores[0], stores[1]
	say(t, a, "ci")
	say(t, b, "ci")
	accept(t, a, push("first", "r", "ci"))
	mine := claim(t, a, "ci", 1)
	before := a.owner
	if _, err := b.db.ExecContext(t.Context(), `UPDATE process SET seen = seen - interval '1 hour' WHERE owner = ?1`, before); err != nil {
		t.Fatal(err)
	}
	if err := b.write(t.Context(), &job{run: func(ctx context.Context) error { return b.engine.beat(ctx) }}); err != nil {
		t.Fatal(err)
	}
	theirs := claim(t, b, "ci", 1)
	if len(mine) != 1 || len(theirs) != 1 || mine[0].Seq != theirs[0].Seq {
		t.Fatalf("%v and %v", mine, theirs)
	}
	if err := a.RecordNow(t.Context(), []Outcome{sentAs(mine[0], Dead, plugin.PermanentFail)}); err != nil {
		t.Fatal(err)
	}
	if a.owner <= b.owner {
		t.Errorf("it is %d still, the other %d", a.owner, b.owner)
	}
	if !a.Recalled("ci") {
		t.Error("nobody is told to give back what is not begun")
	}
	if err := b.RecordNow(t.Context(), []Outcome{sentAs(theirs[0], Delivered, plugin.Delivered)}); err != nil {
		t.Fatal(err)
	}
	list, err := a.Deliveries(t.Context(), Selection{})
	if err != nil || len(list) != 1 || list[0].State != Delivered || list[0].Attempts != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	accept(t, a, push("second", "r", "ci")) // and all goes on
	if got := natives(t, claim(t, a, "ci", 1)); got != "second" {
		t.Errorf("claimed %q", got)
	}
}

// What a process says of a claim that it made under its old number is refused, also where
// it has made the same claim again.
func TestOldClaimIsRefused(t *testing.T) {
	s := join(t, database(t))
	say(t, s, "ci")
	accept(t, s, push("first", "r", "ci"))
	old := claim(t, s, "ci", 1)
	for _, text := range []string{`DELETE FROM process`, `UPDATE writer SET n = n + 1, members = n + 1`} { // by others
		if _, err := s.db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.write(t.Context(), nothing()); err != nil {
		t.Fatal(err)
	}
	now := claim(t, s, "ci", 1)
	if len(old) != 1 || len(now) != 1 || now[0].Seq != old[0].Seq || now[0].Lease == old[0].Lease {
		t.Fatalf("%v and %v", old, now)
	}
	if err := s.RecordNow(t.Context(), []Outcome{sentAs(old[0], Dead, plugin.PermanentFail)}); err != nil {
		t.Fatal(err)
	}
	if err := s.RecordNow(t.Context(), []Outcome{sentAs(now[0], Delivered, plugin.Delivered)}); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Deliveries(t.Context(), Selection{}); err != nil || len(list) != 1 || list[0].State != Delivered {
		t.Errorf("%+v, %v", list, err)
	}
}

// A rate holds for all processes together.
func TestProcessesShareARate(t *testing.T) {
	stores := several(t, database(t), 3)
	const sends, per = 3, 400 * time.Millisecond
	var mu sync.Mutex
	var times []time.Time
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	const events = 15
	for i, s := range stores {
		if err := s.Targets(t.Context(), map[string]Target{"ci": {Type: "webhook", Rate: Rate{Sends: sends, Per: per}}}); err != nil {
			t.Fatal(err)
		}
		for n := range events / len(stores) {
			accept(t, s, push(fmt.Sprint(i, n), "", "ci"))
		}
	}
	for _, s := range stores {
		all.Go(func() {
			consumer{s, "ci", func(c Claimed) Outcome {
				mu.Lock()
				defer mu.Unlock()
				if times = append(times, time.Now()); len(times) == events {
					cancel()
				}
				return sentAs(c, Delivered, plugin.Delivered)
			}, nil}.run(ctx, t)
		})
	}
	all.Wait()
	if len(times) != events {
		t.Fatalf("%d arrived, of %d", len(times), events)
	}
	for i := range times[sends:] {
		if d := times[i+sends].Sub(times[i]); d < per {
			t.Errorf("%d within %v", sends+1, d)
		}
	}
}

// A process that closes the store leaves nothing leased.
func TestLeavesInGoodOrder(t *testing.T) {
	url := database(t)
	a, err := Open(t.Context(), url, Options{Window: 8})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.PutRuleSet(t.Context(), testRules, []byte("[]")); err != nil {
		t.Fatal(err)
	}
	b := join(t, url)
	say(t, b, "ci")
	accept(t, a, push("first", "r", "ci"))
	if len(claim(t, a, "ci", 1)) != 1 {
		t.Fatal("nothing was handed over")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, b, "ci", "first")
}
