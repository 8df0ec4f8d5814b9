//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/distribution/distribution/v3/notifications"

	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// fromRegistry posts the batch by the code that a Distribution registry has for it:
// one event after the other, each on a new connection. It returns how long that took.
// When an event was posted is not known.
func (r *running) fromRegistry(n *batch, load *envelopes) (time.Duration, error) {
	events := make([]notifications.Event, len(n.due))
	for i := range events {
		var envelope struct{ Events []notifications.Event }
		if err := json.Unmarshal(load.body(n.number, i, load.repository(0, 1, i)), &envelope); err != nil {
			return 0, fmt.Errorf("read an envelope: %w", err)
		}
		events[i] = envelope.Events[0]
	}
	endpoint := notifications.NewEndpoint("bench", r.intake.URL, notifications.EndpointConfig{
		Headers:   http.Header{"Authorization": {"Bearer " + sidecar.Bearer}},
		Timeout:   5 * time.Second,
		Threshold: 5,
		Backoff:   time.Second,
		Transport: &http.Transport{},
	})
	start := time.Now()
	for _, e := range events {
		if err := endpoint.Write(e); err != nil {
			return 0, fmt.Errorf("hand an event to the registry's endpoint: %w", err)
		}
	}
	if err := endpoint.Close(); err != nil { // waits until all are posted
		return 0, fmt.Errorf("close the registry's endpoint: %w", err)
	}
	return time.Since(start), nil
}
