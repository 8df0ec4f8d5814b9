package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sent is one attempt that a test's target saw.
type sent struct {
	native  string
	target  string
	attempt int
	at      time.Duration // since the rig was made
}

// rig is a dispatcher on a real store, with targets that are functions.
type rig struct {
	t     *testing.T
	store *store.Store
	start time.Time
	path  string

	window int           // of the store; 0 = its own
	hold   time.Duration // of deliveries; 0 = 5 minutes

	mu      sync.Mutex
	log     []sent
	answer  func(sent) error
	targets map[string]Target
	find    func(string) (Target, bool) // nil looks among targets
	stop    func() error
	scope   plugin.Scope // of failures
	rests   atomic.Bool  // the sender of all targets' type
	render  func(context.Context, plugin.Delivery) (plugin.Request, error)
}

func newRig(t *testing.T, answer func(sent) error) *rig {
	r := &rig{t: t, start: time.Now(), path: filepath.Join(t.TempDir(), "b.db"), answer: answer}
	r.targets = map[string]Target{}
	for _, n := range []string{"ci", "slow", "ops"} {
		r.targets[n] = Target{Type: "webhook", Timeout: 15 * time.Second, Concurrency: 4, Policy: Policy{
			Schedule: []time.Duration{0, 5 * time.Second, 30 * time.Second}}}
	}
	r.run()
	return r
}

// run opens the store and starts a dispatcher; r.stop ends both.
func (r *rig) run() {
	r.t.Helper()
	s, err := store.Open(r.t.Context(), r.path, store.Options{Version: "test", Window: r.window})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := s.PutRuleSet(r.t.Context(), "h", []byte("[]")); err != nil {
		r.t.Fatal(err)
	}
	r.store = s
	find := r.find
	if find == nil {
		find = func(n string) (Target, bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			t, ok := r.targets[n]
			return t, ok
		}
	}
	d := New(Config{
		Store: s, Send: r.send, Rests: func(string) bool { return r.rests.Load() }, Grace: 25 * time.Second, Log: slog.New(slog.DiscardHandler), Target: find,
		Render: func(ctx context.Context, d plugin.Delivery) (plugin.Request, error) { return r.render(ctx, d) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	r.stop = func() error {
		cancel()
		return errors.Join(<-ended, s.Close())
	}
}

// setTarget gives a target other settings.
func (r *rig) setTarget(name string, t Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets[name] = t
}

func (r *rig) end() {
	r.t.Helper()
	if err := r.stop(); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	e, err := d.DecodeEvent()
	if err != nil {
		return plugin.Receipt{}, plugin.Permanent(err)
	}
	s := sent{e.Native.ID, d.Target, d.Attempt, time.Since(r.start)}
	r.mu.Lock()
	r.log = append(r.log, s)
	r.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- r.answer(s) }()
	select {
	case err := <-done:
		receipt := plugin.Receipt{Request: plugin.Request{Method: "POST", URL: "http://" + d.Target}}
		if err != nil {
			receipt.Scope = r.scope
		}
		return receipt, err
	case <-ctx.Done():
		go func() { <-done }()
		return plugin.Receipt{}, ctx.Err()
	}
}

func (r *rig) accept(native, repository string, targets ...string) {
	r.t.Helper()
	e := event.Event{V: 1, ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(native)).String(), Type: event.ArtifactPushed,
		Repository: &event.Repository{FullName: repository}, Native: event.Native{ID: native}}
	b, err := json.Marshal(e)
	if err != nil {
		r.t.Fatal(err)
	}
	routing := store.Routing{JSON: b, RuleSet: "h"}
	for _, t := range targets {
		routing.Deliveries = append(routing.Deliveries, store.Planned{
			ID: uuid.NewString(), Target: t, Type: "webhook", Rule: "r", Key: repository,
			Due: time.Now(), GiveUp: time.Now().Add(72 * time.Hour), Hold: cmp.Or(r.hold, 5*time.Minute),
		})
	}
	if _, err := r.store.Accept(context.Background(), store.Arrival{Registry: "hub", Received: time.Now(),
		Items: []store.Item{{Event: e, Routing: routing}}}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) attempts() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log)
}

// order is what a target saw, one name an attempt.
func (r *rig) order(target string) string {
	var out []string
	for _, s := range r.attempts() {
		if s.target == target {
			out = append(out, s.native)
		}
	}
	return strings.Join(out, " ")
}

func (r *rig) trace(native string) store.TracedDelivery {
	r.t.Helper()
	tr, err := r.store.Trace(context.Background(), native)
	if err != nil {
		r.t.Fatal(err)
	}
	return tr.Deliveries[0]
}

func TestRetriesFollowTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(s sent) error {
			if s.attempt < 5 {
				return errors.New("not yet")
			}
			return nil
		})
		defer r.end()
		r.accept("a", "app", "ci")
		time.Sleep(10 * time.Minute)
		got := r.attempts()
		if len(got) != 5 {
			t.Fatalf("%d attempts", len(got))
		}
		for i, want := range []time.Duration{5 * time.Second, 30 * time.Second, 30 * time.Second, 30 * time.Second} {
			gap := got[i+1].at - got[i].at
			// A fifth of jitter, and the few milliseconds in which an outcome is written.
			if gap < want*8/10 || gap > want*12/10+50*time.Millisecond {
				t.Errorf("attempt %d came %v after the last, want about %v", i+2, gap, want)
			}
		}
		d := r.trace("a")
		if d.State != store.Delivered || len(d.Attempts) != 5 || d.Attempts[0].Error != "not yet" || d.Attempts[0].Next == nil {
			t.Errorf("trace %+v", d)
		}
	})
}

func TestOneSlowTargetDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(s sent) error {
			if s.target == "slow" {
				time.Sleep(14 * time.Second)
			}
			return nil
		})
		defer r.end()
		for i := range 40 {
			r.accept(fmt.Sprint("n", i), fmt.Sprint("repo", i), "slow", "ci")
		}
		time.Sleep(time.Second)
		var ci, slow int
		for _, s := range r.attempts() {
			switch s.target {
			case "ci":
				ci++
			case "slow":
				slow++
			}
		}
		if ci != 40 || slow != 4 {
			t.Errorf("after a second: %d sends to the quick target, want 40; %d to the slow one, want its 4 at a time", ci, slow)
		}
	})
}

func TestOrderPerRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(s sent) error {
			if s.native == "a0" && s.attempt < 3 {
				return errors.New("no")
			}
			time.Sleep(time.Millisecond)
			return nil
		})
		defer r.end()
		for i := range 5 {
			r.accept(fmt.Sprint("a", i), "a", "ci")
			r.accept(fmt.Sprint("b", i), "b", "ci")
		}
		time.Sleep(2 * time.Second)
		if got := strings.ReplaceAll(r.order("ci"), "a0", ""); strings.Contains(got, "a") || strings.Count(got, "b") != 5 {
			t.Errorf("while a0 is tried again: %q", r.order("ci"))
		}
		time.Sleep(2 * time.Minute)
		var a, b []string
		for _, n := range strings.Fields(r.order("ci")) {
			if n[0] == 'a' {
				a = append(a, n)
			} else {
				b = append(b, n)
			}
		}
		if strings.Join(a, " ") != "a0 a0 a0 a1 a2 a3 a4" || strings.Join(b, " ") != "b0 b1 b2 b3 b4" {
			t.Errorf("order %v, %v", a, b)
		}
	})
}

func TestVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(s sent) error {
			switch {
			case s.native == "final":
				return plugin.Permanent(errors.New("status 404"))
			case s.native == "asked" && s.attempt == 1:
				return plugin.RetryAfter(errors.New("status 503"), 10*time.Minute)
			case s.native == "greedy" && s.attempt == 1:
				return plugin.Throttled(errors.New("status 429"), time.Now().Add(24*365*time.Hour))
			case s.native == "hung" && s.attempt == 1:
				time.Sleep(time.Minute)
			case s.native == "hopeless":
				return errors.New("refused")
			}
			return nil
		})
		defer r.end()
		r.targets["ops"] = Target{Type: "webhook", Timeout: time.Second, Concurrency: 1, Policy: Policy{Schedule: []time.Duration{0, 20 * time.Hour}}}
		for _, n := range []string{"final", "asked", "hung"} {
			r.accept(n, n, "ci")
		}
		r.accept("greedy", "greedy", "slow") // which is left alone as a whole
		r.accept("hopeless", "hopeless", "ops")
		time.Sleep(80 * time.Hour)
		if d := r.trace("final"); d.State != store.Dead || len(d.Attempts) != 1 || d.Attempts[0].Outcome != plugin.PermanentFail {
			t.Errorf("final: %+v", d)
		}
		for name, want := range map[string]time.Duration{"asked": 10 * time.Minute, "greedy": time.Hour} {
			d := r.trace(name)
			if d.State != store.Delivered || len(d.Attempts) != 2 {
				t.Fatalf("%s: %+v", name, d)
			}
			if gap := d.Attempts[1].Time.Sub(d.Attempts[0].Time); gap < want || gap > want+time.Second {
				t.Errorf("%s: second attempt after %v, want %v", name, gap, want)
			}
		}
		if d := r.trace("hung"); d.State != store.Delivered || !strings.Contains(d.Attempts[0].Error, "deadline") {
			t.Errorf("hung: %+v", d)
		}
		d := r.trace("hopeless")
		if d.State != store.Dead || !strings.HasPrefix(d.Reason, "given up after ") {
			t.Errorf("hopeless: %s %s", d.State, d.Reason)
		}
		if last := d.Attempts[len(d.Attempts)-1].Time.Sub(d.Attempts[0].Time); last > 72*time.Hour || last < 48*time.Hour {
			t.Errorf("hopeless: last attempt %v after the first", last)
		}
	})
}

func TestStopLetsSendsEndAndTheNextStartGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(s sent) error {
			if s.target == "ci" {
				time.Sleep(3 * time.Second)
			}
			return nil
		})
		for i := range 20 {
			r.accept(fmt.Sprint("n", i), fmt.Sprint("repo", i), "ci")
		}
		time.Sleep(time.Second) // 4 are in flight
		before := time.Now()
		r.end()
		if took := time.Since(before); took > 3*time.Second {
			t.Errorf("stopped after %v", took)
		}
		if n := len(r.attempts()); n != 4 {
			t.Errorf("%d sends before the stop, want the 4 in flight", n)
		}
		r.run()
		time.Sleep(time.Minute)
		r.end()
		if n := len(r.attempts()); n != 20 {
			t.Errorf("%d sends in all, want each of the 20 once", n)
		}
	})
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(sent) error { time.Sleep(10 * time.Hour); return nil })
		tg := r.targets["ci"]
		tg.Timeout = time.Hour
		r.targets["ci"] = tg
		r.accept("n", "repo", "ci")
		time.Sleep(time.Second)
		before := time.Now()
		r.end()
		if took := time.Since(before); took < 25*time.Second || took > 26*time.Second {
			t.Errorf("stopped after %v, want the grace of 25 s", took)
		}
		time.Sleep(11 * time.Hour) // the target's own goroutine
	})
}
