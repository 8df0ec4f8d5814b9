package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Plugin is the sender of one target type.
type Plugin struct {
	Type         string       `json:"type"`
	Version      string       `json:"version"`
	Builtin      bool         `json:"builtin"`
	File         string       `json:"file"`
	Pin          string       `json:"pin"`
	Source       *Source      `json:"source"`
	State        string       `json:"state"` // unused, starting, up, down, halted or stopped
	Since        *time.Time   `json:"since"`
	Next         *time.Time   `json:"next"` // of down and halted: before which it is not started
	Protocol     int          `json:"protocol"`
	PID          int          `json:"pid"`
	Resident     int64        `json:"resident_bytes"`
	Restarts     int          `json:"restarts"`
	Deaths       int          `json:"deaths"` // in the last ten minutes
	InFlight     int          `json:"in_flight"`
	Error        string       `json:"error"`
	Targets      []string     `json:"targets"`
	Lines        []PluginLine `json:"lines"` // in the answer about one only
	LinesDropped int          `json:"lines_dropped"`

	JSON json.RawMessage `json:"-"`
}

// PluginLine is a line that a sender printed.
type PluginLine struct {
	Time time.Time `json:"time"`
	PID  int       `json:"pid"`
	Text string    `json:"text"`
}

// Plugins lists the senders.
func (c *Client) Plugins(ctx context.Context) ([]Plugin, error) {
	var page []json.RawMessage
	if _, err := c.get(ctx, []string{"api", "v1", "plugins"}, nil, &page); err != nil {
		return nil, fmt.Errorf("list plugins: %w", err)
	}
	list := make([]Plugin, len(page))
	for i, raw := range page {
		var err error
		if list[i], err = readPlugin(raw); err != nil {
			return nil, fmt.Errorf("list plugins: %w", err)
		}
	}
	return list, nil
}

// Plugin tells of the sender of a target type.
func (c *Client) Plugin(ctx context.Context, typ string) (Plugin, error) {
	var raw json.RawMessage
	if _, err := c.get(ctx, []string{"api", "v1", "plugins", typ}, nil, &raw); err != nil {
		return Plugin{}, fmt.Errorf("inspect plugin: %w", err)
	}
	return readPlugin(raw)
}

// RestartPlugin has the sender of a target type run anew, and returns how it is then. by
// says who wants it.
func (c *Client) RestartPlugin(ctx context.Context, typ, by string) (Plugin, error) {
	body, err := json.Marshal(map[string]string{"by": by})
	if err != nil {
		return Plugin{}, fmt.Errorf("restart plugin: %w", err)
	}
	var raw json.RawMessage
	if err := c.post(ctx, []string{"api", "v1", "plugins", typ, "restart"}, "application/json", bytes.NewReader(body), &raw); err != nil {
		return Plugin{}, fmt.Errorf("restart plugin: %w", err)
	}
	return readPlugin(raw)
}

func readPlugin(raw json.RawMessage) (Plugin, error) {
	p := Plugin{JSON: raw}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("read the answer: %w", err)
	}
	return p, nil
}
