package app

import (
	"fmt"
	"strings"
	"testing"
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
