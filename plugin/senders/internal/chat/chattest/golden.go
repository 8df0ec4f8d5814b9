package chattest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Golden compares the default messages of what people are most often told with
// testdata/messages.json.
func Golden(t *testing.T, construct func(version string) plugin.Sender, options map[string]any) {
	t.Helper()
	s := New(t, construct)
	var got bytes.Buffer
	for _, e := range Told() {
		r, err := s.Render(t.Context(), Delivery(t, options, e))
		if err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, []byte(r.Body), "", "  "); err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		fmt.Fprintf(&got, "%s\n\n", indented.Bytes())
	}
	Compare(t, "messages.json", got.Bytes())
}

// Compare compares got with the golden file of that name.
func Compare(t *testing.T, name string, got []byte) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

// Told is a push, a critical vulnerability, a failed build, a digest, and a target of
// bellbuoy's that fails and works again.
func Told() []event.Event {
	at := time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC)
	hub := event.Registry{Name: "hub", Type: "harbor"}
	api := &event.Repository{Namespace: "prod", Name: "api", FullName: "prod/api", URL: "https://hub.example.com/harbor/projects/1/repositories/api"}
	image := &event.Artifact{Digest: "sha256:5f5f5f5f5f5fa0a0a0a0a0a0", Kind: event.KindImage, Tags: []string{"v1.2.3", "latest"}}
	fix := true
	target := &event.Target{Name: "ci", Type: "webhook", Condition: "failing", Since: &at, Failures: 2, Reason: "the target answered 503 Service Unavailable"}
	return []event.Event{
		{V: 1, Type: event.ArtifactPushed, Time: at, Registry: hub, Repository: api, Artifact: image, Actor: &event.Actor{Name: "alice"}},
		{V: 1, Type: event.VulnerabilityFound, Time: at, Registry: hub, Repository: api, Artifact: image, Vulnerability: &event.Vulnerability{
			ID: "CVE-2026-0001", Severity: event.SeverityCritical, HasFix: &fix, Description: "A buffer overflow in libfoo < 1.2 lets anyone run code.",
			Links: []string{"https://nvd.example.com/vuln/detail/CVE-2026-0001?lang=en&v=2"}}},
		{V: 1, Type: event.BuildFailed, Time: at, Registry: event.Registry{Name: "quay", Type: "quay"}, Repository: api, Build: &event.Build{
			Tags: []string{"latest"}, Error: "Could not find or parse Dockerfile: unknown instruction: GIT", URL: "https://quay.example.com/repository/prod/api/build/296ec063",
			Trigger: &event.Trigger{Kind: "github"},
			Commit:  &event.Commit{Ref: "refs/heads/my_branch", SHA: "6ae9a86930fc73dd07b02e4c5bf63ee60be180ad", Message: "Fix #17 & serve it *faster*", Author: "bob"}}},
		{V: 1, Type: event.Digest, Time: at, Digested: &event.Digested{Count: 52, Groups: []event.DigestGroup{
			{Registry: "hub", Repository: "prod/api", Type: event.ArtifactPushed, Count: 37},
			{Registry: "hub", Repository: "prod/web_ui", Type: event.ArtifactPushed, Count: 12},
			{Registry: "hub", Repository: "dev/x", Type: event.TagDeleted, Count: 3}}}},
		{V: 1, Type: event.TargetFailing, Time: at, Target: target},
		{V: 1, Type: event.TargetRecovered, Time: at, Target: &event.Target{Name: "ci", Type: "webhook", Condition: "healthy"}},
	}
}
