package config

import (
	"fmt"
	"strings"
	"testing"
)

// Each of many faults is told, on its line, though not each with what was meant.
func TestManyFaults(t *testing.T) {
	const n = 3000
	var text strings.Builder
	text.WriteString("targets:\n")
	for i := range n {
		fmt.Fprintf(&text, "- {name: target-%d, type: webhook}\n", i)
	}
	text.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&text, "- {name: rule-%d, deliver: [{target: targt-%d}]}\n", i, i)
	}
	_, faults := Parse("bb.yml", []byte(text.String()), known)
	if len(faults) != n {
		t.Fatalf("%d faults", len(faults))
	}
	for i, f := range faults {
		start := fmt.Sprintf("bb.yml:%d: rules[%d].deliver[0]: unknown target \"targt-%d\": ", n+3+i, i, i)
		if !strings.HasPrefix(f.String(), start) {
			t.Fatalf("fault %d is %s", i, f)
		}
		hint := fmt.Sprintf(`did you mean "target-%d"?`, i)
		if i >= maxCompared/n {
			hint = "see the names that there are"
		}
		if got := strings.TrimPrefix(f.String(), start); got != hint {
			t.Fatalf("fault %d ends in %q, want %q", i, got, hint)
		}
	}
}
