package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Condition is how a target is, by what it answered and what people decided.
type Condition struct {
	State    string     `json:"state"` // healthy, failing, paused, disabled or gone
	Since    *time.Time `json:"since"`
	Until    *time.Time `json:"until"`
	Reason   string     `json:"reason"`
	Failures int        `json:"failures"`
	Marked   *Mark      `json:"marked"`
}

// Mark is what shows that a target's options are wrong.
type Mark struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// Decision is what a person may decide of a target.
type Decision string

const (
	Disable Decision = "disable" // nothing is sent to it: its deliveries are parked
	Enable  Decision = "enable"  // it is sent to again
	Reset   Decision = "reset"   // that, and what its answers said of it is forgotten
)

// Decide carries out what by decides of the target, and returns the condition that
// follows as it was told.
func (c *Client) Decide(ctx context.Context, d Decision, target, by string) (Condition, json.RawMessage, error) {
	var next Condition
	body, err := json.Marshal(map[string]string{"by": by})
	if err != nil {
		return next, nil, fmt.Errorf("%s target: %w", d, err)
	}
	var raw json.RawMessage
	if err := c.post(ctx, []string{"api", "v1", "targets", target, string(d)}, "application/json", bytes.NewReader(body), &raw); err != nil {
		return next, nil, fmt.Errorf("%s target: %w", d, err)
	}
	if err := json.Unmarshal(raw, &next); err != nil {
		return next, nil, fmt.Errorf("%s target: read the answer: %w", d, err)
	}
	return next, raw, nil
}
