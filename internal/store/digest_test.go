package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// digesting opens a store with a target that folds what waits, when more than after do.
func digesting(t *testing.T, path string, after int) *Store {
	t.Helper()
	s := open(t, path)
	foldAfter(t, s, after)
	return s
}

func foldAfter(t *testing.T, s *Store, after int) {
	t.Helper()
	if err := s.Targets(t.Context(), map[string]Target{"chat": {DigestAfter: after}}); err != nil {
		t.Fatal(err)
	}
}

// about is an arrival for the target, with a key or none.
func about(native, repository, key string, change func(*event.Event)) Arrival {
	a := push(native, repository, "chat")
	it := &a.Items[0]
	if change != nil {
		change(&it.Event)
	}
	b, err := json.Marshal(it.Event)
	if err != nil {
		panic(err)
	}
	it.Routing.JSON, it.Routing.Deliveries[0].Key = b, key
	return a
}

func finding(severity event.Severity) func(*event.Event) {
	return func(e *event.Event) {
		e.Type, e.Vulnerability = event.VulnerabilityFound, &event.Vulnerability{ID: "CVE-2026-1", Severity: severity}
	}
}

func decode(t *testing.T, c Claimed) event.Event {
	t.Helper()
	var e event.Event
	if err := json.Unmarshal(c.Event, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// told is what was claimed, one word each: its native id, or for a digest those of its
// members.
func told(t *testing.T, s *Store, cs []Claimed) string {
	t.Helper()
	var out []string
	for _, c := range cs {
		e := decode(t, c)
		if e.Type != event.Digest {
			out = append(out, e.Native.ID)
			continue
		}
		var in []string
		for _, id := range e.Digest {
			tr, err := s.Trace(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, decode(t, Claimed{Event: tr.Event}).Native.ID)
		}
		out = append(out, "["+strings.Join(in, " ")+"]")
	}
	return strings.Join(out, " ")
}

// What waits beyond the limit is one delivery that says how much of what it is; what must
// be told alone is.
func TestDigest(t *testing.T) {
	s := digesting(t, temp(t), 4)
	for i := range 3 {
		accept(t, s, about(fmt.Sprintf("a%d", i), "prod/api", "", nil))
	}
	accept(t, s, about("w0", "prod/web", "", nil))
	if got := told(t, s, claim(t, s, "chat", 8)); got != "a0 a1 a2 w0" {
		t.Fatalf("claimed %q: four may wait", got)
	}
	accept(t, s, about("w1", "prod/web", "", nil))
	accept(t, s, about("high", "prod/web", "", finding(event.SeverityHigh)))
	accept(t, s, about("low", "prod/web", "", finding(event.SeverityLow)))
	accept(t, s, about("own", "", "", func(e *event.Event) { e.Type, e.Repository = event.TargetFailing, nil }))
	for i := range 3 {
		accept(t, s, about(fmt.Sprintf("b%d", i), "prod/api", "", nil))
	}
	accept(t, s, about("scan", "prod/web", "", func(e *event.Event) {
		e.Type, e.Status, e.Scan = event.ScanCompleted, event.Succeeded, &event.Scan{Counts: map[event.Severity]int{event.SeverityCritical: 1}}
	}))
	foldAfter(t, s, 4)
	got := claim(t, s, "chat", 4)
	if told := told(t, s, got); told != "high own scan [w1 low b0 b1 b2]" {
		t.Fatalf("claimed %q", told)
	}
	digest := got[3]
	e := decode(t, digest)
	want := []event.DigestGroup{
		{Registry: "hub", Repository: "prod/api", Type: event.ArtifactPushed, Count: 3},
		{Registry: "hub", Repository: "prod/web", Type: event.ArtifactPushed, Count: 1},
		{Registry: "hub", Repository: "prod/web", Type: event.VulnerabilityFound, Count: 1},
	}
	if e.Digested.Count != 5 || !slices.Equal(e.Digested.Groups, want) || digest.Rendering != digestRendering {
		t.Errorf("the digest is %s, rendered by %q", digest.Event, digest.Rendering)
	}
	d := stateOf(t, s, "b1")
	if d.State != Folded || d.Reason != toldIn(e.ID, digest.ID) || d.Next != nil {
		t.Errorf("a member is %+v", d)
	}
	if own := stateOf(t, s, e.ID); own.ID != digest.ID || !slices.Equal(own.Rules, []string{"all"}) || own.State != Waiting {
		t.Errorf("the digest's own delivery is %+v", own)
	}
	if listed, err := s.Events(t.Context(), Query{Type: string(event.Digest), Target: "chat"}); err != nil || len(listed) != 1 {
		t.Errorf("listed %d digests, %v", len(listed), err)
	}
}

// The members end as the digest does, across a restart, whoever ends it; taken up again
// by itself, a member goes its own way.
func TestMembersEndAsTheDigest(t *testing.T) {
	path := temp(t)
	s := digesting(t, path, 1)
	fold := func() (digest, event string) {
		t.Helper()
		cs := claim(t, s, "chat", 8)
		if len(cs) != 1 {
			t.Fatalf("claimed %q", told(t, s, cs))
		}
		return cs[0].ID, decode(t, cs[0]).ID
	}
	states := func(want State, reason string, natives ...string) {
		t.Helper()
		for _, n := range natives {
			if d := stateOf(t, s, n); d.State != want || !strings.Contains(d.Reason, reason) {
				t.Errorf("%s is %s: %s; want %s: %s", n, d.State, d.Reason, want, reason)
			}
		}
	}
	accept(t, s, about("a", "x", "", nil))
	accept(t, s, about("b", "x", "", nil))
	_, id := fold()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = digesting(t, path, 1)
	states(Folded, id, "a", "b")
	c := claim(t, s, "chat", 8)[0]
	if got := told(t, s, []Claimed{c}); got != "[a b]" {
		t.Fatalf("claimed %q after the restart", got)
	}
	record(t, s, c, Waiting, time.Now())
	states(Folded, id, "a", "b")
	c = claim(t, s, "chat", 8)[0]
	if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: "chat", Attempt: 2, State: Dead, Reason: "the answer was final",
		Time: time.Now(), Outcome: plugin.PermanentFail}}); err != nil {
		t.Fatal(err)
	}
	states(Dead, "delivery "+c.ID+", which ended dead: the answer was final", "a", "b")

	accept(t, s, about("c", "x", "", nil))
	accept(t, s, about("d", "x", "", nil))
	_, id = fold()
	c = Claimed{Seq: s.seqs.delivery, Target: "chat", Attempt: 1}
	record(t, s, c, Delivered, time.Time{})
	states(Folded, id, "c", "d")

	accept(t, s, about("e", "x", "", nil))
	accept(t, s, about("f", "x", "", nil))
	fold()
	c = Claimed{Seq: s.seqs.delivery, Target: "chat", Attempt: 1}
	say(t, s) // the target goes
	if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: "chat", Attempt: 1, Returned: true}}); err != nil {
		t.Fatal(err)
	}
	states(Folded, "told in digest", "e", "f")
	if n, err := s.Cancel(t.Context(), "chat", "alice"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	states(Cancelled, "which ended cancelled: cancelled by alice", "e", "f")
	states(Dead, "which ended dead", "a")
}

// Where order counts, a digest stands where its first member stood: before what was
// accepted later, behind what was accepted earlier, and it holds back what is behind it.
func TestDigestsKeepTheOrder(t *testing.T) {
	s := digesting(t, temp(t), 3)
	for _, n := range []string{"a0", "b0", "a1", "A2", "a3", "a4", "B1", "b2", "a5"} {
		change := func(*event.Event) {}
		if n[0] < 'a' {
			change = finding(event.SeverityCritical)
		}
		accept(t, s, about(n, "prod/"+strings.ToLower(n[:1]), strings.ToLower(n[:1]), change))
	}
	first := claim(t, s, "chat", 3)
	if got := told(t, s, first); got != "[a0 a1] b0 A2" {
		t.Fatalf("claimed %q", got)
	}
	record(t, s, first[0], Waiting, time.Now().Add(-time.Millisecond)) // and so A2 is behind it
	for _, n := range []string{"a6", "a7", "a8", "b3"} {
		accept(t, s, about(n, "prod/"+n[:1], n[:1], nil))
	}
	again := claim(t, s, "chat", 8)
	if got := told(t, s, again); got != "[a0 a1] B1 b2 b3" || again[0].Attempt != 2 {
		t.Fatalf("claimed %q", got)
	}
	record(t, s, again[0], Delivered, time.Time{})
	rest := claim(t, s, "chat", 8)
	if got := told(t, s, rest); got != "A2 [a3 a4 a5] [a6 a7 a8]" {
		t.Errorf("claimed %q", got)
	}
}

// One digest has so many members and no more; what is over is in the next ones, and
// nothing of it is sent by itself before.
func TestLongDigests(t *testing.T) {
	s := digesting(t, temp(t), 10)
	const events = 2*maxMembers + 20
	accept(t, s, together(events, func(i int) Arrival {
		return about(fmt.Sprintf("n%d", i), "prod/api", []string{"", "k"}[i%2], nil)
	}))
	members := 0
	for range 20 {
		for _, c := range claim(t, s, "chat", 8) {
			e := decode(t, c)
			if e.Type != event.Digest || len(e.Digest) > maxMembers || e.Digested.Count != len(e.Digest) {
				t.Errorf("claimed %s", c.Event)
			}
			members += len(e.Digest)
			record(t, s, c, Delivered, time.Time{})
		}
	}
	if members != events {
		t.Errorf("%d of %d are in digests", members, events)
	}
}

// What a killed process may have sent is not folded: it would be told twice, and not by
// the same id.
func TestWhatMayHaveBeenSentIsNotFolded(t *testing.T) {
	path := temp(t)
	s := digesting(t, path, 1)
	accept(t, s, about("a", "x", "", nil))
	sent := claim(t, s, "chat", 1)
	for _, n := range []string{"b", "c", "d"} {
		accept(t, s, about(n, "x", "", nil))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = digesting(t, path, 1)
	again := claim(t, s, "chat", 8)
	if got := told(t, s, again); got != "a [b c d]" || again[0].ID != sent[0].ID {
		t.Errorf("claimed %q", got)
	}
}
