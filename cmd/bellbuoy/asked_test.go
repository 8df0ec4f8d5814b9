package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// A test goes to its target whatever the rules say, and that is what people are told.
func TestExplainATest(t *testing.T) {
	list := []app.RuleHead{{Name: "own", Enabled: true, Events: []string{"bellbuoy.*"}}}
	trace := client.Trace{Event: event.Event{ID: "e1", Type: event.Test}, State: "routed"}
	trace.Deliveries = []client.Delivery{{ID: "d1", Target: "ci", State: "delivered"}}
	for rule, want := range map[string]string{
		"":    "\nNo rule was asked: an event of type bellbuoy.test goes to one target, whatever the rules say.\n",
		"own": "\nRule \"own\" was not asked: an event of type bellbuoy.test goes to one target, whatever the rules say.\n",
	} {
		v := explainedOf(trace)
		v.leaveOut(list)
		var b bytes.Buffer
		if err := printExplained(&b, []explained{v.narrowed(rule, list)}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.Contains(got, want) || strings.Contains(got, "Not asked about") {
			t.Errorf("rule %q:\n%s", rule, got)
		}
	}
}

// What is told of a target has the target as its subject.
func TestSubjectOfAnOwnEvent(t *testing.T) {
	if got := subject(event.Event{Type: event.TargetDisabled, Target: &event.Target{Name: "ci"}}); got != "ci" {
		t.Errorf("%q", got)
	}
}
