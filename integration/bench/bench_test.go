//go:build linux

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// The relay runs in a process of its own: in tests, this test's program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "relay" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestMeasureRelay(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := relay(self)
	f, err := measure(t.Context(), s, t.TempDir(), 0.02)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rowNames() {
		// In so short a time the CPU's clock may not have ticked.
		if f[row] <= 0 && row != rowBinary && !strings.HasPrefix(row, "CPU") {
			t.Errorf("%s: %v", row, f[row])
		}
	}
}

func TestTable(t *testing.T) {
	systems := []system{{name: "relay"}, {name: "bellbuoy"}}
	var out bytes.Buffer
	err := table(&out, systems, map[string][]figures{
		"relay":    {{rowP50: 1}, {rowP50: 2}, {rowP50: 4}},
		"bellbuoy": {{rowP50: 2}, {rowP50: 6}, {rowP50: 4, rowBinary: 30}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, rowP50) {
			// Medians of the figures, and of the ratios 2, 3 and 1.
			if got := strings.Join(strings.Fields(line[len(rowP50):]), " "); got != "2.00 4.00 2.00 1.00 to 3.00" {
				t.Errorf("the row says %q", got)
			}
			return
		}
	}
	t.Errorf("no row %s in\n%s", rowP50, out.String())
}
