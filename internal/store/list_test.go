package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// varied is an event that differs from others in all that lists are asked for.
func varied(i int) Arrival {
	var targets []string
	for j := range i % 3 {
		targets = append(targets, fmt.Sprint("t", (i+j)%5))
	}
	a := push(fmt.Sprint("n", i), fmt.Sprint("team/", i%7), targets...)
	it := &a.Items[0]
	a.Registry = fmt.Sprint("hub", i%2)
	it.Event.Registry.Name = a.Registry
	it.Event.Type = []event.Type{event.ArtifactPushed, event.TagDeleted}[i%11/10]
	it.Routing.Matched = []string{fmt.Sprint("r", i%4)}
	for j := range it.Routing.Deliveries {
		it.Routing.Deliveries[j].Rules = it.Routing.Matched
	}
	return a
}

// Whichever index a list goes by, and however it is cut into pages, it shows what
// looking at every event shows.
func TestListsAgree(t *testing.T) {
	s := open(t, temp(t))
	const events = 400
	for i := range events {
		accept(t, s, varied(i))
		if i == events*3/4 {
			indexed(t, s)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for j := range 5 {
		target := fmt.Sprint("t", j)
		for range 4 {
			for _, c := range claim(t, s, target, 5) {
				record(t, s, c, []State{Delivered, Delivered, Dead, Waiting, Skipped}[r.IntN(5)], time.Now().Add(time.Hour))
			}
		}
		claim(t, s, target, 2)
	}
	all, err := s.Events(t.Context(), Query{Limit: events})
	if err != nil || len(all) != events {
		t.Fatal(len(all), err)
	}
	maybe := func(list ...string) string {
		if r.IntN(3) > 0 {
			return ""
		}
		return list[r.IntN(len(list))]
	}
	some := 0
	queries := 600
	if raced {
		queries = 60
	}
	for range queries {
		q := Query{
			Type: maybe("artifact.pushed", "tag.deleted"), Registry: maybe("hub0", "hub1", "hub2"),
			Repository: maybe("team/1", "team/2"), Tag: maybe("v1"), Rule: maybe("r0", "r1", "none"),
			Target: maybe("t0", "t1", "t9"), Outcome: maybe("waiting", "delivered", "dead", "skipped", "parked"),
			Limit: 1 + r.IntN(40),
		}
		c, err := q.chosen()
		if err != nil {
			t.Fatal(err)
		}
		var want, got []int64
		rows, err := s.read.QueryContext(t.Context(), `SELECT e.seq FROM event e WHERE true`+c.where+` ORDER BY e.seq DESC`, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var seq int64
			if err := rows.Scan(&seq); err != nil {
				t.Fatal(err)
			}
			want = append(want, seq)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		for page := q; ; {
			p, err := s.List(t.Context(), page)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Events {
				got = append(got, cursor(t, e))
				wantChosen(t, q, e)
			}
			if p.Next == "" {
				break
			}
			page.Before = p.Next
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v lists\n%v, want\n%v", q, got, want)
		}
		some += len(want)
	}
	if some == 0 {
		t.Error("no list had anything in it")
	}
}

func cursor(t *testing.T, l Listed) int64 {
	t.Helper()
	seq, err := readCursor(l.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func wantChosen(t *testing.T, q Query, l Listed) {
	t.Helper()
	if q.Rule == "" && q.Target == "" && q.Outcome == "" {
		if l.Chosen != nil {
			t.Errorf("%+v: chosen %+v", q, l.Chosen)
		}
		return
	}
	if len(l.Chosen) == 0 && (q.Target != "" || q.Outcome != "") && q.Rule == "" {
		t.Errorf("%+v: no delivery of %s", q, l.Event)
	}
	for _, d := range l.Chosen {
		if q.Rule != "" && !slices.Contains(d.Rules, q.Rule) || q.Target != "" && d.Target != q.Target || q.Outcome != "" && string(d.State) != q.Outcome {
			t.Errorf("%+v shows %+v", q, d)
		}
		if d.Began == nil && d.State == Dead {
			t.Errorf("dead and never begun: %+v", d)
		}
	}
}

// What comes while somebody turns pages is in none of those that follow, and moves
// nothing.
func TestPagesStandStill(t *testing.T) {
	s := open(t, temp(t))
	for i := range 30 {
		accept(t, s, varied(i))
	}
	q := Query{Registry: "hub0", Limit: 4}
	before, err := s.Events(t.Context(), Query{Registry: "hub0", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := 30; ; i++ {
		p, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			got = append(got, e.Cursor)
		}
		if p.Next == "" {
			break
		}
		q.Before = p.Next
		accept(t, s, varied(i))
		if i == 32 {
			indexed(t, s)
		}
	}
	var want []string
	for _, e := range before {
		want = append(want, e.Cursor)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Between two times lie the events that came between them, also where the clock was set
// back in between.
func TestListByTime(t *testing.T) {
	s := open(t, temp(t))
	start := time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)
	offsets := []time.Duration{0, time.Minute, 90 * time.Second, 3 * time.Hour, 2 * time.Minute, 4 * time.Hour}
	for i, o := range offsets {
		a := varied(i)
		a.Received = start.Add(o)
		accept(t, s, a)
	}
	for _, tc := range []struct {
		since, until time.Duration
		want         string
	}{
		{-time.Hour, 5 * time.Hour, "n5 n4 n3 n2 n1 n0"},
		{time.Minute, 2*time.Minute + time.Millisecond, "n4 n2 n1"},
		{61 * time.Second, 3 * time.Hour, "n4 n2"},
		{2 * time.Hour, 5 * time.Hour, "n5 n3"},
		{5 * time.Hour, 6 * time.Hour, ""},
		{-2 * time.Hour, -time.Hour, ""},
	} {
		l, err := s.Events(t.Context(), Query{Since: start.Add(tc.since), Until: start.Add(tc.until)})
		if err != nil {
			t.Fatal(err)
		}
		var cs []Claimed
		for _, e := range l {
			cs = append(cs, Claimed{Event: e.Event})
		}
		if got := natives(t, cs); got != tc.want {
			t.Errorf("from %s to %s: %q, want %q", tc.since, tc.until, got, tc.want)
		}
	}
}
