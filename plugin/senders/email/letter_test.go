package email

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

// delivery is e on its way by options.
func delivery(t testing.TB, e event.Event, options map[string]any) plugin.Delivery {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	d := plugin.Delivery{ID: "019d2c5e-7a10-7c3b-9f00-000000000001", Attempt: 1, Target: "ops-mail", Type: "email", Event: raw}
	if d.Options, err = json.Marshal(options); err != nil {
		t.Fatal(err)
	}
	return d
}

// What people read where no template says otherwise, in both forms.
func TestMailsOfEvents(t *testing.T) {
	s := New("1.2.3").(*sender)
	digest := event.Sample(event.Digest)
	digest.Digested = &event.Digested{Count: 52, Groups: []event.DigestGroup{
		{Registry: "hub", Repository: "prod/api", Type: event.ArtifactPushed, Count: 37},
		{Registry: "hub", Repository: "prod/web", Type: event.ArtifactPushed, Count: 12},
		{Registry: "hub", Repository: "prod/a-name-that-is-rather-long/and-goes-on-for-a-while", Type: event.BuildFailed, Count: 3},
	}}
	for name, e := range map[string]event.Event{
		"push": event.Sample(event.ArtifactPushed), "vulnerability": event.Sample(event.VulnerabilityFound), "digest": digest,
		"build": event.Sample(event.BuildFailed), "signed": event.Sample(event.ArtifactSigned),
	} {
		l, err := s.letter(t.Context(), delivery(t, e, nil))
		if err != nil {
			t.Fatal(err)
		}
		html, err := s.writer.html(l)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", l.text())
		golden(t, name+".html", html)
	}
}
