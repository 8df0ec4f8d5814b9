package store

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// judge sends every event but those of repository "quiet" to ops and chat.
func judge(e *event.Event, from time.Time) (Routing, error) {
	b, err := json.Marshal(e)
	r := Routing{JSON: b, RuleSet: testRules}
	if e.Repository.FullName == "quiet" {
		return r, err
	}
	r.Matched = []string{"new"}
	for _, t := range []string{"ops", "chat"} {
		r.Deliveries = append(r.Deliveries, Planned{
			ID: uuid.NewString(), Target: t, Type: "webhook", Rule: "new", Rules: r.Matched,
			Due: from, GiveUp: from.Add(time.Hour),
		})
	}
	return r, err
}

func replayAll(t *testing.T, s *Store, w Replay) Run {
	t.Helper()
	for {
		r, err := s.Replay(t.Context(), w, judge)
		if err != nil {
			t.Fatal(err)
		}
		if r.Ended {
			return r
		}
		w.Run = r.ID
	}
}

func TestReplay(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci", "ops", "chat")
	first := push("n1", "a", "ci")
	accept(t, s, first)
	accept(t, s, push("n2", "quiet", "ci"))
	counts, cursor, err := s.TryReplay(t.Context(), Query{}, "", "", judge)
	if err != nil || cursor != "" || counts != (Counts{Done: 1, Deliveries: 2, Unmatched: 1}) {
		t.Errorf("to be replayed %+v, %q, %v", counts, cursor, err)
	}
	r := replayAll(t, s, Replay{By: "alice"})
	if r.Counts != counts {
		t.Errorf("replayed %+v", r)
	}
	got := claim(t, s, "ops", 8)
	if len(got) != 1 || len(claim(t, s, "chat", 8)) != 1 {
		t.Fatalf("claimed %+v", got)
	}
	var e event.Event
	if err := json.Unmarshal(got[0].Event, &e); err != nil {
		t.Fatal(err)
	}
	was := first.Items[0].Event
	if e.ID == was.ID || e.Origin != event.OriginReplayed || !e.Time.Equal(was.Time) || e.Native.ID != "n1" || !e.Received.After(was.Received) {
		t.Errorf("%s", got[0].Event)
	}
	tr, err := s.Trace(t.Context(), e.ID)
	if err != nil || tr.ReplayOf == nil || tr.ReplayOf.Event != was.ID || tr.ReplayOf.By != "alice" || string(tr.Received.Body) != "n1" {
		t.Errorf("%+v %v", tr, err)
	}
	tr, err = s.Trace(t.Context(), was.ID)
	if err != nil || len(tr.Replays) != 1 || tr.Replays[0].Event != e.ID || len(tr.Deliveries) != 1 {
		t.Errorf("%+v %v", tr, err)
	}
	// A replay is not replayed. Another run replays the same again, to one target here.
	if r := replayAll(t, s, Replay{To: "chat", By: "alice"}); r.Done != 1 || r.Deliveries != 1 || r.Unmatched != 1 {
		t.Errorf("another: %+v", r)
	}
	if got := claim(t, s, "ops", 8); len(got) != 0 {
		t.Errorf("claimed %+v", got)
	}
}

// A replay that was cut off goes on, and each event is there once.
func TestReplayGoesOn(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	const n = 2*replayedAtOnce + 30
	for i := range n {
		accept(t, s, push(fmt.Sprint("n", i), "a"))
	}
	w := Replay{Run: uuid.NewString(), Select: Query{Limit: n}, By: "alice"}
	if r, err := s.Replay(t.Context(), w, judge); err != nil || r.Ended || r.Done != replayedAtOnce {
		t.Fatalf("%+v %v", r, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if got, more, err := s.Replayable(t.Context(), Query{Limit: n - 1}); got != n-1 || !more || err != nil {
		t.Errorf("%d, %t, %v", got, more, err)
	}
	if r := replayAll(t, s, Replay{Run: w.Run}); r.Done != n || r.Deliveries != 2*n || r.More {
		t.Errorf("%+v", r)
	}
	var rows, sources int
	if err := s.read.QueryRowContext(t.Context(), `SELECT count(*), count(DISTINCT source) FROM replayed`).Scan(&rows, &sources); err != nil || rows != n || sources != n {
		t.Errorf("%d replays of %d events, %v", rows, sources, err)
	}
	if got, _, err := s.Replayable(t.Context(), Query{Since: time.Now().Add(-time.Hour), Type: "artifact.pushed"}); got != n || err != nil {
		t.Errorf("%d may be replayed, %v", got, err)
	}
}

func TestAudit(t *testing.T) {
	s := open(t, temp(t))
	say(t, s)
	for i := range movedAtOnce + 5 {
		accept(t, s, push(fmt.Sprint("n", i), own(i), "ci"))
	}
	if n, err := s.Cancel(t.Context(), "ci", "alice"); n != movedAtOnce+5 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := s.Cancel(t.Context(), "ci", "alice"); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	say(t, s, "ops")
	now := time.Now().UTC()
	e := event.Event{V: 1, ID: uuid.NewString(), Type: event.Test, Time: now, Received: now, Registry: event.Registry{Name: "bellbuoy"}}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Test(t.Context(), e, Routing{JSON: b, RuleSet: testRules, Deliveries: []Planned{
		{ID: uuid.NewString(), Target: "ops", Type: "webhook", Due: now, GiveUp: now.Add(time.Minute)}}}, "ops", "bob"); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, s, "ops", 1); len(got) != 1 {
		t.Errorf("claimed %+v", got)
	}
	log, err := s.Audit(t.Context(), AuditQuery{Limit: 1})
	if err != nil || len(log) != 1 || log[0].What != AuditTest || log[0].By != "bob" || string(log[0].Details) != `{"event":"`+e.ID+`"}` {
		t.Fatalf("%+v %v", log, err)
	}
	log, err = s.Audit(t.Context(), AuditQuery{Before: log[0].Cursor})
	if err != nil || len(log) != 1 || log[0].What != AuditCancel || log[0].Object != "ci" || log[0].By != "alice" ||
		string(log[0].Details) != fmt.Sprintf(`{"deliveries":%d}`, movedAtOnce+5) {
		t.Errorf("%+v %v", log, err)
	}
	if log, err := s.Audit(t.Context(), AuditQuery{What: "test", Object: "ci"}); len(log) != 0 || err != nil {
		t.Errorf("%+v %v", log, err)
	}
}
