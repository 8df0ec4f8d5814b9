package client

import (
	"context"
	"fmt"
)

// RuleHead is what is read of a rule of earlier: which types of events it took.
type RuleHead struct {
	Name   string   `json:"name"`
	Events []string `json:"events"`
}

// RulesThen are the rules that judged the events that name hash: the enabled ones.
func (c *Client) RulesThen(ctx context.Context, hash string) ([]RuleHead, error) {
	var set struct {
		Rules []RuleHead `json:"rules"`
	}
	if _, err := c.get(ctx, []string{"api", "v1", "rule-sets", hash}, nil, &set); err != nil {
		return nil, fmt.Errorf("read the rules that judged the event: %w", err)
	}
	return set.Rules, nil
}
