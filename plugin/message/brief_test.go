package message_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
)

var update = flag.Bool("update", false, "write the golden files anew")

func told(b message.Brief) string {
	var s strings.Builder
	fmt.Fprintf(&s, "[%s] %s\n", b.Level, b.Title)
	for _, f := range b.Facts {
		fmt.Fprintf(&s, "    %s: %s\n", f.Name, f.Value)
	}
	if b.Text != "" {
		fmt.Fprintf(&s, "    > %s\n", b.Text)
	}
	if b.Link != "" {
		fmt.Fprintf(&s, "    <%s>\n", b.Link)
	}
	return s.String()
}

// What people are told of an event that has all that its type may have, and of one that
// has nothing but its type.
func TestBriefOfEveryType(t *testing.T) {
	var got strings.Builder
	for _, typ := range event.Types() {
		bare := event.Event{Type: typ, Registry: event.Registry{Name: "hub"}}
		fmt.Fprintf(&got, "%s\n%s%s\n", typ, told(message.BriefOf(event.Sample(typ))), told(message.BriefOf(bare)))
	}
	golden := filepath.Join("testdata", "briefs.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestBriefCases(t *testing.T) {
	repo := &event.Repository{FullName: "prod/api"}
	total := 7
	for _, c := range []struct {
		name  string
		e     event.Event
		level message.Level
		title string
	}{
		{"one tag", event.Event{Type: event.ArtifactPushed, Repository: repo, Artifact: &event.Artifact{Tags: []string{"v1"}}}, message.Info, "prod/api:v1 pushed"},
		{"two tags", event.Event{Type: event.ArtifactPushed, Repository: repo, Artifact: &event.Artifact{Tags: []string{"v1", "latest"}}}, message.Info, "prod/api:v1 (and latest) pushed"},
		{"many tags", event.Event{Type: event.ArtifactPushed, Repository: repo, Artifact: &event.Artifact{Tags: []string{"a", "b", "c", "d", "e"}}}, message.Info, "prod/api:a (and 4 more) pushed"},
		{"no tag", event.Event{Type: event.ArtifactDeleted, Repository: repo, Artifact: &event.Artifact{Digest: "sha256:" + strings.Repeat("ab", 32)}}, message.Warning, "prod/api@sha256:abababababab deleted"},
		{"failed scan", event.Event{Type: event.ScanCompleted, Status: event.Failed, Repository: repo, Scan: &event.Scan{}}, message.Bad, "scan of prod/api failed"},
		{"clean scan", event.Event{Type: event.ScanCompleted, Status: event.Succeeded, Repository: repo, Scan: &event.Scan{Total: new(int)}}, message.Info, "prod/api scanned: 0 findings"},
		{"sum of a scan", event.Event{Type: event.VulnerabilityFound, Repository: repo, Vulnerability: &event.Vulnerability{
			Severity: event.SeverityHigh, Counts: map[event.Severity]int{event.SeverityHigh: 3, event.SeverityLow: 4}, Total: &total}},
			message.Bad, "prod/api: 3 high, 4 low of 7 findings"},
		{"denied chain", event.Event{Type: event.DeliveryChainCompleted, Status: event.Denied, Repository: repo, DeliveryChain: &event.DeliveryChain{Name: "release"}},
			message.Bad, "delivery chain release of prod/api was denied"},
		{"digest", event.Event{Type: event.Digest, Digested: &event.Digested{Count: 52, Groups: []event.DigestGroup{
			{Registry: "hub", Repository: "prod/api", Type: event.ArtifactPushed, Count: 37},
			{Registry: "hub", Repository: "prod/web", Type: event.ArtifactPushed, Count: 12},
			{Registry: "hub", Type: event.QuotaWarning, Count: 1},
			{Registry: "hub", Repository: "dev/x", Type: event.TagDeleted, Count: 2}}}},
			message.Warning, "37 more pushes to prod/api, 12 to prod/web, 1 quota.warning event of hub, 2 other events"},
		{"a later version's", event.Event{Type: "artifact.praised", Repository: repo}, message.Info, "artifact.praised: prod/api"},
	} {
		b := message.BriefOf(c.e)
		if b.Level != c.level || b.Title != c.title {
			t.Errorf("%s: [%s] %s, want [%s] %s", c.name, b.Level, b.Title, c.level, c.title)
		}
	}
}

// Whatever strangers write, a brief is short, on its lines, and links to the web only.
func TestBriefOfHostileEvents(t *testing.T) {
	evil := "a\r\nb\x1b[31m\u202e" + strings.Repeat("x", 100_000)
	for _, typ := range event.Types() {
		raw, err := json.Marshal(event.Sample(typ))
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := json.Unmarshal(raw, &tree); err != nil {
			t.Fatal(err)
		}
		raw, err = json.Marshal(spoil(tree, evil, string(typ)))
		if err != nil {
			t.Fatal(err)
		}
		var e event.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		b := message.BriefOf(e)
		s := told(b)
		if strings.ContainsAny(s, "\r\x1b\u202e") || strings.Count(s, "\n") > 60 || len(s) > 16<<10 {
			t.Errorf("%s: %d bytes: %.300q", typ, len(s), s)
		}
		if b.Link != "" {
			t.Errorf("%s links to %.80q", typ, b.Link)
		}
	}
}

// spoil puts evil in the place of each text of an event but its type and times.
func spoil(v any, evil, typ string) any {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			v[k] = spoil(item, evil, typ)
		}
	case []any:
		for i, item := range v {
			v[i] = spoil(item, evil, typ)
		}
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil || v == typ {
			return v
		}
		return "javascript:" + evil
	}
	return v
}
