package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// LogEntry is one line of the log of a rule or a target.
type LogEntry struct {
	Event        string       `json:"event"`
	Delivery     string       `json:"delivery"` // "" where none was planned
	Action       string       `json:"action"`
	NativeAction string       `json:"native_action"`
	EventStatus  string       `json:"event_status"`
	Registry     string       `json:"registry"`
	Repository   string       `json:"repository"`
	Tags         []string     `json:"tags"`
	Digest       string       `json:"digest"`
	Status       string       `json:"status"` // success, failure, pending, not sent, not triggered
	State        string       `json:"state"`
	Reason       string       `json:"reason"`
	Predicate    string       `json:"predicate"`
	Time         time.Time    `json:"time"`
	Began        *time.Time   `json:"began"`
	Ended        *time.Time   `json:"ended"`
	Next         *time.Time   `json:"next"`
	Rules        []string     `json:"rules"`
	Target       string       `json:"target"`
	Attempts     int          `json:"attempts"`
	Last         *LastAttempt `json:"last"`

	JSON json.RawMessage `json:"-"`
}

// LastAttempt is how the last attempt of a delivery ended.
type LastAttempt struct {
	Time    time.Time `json:"time"`
	Outcome string    `json:"outcome"`
	Status  int       `json:"status"`
	Error   string    `json:"error"`
}

// LogFilter chooses entries; empty fields do not narrow. Since and Until are as in [Filter].
type LogFilter struct {
	Outcome, Since, Until string
	All                   bool // also what the rule did not take
	Limit                 int  // 1 or more
}

// Log lists the log of a rule or a target, by kind "rules" or "targets", the newest first,
// and reports whether there may be older entries.
func (c *Client) Log(ctx context.Context, kind, name string, f LogFilter) (entries []LogEntry, more bool, err error) {
	v := url.Values{}
	for name, value := range map[string]string{"outcome": f.Outcome, "since": f.Since, "until": f.Until} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if f.All {
		v.Set("all", "true")
	}
	list, more, err := c.pages(ctx, []string{"api", "v1", kind, name, "log"}, v, f.Limit)
	if err != nil {
		return nil, false, fmt.Errorf("log of %s: %w", name, err)
	}
	entries = make([]LogEntry, len(list))
	for i, raw := range list {
		entries[i].JSON = raw
		if err := json.Unmarshal(raw, &entries[i]); err != nil {
			return nil, false, fmt.Errorf("log of %s: read the answer: %w", name, err)
		}
	}
	return entries, more, nil
}
