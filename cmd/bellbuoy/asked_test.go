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

// The trace of an own event says what it is about.
func TestTellOwnEvents(t *testing.T) {
	for _, c := range []struct {
		event event.Event
		want  []string
	}{
		{event.Event{Type: event.TargetDisabled, Target: &event.Target{Name: "ci", Condition: "disabled", Reason: "it is gone"}},
			[]string{"target    ci, disabled, it is gone\n"}},
		{event.Event{Type: event.Digest, Digest: []string{"e1", "e2", "e3"}, Digested: &event.Digested{Count: 3, Groups: []event.DigestGroup{
			{Type: event.ArtifactPushed, Repository: "prod/api", Count: 2}, {Type: event.ScanCompleted, Count: 1}}}},
			[]string{"tells of  2 artifact.pushed prod/api, 1 scan.completed\n", "they are  e1, e2, e3\n"}},
	} {
		var b bytes.Buffer
		tellEvent(&b, c.event)
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%q is not in\n%s", want, b.String())
			}
		}
	}
}
