package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Again says what is to be made again; empty fields do not narrow.
type Again struct {
	Run string `json:"run,omitempty"`

	ID         string `json:"id,omitempty"` // of a delivery or an event
	Type       string `json:"type,omitempty"`
	Registry   string `json:"registry,omitempty"`
	Repository string `json:"repository,omitempty"`
	Tag        string `json:"tag,omitempty"`
	Digest     string `json:"digest,omitempty"`
	NativeID   string `json:"native_id,omitempty"`
	Rule       string `json:"rule,omitempty"`
	Target     string `json:"target,omitempty"`
	State      string `json:"state,omitempty"`   // of deliveries
	Outcome    string `json:"outcome,omitempty"` // of events
	Since      string `json:"since,omitempty"`
	Until      string `json:"until,omitempty"`

	To     string `json:"to,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	DryRun bool   `json:"dry_run,omitempty"`
	Cursor string `json:"cursor,omitempty"`
	By     string `json:"by,omitempty"`
}

// Chooses reports whether anything is chosen.
func (a Again) Chooses() bool {
	a.Run, a.To, a.Limit, a.DryRun, a.Cursor, a.By = "", "", 0, false, "", ""
	return a != Again{}
}

// Run is how far it is.
type Run struct {
	ID         string `json:"run,omitempty"`
	Ended      bool   `json:"ended"`
	DryRun     bool   `json:"dry_run,omitempty"`
	Done       int    `json:"done"`
	Deliveries int    `json:"deliveries,omitempty"`
	Changed    int    `json:"changed,omitempty"`
	Gone       int    `json:"gone,omitempty"`
	Present    int    `json:"present,omitempty"`
	About      int    `json:"about,omitempty"`
	Unmatched  int    `json:"unmatched,omitempty"`
	More       bool   `json:"more,omitempty"`
	Cursor     string `json:"cursor,omitempty"`
}

// How long a run is gone on with while the server does not answer, and how long it is
// left alone in between: it may be started anew.
const (
	insistFor   = 30 * time.Second
	insistPause = 300 * time.Millisecond
)

// Redeliver has deliveries made again, step by step, until all are. progress is told after
// each step. Where the server is gone for a while, it is asked again: nothing is done
// twice. The run that it returns with an error can be gone on with.
func (c *Client) Redeliver(ctx context.Context, a Again, progress func(Run)) (Run, error) {
	if a.DryRun {
		r, err := c.againStep(ctx, "redeliver", a)
		r.Done, r.Ended = r.Deliveries, true
		return r, err
	}
	return c.toTheEnd(ctx, "redeliver", a, progress)
}

// RedeliverStep does one step of a run, as the server does them. Redeliver does all.
func (c *Client) RedeliverStep(ctx context.Context, a Again) (Run, error) {
	return c.againStep(ctx, "redeliver", a)
}

// Replay has events judged by the rules in force, and delivered as they say, as Redeliver
// does with deliveries.
func (c *Client) Replay(ctx context.Context, a Again, progress func(Run)) (Run, error) {
	if !a.DryRun {
		return c.toTheEnd(ctx, "replay", a, progress)
	}
	sum := Run{DryRun: true}
	for {
		r, err := c.againStep(ctx, "replay", a)
		if err != nil {
			return sum, err
		}
		sum.Done += r.Done
		sum.Deliveries += r.Deliveries
		sum.Unmatched += r.Unmatched
		progress(sum)
		if r.Cursor == "" || sum.Done >= a.Limit && a.Limit > 0 {
			sum.Ended, sum.More = true, r.Cursor != "" || sum.Done > a.Limit && a.Limit > 0
			return sum, nil
		}
		a.Cursor = r.Cursor
	}
}

// toTheEnd does the steps of a run.
func (c *Client) toTheEnd(ctx context.Context, what string, a Again, progress func(Run)) (Run, error) {
	if a.Run == "" {
		// Named here, so that it can be gone on with although the answer to the first
		// step does not come.
		id, err := uuid.NewV7()
		if err != nil {
			return Run{}, fmt.Errorf("%s: %w", what, err)
		}
		a.Run = id.String()
	}
	at, failing := Run{ID: a.Run}, time.Time{}
	for begun := false; !at.Ended; {
		r, err := c.againStep(ctx, what, a)
		if err == nil {
			at, begun, failing = r, true, time.Time{}
			progress(at)
			continue
		}
		if failing.IsZero() {
			failing = time.Now()
		}
		problem, isProblem := errors.AsType[*Problem](err)
		_, isAbsent := errors.AsType[*absent](err)
		switch {
		case isProblem && problem.Status != http.StatusServiceUnavailable, // it was heard
			isAbsent && !begun, // and was not there before either
			time.Since(failing) > insistFor:
			return at, err
		}
		begun = true // it may have been
		select {
		case <-ctx.Done():
			return at, err
		case <-time.After(insistPause):
		}
	}
	return at, nil
}

func (c *Client) againStep(ctx context.Context, what string, a Again) (Run, error) {
	var r Run
	body, err := json.Marshal(a)
	if err == nil {
		err = c.post(ctx, []string{"api", "v1", what}, "application/json", bytes.NewReader(body), &r)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", what, err)
	}
	return r, nil
}

// TestTarget has an event made for one target, which is tried for so long, and returns
// its id and its delivery's. by says who wants it.
func (c *Client) TestTarget(ctx context.Context, name string, tried time.Duration, by string) (event, delivery string, err error) {
	body, err := json.Marshal(map[string]string{"by": by, "for": tried.String()})
	if err != nil {
		return "", "", fmt.Errorf("test target: %w", err)
	}
	var answer struct{ Event, Delivery string }
	if err := c.post(ctx, []string{"api", "v1", "targets", name, "test"}, "application/json", bytes.NewReader(body), &answer); err != nil {
		return "", "", fmt.Errorf("test target: %w", err)
	}
	return answer.Event, answer.Delivery, nil
}
