package store

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// However a log is cut into pages, it shows what looking at every delivery shows: those
// of the newest events first.
func TestLogsAgree(t *testing.T) {
	s := open(t, temp(t))
	const events = 120
	for i := range events {
		accept(t, s, varied(i))
		if i == events*3/4 {
			indexed(t, s)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for j := range 5 {
		for _, c := range claim(t, s, fmt.Sprint("t", j), 8) {
			record(t, s, c, []State{Delivered, Dead, Waiting}[r.IntN(3)], time.Now().Add(time.Hour))
		}
	}
	some := 0
	for _, q := range []LogQuery{
		{Rule: "r0"}, {Rule: "r2"}, {Rule: "none"}, {Target: "t0"}, {Target: "t4"},
		{Target: "t1", Outcome: Dead}, {Rule: "r1", Outcome: Delivered}, {Rule: "r1", Outcome: Expired},
		{Rule: "r1", Since: time.Now().Add(-time.Hour)}, {Rule: "r1", Until: time.Now().Add(-time.Hour)},
	} {
		want := wantLog(t, s, q)
		for _, q.Limit = range []int{1, 3, 50} {
			var got []string
			for _, e := range wholeLog(t, s, q) {
				got = append(got, e.Delivery.ID)
				if e.RuleSet != "" || e.Matched != nil {
					t.Errorf("%+v tells of verdicts: %+v", q, e)
				}
				if d := e.Delivery; (d.Began == nil) != (d.Attempts == 0) || (d.Last == nil) != (d.Attempts == 0) || (d.State == Dead) != (d.Ended != nil && d.Last.Error == "no") {
					t.Errorf("%+v", d)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v lists %d\n%v, want %d\n%v", q, len(got), got, len(want), want)
			}
		}
		some += len(want)
	}
	if some < events {
		t.Errorf("only %d entries", some)
	}
}

// wantLog reads every delivery.
func wantLog(t *testing.T, s *Store, q LogQuery) []string {
	t.Helper()
	rows, err := s.read.QueryContext(t.Context(), `SELECT d.id, d.rules, d.target, d.state, e.received
		FROM delivery d JOIN event e ON e.seq = d.event ORDER BY e.seq DESC, d.seq DESC`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var want []string
	for rows.Next() {
		var id, rules, target string
		var state State
		var received int64
		if err := rows.Scan(&id, &rules, &target, &state, &received); err != nil {
			t.Fatal(err)
		}
		at := fromMicros(received)
		if strings.Contains(rules, `"`+q.Rule) && (q.Target == "" || target == q.Target) && (q.Outcome == "" || state == q.Outcome) &&
			!at.Before(q.Since) && (q.Until.IsZero() || at.Before(q.Until)) {
			want = append(want, id)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return want
}

func wholeLog(t *testing.T, s *Store, q LogQuery) []LogEntry {
	t.Helper()
	var all []LogEntry
	for {
		p, err := s.Log(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Entries) > q.Limit {
			t.Fatalf("%+v has %d entries", q, len(p.Entries))
		}
		all = append(all, p.Entries...)
		if p.Next == "" {
			return all
		}
		if q.Before == p.Next {
			t.Fatalf("%+v goes on where it is", q)
		}
		q.Before = p.Next
	}
}

// All of a log has an entry for each event of the types, indexed or not: its deliveries, or
// that there is none, with the rules that judged it.
func TestLogOfAll(t *testing.T) {
	s := open(t, temp(t))
	const events = 60
	for i := range events {
		accept(t, s, varied(i)) // the rule r1 takes every fourth
		if i == events/2 {
			indexed(t, s)
		}
	}
	for _, limit := range []int{1, 7, 100} {
		got := map[string]int{}
		var order []string
		for _, e := range wholeLog(t, s, LogQuery{Rule: "r1", All: []event.Type{event.ArtifactPushed}, Limit: limit}) {
			var of event.Event
			if err := json.Unmarshal(e.Event, &of); err != nil {
				t.Fatal(err)
			}
			if of.Type != event.ArtifactPushed || e.RuleSet != testRules || len(e.Matched) != 1 {
				t.Errorf("%s: %+v", of.Type, e)
			}
			if e.Delivery != nil && (e.Matched[0] != "r1" || !slices.Equal(e.Delivery.Rules, e.Matched)) {
				t.Errorf("%+v of %v", e.Delivery, e.Matched)
			}
			if got[of.Native.ID]++; got[of.Native.ID] == 1 {
				order = append(order, of.Native.ID)
			}
		}
		var want []string
		for i := events - 1; i >= 0; i-- {
			a := varied(i)
			if a.Items[0].Event.Type != event.ArtifactPushed {
				continue
			}
			id, n := a.Items[0].Event.Native.ID, 1
			want = append(want, id)
			if i%4 == 1 {
				n = max(1, i%3)
			}
			if got[id] != n {
				t.Errorf("limit %d: %s has %d entries, want %d", limit, id, got[id], n)
			}
		}
		if !slices.Equal(order, want) {
			t.Errorf("limit %d: %v, want %v", limit, order, want)
		}
	}
}

func TestLogRefuses(t *testing.T) {
	s := open(t, temp(t))
	for _, q := range []LogQuery{
		{}, {Rule: "a", Target: "b"}, {Rule: "a", Outcome: "lost"}, {Rule: "a", All: []event.Type{"x"}, Outcome: Dead},
		{Rule: "a", Before: "?"}, {Rule: "a", Before: "5."}, {Rule: "a", Before: "-5"}, {Rule: "a", Before: "5.0"},
	} {
		if p, err := s.Log(t.Context(), q); err == nil || len(p.Entries) > 0 {
			t.Errorf("%+v: %v %v", q, p, err)
		}
	}
}

// Where lists look for events, an index has them in their order: nothing is read that is
// not asked for, and nothing sorted, but for what is leased, which is little.
func TestPlansOfLists(t *testing.T) {
	s, err := begin(t.Context(), file(t), Options{}) // plans are each engine's own
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sources := map[string]source{"all": allEvents, "a key": keyed(key("rule", "r0"))}
	for _, state := range States() {
		for _, target := range []string{"", "ci"} {
			if of, ok := among([]State{state}, target); ok {
				sources[fmt.Sprint(state, " to ", target)] = of
			}
		}
	}
	if of, ok := among([]State{Dead, Waiting}, "ci"); !ok || len(of.arms) != 3 {
		t.Errorf("%+v", of)
	} else {
		sources["dead and waiting"] = of
	}
	for name, of := range sources {
		for _, a := range of.arms {
			rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+of.query(a), append(slices.Clone(a.args), 1, 1000, 50)...)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var plan []string
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					t.Fatal(err)
				}
				plan = append(plan, detail)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
			all := strings.Join(plan, "\n")
			if strings.Contains(a.text, "MATERIALIZED") {
				if !strings.Contains(all, "USING INDEX delivery_leased") {
					t.Errorf("%s:\n%s", name, all)
				}
			} else if !strings.HasPrefix(all, "SEARCH k USING ") || strings.Contains(all, "TEMP") || strings.Contains(all, "SCAN") {
				t.Errorf("%s:\n%s", name, all)
			}
		}
	}
}
