package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// recordMost is how many outcomes are written in one transaction at the most: whoever is
// accepting an event waits for it.
const recordMost = 32

// recorder writes outcomes down, in the order in which they came and many at a time. As a
// rule nobody waits for it: the next attempt of a target may begin before the disk has the
// last one's outcome, and a crash in between repeats both.
type recorder struct {
	store *store.Store
	log   *slog.Logger
	more  chan struct{}

	ended chan struct{} // closed when nothing is written any more

	mu      sync.Mutex
	waiting []store.Outcome
	added   int // outcomes ever, those that wait included
	written int // of them
	flushes []flush
}

// flush is somebody who waits until so many outcomes are written.
type flush struct {
	upTo int
	done chan struct{}
}

func (r *recorder) add(os ...store.Outcome) {
	if len(os) == 0 {
		return
	}
	r.mu.Lock()
	r.waiting = append(r.waiting, os...)
	r.added += len(os)
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
	r.flushes = append(r.flushes, flush{r.added, done})
	r.mu.Unlock()
	r.poke()
	select {
	case <-done:
	case <-r.ended:
	case <-ctx.Done(): // nothing is claimed any more
	}
}

// take returns what is to be written next, and whether somebody waits for it: a flush, or
// what is left behind it.
func (r *recorder) take() (os []store.Outcome, awaited bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), recordMost)
	os = r.waiting[:n:n]
	if r.waiting = r.waiting[n:]; len(r.waiting) == 0 {
		r.waiting = nil
	}
	return os, len(r.flushes) > 0 || len(r.waiting) > 0
}

// wrote tells those who wait for it that n more are written.
func (r *recorder) wrote(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written += n
	r.flushes = slices.DeleteFunc(r.flushes, func(f flush) bool {
		if f.upTo > r.written {
			return false
		}
		close(f.done)
		return true
	})
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
			os, awaited := r.take()
			if len(os) == 0 {
				r.wrote(0)
				break
			}
			failpoint.At("outcomes to be recorded")
			if err := r.write(os, awaited, stop); err != nil {
				return err
			}
			failpoint.At("outcomes recorded")
			r.wrote(len(os))
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
