package main

import "testing"

// Each bug can be planted into the code as it is, and at least a dozen are.
func TestBugsCanBePlanted(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants() {
		if names[m.name] {
			t.Errorf("two bugs are named %s", m.name)
		}
		names[m.name] = true
		if _, err := m.planted("../.."); err != nil {
			t.Error(err)
		}
	}
	if len(names) < 12 {
		t.Errorf("only %d bugs", len(names))
	}
}
