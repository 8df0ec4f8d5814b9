package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// lineTimeout is how long the server may say nothing during a back-test. It tells how
// far it is several times a second.
const lineTimeout = 30 * time.Second

// Backtest is what other rules would have made of stored events.
type Backtest struct {
	Events    int              `json:"events"`
	Held      int              `json:"held"`
	Rules     []BacktestRule   `json:"rules"`
	Targets   []BacktestTarget `json:"targets"`
	Errors    []BacktestError  `json:"errors"`
	NotStored []string         `json:"not_stored"`
	JSON      json.RawMessage  `json:"-"`
}

// Change is how many there are before and after, and how many only then.
type Change struct {
	Before     int `json:"before"`
	After      int `json:"after"`
	OnlyBefore int `json:"only_before"`
	OnlyAfter  int `json:"only_after"`
}

// BacktestRule is what becomes of the events that a rule matches.
type BacktestRule struct {
	Rule string `json:"rule"`
	Change
	Dead     bool     `json:"dead"`
	Is       string   `json:"is"`
	Examples Examples `json:"examples"`
}

// BacktestTarget is what becomes of the deliveries to a target.
type BacktestTarget struct {
	Target string `json:"target"`
	Change
	Missing  bool     `json:"missing"`
	Examples Examples `json:"examples"`
}

// Examples are the newest events of each difference.
type Examples struct {
	OnlyBefore []Example `json:"only_before"`
	OnlyAfter  []Example `json:"only_after"`
}

// Example is one event.
type Example struct {
	Event string `json:"event"`
	Type  string `json:"type"`
	About string `json:"about"`
}

// BacktestError says for how many events a new rule's expression could not be computed.
type BacktestError struct {
	Rule   string  `json:"rule"`
	Events int     `json:"events"`
	Reason string  `json:"reason"`
	First  Example `json:"first"`
}

// Backtest has the server try rules, the source of a rule set, on the events that it
// received since: an RFC 3339 time or a duration back from now. progress is told how
// many events were looked at, of about how many.
func (c *Client) Backtest(ctx context.Context, source []byte, since string, progress func(done, of int)) (Backtest, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(lineTimeout, func() { cancel(context.DeadlineExceeded) })
	defer silent.Stop()
	raw, err := c.backtest(ctx, source, since, func(done, of int) {
		silent.Reset(lineTimeout)
		progress(done, of)
	})
	if errors.Is(err, context.Canceled) {
		err = c.unreachable(context.Cause(ctx))
	}
	if err != nil {
		return Backtest{}, fmt.Errorf("back-test: %w", err)
	}
	b := Backtest{JSON: raw}
	if err := json.Unmarshal(raw, &b); err != nil {
		return Backtest{}, fmt.Errorf("back-test: read the answer: %w", err)
	}
	return b, nil
}

func (c *Client) backtest(ctx context.Context, source []byte, since string, progress func(done, of int)) (json.RawMessage, error) {
	u := c.server.JoinPath("api", "v1", "backtest")
	u.RawQuery = url.Values{"since": {since}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(source))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.server, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	long := *c.http
	long.Timeout = 0 // it takes as long as there are events
	resp, err := long.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		b, err := io.ReadAll(body)
		if err != nil {
			return nil, c.unreachable(err)
		}
		var none json.RawMessage
		if err := c.read(resp, b, &none); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s answered, but not as bellbuoy does: name bellbuoy's admin listener with --server", c.server)
	}
	lines := json.NewDecoder(body)
	for {
		var line struct {
			Progress *struct{ Events, Of int } `json:"progress"`
			Result   json.RawMessage           `json:"result"`
			Error    *Problem                  `json:"error"`
		}
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("%s ended before it was done: is it still running?", c.server)
		case err != nil:
			return nil, c.unreachable(err)
		case line.Error != nil:
			return nil, line.Error
		case line.Result != nil:
			return line.Result, nil
		case line.Progress != nil:
			progress(line.Progress.Events, line.Progress.Of)
		}
	}
}
