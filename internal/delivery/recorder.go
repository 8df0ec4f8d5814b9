package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// recorder writes outcomes down, all that came while the last ones were written in
// one go. As a rule nobody waits for it: the next attempt of a target may begin before
// the disk has the last one's outcome, and a crash in between repeats both.
type recorder struct {
	store *store.Store
	log   *slog.Logger
	more  chan struct{}

	ended chan struct{} // closed when nothing is written any more

	mu      sync.Mutex
	waiting []store.Outcome
	flushes []chan struct{} // closed when what waits has been written
}

func (r *recorder) add(os ...store.Outcome) {
	if len(os) == 0 {
		return
	}
	r.mu.Lock()
	r.waiting = append(r.waiting, os...)
	r.mu.Unlock()
	r.poke()
}

func (r *recorder) poke() {
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// flush waits until everything that was added is written, or nothing is any more.
func (r *recorder) flush(ctx context.Context) {
	done := make(chan struct{})
	r.mu.Lock()
	r.flushes = append(r.flushes, done)
	r.mu.Unlock()
	r.poke()
	select {
	case <-done:
	case <-r.ended:
	case <-ctx.Done(): // nothing is claimed any more
	}
}

func (r *recorder) take() ([]store.Outcome, []chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	os, flushes := r.waiting, r.flushes
	r.waiting, r.flushes = nil, nil
	return os, flushes
}

// run writes until stop is closed and nothing waits. Where the store cannot take it
// (the disk is full, say) it tries again: the claims are held until then. It gives up
// when the store has failed for good.
func (r *recorder) run(stop <-chan struct{}) error {
	defer close(r.ended)
	for {
		stopping := false
		select {
		case <-r.more:
		case <-stop:
			stopping = true
		}
		for {
			os, flushes := r.take()
			if len(os)+len(flushes) == 0 {
				break
			}
			failpoint.At("outcomes to be recorded")
			if err := r.write(os, len(flushes) > 0, stop); err != nil {
				return err
			}
			failpoint.At("outcomes recorded")
			for _, f := range flushes {
				close(f)
			}
		}
		if stopping {
			return nil
		}
	}
}

func (r *recorder) write(os []store.Outcome, awaited bool, stop <-chan struct{}) error {
	record := r.store.Record
	if awaited {
		record = r.store.RecordNow
	}
	for tries := 0; ; tries++ {
		err := record(context.Background(), os)
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
