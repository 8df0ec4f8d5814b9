package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

func TestStoryOfWhatCameAfter(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	trace := client.Trace{
		ReplayOf: &client.Replayed{Event: "first", Time: at, By: "alice"},
		Replays:  []client.Replayed{{Event: "second", Time: at, By: "bob\x1b[2J"}},
		Deliveries: []client.Delivery{
			{
				ID: "d1", Target: "ci", Type: "webhook", State: "delivered", Rules: []string{"all"},
				Redeliveries: []client.Redelivered{{Time: at, By: "alice", State: "dead", Reason: "the answer was final", Attempts: 1}},
				Attempts:     []client.Attempt{{Time: at, Outcome: "permanent", Status: 400}, {Time: at, Outcome: "delivered", Status: 200}},
			},
			{
				ID: "d2", Target: "ops", Type: "webhook", State: "shadowed", Rules: []string{"all"},
				Redeliveries: []client.Redelivered{{Time: at, By: "alice", From: "d1"}},
				Shadow:       &client.Shadowing{Time: at, Curl: "curl --url 'http://ops'"},
			},
			{ID: "d3", Target: "log", Type: "webhook", State: "shadowed", Rules: []string{"all"}, Shadow: &client.Shadowing{Time: at, Error: "no"}},
			{ID: "d4", Target: "big", Type: "webhook", State: "shadowed", Rules: []string{"all"}, Shadow: &client.Shadowing{Time: at}},
		},
	}
	var b bytes.Buffer
	tellReplays(&b, trace)
	tellDeliveries(&b, trace, at)
	plain(t, b.String())
	golden(t, "trace-after.golden", b.String())
}
