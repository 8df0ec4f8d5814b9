package webhook

import (
	"context"
	"sync"
	"time"
)

// kept is something that a target gives for some time and that is asked for by one at a
// time: the others wait for what that one gets.
type kept[T any] struct {
	mu     sync.Mutex
	value  *T
	until  time.Time // zero: for ever
	flight *flight[T]
}

type flight[T any] struct {
	done  chan struct{}
	value *T // set before done is closed, as is err
	err   error
	alone bool // its caller's context ended, which is no answer for others
}

// get returns what is there, or what ask gives; fresh says that it was asked for now.
func (k *kept[T]) get(ctx context.Context, ask func(context.Context) (*T, time.Time, error)) (value *T, fresh bool, err error) {
	for {
		k.mu.Lock()
		if k.value != nil && (k.until.IsZero() || time.Now().Before(k.until)) {
			defer k.mu.Unlock()
			return k.value, false, nil
		}
		if f := k.flight; f != nil {
			k.mu.Unlock()
			select {
			case <-f.done:
			case <-ctx.Done():
				return nil, false, ctx.Err()
			}
			if f.alone {
				continue
			}
			return f.value, true, f.err
		}
		f := &flight[T]{done: make(chan struct{})}
		k.flight = f
		k.mu.Unlock()

		var until time.Time
		f.value, until, f.err = ask(ctx)
		f.alone = f.err != nil && ctx.Err() != nil
		k.mu.Lock()
		if f.err == nil {
			k.value, k.until = f.value, until
		}
		k.flight = nil
		k.mu.Unlock()
		close(f.done)
		return f.value, true, f.err
	}
}

// drop forgets value, unless there is another by now.
func (k *kept[T]) drop(value *T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.value == value {
		k.value = nil
	}
}
