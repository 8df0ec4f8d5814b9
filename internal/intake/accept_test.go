package intake

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func TestCapturedPush(t *testing.T) {
	h := newHouse(t, plan(t,
		rule("first", []string{"artifact.pushed"}, "chat", "ci"),
		rule("second", []string{"artifact.*"}, "ci"),
		rule("deletes", []string{"artifact.deleted"}, "chat"),
	))
	body := captured(t)
	a := accepted(t, h.post(t, "/in/hub", body, "X-Multi", "one", "X-Multi", "two"))
	if len(a.Accepted) != 1 || a.Duplicates != 0 || a.Quarantined != 0 {
		t.Fatalf("answer = %+v, want one event", a)
	}
	tr := h.trace(t, a.Accepted[0])
	e := decode(t, tr.Event)
	if e.ID != a.Accepted[0] || e.Type != event.ArtifactPushed || e.Registry.Name != "hub" || e.Repository.FullName != "team/app" {
		t.Errorf("event = %s", tr.Event)
	}
	if !slices.Equal(tr.Matched, []string{"first", "second"}) {
		t.Errorf("matched = %q", tr.Matched)
	}
	if tr.State != "routed" || string(tr.Received.Body) != body || tr.Received.Size != int64(len(body)) || tr.Received.Remote == "" {
		t.Errorf("state = %s, received = %+v", tr.State, tr.Received)
	}

	if len(tr.Deliveries) != 2 {
		t.Fatalf("%d deliveries, want one a target", len(tr.Deliveries))
	}
	chat, ci := tr.Deliveries[0], tr.Deliveries[1]
	if chat.Target != "chat" || chat.Type != "slack" || chat.Rule != "first" || !slices.Equal(chat.Rules, []string{"first"}) {
		t.Errorf("first delivery = %+v", chat)
	}
	if ci.Target != "ci" || ci.Type != "webhook" || ci.Rule != "first" || !slices.Equal(ci.Rules, []string{"first", "second"}) {
		t.Errorf("second delivery = %+v", ci)
	}
	if id, err := uuid.Parse(ci.ID); err != nil || id.Version() != 7 || ci.ID == chat.ID {
		t.Errorf("ids of deliveries %s and %s, want UUIDs of version 7", chat.ID, ci.ID)
	}
	if due := e.Received.Add(time.Minute); ci.Next == nil || ci.Next.Sub(due).Abs() > time.Millisecond { // which two clocks tell
		t.Errorf("due %v, want a minute after receipt: %v", ci.Next, due)
	}
}

func TestPlannedDelivery(t *testing.T) {
	p := plan(t, rule("all", []string{"*"}, "ci", "chat", "gone"))
	from := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	e := event.Event{V: 1, ID: "1", Type: event.ArtifactPushed, Repository: &event.Repository{FullName: "a/b"}}
	r, err := p.route(&e, from)
	if err != nil {
		t.Fatal(err)
	}
	want := []store.Planned{
		{Target: "ci", Type: "webhook", Key: "a/b", Due: from.Add(time.Minute), GiveUp: from.Add(72 * time.Hour), Hold: 5 * time.Minute},
		{Target: "chat", Type: "slack", Due: from, GiveUp: from.Add(time.Hour)},
		{Target: "gone", Due: from, GiveUp: from.Add(72 * time.Hour)},
	}
	if len(r.Deliveries) != len(want) {
		t.Fatalf("%d deliveries, want %d", len(r.Deliveries), len(want))
	}
	for i, w := range want {
		g := r.Deliveries[i]
		if g.Target != w.Target || g.Type != w.Type || g.Key != w.Key || !g.Due.Equal(w.Due) || !g.GiveUp.Equal(w.GiveUp) || g.Hold != w.Hold {
			t.Errorf("delivery %d\n got %+v\nwant %+v", i, g, w)
		}
	}
	if r.RuleSet != p.Rules.Hash() {
		t.Errorf("rule set = %q", r.RuleSet)
	}
	e.Repository = nil
	if r, err = p.route(&e, from); err != nil || r.Deliveries[0].Key != "" {
		t.Errorf("key without a repository = %q, %v, want none", r.Deliveries[0].Key, err)
	}
}

func TestRepeatIsADuplicate(t *testing.T) {
	h := newHouse(t, plan(t, rule("all", []string{"artifact.pushed"}, "ci")))
	body := envelope(push("1", "a/b"))
	first := accepted(t, h.post(t, "/in/hub", body))
	again := accepted(t, h.post(t, "/in/hub", body))
	other := accepted(t, h.post(t, "/in/hub", envelope(push("1", "a/c"))))
	for name, a := range map[string]answer{"repeat": again, "repeat with other bytes": other} {
		if len(a.Accepted) != 0 || a.Duplicates != 1 {
			t.Errorf("%s: answer = %+v, want a duplicate", name, a)
		}
	}
	tr := h.trace(t, first.Accepted[0])
	if tr.Received.Repeats != 2 || tr.Received.Conflicts != 1 || len(tr.Deliveries) != 1 {
		t.Errorf("%d repeats, %d conflicts, %d deliveries, want 2, 1, 1", tr.Received.Repeats, tr.Received.Conflicts, len(tr.Deliveries))
	}
	if e := decode(t, tr.Event); e.Repository.FullName != "a/b" {
		t.Errorf("kept %s, want the first", e.Repository.FullName)
	}
	// The same id from another registry is another event.
	if a := accepted(t, h.post(t, "/in/open", body)); len(a.Accepted) != 1 {
		t.Errorf("answer for another registry = %+v, want an event", a)
	}
}

func TestRepeatWithinARequest(t *testing.T) {
	h := newHouse(t, plan(t))
	a := accepted(t, h.post(t, "/in/hub", envelope(push("1", "a/b"), push("1", "a/b"), push("2", "a/b"))))
	if len(a.Accepted) != 2 || a.Duplicates != 1 {
		t.Errorf("answer = %+v, want two events and a duplicate", a)
	}
}

// Without a native id two notifications are two events, however alike.
func TestNoNativeID(t *testing.T) {
	h := newHouse(t, plan(t))
	body := envelope(push("", "a/b"))
	first, second := accepted(t, h.post(t, "/in/hub", body)), accepted(t, h.post(t, "/in/hub", body))
	if len(first.Accepted) != 1 || len(second.Accepted) != 1 || first.Accepted[0] == second.Accepted[0] {
		t.Fatalf("answers = %+v, %+v, want an event each", first, second)
	}
	if id := uuid.MustParse(first.Accepted[0]); id.Version() != 7 {
		t.Errorf("id %s has version %d, want 7", id, id.Version())
	}
}

func TestManyTypesAreCounted(t *testing.T) {
	stored := func(p Plan) []event.Type {
		h := newHouse(t, p)
		a := accepted(t, h.post(t, "/in/hub", envelope(pull("1", "a/b"), push("2", "a/b"))))
		var types []event.Type
		for _, id := range a.Accepted {
			types = append(types, decode(t, h.trace(t, id).Event).Type)
		}
		return types
	}
	if got := stored(plan(t, rule("all", []string{"*"}, "ci"))); !slices.Equal(got, []event.Type{event.ArtifactPushed}) {
		t.Errorf("stored %v, want the push only", got)
	}
	both := []event.Type{event.ArtifactPulled, event.ArtifactPushed}
	if got := stored(plan(t, rule("pulls", []string{"artifact.pulled"}, "ci"))); !slices.Equal(got, both) {
		t.Errorf("stored %v where a rule wants pulls, want both", got)
	}
	kept := plan(t)
	kept.Keep = map[event.Type]bool{event.ArtifactPulled: true}
	if got := stored(kept); !slices.Equal(got, both) {
		t.Errorf("stored %v where pulls are kept, want both", got)
	}
}

func TestCountedOnly(t *testing.T) {
	h := newHouse(t, plan(t))
	p := h.plan.Load()
	r := newRequest(t, envelope(pull("1", "a/b"), pull("2", "a/b")))
	a := h.arrival(r, p, "hub", p.Registries["hub"], []byte(envelope(pull("1", "a/b"), pull("2", "a/b"))))
	if a.Counted[event.ArtifactPulled] != 2 || len(a.Items) != 0 {
		t.Errorf("counted %v and %d items, want 2 pulls", a.Counted, len(a.Items))
	}
	g := h.post(t, "/in/hub", envelope(pull("1", "a/b")))
	if accepted(t, g); strings.TrimSpace(g.body) != `{"accepted":[],"duplicates":0,"quarantined":0}` {
		t.Errorf("answer = %s", g.body)
	}
	if a := accepted(t, h.post(t, "/in/hub", envelope())); len(a.Accepted) != 0 {
		t.Errorf("answer for no events = %+v", a)
	}
}

// A registry takes manifests of 4 MiB and repeats them in the event.
func TestLargeEvent(t *testing.T) {
	h := newHouse(t, plan(t, rule("all", []string{"artifact.pushed"}, "ci")))
	ref := `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8","size":7,"platform":{"os":"linux","architecture":"amd64"}},`
	refs := strings.Repeat(ref, 4<<20/len(ref)+1)
	body := envelope(strings.Replace(strings.Replace(push("1", "a/b"), "image.manifest", "image.index", 1),
		`"size":7,`, `"size":4194304,"references":[`+refs[:len(refs)-1]+`],`, 1))
	if len(body) < 4<<20 {
		t.Fatalf("body has %d bytes, want 4 MiB", len(body))
	}
	a := accepted(t, h.post(t, "/in/hub", body))
	if len(a.Accepted) != 1 {
		t.Fatalf("answer = %+v, want an event", a)
	}
	tr := h.trace(t, a.Accepted[0])
	if len(tr.Event) > 4<<10 || len(tr.Deliveries) != 1 {
		t.Errorf("event of %d bytes with %d deliveries, want a small one with one", len(tr.Event), len(tr.Deliveries))
	}
	if e := decode(t, tr.Event); e.Artifact.Kind != event.KindIndex || e.Artifact.Size != 4<<20 || len(e.Artifact.Platforms) != 1 {
		t.Errorf("artifact = %+v", e.Artifact)
	}
	if rec := tr.Received; !rec.Truncated || rec.Size != int64(len(body)) || string(rec.Body) != body[:64<<10] || len(rec.SHA256) != 64 {
		t.Errorf("kept %d bytes of %d, truncated %t", len(rec.Body), rec.Size, rec.Truncated)
	}
}

func TestSecretHeadersAreNotKept(t *testing.T) {
	h := newHouse(t, plan(t))
	g := h.post(t, "/in/hub", envelope(push("1", "a/b")),
		"Cookie", "session=cookie-secret", "Proxy-Authorization", "Basic proxy-secret",
		"X-Token", secret, "X-Other", "Token another-secret", "X-Kept", "one", "X-Kept", "two")
	tr := h.trace(t, accepted(t, g).Accepted[0])
	headers, err := json.Marshal(tr.Received.Headers)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, "another-secret", "cookie-secret", "proxy-secret"} {
		if bytes.Contains(headers, []byte(s)) {
			t.Errorf("headers %s hold %s", headers, s)
		}
	}
	if tr.Received.Headers["X-Kept"] != "one, two" || tr.Received.Headers["Content-Type"] == "" {
		t.Errorf("headers = %s, want the others kept", headers)
	}
}

func TestKeepDoesNotHoldLargeBodies(t *testing.T) {
	body := make([]byte, adapters.LargeBody)
	if raw := keep(body); raw.Truncated || len(raw.Bytes) != len(body) {
		t.Errorf("kept %d bytes of %d", len(raw.Bytes), len(body))
	}
	body = append(body, 0)
	if raw := keep(body); !raw.Truncated || cap(raw.Bytes) > 2*keepOfLarge || raw.Size != int64(len(body)) {
		t.Errorf("kept %d bytes (capacity %d) of %d", len(raw.Bytes), cap(raw.Bytes), len(body))
	}
}

// Large bodies wait for each other; all of them are taken, and others do not wait.
func TestManyLargeBodies(t *testing.T) {
	h := newHouse(t, plan(t))
	for range maxLarge {
		h.large <- struct{}{}
	}
	results := make(chan got)
	for i := range 3 * maxLarge {
		body := envelope(push(string(rune('a'+i)), "a/b")) + strings.Repeat(" ", adapters.LargeBody)
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request(body))
			results <- got{w.Code, w.Header(), w.Body.String()}
		}()
	}
	accepted(t, h.post(t, "/in/hub", envelope(push("1", "a/b"))))
	select {
	case g := <-results:
		t.Errorf("a large body was answered %d without room for it", g.status)
	default:
	}
	for range maxLarge {
		<-h.large
	}
	for range 3 * maxLarge {
		if a := accepted(t, <-results); len(a.Accepted) != 1 {
			t.Errorf("answer = %+v, want an event", a)
		}
	}
	if len(h.large) != 0 {
		t.Errorf("%d large bodies are still counted", len(h.large))
	}
}
