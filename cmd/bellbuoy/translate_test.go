package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// translate gives body to `bellbuoy translate` on its standard input, at noon.
func translate(t *testing.T, body string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	status := execute(context.Background(), append([]string{"translate"}, args...), environment{
		stdin: strings.NewReader(body), stdout: &out, stderr: &errs,
		getenv: func(string) string { return "" },
		now:    func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	return result{status, out.String(), errs.String()}
}

// events reads what was printed, an object a line.
func events(t *testing.T, r result) []event.Event {
	t.Helper()
	if r.status != exitDone || r.stderr != "" {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	var list []event.Event
	for line := range strings.Lines(r.stdout) {
		var e event.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		list = append(list, e)
	}
	return list
}

const twoEvents = `{"events": [
  {"id": "01a1fb4e-dc41-799e-8092-9e7398c454d6", "timestamp": "2026-02-03T04:05:06Z", "action": "pull",
   "target": {"mediaType": "application/octet-stream", "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "repository": "team/app"}},
  {"action": "delete", "target": {"repository": "team/app", "tag": "v1\u202e"}}
]}`

// A blob that a running bellbuoy only counts is printed, each event has an id, and the
// same notification has the same one each time.
func TestTranslate(t *testing.T) {
	got := translate(t, twoEvents, "--registry-type", "distribution", "--registry", "hub")
	plain(t, got.stdout)
	list := events(t, got)
	if len(list) != 2 || list[0].Type != event.BlobPulled || list[1].Type != event.TagDeleted {
		t.Fatalf("printed %s", got.stdout)
	}
	if r := list[0].Registry; r.Name != "hub" || r.Type != "distribution" {
		t.Errorf("registry %+v", r)
	}
	if want := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC); !list[0].Received.Equal(want) {
		t.Errorf("received %v", list[0].Received)
	}
	if tags := list[1].Artifact.Tags; len(tags) != 1 || tags[0] != "v1\u202e" {
		t.Errorf("tags %q", tags)
	}
	again := events(t, translate(t, twoEvents, "--registry-type", "distribution", "--registry", "hub"))
	other := events(t, translate(t, twoEvents, "--registry-type", "distribution"))
	if list[0].ID != again[0].ID || list[0].ID == other[0].ID {
		t.Errorf("ids %s, %s again and %s for another registry", list[0].ID, again[0].ID, other[0].ID)
	}
	if list[1].ID == "" || list[1].ID == again[1].ID {
		t.Errorf("without a native id: %q and %q again", list[1].ID, again[1].ID)
	}
	if other[0].Registry.Name != "distribution" {
		t.Errorf("without a name the registry is %q", other[0].Registry.Name)
	}
}

func TestTranslateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(file, []byte(twoEvents), 0o600); err != nil {
		t.Fatal(err)
	}
	if list := events(t, translate(t, "", "--registry-type", "distribution", file)); len(list) != 2 {
		t.Errorf("got %d events", len(list))
	}
	// Nothing in it is no fault.
	if got := translate(t, `{"events": []}`, "--registry-type", "distribution"); got != (result{}) {
		t.Errorf("got %+v", got)
	}
}

// What would go to quarantine, or cannot be read at all, prints nothing and says why.
func TestTranslateUnreadable(t *testing.T) {
	const typ = "--registry-type=distribution"
	for _, tt := range []struct {
		name, body string
		args       []string
		want       string
	}{
		{"cut off", `{"events": [`, []string{typ}, "bellbuoy: unreadable, it would go to quarantine: not JSON: it ends at byte 12, in the middle of a value\n"},
		{"empty", "", []string{typ}, "bellbuoy: unreadable, it would go to quarantine: the body is empty\n"},
		{"encoded", "{}", []string{typ, "--header", "Content-Encoding: gzip"}, "bellbuoy: unreadable, it would go to quarantine: content encoding \"gzip\": send the body without one\n"},
		{"one of two", `{"events": [{"action": "delete", "target": {"repository": "a", "tag": "b"}}, 7]}`, []string{typ}, "bellbuoy: unreadable, it would go to quarantine: \"events\" holds a number at /events/1, want objects only\n"},
		{"too large", strings.Repeat(" ", 16<<20+1), []string{typ}, "bellbuoy: read the notification: it is larger than 16 MiB, which a running bellbuoy refuses\n"},
		{"no file", "", []string{typ, "/no/such/file"}, "bellbuoy: read the notification: open /no/such/file: no such file or directory\n"},
	} {
		got := translate(t, tt.body, tt.args...)
		if d := cmp.Diff(result{exitNothing, "", tt.want}, got, cmp.AllowUnexported(result{})); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

func TestParseHeaders(t *testing.T) {
	h, err := parseHeaders([]string{"ce-id: 1", "x-a:b: c ", "X-A: d"})
	if err != nil || h.Get("Ce-Id") != "1" || len(h["X-A"]) != 2 || h["X-A"][0] != "b: c" {
		t.Errorf("got %v, %v", h, err)
	}
}
