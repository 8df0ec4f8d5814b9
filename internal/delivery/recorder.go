package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// recorder writes outcomes down, all that came while the last ones were written in
// one go. Nobody waits for it: the next attempt of a target may begin before the disk
// has the last one's outcome, and a crash in between repeats both.
type recorder struct {
	store *store.Store
	log   *slog.Logger
	more  chan struct{}

	mu      sync.Mutex
	waiting []store.Outcome
}

func (r *recorder) add(os ...store.Outcome) {
	if len(os) == 0 {
		return
	}
	r.mu.Lock()
	r.waiting = append(r.waiting, os...)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *recorder) take() []store.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	os := r.waiting
	r.waiting = nil
	return os
}

// run writes until stop is closed and nothing waits. Where the store cannot take it
// (the disk is full, say) it tries again: the claims are held until then. It gives up
// when the store has failed for good.
func (r *recorder) run(stop <-chan struct{}) error {
	for {
		stopping := false
		select {
		case <-r.more:
		case <-stop:
			stopping = true
		}
		for os := r.take(); len(os) > 0; os = r.take() {
			if err := r.write(os, stop); err != nil {
				return err
			}
		}
		if stopping {
			return nil
		}
	}
}

func (r *recorder) write(os []store.Outcome, stop <-chan struct{}) error {
	for tries := 0; ; tries++ {
		err := r.store.Record(context.Background(), os)
		if err == nil {
			return nil
		}
		if r.store.Err() != nil {
			return fmt.Errorf("write down %d outcomes: %w", len(os), err)
		}
		if tries == 0 {
			r.log.Error("outcomes cannot be written down; trying again", "outcomes", len(os), "error", err)
		}
		select {
		case <-stop:
			return fmt.Errorf("write down %d outcomes: %w", len(os), err)
		case <-time.After(time.Second):
		}
	}
}
