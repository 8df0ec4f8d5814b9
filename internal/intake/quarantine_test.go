package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

func newRequest(t testing.TB, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/in/hub", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// quarantined posts body and returns what is then in quarantine.
func quarantined(t *testing.T, h house, body string, headers ...string) store.Quarantined {
	t.Helper()
	a := accepted(t, h.post(t, "/in/hub", body, headers...))
	if a.Quarantined != 1 || len(a.Accepted) != 0 {
		t.Fatalf("answer = %+v, want it quarantined", a)
	}
	list, err := h.store.Quarantine(t.Context(), 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d in quarantine, %v, want one", len(list), err)
	}
	q, err := h.store.Quarantined(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestQuarantine(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	tests := []struct {
		name, body string
		headers    []string
		reason     string
	}{
		{name: "empty", body: "", reason: "the body is empty"},
		{name: "not JSON", body: "a=b", reason: "not JSON: invalid character 'a' at start of value at byte 0"},
		{name: "trailing data", body: envelope() + "x", reason: "more data behind the JSON value, from byte 13 on"},
		{name: "wrong shape", body: `{"type":"PUSH_ARTIFACT"}`, reason: `no key "events" in the body: not a notification of Distribution; see that the registry's type is right`},
		{name: "wrong type", body: `{"events":[{"id":7}]}`, reason: `wrong value at "/events/0/id": a number where a string belongs`},
		{name: "duplicate keys", body: `{"events":[{"id":"1","action":"push","action":"delete"}]}`, reason: `key "action" is there twice, in "/events/0"`},
		{name: "case folded keys", body: `{"events":[{"action":"push","ACTION":"delete"}]}`, reason: `keys "action" and "ACTION" differ in case only, in "/events/0"`},
		{name: "nested 100 deep", body: `{"events":` + deep + `}`, reason: "nested deeper than 64, at byte 73"},
		{name: "invalid UTF-8", body: "{\"events\":[{\"id\":\"\xff\"}]}", reason: "not JSON: invalid UTF-8 at byte 18"},
		{name: "lone surrogate", body: `{"events":[{"id":"\ud800 abcdef"}]}`, reason: `not JSON: invalid surrogate pair "\\ud800 abcde" in string at byte 18`},
		{name: "content encoding", body: envelope(push("1", "a/b")), headers: []string{"Content-Encoding", "gzip"}, reason: `content encoding "gzip": send the body without one`},
		{name: "too many tokens", body: `{"events":[` + strings.Repeat("1,", adapters.MaxTokens) + `1]}`, reason: "more than 2000000 JSON tokens"},
		{name: "long reason", body: `{"events":[{"timestamp":"` + strings.Repeat("é", 2000) + `"}]}`,
			reason: clip(`wrong value at "/events/0/timestamp": parsing time "`+strings.Repeat(`\xc3\xa9`, 2000), maxReason)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, plan(t))
			q := quarantined(t, h, tt.body, tt.headers...)
			if q.Reason != tt.reason {
				t.Errorf("reason\n got %s\nwant %s", q.Reason, tt.reason)
			}
			want := tt.body
			if len(want) > adapters.LargeBody {
				want = want[:keepOfLarge]
			}
			sum := sha256.Sum256([]byte(tt.body))
			if string(q.Body) != want || q.Size != int64(len(tt.body)) || q.SHA256 != hex.EncodeToString(sum[:]) || q.Truncated != (want != tt.body) {
				t.Errorf("kept %d bytes of %d with sum %s, truncated %t", len(q.Body), q.Size, q.SHA256, q.Truncated)
			}
			if q.Registry != "hub" || q.Remote == "" || q.Headers["Content-Type"] == "" || q.Headers["Authorization"] != "" {
				t.Errorf("quarantined = %+v", q)
			}
		})
	}
}

// One unreadable event takes the whole body to quarantine: what is next to it cannot be
// trusted to be whole either, and nothing of it may be lost.
func TestQuarantineIsOfTheWholeBody(t *testing.T) {
	h := newHouse(t, plan(t))
	quarantined(t, h, envelope(push("1", "a/b"), `{"id":7}`))
	if events, err := h.store.Events(t.Context(), store.Query{}); err != nil || len(events) != 0 {
		t.Errorf("%d events stored, %v, want none", len(events), err)
	}
}

// What is readable is stored, though nobody knows what it means.
func TestUnknownActionIsNoQuarantine(t *testing.T) {
	h := newHouse(t, plan(t))
	a := accepted(t, h.post(t, "/in/hub", envelope(`{"id":"1","action":"frobnicate"}`)))
	if len(a.Accepted) != 1 || a.Quarantined != 0 {
		t.Fatalf("answer = %+v, want an event", a)
	}
	if e := decode(t, h.trace(t, a.Accepted[0]).Event); e.Type != event.Unknown || e.Reason != `action "frobnicate" is not known` {
		t.Errorf("event is %s (%s)", e.Type, e.Reason)
	}
}

// A fault of ours must not stop a registry's queue.
func TestPanicIsQuarantined(t *testing.T) {
	p := plan(t)
	hub := p.Registries["hub"]
	hub.Translate = func(translator.Source, adapters.Notification) []event.Event { panic("index out of range") }
	p.Registries["hub"] = hub
	h := newHouse(t, p)
	q := quarantined(t, h, envelope(push("1", "a/b")))
	if want := "bellbuoy failed to read it, please report this: index out of range"; q.Reason != want {
		t.Errorf("reason = %s, want %s", q.Reason, want)
	}
}
