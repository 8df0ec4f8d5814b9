package distribution

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/notifications"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/adaptertest"
)

// request is the one that a registry would make, but for its body, which an adapter is
// given apart.
func request(t testing.TB) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
	r.Header.Set("Content-Type", notifications.EventsMediaType)
	return r
}

func captured(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile("testdata/push.json")
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestReadCaptured(t *testing.T) {
	body := captured(t)
	got, err := Adapter{}.Read(request(t), body)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("Read() gave %d notifications, want 1", len(got))
	}
	var want struct{ Events []notifications.Event }
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatal(err)
	}
	if got[0].ID != want.Events[0].ID {
		t.Errorf("id = %s, want %s", got[0].ID, want.Events[0].ID)
	}
	if g, w := dump(t, got[0].Native), dump(t, want.Events[0]); g != w {
		t.Errorf("native\n got %s\nwant %s", g, w)
	}
	var own struct{ Events []json.RawMessage }
	if err := json.Unmarshal(body, &own); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[0].Raw, own.Events[0]) {
		t.Errorf("raw\n got %s\nwant %s", got[0].Raw, own.Events[0])
	}
}

func TestReadSeveral(t *testing.T) {
	body := ` { "version": 2, "events" : [ {"id":"1"} ,
		{"id":"2","action":"frobnicate","new":{"key":[]}},{}] , "more": [{"events": 1}] } `
	got, err := Adapter{}.Read(request(t), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ id, raw string }{
		{"1", `{"id":"1"}`},
		{"2", `{"id":"2","action":"frobnicate","new":{"key":[]}}`},
		{"", `{}`},
	}
	if len(got) != len(want) {
		t.Fatalf("Read() gave %d notifications, want %d", len(got), len(want))
	}
	for i, w := range want {
		if got[i].ID != w.id || string(got[i].Raw) != w.raw {
			t.Errorf("notification %d = %q %s, want %q %s", i, got[i].ID, got[i].Raw, w.id, w.raw)
		}
	}
}

func TestReadNoEvents(t *testing.T) {
	got, err := Adapter{}.Read(request(t), []byte(`{"events":[]}`))
	if err != nil || len(got) != 0 {
		t.Errorf("Read() = %v, %v, want none", got, err)
	}
}

// A proxy may change the content type, and any JSON type is taken anyway.
func TestReadIgnoresContentType(t *testing.T) {
	for _, ct := range []string{"", "application/json", "application/vnd.docker.distribution.events.v1+json", "text/plain", "application/json, application/json"} {
		r := request(t)
		r.Header.Set("Content-Type", ct)
		if got, err := (Adapter{}).Read(r, captured(t)); err != nil || len(got) != 1 {
			t.Errorf("Read() with content type %q = %d notifications, %v", ct, len(got), err)
		}
	}
}

// Only the exact key counts: an event that says ACTION says no action.
func TestReadExactKeys(t *testing.T) {
	got, err := Adapter{}.Read(request(t), []byte(`{"events":[{"ID":"1","ACTION":"delete"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if e := got[0].Native.(*notifications.Event); e.Action != "" || got[0].ID != "" {
		t.Errorf("read action %q and id %q from keys of another case", e.Action, got[0].ID)
	}
}

func TestReadUnreadable(t *testing.T) {
	tests := []struct{ name, body, reason string }{
		{"not JSON", "<html>", "not JSON: invalid character '<' at start of value at byte 0"},
		{"a list", `[{"id":"1"}]`, `the body is a list, want an object with a list "events"`},
		{"null", `null`, `the body is null, want an object with a list "events"`},
		{"no events", `{"type":"PUSH_ARTIFACT"}`, `no key "events" in the body: not a notification of Distribution; see that the registry's type is right`},
		{"events in another case", `{"Events":[]}`, `no key "events" in the body: not a notification of Distribution; see that the registry's type is right`},
		{"events null", `{"events":null}`, `"events" is null, want a list`},
		{"events an object", `{"events":{}}`, `"events" is an object, want a list`},
		{"event null", `{"events":[{"id":"1"},null]}`, `"events" holds null at /events/1, want objects only`},
		{"event a number", `{"events":[7]}`, `"events" holds a number at /events/0, want objects only`},
		{"wrong type", `{"events":[{"target":{"size":"big"}}]}`, `wrong value at "/events/0/target/size": a string where a number belongs`},
		{"wrong type of action", `{"events":[{"action":["push"]}]}`, `wrong value at "/events/0/action": a list where a string belongs`},
		{"wrong type of references", `{"events":[{"target":{"references":{}}}]}`, `wrong value at "/events/0/target/references": an object where a list belongs`},
		{"wrong type of target", `{"events":[{"target":true}]}`, `wrong value at "/events/0/target": true or false where an object belongs`},
		{"wrong time", `{"events":[{"timestamp":"yesterday"}]}`, `wrong value at "/events/0/timestamp": parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"`},
		{"events twice", `{"events":[],"events":[]}`, `key "events" is there twice, at the top`},
		{"action twice", `{"events":[{"action":"push","ACTION":"delete"}]}`, `keys "action" and "ACTION" differ in case only, in "/events/0"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Adapter{}.Read(request(t), []byte(tt.body))
			var unreadable *adapters.Unreadable
			if !errors.As(err, &unreadable) {
				t.Fatalf("Read() = %v, %v, want an Unreadable", got, err)
			}
			if unreadable.Reason != tt.reason {
				t.Errorf("reason\n got %s\nwant %s", unreadable.Reason, tt.reason)
			}
		})
	}
}

// Whoever may push an image chooses its annotations, and must not be able to hide the
// push by them.
func TestReadAnnotationsOfAnyCase(t *testing.T) {
	body := `{"events":[{"id":"1","target":{"references":[{"mediaType":"x","annotations":{"a":"1","A":"2"}}]}}]}`
	if _, err := (Adapter{}).Read(request(t), []byte(body)); err != nil {
		t.Errorf("Read() = %v, want no error", err)
	}
}

func TestReadLarge(t *testing.T) {
	var e notifications.Event
	e.ID, e.Action = "1", notifications.EventActionPush
	e.Target.MediaType = "application/vnd.oci.image.index.v1+json"
	e.Target.Repository = strings.Repeat("r", 2*maxString)
	e.Target.Tag = strings.Repeat("t", 2*maxString)
	e.Request.UserAgent = strings.Repeat("u", 2*maxString)
	ref := e.Target.Descriptor
	ref.Digest = "sha256:68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8"
	ref.Annotations = map[string]string{"title": strings.Repeat("<", 100)}
	for range 4 << 20 / 800 {
		e.Target.References = append(e.Target.References, ref)
	}
	body, err := json.MarshalIndent(map[string]any{"events": []any{e}}, "", "   ")
	if err != nil {
		t.Fatal(err)
	}
	if len(body) < 4<<20 {
		t.Fatalf("the body has %d bytes, want 4 MiB", len(body))
	}
	got, err := Adapter{}.Read(request(t), body)
	if err != nil {
		t.Fatal(err)
	}
	n := got[0].Native.(*notifications.Event)
	if len(n.Target.References) != MaxReferences || cap(n.Target.References) > 2*MaxReferences {
		t.Errorf("%d references (capacity %d), want %d", len(n.Target.References), cap(n.Target.References), MaxReferences)
	}
	if r := n.Target.References[0]; r.Digest != ref.Digest || r.MediaType != ref.MediaType || r.Annotations != nil {
		t.Errorf("first reference = %+v, want type and digest without annotations", r)
	}
	if n.Request.UserAgent != "" {
		t.Errorf("kept a user agent of %d bytes", len(n.Request.UserAgent))
	}
	if n.ID != "1" || n.Action != "push" || n.Target.Repository != e.Target.Repository || n.Target.Tag != e.Target.Tag {
		t.Error("dropped what tells what happened")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(captured(f))
	for _, s := range []string{
		`{"events":[{"id":"1"} , {"action":"x"}]}`, `{"events":[null]}`, `{"events":{}}`, `{"a":1,"events":[]}`,
		`{"events":[{"timestamp":"0000-01-01T00:00:00+23:59","target":{"data":"AA=="}}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, n := range adaptertest.Read(t, Adapter{}, request(t), body) {
			if e, ok := n.Native.(*notifications.Event); ok && n.ID != e.ID {
				t.Fatalf("Read(%q): id %q of event %q", body, n.ID, e.ID)
			}
		}
	})
}

// The yardstick of BenchmarkRead: what a plain decode of the same bytes costs.
func BenchmarkPlainDecode(b *testing.B) {
	body := captured(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var e struct{ Events []notifications.Event }
		if err := json.Unmarshal(body, &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	body := captured(b)
	r := request(b)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Adapter{}).Read(r, body); err != nil {
			b.Fatal(err)
		}
	}
}

func dump(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
