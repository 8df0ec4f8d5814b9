package ledger_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/ledger"
)

// The checker that every test of a fault relies on must itself see each of what it is to see.
func TestReport(t *testing.T) {
	l := ledger.New("t")
	arrived := func(id, webhookID string, status int) {
		l.Arrived(ledger.Arrival{Target: "t", ID: id, Key: id[:1], WebhookID: webhookID, Status: status})
	}
	for _, id := range []string{"a1", "a2", "a3", "a4", "b1", "c1"} {
		l.Posted(id, id[:1])
		if id != "c1" {
			l.Accepted(id)
		}
	}
	arrived("a1", "w1", 200)
	arrived("a3", "w3", 500)
	arrived("a3", "w3", 200)
	arrived("b1", "w9", 200)
	if l.Settled() {
		t.Error("settled with a2 and a4 still to come")
	}
	arrived("a2", "w2", 200) // after a3: disorder
	l.Cut()
	arrived("a3", "w3", 200) // a repeat, which is no disorder
	l.Cut()
	arrived("a3", "w3", 200)
	arrived("b1", "w10", 200) // under a second id: split
	arrived("c1", "w11", 200) // nobody heard that it was accepted
	arrived("d1", "w12", 200) // nobody posted it

	r := l.Report()
	if r.Accepted != 5 || r.Arrived != 5 {
		t.Errorf("accepted %d, arrived %d, want 5 and 5", r.Accepted, r.Arrived)
	}
	if want := []string{"a4 to t"}; !slices.Equal(r.Lost, want) {
		t.Errorf("lost %v, want %v", r.Lost, want)
	}
	if want := []string{"b1 at t"}; !slices.Equal(r.Split, want) {
		t.Errorf("split %v, want %v", r.Split, want)
	}
	if want := map[string]int{"w3": 2, "w9": 1}; !maps.Equal(r.Repeats, want) {
		t.Errorf("repeats %v, want %v", r.Repeats, want)
	}
	if len(r.Disorder) != 1 || len(r.Stray) != 1 || len(r.Baseless) != 0 {
		t.Errorf("disorder %v, stray %v, baseless %v, want one, one and none", r.Disorder, r.Stray, r.Baseless)
	}
	arrived("a3", "w3", 200) // once more, without a cut
	arrived("a4", "w4", 400)
	r = l.Report()
	if want := []string{"w3 at t"}; !slices.Equal(r.Baseless, want) {
		t.Errorf("baseless %v, want %v", r.Baseless, want)
	}
	if !l.Settled() {
		t.Errorf("not settled, though only %v is lost", r.Lost)
	}
	if len(r.Lost) != 1 {
		t.Errorf("lost %v, though no trace says how a4 ended", r.Lost)
	}
}

// What the trace says of a delivery that came once, was answered, and ended.
func TestTraced(t *testing.T) {
	final := ledger.Attempt{Outcome: "permanent", Status: 400}
	good := ledger.Attempt{Outcome: "delivered", Status: 200}
	again := ledger.Attempt{Outcome: "retry", Status: 500}
	is := func(state, reason string, as ...ledger.Attempt) ledger.Delivery {
		return ledger.Delivery{Target: "t", WebhookID: "w", State: state, Reason: reason, Attempts: as}
	}
	for _, c := range []struct {
		name   string
		status []int // that it was answered
		cuts   int
		trace  []ledger.Delivery
		says   string // "" = they agree
	}{
		{"delivered", []int{200}, 0, []ledger.Delivery{is("delivered", "", good)}, ""},
		{"again", []int{500, 200}, 0, []ledger.Delivery{is("delivered", "", again, good)}, ""},
		{"dead", []int{400}, 0, []ledger.Delivery{is("dead", "it was final", final)}, ""},
		{"cut off", []int{200, 200}, 1, []ledger.Delivery{is("delivered", "", good)}, ""},
		{"the sender died", []int{200, 200}, 0, []ledger.Delivery{is("delivered", "", ledger.Attempt{Outcome: "retry"}, good)}, ""},
		{"for nothing", []int{200, 200}, 0, []ledger.Delivery{is("delivered", "", good)}, "not on record"},
		{"twice on record", []int{200, 200}, 1, []ledger.Delivery{is("delivered", "", good, good)}, "2 times"},
		{"never answered so", []int{500}, 0, []ledger.Delivery{is("delivered", "", good)}, "were not given"},
		{"no reason", []int{400}, 0, []ledger.Delivery{is("dead", "", final)}, "without a reason"},
		{"open", []int{500}, 0, []ledger.Delivery{is("waiting", "", again)}, "not ended"},
		{"no delivery", nil, 0, nil, "0 deliveries"},
		{"two deliveries", []int{200}, 0, []ledger.Delivery{is("delivered", "", good), is("delivered", "", good)}, "2 deliveries"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := ledger.New("t")
			l.Posted("a", "k")
			l.Accepted("a")
			for range c.cuts {
				l.Cut()
			}
			for _, status := range c.status {
				l.Arrived(ledger.Arrival{Target: "t", ID: "a", Key: "k", WebhookID: "w", Status: status})
			}
			l.Traced("a", c.trace)
			got := l.Report().Disagree
			if agree := len(got) == 0; agree != (c.says == "") || !agree && !strings.Contains(strings.Join(got, "\n"), c.says) {
				t.Errorf("disagree %q, want %q", got, c.says)
			}
		})
	}
}
