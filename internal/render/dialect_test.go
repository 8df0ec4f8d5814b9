package render

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator/dialect"
)

func stored(t testing.TB, typ event.Type) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(event.Sample(typ))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEachDialectIsAFormat(t *testing.T) {
	for _, d := range dialect.All() {
		in := Input{Event: stored(t, event.ArtifactPushed), Raw: never}
		m, err := compile(t, Rendering{Format: d.Name}).Render(in)
		if err != nil {
			t.Fatal(err)
		}
		said, err := d.Write(in.Event)
		if diff := cmp.Diff(Message(said), m); diff != "" || err != nil || m.ContentType == "" {
			t.Errorf("%s: %s, %v", d.Name, diff, err)
		}
		if compile(t, Rendering{Format: d.Name}).Native() {
			t.Errorf("%s is taken for the notification as it came", d.Name)
		}
	}
}

// Headers go where the body is the event itself, too.
func TestBinaryHasHeaders(t *testing.T) {
	m, err := compile(t, Rendering{Format: "cloudevents-binary"}).Render(Input{Event: stored(t, event.ArtifactPushed), Raw: never})
	if err != nil || m.Body != nil || m.ContentType != "application/json" || m.Headers["Ce-Type"] != "bellbuoy.artifact.pushed" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWithoutAWordTheDeliveryIsSkipped(t *testing.T) {
	for format, c := range map[string]struct {
		typ  event.Type
		want string
	}{
		"dockerhub": {event.ScanCompleted, "Docker Hub has no word for scan.completed"},
		"quay":      {event.ArtifactPulled, "Quay has no word for artifact.pulled"},
	} {
		_, err := compile(t, Rendering{Format: format}).Render(Input{Event: stored(t, c.typ), Raw: never})
		if skip, ok := errors.AsType[*Skip](err); !ok || skip.Reason != c.want {
			t.Errorf("%s: %v", format, err)
		}
	}
	_, err := compile(t, Rendering{Format: "quay"}).Render(Input{Event: json.RawMessage(`{`), Raw: never})
	if _, skip := errors.AsType[*Skip](err); err == nil || skip {
		t.Errorf("of what is no event: %v", err)
	}
}

func TestTryTellsWhatADialectCannotSay(t *testing.T) {
	for name, c := range map[string]struct {
		r     Rendering
		types []event.Type
		want  string
	}{
		"all":      {Rendering{Format: "quay"}, []event.Type{event.ArtifactPushed, event.BuildFailed}, ""},
		"some":     {Rendering{Format: "harbor"}, []event.Type{event.ArtifactPushed, event.BuildFailed, event.TagDeleted}, "format: warning: harbor has no word for build.failed, tag.deleted, which come here too: their deliveries end skipped"},
		"none":     {Rendering{Format: "dockerhub"}, []event.Type{event.ScanCompleted}, "format: dockerhub has no word for any event that comes here (scan.completed): choose another format, or other events"},
		"native":   {Rendering{Format: "native"}, []event.Type{event.ScanCompleted}, ""},
		"nothing":  {Rendering{Format: "dockerhub"}, nil, ""},
		"template": {Rendering{Format: "", Text: "x"}, []event.Type{event.ScanCompleted}, ""},
	} {
		var samples []json.RawMessage
		for _, typ := range c.types {
			samples = append(samples, stored(t, typ))
		}
		var got []string
		for _, f := range compile(t, c.r).Try(samples) {
			got = append(got, f.String())
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	in := Input{Event: stored(b, event.ArtifactPushed)}
	for _, name := range Formats() {
		if name == "native" {
			continue
		}
		r, faults := Compile(Rendering{Format: name})
		if faults != nil {
			b.Fatal(faults)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Render(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A template that was written for a registry is filled in from what that would post.
func TestTemplateOverADialect(t *testing.T) {
	r := compile(t, Rendering{Format: "quay", JSON: `{"text": "${repository} has ${updated_tags[0]}", "id": "${id}"}`})
	m, err := r.Render(Input{Event: stored(t, event.ArtifactPushed), Raw: never})
	if want := `{"text":"prod/api has v1.2.3","id":null}`; err != nil || string(m.Body) != want {
		t.Errorf("%s, %v, want %s", m.Body, err, want)
	}
	if m.ContentType != "application/json" || m.Headers["X-Bellbuoy-Event"] != "repo_push" {
		t.Errorf("%+v", m)
	}
	_, err = r.Render(Input{Event: stored(t, event.ArtifactPulled), Raw: never})
	if _, ok := errors.AsType[*Skip](err); !ok {
		t.Errorf("of a pull: %v", err)
	}

	var got []string
	for _, f := range r.Try([]json.RawMessage{stored(t, event.ArtifactPushed), stored(t, event.ArtifactPulled)}) {
		got = append(got, f.String())
	}
	want := []string{
		"format: warning: quay has no word for artifact.pulled, which come here too: their deliveries end skipped",
		`template.json: warning: "${id}" finds nothing in any event that comes here: see the names in the JSON of a message in the format quay`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
