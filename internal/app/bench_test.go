package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// BenchmarkLoad reads and checks 10 000 rules and as many targets: all that there is to
// do before they are in use.
func BenchmarkLoad(b *testing.B) {
	b.Setenv("TOKEN", "s3cret")
	var text strings.Builder
	text.WriteString("registries: [{name: hub, type: distribution}]\ntargets:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "- name: target-%d\n  type: webhook\n  options: {url: \"https://example.com/%d\", headers: {X-Token: {env: TOKEN}}}\n  timeout: 10s\n", i, i)
	}
	text.WriteString("rules:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "- name: rule-%d\n  events: [artifact.pushed]\n  scope: {registries: [hub], repositories: [\"team-%d/**\"]}\n  tag: {regex: \"v.*\"}\n  deliver: [target-%d]\n", i, i, i)
	}
	file, _ := write(b, text.String())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := load(b.Context(), Files{Config: file}, "test"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChange makes one change through the API where there are 10 000 rules that were
// made so, and as many targets, each with a secret.
func BenchmarkChange(b *testing.B) {
	file, _ := write(b, "store: DIR/bellbuoy.db\n")
	files, _, err := load(b.Context(), Files{Config: file}, "test")
	if err != nil {
		b.Fatal(err)
	}
	st, err := store.Open(b.Context(), files.config.Store, store.Options{Version: "test"})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	now := &running{store: st, log: slog.New(slog.DiscardHandler), version: "test", guard: access.New(access.Config{}), behind: make(chan struct{}, 1)}
	defer now.close()
	if err := now.begin(b.Context(), files); err != nil {
		b.Fatal(err)
	}
	const n = 10_000
	var changes []objects.Change
	for i := range n {
		target := fmt.Sprintf(`{"type":"webhook","options":{"url":"https://example.com/%d","headers":{"X-Token":"secret %d"}}}`, i, i)
		changes = append(changes, objects.Change{Kind: objects.Target, Name: fmt.Sprint("target-", i), Body: json.RawMessage(target)})
	}
	for i := range n - 1 {
		changes = append(changes, objects.Change{Kind: objects.Rule, Name: fmt.Sprint("rule-", i), Body: ruleBody(i)})
	}
	if err := now.change(b.Context(), "ann", changes); err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		i++
		if err := now.change(b.Context(), "ann", []objects.Change{{Kind: objects.Rule, Name: "changed", Version: objects.Any, Body: ruleBody(i % n)}}); err != nil {
			b.Fatal(err)
		}
	}
}

func ruleBody(i int) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"deliver":["target-%d"],"scope":{"namespaces":["team-%d"],"repositories":["api*"]},"tag":{"regex":"release-v%d.*"}}`, i, i%1000, i))
}
