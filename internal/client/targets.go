package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Source is what owns an object: a place in a file.
type Source struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// String returns FILE:LINE.
func (s Source) String() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// Rules are the rules in use.
type Rules struct {
	File     string        `json:"file"`
	Loaded   time.Time     `json:"loaded"`
	RuleSet  string        `json:"rule_set"`
	Rules    []Rule        `json:"rules"`
	Warnings []ConfigFault `json:"warnings"`
	Failed   *FailedReload `json:"failed"` // nil unless the files have faults now
	Inactive []Inactive    `json:"inactive"`

	JSON json.RawMessage `json:"-"`
}

// Inactive is what was made through the API and is not in use.
type Inactive struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Rule is one of them.
type Rule struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Enabled     bool     `json:"enabled"`
	Events      []string `json:"events"`
	Targets     []string `json:"targets"`
	Source      *Source  `json:"source"`
	Owner       Owner    `json:"owner"`
}

// FailedReload says why a changed configuration is not in use.
type FailedReload struct {
	Time   time.Time     `json:"time"`
	Faults []ConfigFault `json:"faults"`
}

// ConfigFault is one thing that is wrong in a configuration; Text has all of it.
type ConfigFault struct {
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Path     string `json:"path"`
	Message  string `json:"message"`
	Text     string `json:"text"`
}

// Target is one target, with how many deliveries to it are in which state.
type Target struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	InConfig   bool           `json:"in_config"`
	Source     *Source        `json:"source"`
	Owner      Owner          `json:"owner"`
	Condition  Condition      `json:"condition"`
	Deliveries map[string]int `json:"deliveries"`
	Unverified []Unverified   `json:"unverified"` // addresses to which nothing but a link is sent

	JSON json.RawMessage `json:"-"`
}

// Unverified is a mail address that nobody has verified yet.
type Unverified struct {
	Address string `json:"address"` // of which a part is masked
	Mails   int    `json:"mails"`   // with a link, that a server took
	Error   string `json:"error"`   // why the last was not
}

// Rules tells the rules in use.
func (c *Client) Rules(ctx context.Context) (Rules, error) {
	var r Rules
	if _, err := c.get(ctx, []string{"api", "v1", "rules"}, nil, &r.JSON); err != nil {
		return r, fmt.Errorf("list rules: %w", err)
	}
	if err := json.Unmarshal(r.JSON, &r); err != nil {
		return r, fmt.Errorf("list rules: read the answer: %w", err)
	}
	return r, nil
}

// Targets lists the targets.
func (c *Client) Targets(ctx context.Context) ([]Target, error) {
	var page []json.RawMessage
	if _, err := c.get(ctx, []string{"api", "v1", "targets"}, nil, &page); err != nil {
		return nil, fmt.Errorf("list targets: %w", err)
	}
	list := make([]Target, len(page))
	for i, raw := range page {
		list[i].JSON = raw
		if err := json.Unmarshal(raw, &list[i]); err != nil {
			return nil, fmt.Errorf("list targets: read target: %w", err)
		}
	}
	return list, nil
}

// CancelTarget ends the deliveries that are parked for a target which the
// configuration does not name, and returns how many. by says who wants it.
func (c *Client) CancelTarget(ctx context.Context, name, by string) (int, error) {
	body, err := json.Marshal(map[string]string{"by": by})
	if err != nil {
		return 0, fmt.Errorf("cancel deliveries: %w", err)
	}
	var answer struct{ Cancelled int }
	if err := c.post(ctx, []string{"api", "v1", "targets", name, "cancel"}, "application/json", bytes.NewReader(body), &answer); err != nil {
		return 0, fmt.Errorf("cancel deliveries: %w", err)
	}
	return answer.Cancelled, nil
}
