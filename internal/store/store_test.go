package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// TestMain makes the test's own binary play another process, too: see [TestKilledWhileItDeletes].
func TestMain(m *testing.M) {
	if path := os.Getenv(toBeKilled); path != "" {
		os.Exit(writeAndDelete(path))
	}
	if raced { // make test tries properties as often as they ask for without the detector
		if err := flag.Set("rapid.checks", "5"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(tests{m})
}

const testRules = "rules-1"

// open opens a store in a folder of the test's own, with one rule set.
func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := begin(t.Context(), path, Options{Version: "test", Window: 8})
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

// push is an arrival of one push, with a delivery to each target.
func push(native, repository string, targets ...string) Arrival {
	e := event.Event{
		V: 1, ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(native)).String(), Type: event.ArtifactPushed,
		Time: time.Now().UTC(), Registry: event.Registry{Name: "hub", Type: "distribution"},
		Repository: &event.Repository{FullName: repository},
		Artifact:   &event.Artifact{Digest: "sha256:1", Tags: []string{"v1"}},
		Native:     event.Native{ID: native}, Origin: event.OriginNative,
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	r := Routing{JSON: b, RuleSet: testRules, Matched: []string{"all"}}
	for _, t := range targets {
		id, err := uuid.NewV7()
		if err != nil {
			panic(err)
		}
		r.Deliveries = append(r.Deliveries, Planned{
			ID: id.String(), Target: t, Type: "webhook", Rule: "all", Rules: []string{"all"}, Key: repository,
			Due: time.Now(), GiveUp: time.Now().Add(72 * time.Hour), Hold: 5 * time.Minute,
		})
	}
	return Arrival{
		Registry: "hub", Received: time.Now(), Remote: "127.0.0.1:1", Headers: map[string]string{"User-Agent": "x"},
		Body:  Raw{Bytes: []byte(native), Size: int64(len(native))},
		Items: []Item{{Event: e, Dedupe: true, Routing: r}},
	}
}

// together is n arrivals in one, which takes one commit.
func together(n int, arrival func(i int) Arrival) Arrival {
	var one Arrival
	for i := range n {
		a := arrival(i)
		a.Items = append(one.Items, a.Items...)
		one = a
	}
	return one
}

func accept(t testing.TB, s *Store, a Arrival) Accepted {
	t.Helper()
	got, err := s.Accept(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func claim(t testing.TB, s *Store, target string, n int) []Claimed {
	t.Helper()
	c, err := s.Claim(t.Context(), target, n)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func natives(t testing.TB, cs []Claimed) string {
	t.Helper()
	var out []string
	for _, c := range cs {
		var e event.Event
		if err := json.Unmarshal(c.Event, &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Native.ID)
	}
	return strings.Join(out, " ")
}

func record(t testing.TB, s *Store, c Claimed, st State, next time.Time) {
	t.Helper()
	o := Outcome{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, State: st, Next: next, Time: time.Now(), Outcome: plugin.Delivered}
	if st != Delivered {
		o.Outcome, o.Error = plugin.Retry, "no"
	}
	if err := s.Record(t.Context(), []Outcome{o}); err != nil {
		t.Fatal(err)
	}
}

func TestAcceptClaimRecordTrace(t *testing.T) {
	s := open(t, temp(t))
	a := push("n1", "team/app", "ci")
	got := accept(t, s, a)
	if len(got.IDs) != 1 || got.IDs[0] != a.Items[0].Event.ID {
		t.Fatalf("accepted %+v", got)
	}
	if ready, err := s.Ready(t.Context()); err != nil || len(ready) != 1 || ready[0] != "ci" {
		t.Fatalf("ready %v %v", ready, err)
	}
	cs := claim(t, s, "ci", 10)
	if len(cs) != 1 || cs[0].Attempt != 1 || string(cs[0].Event) != string(a.Items[0].Routing.JSON) {
		t.Fatalf("claimed %+v", cs)
	}
	if again := claim(t, s, "ci", 10); len(again) != 0 {
		t.Fatalf("claimed twice: %+v", again)
	}
	if err := s.Record(t.Context(), []Outcome{{
		Seq: cs[0].Seq, Target: "ci", Attempt: 1, State: Delivered, Time: time.Now(), Outcome: plugin.Delivered,
		Receipt: plugin.Receipt{
			Request: plugin.Request{Method: "POST", URL: "http://ci", Headers: map[string]string{"X": "***"}},
			Status:  204, Latency: 1500 * time.Microsecond, Reply: "ok",
		},
	}}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{got.IDs[0], "n1"} {
		tr, err := s.Trace(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if string(tr.Received.Body) != "n1" || tr.RuleSet != testRules || tr.State != "routed" || len(tr.Deliveries) != 1 {
			t.Fatalf("trace %+v", tr)
		}
		d := tr.Deliveries[0]
		if d.State != Delivered || d.Next != nil || len(d.Attempts) != 1 {
			t.Fatalf("delivery %+v", d)
		}
		at := d.Attempts[0]
		if at.Status != 204 || at.LatencyMS != 1.5 || at.Reply != "ok" || at.Outcome != plugin.Delivered ||
			at.Request.Body != string(a.Items[0].Routing.JSON) || at.Request.Headers["X"] != "***" {
			t.Fatalf("attempt %+v", at)
		}
	}
	if _, err := s.Trace(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("unknown id: %v", err)
	}
}

func TestRepeatIsCountedNotStored(t *testing.T) {
	s := open(t, temp(t))
	a := push("n1", "team/app", "ci")
	accept(t, s, a)
	if got := accept(t, s, push("n1", "team/app", "ci")); len(got.IDs) != 0 || got.Duplicates != 1 || got.Conflicts != 0 {
		t.Fatalf("repeat %+v", got)
	}
	other := push("n1", "team/app", "ci")
	other.Items[0].Fingerprint[0] = 1
	if got := accept(t, s, other); got.Duplicates != 1 || got.Conflicts != 1 {
		t.Fatalf("conflict %+v", got)
	}
	tr, err := s.Trace(t.Context(), "n1")
	if err != nil || len(tr.Deliveries) != 1 || tr.Received.Repeats != 2 || tr.Received.Conflicts != 1 {
		t.Fatalf("trace %+v %v", tr, err)
	}
	// Two of one id in one arrival, whatever the registry meant by it.
	twice := push("n2", "team/app", "ci")
	twice.Items = append(twice.Items, twice.Items[0])
	if got := accept(t, s, twice); len(got.IDs) != 1 || got.Duplicates != 1 {
		t.Fatalf("twice in one %+v", got)
	}
}

func TestLeasesAreVoidAfterRestart(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	for i := range 12 { // more than the window of 8: some are not handed over
		accept(t, s, push(fmt.Sprint("n", i), fmt.Sprint("r", i), "ci"))
	}
	first := claim(t, s, "ci", 3)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if got := natives(t, append(claim(t, s, "ci", 5), claim(t, s, "ci", 20)...)); got != "n0 n1 n2 n3 n4 n5 n6 n7" {
		t.Fatalf("after restart claimed %s", got)
	}
	// The outcome of a claim of the earlier process changes nothing.
	s.owner--
	record(t, s, first[0], Delivered, time.Time{})
	s.owner++
	tr, err := s.Trace(t.Context(), "n0")
	if err != nil || tr.Deliveries[0].State != Waiting || len(tr.Deliveries[0].Attempts) != 0 {
		t.Fatalf("late outcome counted: %+v %v", tr.Deliveries, err)
	}
}

func TestBacklogIsClaimedInOrder(t *testing.T) {
	s := open(t, temp(t))
	for i := range 30 {
		accept(t, s, push(fmt.Sprint("n", i), "team/app", "ci"))
	}
	var got []string
	for len(got) < 30 {
		cs := claim(t, s, "ci", 5)
		if len(cs) == 0 {
			t.Fatalf("nothing to claim after %d", len(got))
		}
		for _, c := range cs {
			got = append(got, natives(t, []Claimed{c}))
			record(t, s, c, Delivered, time.Time{})
		}
	}
	for i, n := range got {
		if n != fmt.Sprint("n", i) {
			t.Fatalf("order: %v", got)
		}
	}
	// With the backlog gone, the next is handed over again.
	accept(t, s, push("last", "team/app", "ci"))
	s.shelves.mu.Lock()
	handed := len(s.shelves.targets["ci"].handed)
	s.shelves.mu.Unlock()
	if handed != 1 {
		t.Fatalf("handed over %d", handed)
	}
}

func TestRetryHoldsBackItsKeyOnly(t *testing.T) {
	s := open(t, temp(t))
	accept(t, s, push("a1", "a", "ci"))
	accept(t, s, push("a2", "a", "ci"))
	accept(t, s, push("b1", "b", "ci"))
	cs := claim(t, s, "ci", 10)
	if natives(t, cs) != "a1 a2 b1" {
		t.Fatalf("claimed %s", natives(t, cs))
	}
	// a1 fails: it is to be tried again, and a2 behind it is given back.
	soon := time.Now().Add(150 * time.Millisecond)
	if err := s.Record(t.Context(), []Outcome{
		{Seq: cs[0].Seq, Target: "ci", Key: "a", Attempt: 1, State: Waiting, Next: soon, Time: time.Now(), Outcome: plugin.Retry, Error: "no"},
		{Seq: cs[1].Seq, Target: "ci", Key: "a", Attempt: 1, Returned: true},
		{Seq: cs[2].Seq, Target: "ci", Key: "b", Attempt: 1, State: Delivered, Time: time.Now(), Outcome: plugin.Delivered},
	}); err != nil {
		t.Fatal(err)
	}
	accept(t, s, push("a3", "a", "ci"))
	accept(t, s, push("b2", "b", "ci"))
	if got := natives(t, append(claim(t, s, "ci", 10), claim(t, s, "ci", 10)...)); got != "b2" {
		t.Fatalf("while a1 waits: claimed %q", got)
	}
	var again []Claimed
	for len(again) == 0 {
		if _, err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		again = claim(t, s, "ci", 10)
	}
	if natives(t, again) != "a1" || again[0].Attempt != 2 {
		t.Fatalf("when a1 is due: claimed %q, attempt %d", natives(t, again), again[0].Attempt)
	}
	record(t, s, again[0], Delivered, time.Time{})
	if got := natives(t, claim(t, s, "ci", 10)); got != "a2 a3" {
		t.Fatalf("after a1: claimed %q", got)
	}
}

func TestHoldEnds(t *testing.T) {
	s := open(t, temp(t))
	first := push("a1", "a", "ci")
	first.Items[0].Routing.Deliveries[0].Hold = 100 * time.Millisecond
	accept(t, s, first)
	cs := claim(t, s, "ci", 1)
	record(t, s, cs[0], Waiting, time.Now().Add(time.Hour))
	accept(t, s, push("a2", "a", "ci"))
	if got := natives(t, claim(t, s, "ci", 10)); got != "" {
		t.Fatalf("claimed %q while a1 holds its key", got)
	}
	var got string
	for got == "" {
		if _, err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		got = natives(t, claim(t, s, "ci", 10))
	}
	if got != "a2" {
		t.Fatalf("after the hold: claimed %q", got)
	}
}

func TestUnknownRuleSetFailsAlone(t *testing.T) {
	s := open(t, temp(t))
	bad := push("bad", "a", "ci")
	bad.Items[0].Routing.RuleSet = "never put"
	errs := make(chan error, 9)
	for i := range 9 {
		a := push(fmt.Sprint("n", i), "a", "ci")
		if i == 4 {
			a = bad
		}
		go func() {
			_, err := s.Accept(context.Background(), a)
			errs <- err
		}()
	}
	failed := 0
	for range 9 {
		if err := <-errs; err != nil {
			failed++
			if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "never put") {
				t.Errorf("error %v", err)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d failed, want the one bad", failed)
	}
	if l, err := s.Events(t.Context(), Query{}); err != nil || len(l) != 8 {
		t.Errorf("%d events, %v", len(l), err)
	}
	wantCounts(t, s)
}

func TestQuarantineCountsTheSameBytes(t *testing.T) {
	s := open(t, temp(t))
	a := Arrival{Registry: "hub", Received: time.Now(), Quarantine: "not JSON", Body: Raw{Bytes: []byte("x"), Size: 1, SHA256: [32]byte{1}}}
	accept(t, s, a)
	if got := accept(t, s, a); got.Quarantined != 1 {
		t.Fatalf("accepted %+v", got)
	}
	l, err := s.Quarantine(t.Context(), 0)
	if err != nil || len(l) != 1 || l[0].Count != 2 || l[0].Reason != "not JSON" {
		t.Fatalf("quarantine %+v %v", l, err)
	}
	q, err := s.Quarantined(t.Context(), l[0].ID)
	if err != nil || string(q.Body) != "x" {
		t.Fatalf("quarantined %+v %v", q, err)
	}
	accept(t, s, Arrival{Registry: "hub", Received: time.Now(), Quarantine: "empty body"})
}

func TestHeldEventIsRoutedLater(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	a := push("h1", "a", "ci")
	routing := a.Items[0].Routing
	a.Items[0].Routing = Routing{}
	a.Items[0].Hold = &Hold{Reason: "lookup", RouteAt: time.Now().Add(-time.Second)}
	accept(t, s, a)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	due, _, err := s.HeldDue(t.Context(), time.Now(), 10)
	if err != nil || len(due) != 1 || due[0].Reason != "lookup" || due[0].Event.Native.ID != "h1" || string(due[0].Raw.Bytes) != "h1" {
		t.Fatalf("held %+v %v", due, err)
	}
	for range 2 { // the second time changes nothing
		if err := s.Route(t.Context(), due[0].ID, routing); err != nil {
			t.Fatal(err)
		}
	}
	if got := natives(t, claim(t, s, "ci", 10)); got != "h1" {
		t.Fatalf("claimed %q", got)
	}
}

func TestTargetsParkAndReturn(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	accept(t, s, push("n1", "a", "gone"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if err := s.Targets(t.Context(), map[string]Target{"ci": {}}); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, s, "gone", 10); len(got) != 0 {
		t.Fatalf("claimed for a target that is gone: %+v", got)
	}
	tr, err := s.Trace(t.Context(), "n1")
	if err != nil || tr.Deliveries[0].State != Parked || tr.Deliveries[0].Reason != goneTarget {
		t.Fatalf("trace %+v %v", tr.Deliveries, err)
	}
	if err := s.Targets(t.Context(), map[string]Target{"gone": {}}); err != nil {
		t.Fatal(err)
	}
	if got := natives(t, claim(t, s, "gone", 10)); got != "n1" {
		t.Fatalf("claimed %q after the target returned", got)
	}
}

// indexed waits until all events are.
func indexed(t *testing.T, s *Store) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s.tail.mu.RLock()
		n := len(s.tail.events)
		s.tail.mu.RUnlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events are not indexed", n)
		}
	}
}

// Events are found alike while they are new and when they are indexed, and a repeat
// is told alike; also by the next process.
func TestIndexFollows(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	find := func(when string) {
		t.Helper()
		if got := accept(t, s, push("old", "team/app", "ci")); got.Duplicates != 1 {
			t.Errorf("%s: the repeat of an indexed event: %+v", when, got)
		}
		if got := accept(t, s, push("new", "team/app", "ci")); got.Duplicates != 1 {
			t.Errorf("%s: the repeat of a new event: %+v", when, got)
		}
		for _, native := range []string{"old", "new"} {
			for _, id := range []string{native, push(native, "team/app").Items[0].Event.ID} {
				if _, err := s.Trace(t.Context(), id); err != nil {
					t.Errorf("%s: %v", when, err)
				}
			}
		}
		for _, q := range []Query{{Repository: "team/app"}, {Tag: "v1"}, {Digest: "sha256:1"}, {Rule: "all"}, {Target: "ci"}, {}} {
			if l, err := s.Events(t.Context(), q); err != nil || len(l) != 2 {
				t.Errorf("%s: %+v lists %d events, %v", when, q, len(l), err)
			}
		}
		if l, err := s.Events(t.Context(), Query{Tag: "v1", Limit: 1}); err != nil || len(l) != 1 || natives(t, []Claimed{{Event: l[0].Event}}) != "new" {
			t.Errorf("%s: the newest is %+v, %v", when, l, err)
		}
	}
	accept(t, s, push("old", "team/app", "ci"))
	indexed(t, s)
	accept(t, s, push("new", "team/app", "ci"))
	find("one indexed and one new")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	find("in the next process")
	indexed(t, s)
	find("all indexed")
	tr, err := s.Trace(t.Context(), "new")
	if err != nil || tr.Received.Repeats != 3 {
		t.Errorf("repeats %d, want 3 (%v)", tr.Received.Repeats, err)
	}
}

func TestListFilters(t *testing.T) {
	s := open(t, temp(t))
	accept(t, s, push("n1", "team/app", "ci"))
	accept(t, s, push("n2", "team/web", "ci", "ops"))
	c := claim(t, s, "ops", 1)
	record(t, s, c[0], Delivered, time.Time{})
	indexed(t, s)
	for _, tc := range []struct {
		q    Query
		want string
	}{
		{Query{}, "n2 n1"},
		{Query{Limit: 1}, "n2"},
		{Query{Repository: "team/app"}, "n1"},
		{Query{Tag: "v1"}, "n2 n1"},
		{Query{Tag: "v2"}, ""},
		{Query{Target: "ops"}, "n2"},
		{Query{Target: "ops", Outcome: "delivered"}, "n2"},
		{Query{Target: "ci", Outcome: "delivered"}, ""},
		{Query{Outcome: "waiting"}, "n2 n1"},
		{Query{Rule: "all"}, "n2 n1"},
		{Query{Rule: "none"}, ""},
		{Query{Type: "artifact.pushed", Registry: "hub", Digest: "sha256:1", NativeID: "n1"}, "n1"},
		{Query{Since: time.Now().Add(time.Hour)}, ""},
		{Query{Until: time.Now().Add(time.Hour)}, "n2 n1"},
		{Query{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(-time.Minute)}, ""},
		{Query{ID: push("n1", "").Items[0].Event.ID}, "n1"},
		{Query{ID: push("n1", "").Items[0].Event.ID, Target: "ops"}, ""},
		{Query{ID: "n1"}, ""},
	} {
		l, err := s.Events(t.Context(), tc.q)
		if err != nil {
			t.Fatal(err)
		}
		var cs []Claimed
		for _, e := range l {
			cs = append(cs, Claimed{Event: e.Event})
		}
		if got := natives(t, cs); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.q, got, tc.want)
		}
	}
	l, err := s.Events(t.Context(), Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if l[0].Deliveries[Waiting] != 1 || l[0].Deliveries[Delivered] != 1 {
		t.Errorf("deliveries %v", l[0].Deliveries)
	}
	if next, err := s.Events(t.Context(), Query{Before: l[0].Cursor}); err != nil || len(next) != 1 {
		t.Errorf("next page %v %v", next, err)
	}
	for _, q := range []Query{{Outcome: "done"}, {Before: "!"}} {
		if _, err := s.Events(t.Context(), q); !errors.Is(err, ErrBadQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	refused := func(path string, is error, says ...string) {
		t.Helper()
		s, err := begin(t.Context(), path, Options{Version: "1.0"})
		if err == nil {
			s.Close()
			t.Fatalf("opened, want %v", says)
		}
		if is != nil && !errors.Is(err, is) {
			t.Errorf("error %v is not %v", err, is)
		}
		for _, w := range says {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error %q does not say %q", err, w)
			}
		}
	}
	t.Run("no folder", func(t *testing.T) {
		refused(filepath.Join(t.TempDir(), "no", "b.db"), os.ErrNotExist, "its folder must exist")
	})
	t.Run("in use", func(t *testing.T) {
		path := file(t)
		open(t, path)
		refused(path, ErrLocked, fmt.Sprint("process ", os.Getpid()), "stop that one")
	})
	t.Run("no store", func(t *testing.T) {
		path := file(t)
		if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(path, ErrCorrupt, path, "restore it from a backup")
	})
	t.Run("damaged page", func(t *testing.T) {
		path := file(t)
		s := open(t, path)
		for i := range 200 {
			accept(t, s, push(fmt.Sprint("n", i), "a", "ci"))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := 4096; i < 3*4096; i++ {
			b[i] = 0xff
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(path, ErrCorrupt, path)
	})
	t.Run("newer schema", func(t *testing.T) {
		path := file(t)
		s := open(t, path)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`, `UPDATE meta SET value = '9.9' WHERE key = 'written_by'`} {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		db.Close()
		refused(path, ErrNewer, "its schema is 99", "bellbuoy 9.9")
		// It was not touched: the one that wrote it still opens it.
		db, _ = sql.Open("sqlite", path)
		defer db.Close()
		var by string
		if err := db.QueryRow(`SELECT value FROM meta WHERE key = 'written_by'`).Scan(&by); err != nil || by != "9.9" {
			t.Errorf("written_by %q %v", by, err)
		}
	})
}

func TestCountedEventsReachTheTally(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	a := push("n1", "a", "ci")
	a.Counted = map[event.Type]int{event.BlobPushed: 3}
	accept(t, s, a)
	accept(t, s, Arrival{Registry: "hub", Received: time.Now(), Counted: map[event.Type]int{event.BlobPulled: 2}})
	accept(t, s, push("n1", "a", "ci"))
	if err := s.Close(); err != nil { // what only waits to be counted is written before the end
		t.Fatal(err)
	}
	s = open(t, path)
	got := map[string]int{}
	rows, err := s.read.Query(`SELECT what || ' ' || type, sum(n) FROM tally WHERE registry = 'hub' GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var k string
		var n int
		if err := rows.Scan(&k, &n); err != nil {
			t.Fatal(err)
		}
		got[k] = n
	}
	for k, n := range map[string]int{"counted blob.pushed": 3, "counted blob.pulled": 2, "stored artifact.pushed": 1, "duplicate artifact.pushed": 1} {
		if got[k] != n {
			t.Errorf("%s: %d, want %d (all: %v)", k, got[k], n, got)
		}
	}
}

// The log starts over also while the writer has no rest.
func TestLogStaysBounded(t *testing.T) {
	s := open(t, file(t))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 3000 {
				a := push(fmt.Sprint(w, "-", i), fmt.Sprint("r", w))
				a.Body.Bytes = make([]byte, 16<<10)
				if _, err := s.Accept(context.Background(), a); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(s.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if written := int64(4 * 3000 * 16 << 10); info.Size() > 2*maxLog {
		t.Errorf("the log is %d MiB after %d MiB were written", info.Size()>>20, written>>20)
	}
}

// Many callers at a time make few commits, and the log is moved into the file all the
// same.
func TestLogIsMovedUnderManyCallers(t *testing.T) {
	s := open(t, file(t))
	const callers, each, size = 512, 16, 16 << 10
	var wg sync.WaitGroup
	for w := range callers {
		wg.Go(func() {
			for i := range each {
				a := push(fmt.Sprint(w, "-", i), fmt.Sprint("r", w))
				a.Body.Bytes = make([]byte, size)
				if _, err := s.Accept(context.Background(), a); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		info, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > callers*each*size/4 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the file has %d MiB after %d MiB were written", info.Size()>>20, callers*each*size>>20)
		}
	}
}

// BenchmarkCycle is what one event costs the store: accept, claim, record, with 64
// callers. The figure is bound by the disk's sync times the size of a batch.
func BenchmarkCycle(b *testing.B) {
	s, err := begin(b.Context(), temp(b), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.PutRuleSet(b.Context(), testRules, []byte("[]")); err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(b.Context())
	defer func() { cancel(); <-ended }()
	go func() {
		defer close(ended)
		for {
			if _, err := s.Ready(ctx); err != nil {
				return
			}
			cs, err := s.Claim(ctx, "ci", 1024)
			if err != nil {
				return
			}
			var os []Outcome
			for _, c := range cs {
				os = append(os, Outcome{Seq: c.Seq, Target: c.Target, Attempt: c.Attempt, State: Delivered, Time: time.Now(), Outcome: plugin.Delivered,
					Receipt: plugin.Receipt{Request: plugin.Request{Method: "POST", URL: "http://127.0.0.1/"}, Status: 200}})
			}
			if err := s.Record(context.Background(), os); err != nil {
				return
			}
		}
	}()
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Accept(context.Background(), push(uuid.NewString(), uuid.NewString()[:2], "ci")); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
