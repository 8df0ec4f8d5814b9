package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// counted is what a count of all rows says.
func counted(t rapid.TB, s *Store) (now map[string]map[State]int) {
	t.Helper()
	rows, err := s.read.QueryContext(context.Background(), `SELECT target, state, count(*) FROM delivery GROUP BY target, state`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	now = map[string]map[State]int{}
	for rows.Next() {
		var target string
		var state State
		var n int
		if err := rows.Scan(&target, &state, &n); err != nil {
			t.Fatal(err)
		}
		if now[target] == nil {
			now[target] = map[State]int{}
		}
		now[target][state] = n
	}
	return now
}

func wantCounts(t rapid.TB, s *Store) {
	t.Helper()
	counts, err := s.TargetCounts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[State]int{}
	for target, c := range counts {
		if len(c.States) > 0 {
			got[target] = c.States
		}
	}
	if d := cmp.Diff(counted(t, s), got); d != "" {
		t.Errorf("the counters (+) are not what there is (-):\n%s", d)
	}
}

// Whatever becomes of deliveries, the counters say what a count of the rows would.
func TestCountersAreWhatThereIs(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	if err := s.Targets(t.Context(), map[string]Target{"ci": {}, "ops": {}}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 { // more than are handed over
		accept(t, s, push(fmt.Sprint(i), fmt.Sprint("r", i%5), "ci", "ops", "gone"))
	}
	accept(t, s, push("3", "r3", "ci"))
	wantCounts(t, s)
	states := []State{Delivered, Dead, Waiting, Skipped, Delivered}
	for i, c := range append(claim(t, s, "ci", 8), claim(t, s, "ops", 3)...) {
		record(t, s, c, states[i%len(states)], time.Now().Add(time.Hour))
		wantCounts(t, s)
	}
	claim(t, s, "ops", 2)
	if err := s.Targets(t.Context(), map[string]Target{"ci": {}}); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, s)
	if n, err := s.Cancel(t.Context(), "gone", "not wanted"); n != 20 || err != nil {
		t.Fatal(n, err)
	}
	wantCounts(t, s)
	if err := s.Targets(t.Context(), map[string]Target{"ci": {}, "ops": {}}); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, s)
	err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, `DELETE FROM delivery WHERE state = 'cancelled'`)
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, s)
	counts, err := s.TargetCounts(t.Context())
	if got := counts["gone"]; err != nil || len(got.States) != 0 || got.Entered[Cancelled] != 20 || got.Type != "webhook" {
		t.Errorf("what is deleted: %+v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	wantCounts(t, s)
}

func TestHours(t *testing.T) {
	s := open(t, temp(t))
	hour := time.Now().UTC().Truncate(time.Hour)
	accept(t, s, push("one", "r", "ci", "ops"))
	accept(t, s, push("two", "r", "ci"))
	accept(t, s, push("two", "r", "ci"))
	old := push("old", "r", "ops")
	old.Received = hour.Add(-5 * time.Hour)
	accept(t, s, old)
	for i, c := range append(claim(t, s, "ci", 8), claim(t, s, "ops", 8)...) {
		record(t, s, c, []State{Delivered, Delivered, Dead, Waiting}[i], time.Now().Add(time.Minute))
	}
	got, err := s.Hours(t.Context(), hour, false)
	if err != nil {
		t.Fatal(err)
	}
	if time.Now().UTC().Truncate(time.Hour) != hour { // the hour has just ended
		return
	}
	push := string(event.ArtifactPushed)
	want := Hours{
		Events: []EventHour{
			{hour, "hub", push, "duplicate", 1}, {hour, "hub", push, "stored", 2},
		},
		Deliveries: []DeliveryHour{{hour, "ci", Delivered, 2}, {hour, "ops", Dead, 1}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	all, err := s.Hours(t.Context(), hour.Add(-6*time.Hour), false)
	if err != nil || len(all.Events) != 3 || !all.Events[0].Hour.Equal(hour.Add(-5*time.Hour)) {
		t.Errorf("%+v, %v", all, err)
	}
}

// Deliveries to all targets are added up where that is asked for, and events are not.
func TestHoursOfAllTargets(t *testing.T) {
	s := open(t, temp(t))
	hour := time.Now().UTC().Truncate(time.Hour)
	accept(t, s, push("one", "r", "ci", "ops", "more"))
	for target, state := range map[string]State{"ci": Delivered, "ops": Delivered, "more": Dead} {
		for _, c := range claim(t, s, target, 8) {
			record(t, s, c, state, time.Now())
		}
	}
	got, err := s.Hours(t.Context(), hour, true)
	if err != nil {
		t.Fatal(err)
	}
	if time.Now().UTC().Truncate(time.Hour) != hour { // the hour has just ended
		return
	}
	want := Hours{
		Events:     []EventHour{{hour, "hub", string(event.ArtifactPushed), "stored", 1}},
		Deliveries: []DeliveryHour{{hour, "", Dead, 1}, {hour, "", Delivered, 2}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
