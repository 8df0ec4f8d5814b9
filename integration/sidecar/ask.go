package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Trace is what the tests read of an event's trace.
type Trace struct {
	Event    event.Event `json:"event"`
	Received struct {
		Size      int64  `json:"size"`
		Body      string `json:"body"`
		Truncated bool   `json:"truncated"`
	} `json:"received"`
	Deliveries []Delivery `json:"deliveries"`
	ReplayOf   struct {
		Event string `json:"event"`
	} `json:"replay_of"`
}

// Delivery is one delivery of a trace.
type Delivery struct {
	ID       string `json:"id"`
	Rule     string `json:"rule"`
	Target   string `json:"target"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Attempts []struct {
		Time    time.Time  `json:"time"`
		Outcome string     `json:"outcome"`
		Status  int        `json:"status"`
		Scope   string     `json:"scope"`
		Error   string     `json:"error"`
		Next    *time.Time `json:"next"`
		Request struct {
			Body string `json:"body"`
		} `json:"request"`
	} `json:"attempts"`
	Redeliveries []struct {
		By    string `json:"by"`
		State string `json:"state"`
	} `json:"redeliveries"`
}

// Count returns how many attempts ended in outcome.
func (d Delivery) Count(outcome string) int {
	n := 0
	for _, a := range d.Attempts {
		if a.Outcome == outcome {
			n++
		}
	}
	return n
}

// Listed is one event of a list.
type Listed struct {
	event.Event
	Deliveries map[string]int `json:"deliveries"`
}

// Trace asks the running sidecar's API for an event's trace.
func (s *Sidecar) Trace(ctx context.Context, id string) (Trace, error) {
	var t Trace
	err := s.get(ctx, "/api/v1/events/"+id, &t)
	return t, err
}

// Events asks the running sidecar's command for the newest events, at most limit.
func (s *Sidecar) Events(ctx context.Context, limit int) ([]Listed, error) {
	const nothingFound = 3 // the exit status
	out, err := s.Command(ctx, "events", "-o", "json", "--limit", strconv.Itoa(limit))
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == nothingFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Listed
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("read the list of events: %w\n%s", err, out)
	}
	return list, nil
}

// Quarantined is one body in quarantine.
type Quarantined struct {
	Registry string `json:"registry"`
	Reason   string `json:"reason"`
	Count    int    `json:"count"`
}

// Quarantine asks the running sidecar's API for the newest of what could not be read, at
// most limit.
func (s *Sidecar) Quarantine(ctx context.Context, limit int) ([]Quarantined, error) {
	var list []Quarantined
	err := s.get(ctx, "/api/v1/quarantine?limit="+strconv.Itoa(limit), &list)
	return list, err
}

// Metrics returns what Prometheus would read of the running sidecar.
func (s *Sidecar) Metrics(ctx context.Context) (string, error) {
	b, err := s.ask(ctx, "/metrics")
	return string(b), err
}

func (s *Sidecar) get(ctx context.Context, path string, v any) error {
	b, err := s.ask(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read what bellbuoy answers to %s: %w\n%s", path, err, b)
	}
	return nil
}

func (s *Sidecar) ask(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.config.Admin+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask bellbuoy: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask bellbuoy: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("read what bellbuoy answers to %s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("bellbuoy answers %s to %s: %s", res.Status, path, b)
	}
	return b, nil
}

// Command runs one of bellbuoy's verbs against the running sidecar and returns what
// it prints.
func (s *Sidecar) Command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Env = append(os.Environ(), "BELLBUOY_SERVER=http://"+s.config.Admin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("bellbuoy %v: %w: %s", args, err, errs.Bytes())
	}
	return out, nil
}
