// Package backtest says what other rules would have made of events that were stored:
// which deliveries there would be more, and which fewer. It sends nothing and stores
// nothing.
package backtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// maxExamples is how many examples there are of each difference.
const maxExamples = 3

// Result is what a back-test found. Its JSON is part of the API: before is what the
// rules in force make of the events, after what the new ones do. What was in force when
// an event came plays no part.
type Result struct {
	Events  int      `json:"events"` // that were judged
	Held    int      `json:"held"`   // that were left out, since they are not routed yet
	Rules   []Rule   `json:"rules"`  // the new ones in their order, then those that are gone
	Targets []Target `json:"targets"`
	Errors  []Error  `json:"errors"`
	// NotStored are types that a new rule takes and of which events are only counted so
	// far, so that there is nothing to judge.
	NotStored []event.Type `json:"not_stored"`
}

// Change is how many there are before and after, and how many only then.
type Change struct {
	Before     int `json:"before"`
	After      int `json:"after"`
	OnlyBefore int `json:"only_before"`
	OnlyAfter  int `json:"only_after"`
}

// Rule is what becomes of the events that a rule matches.
type Rule struct {
	Name string `json:"rule"`
	Change
	// Dead: the new rule matches none of the events.
	Dead bool `json:"dead"`
	// Is says that the rule is "new" or "gone"; "" where both have it.
	Is       string   `json:"is,omitempty"`
	Examples Examples `json:"examples"`
}

// Target is what becomes of the deliveries to a target: one for each event and each way
// in which rules have its message made. What the target itself says of its messages is
// not known here, so a rule that says the same in full counts as another way.
type Target struct {
	Name string `json:"target"`
	Change
	// Missing: the configuration in use has no such target.
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
	ID    string     `json:"event"`
	Type  event.Type `json:"type"`
	About string     `json:"about"` // repository:tag, as people write it; may be empty

	at int // among all events
}

// Error says for how many events the expression of a new or changed rule could not be
// computed.
type Error struct {
	Rule   string  `json:"rule"`
	Events int     `json:"events"`
	Reason string  `json:"reason"` // of the newest
	First  Example `json:"first"`
}

// Test is what is to be compared.
type Test struct {
	Before, After *rules.Set
	// HasTarget reports whether the configuration in use has a target.
	HasTarget func(name string) bool
	// Events gives what is stored to its argument, newest first, until that returns an
	// error. Held is how many of that page are not routed.
	Events func(ctx context.Context, page func(events []json.RawMessage, held int) error) error
}

// page is some of the events.
type page struct {
	events []json.RawMessage
	first  int // the place of the first among all
}

// Run makes the comparison, on all processors and holding a few pages of events at a
// time. It stops when ctx ends.
func Run(ctx context.Context, t Test) (Result, error) {
	plan, err := t.plan()
	if err != nil {
		return Result{}, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	pages := make(chan page)
	counts := make([]*count, runtime.GOMAXPROCS(0))
	var workers sync.WaitGroup
	for i := range counts {
		counts[i] = plan.count()
		workers.Go(func() {
			for p := range pages {
				if err := counts[i].page(p); err != nil {
					stop(err)
				}
			}
		})
	}
	var out Result
	read := t.Events(ctx, func(events []json.RawMessage, held int) error {
		out.Held += held
		select {
		case pages <- page{events, out.Events}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		out.Events += len(events)
		return nil
	})
	close(pages)
	workers.Wait()
	// What a worker found wrong ends the reading, whose error then says no more.
	if err := context.Cause(ctx); err != nil {
		return Result{}, fmt.Errorf("back-test: %w", err)
	}
	if read != nil {
		return Result{}, fmt.Errorf("back-test: %w", read)
	}
	plan.sum(counts, &out)
	return out, nil
}

// ErrRules: the rules cannot be back-tested.
var ErrRules = errors.New("rules cannot be back-tested")
