package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse reads 10 000 rules and as many targets.
func BenchmarkParse(b *testing.B) {
	b.Setenv("TOKEN", "s3cret")
	var text strings.Builder
	text.WriteString("registries: [{name: hub, type: distribution}]\ntargets:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "  - name: target-%d\n    type: webhook\n    options:\n      url: https://example.com/%d\n      headers: {X-Token: {env: TOKEN}}\n    timeout: 10s\n", i, i)
	}
	text.WriteString("rules:\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "  - name: rule-%d\n    events: [artifact.pushed]\n    scope: {registries: [hub], repositories: [\"team-%d/**\"]}\n    tag: {regex: \"v.*\"}\n    deliver: [target-%d]\n", i, i, i)
	}
	data := []byte(text.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, faults := Parse("bb.yml", data, known); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}
