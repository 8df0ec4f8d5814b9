package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// terms are those of every target that a test knows.
func terms(string) (Terms, bool) {
	return Terms{Type: "webhook", Ordered: true, GiveUpAfter: time.Hour, Hold: time.Minute}, true
}

// kill has n deliveries to ci die, of as many events, each after one attempt.
func kill(t *testing.T, s *Store, n int, repository func(int) string) {
	t.Helper()
	accept(t, s, together(n, func(i int) Arrival { return push(fmt.Sprintf("n%04d", i), repository(i), "ci") }))
	for left := n; left > 0; {
		var outcomes []Outcome
		for _, c := range claim(t, s, "ci", 100) {
			outcomes = append(outcomes, Outcome{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, State: Dead,
				Time: time.Now(), Outcome: plugin.PermanentFail, Error: "no"})
		}
		if err := s.Record(t.Context(), outcomes); err != nil {
			t.Fatal(err)
		}
		left -= len(outcomes)
	}
}

func own(i int) string { return fmt.Sprint("r", i) }
func one(int) string   { return "a" }

// toTheEnd does the steps of a run.
func toTheEnd(t *testing.T, s *Store, w Redelivery) Run {
	t.Helper()
	for {
		r, err := s.Redeliver(t.Context(), w, terms)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ended {
			return r
		}
		w.Run = r.ID
	}
}

func TestRedeliver(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	kill(t, s, 1, own)
	before := stateOf(t, s, "n0000")
	began := time.Now()
	r := toTheEnd(t, s, Redelivery{Select: Selection{ID: before.ID}, By: "alice"})
	if r.Done != 1 || r.Changed+r.Gone+r.Present != 0 || r.More {
		t.Fatalf("%+v", r)
	}
	c := claim(t, s, "ci", 10)
	if len(c) != 1 || c[0].ID != before.ID || c[0].Attempt != 2 || c[0].Earlier != 1 {
		t.Fatalf("claimed %+v", c)
	}
	if c[0].GiveUp.Before(began.Add(time.Hour)) || c[0].GiveUp.After(time.Now().Add(time.Hour)) {
		t.Errorf("given up at %v, not an hour from when it was asked for", c[0].GiveUp)
	}
	record(t, s, c[0], Delivered, time.Time{})
	d := stateOf(t, s, "n0000")
	if d.State != Delivered || len(d.Attempts) != 2 || len(d.Redeliveries) != 1 {
		t.Fatalf("%+v", d)
	}
	if got := d.Redeliveries[0]; got.By != "alice" || got.State != Dead || got.Attempts != 1 || got.From != "" || got.Run != r.ID {
		t.Errorf("%+v", got)
	}
	// What was delivered is made again only where that is asked for.
	if r := toTheEnd(t, s, Redelivery{Select: Selection{ID: before.ID}, By: "bob"}); r.Done != 0 {
		t.Errorf("%+v", r)
	}
	if r := toTheEnd(t, s, Redelivery{Select: Selection{ID: before.ID, States: []State{Delivered}}, By: "bob"}); r.Done != 1 {
		t.Errorf("%+v", r)
	}
	// The run is over, whatever else it is told.
	if again := toTheEnd(t, s, Redelivery{Run: r.ID, Select: Selection{States: []State{Delivered}}}); again != r {
		t.Errorf("the same run again: %+v", again)
	}
	if _, err := s.Replay(t.Context(), Replay{Run: r.ID}, nil); !errors.Is(err, ErrOtherRun) {
		t.Errorf("as a replay: %v", err)
	}
	if _, err := s.Redeliver(t.Context(), Redelivery{Select: Selection{States: []State{Waiting}}}, terms); !errors.Is(err, ErrBadQuery) {
		t.Errorf("of what waits: %v", err)
	}
}

// What a delivery's id is known for stays: each end, and only an end, can be left so.
func TestRedeliverFromEachEnd(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	for i, st := range []State{Delivered, Dead, Skipped, Shadowed} {
		native := fmt.Sprint("n", i)
		accept(t, s, push(native, own(i), "ci"))
		c := claim(t, s, "ci", 1)[0]
		o := Outcome{Seq: c.Seq, Target: "ci", Key: c.Key, Attempt: 1, State: st, Time: time.Now()}
		if err := s.Record(t.Context(), []Outcome{o}); err != nil {
			t.Fatal(err)
		}
		if r := toTheEnd(t, s, Redelivery{Select: Selection{ID: c.ID, States: []State{st}}}); r.Done != 1 {
			t.Errorf("%s: %+v", st, r)
		}
		again := claim(t, s, "ci", 1)
		if len(again) != 1 || again[0].ID != c.ID || again[0].Attempt != 1 {
			t.Fatalf("%s: claimed %+v", st, again)
		}
		record(t, s, again[0], Delivered, time.Time{})
	}
}

// Of one repository they are made in their order, before what is newer; one that fails
// holds the others back, as ever.
func TestRedeliveredInOrder(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	kill(t, s, 4, one)
	accept(t, s, push("new1", "a", "ci"))
	toTheEnd(t, s, Redelivery{Select: Selection{Query: Query{Target: "ci"}}})
	accept(t, s, push("new2", "a", "ci"))
	got := claim(t, s, "ci", 1)
	if natives(t, got) != "new1" { // was handed over before
		t.Fatalf("claimed %q", natives(t, got))
	}
	record(t, s, got[0], Delivered, time.Time{})
	got = claim(t, s, "ci", 8)
	if natives(t, got) != "n0000 n0001 n0002 n0003 new2" {
		t.Fatalf("claimed %q", natives(t, got))
	}
	record(t, s, got[0], Waiting, time.Now())
	if got := claim(t, s, "ci", 8); natives(t, got) != "n0000" || got[0].Attempt != 3 || got[0].Earlier != 1 {
		t.Errorf("behind one that failed, %+v are claimed", got)
	}
}

func TestRedeliverElsewhere(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci", "ops")
	kill(t, s, 3, own)
	w := Redelivery{Select: Selection{Query: Query{Target: "ci"}}, To: "ops", By: "alice"}
	if r := toTheEnd(t, s, w); r.Done != 3 {
		t.Fatalf("%+v", r)
	}
	got := claim(t, s, "ops", 8)
	if natives(t, got) != "n0000 n0001 n0002" || got[0].Attempt != 1 || got[0].Key != "r0" || got[0].Type != "webhook" {
		t.Fatalf("claimed %+v", got)
	}
	tr, err := s.Trace(t.Context(), "n0000")
	if err != nil || len(tr.Deliveries) != 2 {
		t.Fatalf("%+v %v", tr, err)
	}
	old, made := tr.Deliveries[0], tr.Deliveries[1]
	if old.State != Dead || made.ID == old.ID || made.Rule != old.Rule || len(made.Redeliveries) != 1 || made.Redeliveries[0].From != old.ID {
		t.Errorf("%+v\nof\n%+v", made, old)
	}
	if r := toTheEnd(t, s, w); r.Done != 0 || r.Present != 3 {
		t.Errorf("again: %+v", r)
	}
	for range 2 { // before and after it is indexed
		if list, err := s.Events(t.Context(), Query{Target: "ops"}); err != nil || len(list) != 3 {
			t.Errorf("%d events for ops, %v", len(list), err)
		}
		if err := s.write(t.Context(), s.indexing()); err != nil {
			t.Fatal(err)
		}
	}
	if r := toTheEnd(t, s, Redelivery{Select: w.Select, To: "nobody"}); r.Gone != 3 || r.Done != 0 {
		t.Errorf("to nobody: %+v", r)
	}
}

// One that somebody claims, or has made again, when its turn comes stays as it is.
// What tells of a target is not for that target, whoever asks for it.
func TestRedeliverToWhatItIsAbout(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "chat", "ci", "ops")
	for i, name := range []string{"ci", "ops"} {
		accept(t, s, about(fmt.Sprint("own", i), "", "", func(e *event.Event) {
			e.Type, e.Repository, e.Target = event.TargetFailing, nil, &event.Target{Name: name, Condition: "failing"}
		}))
	}
	for _, c := range claim(t, s, "chat", 8) {
		if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, State: Dead,
			Time: time.Now(), Outcome: plugin.PermanentFail, Error: "no"}}); err != nil {
			t.Fatal(err)
		}
	}
	r := toTheEnd(t, s, Redelivery{Select: Selection{Query: Query{Target: "chat"}}, To: "ci", By: "alice"})
	if r.Done != 1 || r.About != 1 {
		t.Errorf("%+v", r)
	}
	if got := claim(t, s, "ci", 8); len(got) != 1 || decode(t, got[0]).Target.Name != "ops" {
		t.Errorf("claimed %+v", got)
	}
}

func TestRedeliveryIsFenced(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	kill(t, s, 1, own)
	toTheEnd(t, s, Redelivery{Select: Selection{Query: Query{Target: "ci"}}})
	leased := claim(t, s, "ci", 1)[0]
	late := redelivering{s: s, wish: wish{Select: Selection{States: Redeliverable()}}, terms: terms}
	var counts Counts
	if err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
		return errors.Join(late.one(ctx, leased.Seq, &counts), late.one(ctx, 4711, &counts))
	}}); err != nil {
		t.Fatal(err)
	}
	if counts != (Counts{Changed: 2}) {
		t.Errorf("%+v", counts)
	}
	// The outcome of an attempt of its earlier life is none of this one's.
	stale := Outcome{Seq: leased.Seq, Target: "ci", Attempt: 1, State: Delivered, Time: time.Now(), Outcome: "delivered"}
	if err := s.Record(t.Context(), []Outcome{stale}); err != nil {
		t.Fatal(err)
	}
	if d := stateOf(t, s, "n0000"); d.State != Waiting || len(d.Attempts) != 1 {
		t.Errorf("%+v", d)
	}
	record(t, s, leased, Delivered, time.Time{})
	if d := stateOf(t, s, "n0000"); d.State != Delivered || len(d.Attempts) != 2 {
		t.Errorf("%+v", d)
	}
}

// A target that is gone gets nothing and takes nothing; one that comes back has what was
// asked for meanwhile.
func TestRedeliverWhileTargetVanishes(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	kill(t, s, 12, own)
	w := Redelivery{Select: Selection{Query: Query{Target: "ci"}}}
	say(t, s)
	if r := toTheEnd(t, s, w); r.Done != 0 || r.Gone != 12 {
		t.Fatalf("%+v", r)
	}
	if d := stateOf(t, s, "n0000"); d.State != Dead || len(d.Redeliveries) != 0 {
		t.Errorf("%+v", d)
	}
	say(t, s, "ci")
	toTheEnd(t, s, w)
	say(t, s)
	if d := stateOf(t, s, "n0000"); d.State != Parked {
		t.Errorf("%+v", d)
	}

	// While the target goes and comes, some are asked for again: none is lost, none twice.
	s = open(t, temp(t))
	say(t, s, "ci")
	const n = 600
	kill(t, s, n, own)
	var both sync.WaitGroup
	done, stop := 0, make(chan struct{})
	both.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			named := map[string]Target{"ci": {}}
			if i%2 == 0 {
				named = nil
			}
			if err := s.Targets(t.Context(), named); err != nil {
				t.Error(err)
			}
		}
	})
	for done < n {
		done += toTheEnd(t, s, w).Done
	}
	close(stop)
	both.Wait()
	say(t, s, "ci")
	if done != n {
		t.Errorf("%d were made again", done)
	}
	all := map[string]bool{}
	for len(all) < n {
		got := claim(t, s, "ci", 8)
		if len(got) == 0 {
			t.Fatalf("%d of %d can be claimed", len(all), n)
		}
		var outcomes []Outcome
		for _, c := range got {
			if all[c.ID] || c.Attempt != 2 {
				t.Fatalf("%+v is claimed, once before: %t", c, all[c.ID])
			}
			all[c.ID] = true
			outcomes = append(outcomes, Outcome{Seq: c.Seq, Target: "ci", Attempt: c.Attempt, State: Delivered, Outcome: plugin.Delivered})
		}
		if err := s.Record(t.Context(), outcomes); err != nil {
			t.Fatal(err)
		}
	}
}

// However many ask at once, in one run or in several, each is made again once.
func TestRedeliverAtOnce(t *testing.T) {
	for name, run := range map[string]string{"one run": uuid.NewString(), "several": ""} {
		t.Run(name, func(t *testing.T) {
			s := open(t, temp(t))
			say(t, s, "ci")
			const n = 3*madeAgainAtOnce + 7
			kill(t, s, n, own)
			var all sync.WaitGroup
			var mu sync.Mutex
			sum := 0
			for range 4 {
				all.Go(func() {
					w := Redelivery{Run: run, Select: Selection{Query: Query{Target: "ci"}}, By: "alice"}
					for {
						r, err := s.Redeliver(t.Context(), w, terms)
						if err != nil {
							t.Error(err)
							return
						}
						if w.Run = r.ID; r.Ended {
							mu.Lock()
							if sum += r.Done; run != "" {
								sum = r.Done
							}
							mu.Unlock()
							return
						}
					}
				})
			}
			all.Wait()
			if sum != n {
				t.Errorf("%d were made again, of %d", sum, n)
			}
			var rows, most int
			if err := s.read.QueryRowContext(t.Context(), `SELECT count(*), max(c) FROM
				(SELECT count(*) AS c FROM redelivery GROUP BY delivery) AS each`).Scan(&rows, &most); err != nil || rows != n || most != 1 {
				t.Errorf("%d deliveries, at most %d times each, %v", rows, most, err)
			}
		})
	}
}

// A run that was cut off goes on where it stands, in another process too.
func TestRedeliverGoesOn(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	say(t, s, "ci")
	const n = 2*madeAgainAtOnce + 50
	kill(t, s, n, own)
	w := Redelivery{Run: uuid.NewString(), Select: Selection{Query: Query{Target: "ci", Limit: n - 10}}, By: "alice"}
	first, err := s.Redeliver(t.Context(), w, terms)
	if err != nil || first.Ended || first.Done != madeAgainAtOnce {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	say(t, s, "ci")
	r := toTheEnd(t, s, Redelivery{Run: w.Run})
	if r.Done != n-10 || !r.More {
		t.Errorf("%+v", r)
	}
	log, err := s.Audit(t.Context(), AuditQuery{})
	if err != nil || len(log) != 1 {
		t.Fatalf("%+v %v", log, err)
	}
	var details struct {
		Run     string
		Done    int
		Request json.RawMessage
	}
	if err := json.Unmarshal(log[0].Details, &details); err != nil || details.Run != w.Run || details.Done != n-10 ||
		log[0].By != "alice" || log[0].What != AuditRedeliver || log[0].Object != "ci" {
		t.Errorf("%+v: %s, %v", log[0], log[0].Details, err)
	}
	if want := fmt.Sprintf(`{"select":{"target":"ci","limit":%d,"state":["dead"]}}`, n-10); string(details.Request) != want {
		t.Errorf("the audit says that %s was asked for, want %s", details.Request, want)
	}
	if got, more, err := s.Selected(t.Context(), Selection{States: []State{Dead}}); got != 10 || more || err != nil {
		t.Errorf("%d are dead still, %t, %v", got, more, err)
	}
}

func TestDeliveriesAreListed(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci", "ops")
	kill(t, s, 5, own)
	accept(t, s, push("other", "x", "ops"))
	for range 2 { // before and after it is indexed
		var got []string
		sel := Selection{Query: Query{Target: "ci", Limit: 2}, States: []State{Dead}}
		for {
			list, err := s.Deliveries(t.Context(), sel)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range list {
				if d.State != Dead || d.Ended == nil || d.Next != nil || d.Attempts != 1 || d.Last == nil || d.Last.Error != "no" {
					t.Errorf("%+v", d)
				}
				got = append(got, natives(t, []Claimed{{Event: d.Event}}))
			}
			if len(list) < 2 {
				break
			}
			sel.Before = list[1].Cursor
		}
		if want := []string{"n0004", "n0003", "n0002", "n0001", "n0000"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		for sel, want := range map[*Selection]int{
			{}:                                    6,
			{Query: Query{Repository: "r1"}}:      1,
			{Query: Query{Tag: "v1"}}:             6,
			{Query: Query{Rule: "all"}}:           6,
			{Query: Query{Rule: "none"}}:          0,
			{Query: Query{Target: "ops"}}:         1,
			{States: []State{Waiting, Delivered}}: 1,
			{States: []State{Waiting, Dead}}:      6,
			{Query: Query{NativeID: "n0001"}}:     1,
		} {
			if list, err := s.Deliveries(t.Context(), *sel); err != nil || len(list) != want {
				t.Errorf("%+v: %d, %v; want %d", *sel, len(list), err, want)
			}
		}
		if err := s.write(t.Context(), s.indexing()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Deliveries(t.Context(), Selection{States: []State{"lost"}}); !errors.Is(err, ErrBadQuery) {
		t.Error(err)
	}
	if _, err := s.Deliveries(t.Context(), Selection{Query: Query{Before: "!"}}); !errors.Is(err, ErrBadQuery) {
		t.Error(err)
	}
}
