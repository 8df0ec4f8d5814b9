package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// simulation is one world. What happens in it is decided by one goroutine; its targets
// are asked by many.
type simulation struct {
	t     *testing.T
	seed  uint64
	rnd   *rand.Rand
	dir   string
	path  string
	start time.Time
	lives int

	set atomic.Int64  // by how much the clock on the wall is wrong
	saw time.Duration // by how much, as far as the last process knew

	store *store.Store
	stop  func() error

	mu      sync.Mutex // all below
	life    int        // which is asked; sends of an earlier one are nobody's any more
	targets []*simulatedTarget
	planned map[string]*planned // by the delivery's id
	copies  map[copyOf]*planned
	sends   map[string]*sends // by the delivery's id, those of digests too
	lanes   map[laneOf]*laneSeen
	events  int
	told    []string // what happened, for who looks for what went wrong
}

// copyOf is an event for a target.
type copyOf struct{ event, target string }

type laneOf struct{ target, key string }

// planned is one delivery that was accepted.
type planned struct {
	copyOf
	id, key string
	number  int  // of acceptance
	begun   bool // it was attempted, by itself or in a digest
	again   bool // somebody wanted it again: its order is nobody's promise
	arrived bool // the target has it
}

func (p *planned) name() string { return fmt.Sprintf("#%d", p.number) }

func (s *simulation) n(n int) int       { return s.rnd.IntN(n) }
func (s *simulation) chance(n int) bool { return s.rnd.IntN(n) == 0 }

func (s *simulation) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(format, args...)
}

// say is note where s.mu is held.
func (s *simulation) say(format string, args ...any) {
	s.told = append(s.told, fmt.Sprintf("%12v  ", time.Since(s.start))+fmt.Sprintf(format, args...))
}

// wrong says that a promise was broken. s.mu is held.
func (s *simulation) wrong(format string, args ...any) {
	s.say("WRONG "+format, args...)
	s.t.Errorf("after %v: %s", time.Since(s.start), fmt.Sprintf(format, args...))
}

// begin starts a life on the files that there are.
func (s *simulation) begin() {
	s.t.Helper()
	st, err := store.Open(s.t.Context(), s.path, store.Options{Version: "test", Window: 4 + s.n(20), Now: s.wall})
	if err == nil {
		err = st.PutRuleSet(s.t.Context(), "h", []byte("[]"))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.life++
	life := s.life
	s.store = st
	s.unseen()
	for _, to := range s.targets {
		to.inFlight = 0
	}
	for _, l := range s.lanes {
		l.inFlight = 0
	}
	s.mu.Unlock()
	if err := st.Targets(s.t.Context(), s.named()); err != nil {
		s.t.Fatal(err)
	}
	d := New(Config{
		Store: st, Grace: 25 * time.Second, Log: slog.New(slog.DiscardHandler), Target: s.target,
		Send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) { return s.send(ctx, life, d) },
		Render: func(_ context.Context, d plugin.Delivery) (plugin.Request, error) {
			return plugin.Request{Method: "POST", URL: "http://" + d.Target}, nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	s.stop = func() error {
		cancel()
		return errors.Join(<-ended, st.Close())
	}
}

func (s *simulation) end() {
	s.t.Helper()
	s.saw = s.known()
	if err := s.stop(); err != nil {
		s.t.Error(err)
	}
}

// target is a target as the config has it now.
func (s *simulation) target(name string) (Target, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range s.targets {
		if to.name == name && to.known {
			return to.asked, true
		}
	}
	return Target{}, false
}

func (s *simulation) named() map[string]store.Target {
	s.mu.Lock()
	defer s.mu.Unlock()
	named := map[string]store.Target{}
	for _, to := range s.targets {
		if to.here {
			named[to.name] = to.stored
		}
		to.known = to.here
		to.asked = to.next
	}
	return named
}

// reload has change happen to the config, in the order of a reload.
func (s *simulation) reload(change func()) {
	s.t.Helper()
	s.mu.Lock()
	change()
	named := map[string]store.Target{}
	for _, to := range s.targets {
		if to.here {
			named[to.name] = to.stored
			to.gone = time.Time{}
		}
		to.known = to.known || to.here
		to.asked = to.next
	}
	s.mu.Unlock()
	if err := s.store.Targets(s.t.Context(), named); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range s.targets {
		if to.arrivals == nil { // it has other settings
			to.changed = time.Now()
		}
		if to.known = to.here; !to.known && to.gone.IsZero() {
			to.gone = time.Now()
		}
	}
}

// accept has an event come in, for some of the targets.
func (s *simulation) accept() {
	s.t.Helper()
	s.events++
	repository := fmt.Sprint("r", s.n(4))
	e := event.Event{V: 1, ID: uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, s.events)).String(), Type: event.ArtifactPushed,
		Repository: &event.Repository{FullName: repository}, Native: event.Native{ID: fmt.Sprint(s.events)}}
	r, plans := s.routing(e, repository)
	if _, err := s.store.Accept(s.t.Context(), store.Arrival{Registry: "hub", Received: time.Now(),
		Body:  store.Raw{Bytes: []byte("{"), Size: 2, Truncated: true}, // there is no native message of it
		Items: []store.Item{{Event: e, Routing: r}}}); err != nil {
		s.t.Fatal(err)
	}
	s.note("event %d of %s for %d targets", s.events, repository, len(plans))
}

// routing plans the deliveries of an event, and knows of them from now on.
func (s *simulation) routing(e event.Event, repository string) (store.Routing, []*planned) {
	b, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := store.Routing{JSON: b, RuleSet: "h"}
	var plans []*planned
	for _, to := range s.targets {
		if e.Target != nil && (to.name == e.Target.Name || to.name != "ops") || s.chance(3) {
			continue
		}
		p := &planned{copyOf: copyOf{e.ID, to.name}, id: uuid.NewString(), number: len(s.planned)}
		if to.ordered && e.Target == nil {
			p.key = repository
		}
		s.planned[p.id], s.copies[p.copyOf] = p, p
		plans = append(plans, p)
		rendering := ""
		if s.chance(30) {
			rendering = `{"format":"native"}`
		}
		r.Deliveries = append(r.Deliveries, store.Planned{
			ID: p.id, Target: to.name, Type: "webhook", Rule: "r", Key: p.key,
			Due: time.Now(), GiveUp: time.Now().Add(to.giveUp), Hold: to.hold, Rendering: rendering,
		})
	}
	return r, plans
}

// route has the rules judge what bellbuoy tells of its targets.
func (s *simulation) route() {
	s.t.Helper()
	held, _, err := s.store.HeldDue(s.t.Context(), time.Now(), 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range held {
		r, _ := s.routing(h.Event, "")
		if err := s.store.Route(s.t.Context(), h.ID, r); err != nil {
			s.t.Fatal(err)
		}
	}
}

// tidy deletes what ended some time ago.
func (s *simulation) tidy() {
	keep := time.Duration(1+s.n(60)) * time.Minute
	s.note("what ended %v ago is deleted", keep)
	s.store.Keep(store.Retention{Age: keep, Size: 1 << 30})
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Second)
	defer cancel()
	s.store.Retain(ctx, slog.New(slog.DiscardHandler))
}

// cancel gives up what is parked for targets that are gone.
func (s *simulation) cancel() {
	s.t.Helper()
	for _, to := range s.targets {
		if to.here {
			continue
		}
		s.note("what is parked for %s is cancelled", to.name)
		if _, err := s.store.Cancel(s.t.Context(), to.name, "alice"); err != nil {
			s.t.Fatal(err)
		}
	}
}

// ask has somebody disable, enable or reset a target; one that was never heard of is none.
func (s *simulation) ask(to *simulatedTarget, what string, do func(context.Context, string, string) (store.Condition, error)) {
	s.t.Helper()
	s.note("%s %s", what, to.name)
	if _, err := do(s.t.Context(), to.name, "alice"); err != nil && !errors.Is(err, store.ErrNotFound) {
		s.t.Fatal(err)
	}
}

// redeliver has what has ended for a target be delivered again.
func (s *simulation) redeliver(to *simulatedTarget) {
	s.t.Helper()
	states := store.Redeliverable()
	w := store.Redelivery{By: "alice", Select: store.Selection{Query: store.Query{Target: to.name, Limit: 1 + s.n(20)},
		States: []store.State{states[s.n(len(states))]}}}
	s.note("redeliver what is %s for %s", w.Select.States[0], to.name)
	s.mu.Lock()
	terms := store.Terms{Type: "webhook", Ordered: to.ordered, GiveUpAfter: to.giveUp, Hold: to.hold}
	for _, p := range s.planned {
		p.again = p.again || p.target == to.name
	}
	for _, a := range s.sends {
		if a.target == to.name {
			a.closed = time.Time{}
		}
	}
	for of, l := range s.lanes {
		if of.target == to.name {
			clear(l.open)
		}
	}
	s.mu.Unlock()
	for {
		run, err := s.store.Redeliver(s.t.Context(), w, func(string) (store.Terms, bool) { return terms, true })
		if err != nil {
			s.t.Fatal(err)
		}
		if run.Ended {
			return
		}
		w.Run = run.ID
	}
}
