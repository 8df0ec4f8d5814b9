package host

import (
	"context"
	"fmt"
	"time"
)

// renew has a new life take the place of the one that is up, or starts one now.
func (k *keeper) renew(ctx context.Context) error {
	for {
		k.mu.Lock()
		old, s := k.life, k.starting
		switch {
		case k.closed:
			k.mu.Unlock()
			return errClosed
		case s != nil: // of what was there before
			k.mu.Unlock()
			select {
			case <-s.done:
				continue
			case <-ctx.Done():
				return fmt.Errorf("wait for sender %s to start: %w", k.typ, context.Cause(ctx))
			}
		case old == nil: // whoever wishes it to run takes the blame for what was
			k.ends, k.trial, k.deaths, k.notBefore = nil, false, 0, time.Time{}
			if k.pauseEnd != nil && k.pauseEnd.Stop() {
				close(k.pauseOver)
			}
			k.enter(Down)
			k.mu.Unlock()
			_, err := k.up(ctx)
			return err
		}
		// The old one serves while the new one starts; those who want it find it, and
		// another renew waits.
		k.starting = &start{done: make(chan struct{})}
		s = k.starting
		k.mu.Unlock()
		return k.replace(ctx, old, s)
	}
}

// replace starts a life to take the place of old, unless ctx ends before it is up.
func (k *keeper) replace(ctx context.Context, old *life, s *start) error {
	both, cancel := context.WithCancel(k.host.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	fresh, err := k.begin(both)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.starting = nil
	defer close(s.done)
	if err != nil {
		s.err = err
		if k.life != nil {
			k.host.log.Warn("sender was not replaced: the new one did not start", "sender", k.typ, "error", err)
			return fmt.Errorf("the new one did not start, the old one goes on: %w", err)
		}
		k.down(err, 0) // the old one died meanwhile
		return err
	}
	s.life = fresh
	if k.life == old {
		k.draining[old] = struct{}{}
		k.host.watchers.Go(func() {
			old.retire(k.host.ctx)
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.draining, old)
		})
	}
	k.born(fresh)
	return nil
}
