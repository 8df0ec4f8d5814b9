// Package bindingtest is what the tests of all senders to brokers share: deliveries as the
// host renders them, what stands in messages, and what becomes of them.
package bindingtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/hostile"
	"github.com/bellbuoy/bellbuoy/translator/dialect"
)

// Delivery is one of e to a target with these options, rendered as one that says nothing of
// formats.
func Delivery(t testing.TB, options string, e event.Event) plugin.Delivery {
	t.Helper()
	return As(t, binding.Format, options, e)
}

// As is Delivery in another format.
func As(t testing.TB, format, options string, e event.Event) plugin.Delivery {
	t.Helper()
	stored, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	d := plugin.Delivery{ID: "0192-d1", Attempt: 1, Target: "bus", Options: json.RawMessage(options), Event: stored}
	for _, dialect := range dialect.All() {
		if dialect.Name != format {
			continue
		}
		m, err := dialect.Write(stored)
		if err != nil {
			t.Fatal(err)
		}
		d.Body, d.ContentType, d.Headers = m.Body, m.ContentType, m.Headers
		return d
	}
	t.Fatalf("there is no format %s", format)
	return d
}

// Golden compares the messages of a push, a critical vulnerability and a digest with
// testdata/messages.txt.
func Golden(t *testing.T, s plugin.Sender, options string) {
	t.Helper()
	var got bytes.Buffer
	for _, e := range chattest.Told() {
		if !slices.Contains([]event.Type{event.ArtifactPushed, event.VulnerabilityFound, event.Digest}, e.Type) {
			continue
		}
		r, err := s.Render(t.Context(), Delivery(t, options, e))
		if err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		fmt.Fprintf(&got, "%s %s\n", r.Method, r.URL)
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			fmt.Fprintf(&got, "%s: %s\n", name, r.Headers[name])
		}
		got.WriteByte('\n')
		if err := json.Indent(&got, []byte(r.Body), "", "  "); err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		got.WriteString("\n\n")
	}
	chattest.Compare(t, "messages.txt", got.Bytes())
}

// Hostile makes the message of each event that strangers have named: it has the fields of
// any other, each on one line, and where the event stands in the body it is all there.
func Hostile(t *testing.T, s plugin.Sender, options string) {
	t.Helper()
	plain, err := s.Render(t.Context(), Delivery(t, options, event.Sample(event.ArtifactPushed)))
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range hostile.Texts() {
		e := event.Sample(event.ArtifactPushed)
		e.ID, e.Registry.Name, e.Repository.FullName, e.Artifact.Tags, e.Artifact.Digest = text.Text, text.Text, text.Text, []string{text.Text}, text.Text
		events := []event.Event{e}
		if i == 0 { // types differ in their word alone
			events = hostile.Events(text.Text)
		}
		for _, e := range events {
			d := Delivery(t, options, e)
			r, err := s.Render(t.Context(), d)
			if err != nil {
				t.Errorf("%s: %s: %v", text.Name, e.Type, err)
				continue
			}
			for name, value := range r.Headers {
				if _, ok := plain.Headers[name]; !ok {
					t.Errorf("%s: %s: it brought along %q", text.Name, e.Type, name)
				}
				if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
					t.Errorf("%s: %s: %s is %q", text.Name, e.Type, name, value)
				}
			}
			if r.Body != string(d.Event) || r.Method != plain.Method || r.URL != plain.URL {
				t.Errorf("%s: %s: %s %s: %s", text.Name, e.Type, r.Method, r.URL, r.Body)
			}
		}
	}
}
