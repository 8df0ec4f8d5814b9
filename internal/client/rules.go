package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// RuleHead is what of a rule says which types of events it takes.
type RuleHead struct {
	Name    string   `json:"name"`
	Enabled bool     `json:"enabled"`
	Events  []string `json:"events"`
}

// RulesThen are the rules that judged events that name hash: the enabled ones.
func (c *Client) RulesThen(ctx context.Context, hash string) ([]RuleHead, error) {
	return c.ruleHeads(ctx, "api", "v1", "rule-sets", hash)
}

// RulesNow are the rules in use, also the disabled ones; none where the server does not
// say.
func (c *Client) RulesNow(ctx context.Context) ([]RuleHead, error) {
	list, err := c.ruleHeads(ctx, "api", "v1", "rules")
	if p, ok := errors.AsType[*Problem](err); ok && p.Status == http.StatusNotFound {
		return nil, nil
	}
	return list, err
}

func (c *Client) ruleHeads(ctx context.Context, path ...string) ([]RuleHead, error) {
	var set struct {
		Rules []RuleHead `json:"rules"`
	}
	if _, err := c.get(ctx, path, nil, &set); err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	return set.Rules, nil
}
