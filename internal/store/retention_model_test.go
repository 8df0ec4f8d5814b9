package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// model is what a run of [TestRetentionModel] knows of its events.
type model struct {
	t      *rapid.T
	s      *Store
	path   string
	n      int
	events map[string]*modelEvent // by id
}

type modelEvent struct {
	arrival Arrival
	held    bool
	open    map[string]int // deliveries that have not ended, by target
	late    time.Duration  // how long ago it was received
}

func (m *model) ended(e *modelEvent) bool { return !e.held && len(e.open) == 0 }

func (m *model) reopen() {
	if m.s != nil {
		if err := m.s.Close(); err != nil {
			m.t.Fatal(err)
		}
	}
	s, err := begin(m.t.Context(), m.path, Options{Version: "test", Window: 4})
	if err != nil {
		m.t.Fatal(err)
	}
	m.s = s
	if err := s.PutRuleSet(m.t.Context(), testRules, []byte("[]")); err != nil {
		m.t.Fatal(err)
	}
}

// look is all that the store tells: each event's trace, and each list in pages of 2, as
// far as it is about events of keep.
func (m *model) look(keep func(id string) bool) map[string]string {
	seen := map[string]string{}
	for id := range m.events {
		if !keep(id) {
			continue
		}
		tr, err := m.s.Trace(m.t.Context(), id)
		if err != nil {
			m.t.Fatalf("event %s: %v", id, err)
		}
		b, err := json.Marshal(tr)
		if err != nil {
			m.t.Fatal(err)
		}
		seen[id] = string(b) + string(tr.Received.Body)
	}
	for _, q := range []Query{
		{}, {Type: "artifact.pushed"}, {Registry: "hub"}, {Repository: "a"}, {Tag: "v1"}, {Digest: "sha256:1"}, {Rule: "all"},
		{Target: "ci"}, {Target: "slow"}, {Outcome: "delivered"}, {Outcome: "dead"}, {Outcome: "waiting"}, {Outcome: "parked"},
		{Target: "ci", Outcome: "waiting"}, {Since: time.Now().Add(-time.Hour)}, {Until: time.Now().Add(-time.Hour)}, {NativeID: "n1"},
	} {
		name := fmt.Sprintf("%+v", Query{Type: q.Type, Registry: q.Registry, Repository: q.Repository, Tag: q.Tag, Digest: q.Digest, Rule: q.Rule, Target: q.Target, Outcome: q.Outcome, NativeID: q.NativeID}) + fmt.Sprint(q.Since.IsZero(), q.Until.IsZero())
		q.Limit = 2
		for {
			page, err := m.s.Events(m.t.Context(), q)
			if err != nil {
				m.t.Fatalf("%s: %v", name, err)
			}
			for _, l := range page {
				var e struct{ ID string }
				if err := json.Unmarshal(l.Event, &e); err != nil {
					m.t.Fatal(err)
				}
				if keep(e.ID) {
					seen[name] += fmt.Sprintln(e.ID, l.Deliveries)
				}
			}
			if len(page) < q.Limit {
				break
			}
			q.Before = page[len(page)-1].Cursor
		}
	}
	return seen
}

func (m *model) accept(t *rapid.T) {
	m.n++
	a := push(fmt.Sprint("n", m.n), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "repository"),
		rapid.SliceOfN(rapid.SampledFrom([]string{"ci", "slow", "gone"}), 0, 3).Draw(t, "targets")...)
	e := &modelEvent{arrival: a, open: map[string]int{}, late: time.Duration(rapid.IntRange(0, 4).Draw(t, "hours ago")) * 30 * time.Minute}
	e.arrival.Received = time.Now().Add(-e.late)
	for _, d := range a.Items[0].Routing.Deliveries {
		e.open[d.Target]++
	}
	if e.held = rapid.IntRange(0, 4).Draw(t, "held") == 0; e.held {
		e.arrival.Items = slices.Clone(a.Items)
		e.arrival.Items[0].Hold, e.arrival.Items[0].Routing = &Hold{"lookup", time.Now()}, Routing{}
	}
	got, err := m.s.Accept(t.Context(), e.arrival)
	if err != nil || len(got.IDs) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	e.arrival.Items[0].Routing = a.Items[0].Routing // to be routed by
	m.events[got.IDs[0]] = e
}

func (m *model) route(t *rapid.T) {
	for id, e := range m.events {
		if e.held {
			if err := m.s.Route(t.Context(), id, e.arrival.Items[0].Routing); err != nil {
				t.Fatal(err)
			}
			e.held = false
			return
		}
	}
}

func (m *model) attempt(t *rapid.T) {
	target := rapid.SampledFrom([]string{"ci", "slow"}).Draw(t, "target")
	cs, err := m.s.Claim(t.Context(), target, rapid.IntRange(1, 4).Draw(t, "n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cs {
		state := rapid.SampledFrom([]State{Delivered, Delivered, Dead, Waiting, Skipped}).Draw(t, "state")
		next := time.Time{}
		if state == Waiting {
			next = time.Now()
		}
		o := Outcome{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, State: state, Next: next, Time: time.Now(), Outcome: plugin.Retry}
		if err := m.s.Record(t.Context(), []Outcome{o}); err != nil {
			t.Fatal(err)
		}
		var id struct{ ID string }
		if err := json.Unmarshal(c.Event, &id); err != nil {
			t.Fatal(err)
		}
		if e := m.events[id.ID]; e == nil {
			t.Fatalf("delivery of %s, which is deleted or was never accepted", id.ID)
		} else if state != Waiting {
			tr, err := m.s.Trace(t.Context(), id.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range tr.Deliveries {
				if d.ID == c.ID && d.State == state { // not so where the claim was void
					if e.open[target]--; e.open[target] == 0 {
						delete(e.open, target)
					}
				}
			}
		}
	}
}

func (m *model) cancel(t *rapid.T) {
	if err := m.s.Targets(t.Context(), map[string]Target{"ci": {}, "slow": {}}); err != nil {
		t.Fatal(err)
	}
	var back []Outcome
	for _, c := range m.s.Handed("gone") {
		back = append(back, Outcome{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Returned: true})
	}
	if err := m.s.Record(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	if _, err := m.s.Cancel(t.Context(), "gone", "cancelled by the test"); err != nil {
		t.Fatal(err)
	}
	for _, e := range m.events {
		if !e.held {
			delete(e.open, "gone")
		}
	}
}

// retain deletes by age or for size, and compares all that can be asked with before.
func (m *model) retain(t *rapid.T) {
	index(t, m.s)
	r, after := Retention{Age: time.Hour, Size: 1 << 30}, time.Duration(rapid.IntRange(0, 3).Draw(t, "hours"))*45*time.Minute
	if rapid.IntRange(0, 3).Draw(t, "for size") == 0 {
		r, after = Retention{Age: years, Size: 1 << 10}, 0 // all that can go goes
	}
	before := m.look(func(string) bool { return true })
	m.s.Keep(r)
	tidied(t, m.s, time.Now().Add(after))
	m.s.keeper.space.Store(nil) // so small a store takes nothing
	went := map[string]bool{}
	for id, e := range m.events {
		_, err := m.s.Trace(t.Context(), id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		due := r.Size == 1<<10 || after >= r.Age // its deliveries have ended just now
		if len(e.arrival.Items[0].Routing.Deliveries) == 0 {
			due = due || e.late+after >= r.Age
		}
		switch deleted := err != nil; {
		case deleted && !(m.ended(e) && due):
			t.Fatalf("event %s is deleted: held %t, open %v, due %t", id, e.held, e.open, due)
		case !deleted && m.ended(e) && due:
			t.Fatalf("event %s, which has ended, is kept", id)
		case deleted:
			went[id] = true
			if r.Age == years {
				continue // there is no room for the ids
			}
			if got, err := m.s.Accept(t.Context(), e.arrival); err != nil || got.Duplicates != 1 {
				t.Fatalf("a repeat of %s, which is deleted: %+v, %v", id, got, err)
			}
		}
	}
	consistent(m.t, m.s)
	stay := func(id string) bool { return !went[id] }
	maps.DeleteFunc(m.events, func(id string, _ *modelEvent) bool { return went[id] })
	now := m.look(stay)
	for what, was := range before {
		if went[what] {
			continue
		}
		var left string
		for line := range strings.Lines(was) {
			if id, _, _ := strings.Cut(line, " "); !went[id] {
				left += line
			}
		}
		if now[what] != left {
			t.Fatalf("%s: was\n%s\nand is\n%s", what, left, now[what])
		}
	}
}

// Whatever happens, retention deletes what has ended and nothing else, and all that can
// be asked of the rest has the same answer as before.
func TestRetentionModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "bellbuoy")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &model{t: t, path: filepath.Join(dir, "bellbuoy.db"), events: map[string]*modelEvent{}}
		m.reopen()
		defer func() { m.s.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"accept":  m.accept,
			"another": m.accept,
			"route":   m.route,
			"attempt": m.attempt,
			"cancel":  m.cancel,
			"retain":  m.retain,
			"restart": func(*rapid.T) { m.reopen() },
		})
	})
}
