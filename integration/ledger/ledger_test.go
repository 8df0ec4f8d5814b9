package ledger_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/ledger"
)

// The checker that every kill test relies on must itself see each fault.
func TestReport(t *testing.T) {
	l := ledger.New()
	for _, id := range []string{"a1", "a2", "a3", "a4"} {
		l.Accepted(id, "a")
	}
	l.Accepted("b1", "b")
	l.Arrived("a1", "a", "w1")
	l.Arrived("a3", "a", "w3")
	l.Arrived("b1", "b", "w9")
	if l.Settled() {
		t.Error("settled with a2 and a4 still to come")
	}
	l.Arrived("a2", "a", "w2") // after a3: disorder
	l.Arrived("a3", "a", "w3") // a repeat, which is no disorder
	l.Arrived("a3", "a", "w3")
	l.Arrived("b1", "b", "w10") // under a second id: split
	l.Arrived("c1", "c", "w11") // accepted by no one who heard of it

	r := l.Report()
	if r.Accepted != 5 || r.Arrived != 5 {
		t.Errorf("accepted %d, arrived %d, want 5 and 5", r.Accepted, r.Arrived)
	}
	if want := []string{"a4"}; !slices.Equal(r.Lost, want) {
		t.Errorf("lost %v, want %v", r.Lost, want)
	}
	if want := []string{"b1"}; !slices.Equal(r.Split, want) {
		t.Errorf("split %v, want %v", r.Split, want)
	}
	if want := map[string]int{"w3": 2}; !maps.Equal(r.Repeats, want) {
		t.Errorf("repeats %v, want %v", r.Repeats, want)
	}
	if len(r.Disorder) != 1 {
		t.Errorf("disorder %v, want one", r.Disorder)
	}
	l.Arrived("a4", "a", "w4")
	if !l.Settled() {
		t.Errorf("not settled, though only %v is lost", l.Report().Lost)
	}
}
