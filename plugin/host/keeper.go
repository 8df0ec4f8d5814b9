package host

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// keeper keeps the sender of one target type alive while it is asked for.
type keeper struct {
	typ  string
	host *Host

	mu        sync.Mutex
	life      *life // nil unless up
	starting  *start
	closed    bool
	deaths    int           // short lives and failed starts in a row
	notBefore time.Time     // of the next start
	pauseOver chan struct{} // closed then; nil where there is no pause
	pauseEnd  *time.Timer   // closes it
	lives     int
	state     State
	since     time.Time
	lastErr   error
	version   string
	ends      []time.Time        // the last deaths, the oldest first
	trial     bool               // it was halted, and has not lived long enough since
	draining  map[*life]struct{} // those that were replaced
	output    *output            // of the last process; nil before the first
	memory    memory             // of what they printed
	dropped   int                // lines, of those before the last
}

// start is an attempt to start, waited for by all who want the sender.
type start struct {
	done chan struct{}
	life *life
	err  error
}

// up returns the life that is up, starting one if need be. In the pause after a
// death it waits, unless ctx ends before the pause.
func (k *keeper) up(ctx context.Context) (*life, error) {
	for {
		l, s, again, err := k.look(ctx)
		switch {
		case l != nil || err != nil:
			return l, err
		case s != nil:
			select {
			case <-s.done:
				return s.life, s.err
			case <-ctx.Done():
			}
		default:
			select {
			case <-again:
				continue
			case <-k.host.ctx.Done():
				return nil, errClosed
			case <-ctx.Done():
			}
		}
		return nil, fmt.Errorf("wait for sender %s to start: %w", k.typ, context.Cause(ctx))
	}
}

// look says what there is: a life, or a start to wait for, or neither yet and when
// to look again.
func (k *keeper) look(ctx context.Context) (l *life, s *start, again <-chan struct{}, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, nil, nil, errClosed
	}
	if k.life != nil {
		select {
		case <-k.life.remote.Broken():
			return nil, nil, k.life.mourned, nil
		default:
			return k.life, nil, nil, nil
		}
	}
	if wait := time.Until(k.notBefore); k.state == Halted && wait > 0 {
		return nil, nil, nil, plugin.RetryAfter(fmt.Errorf("sender %s is halted, since it died %d times in %s: %w",
			k.typ, k.host.timing.deaths, k.host.timing.window, k.lastErr), wait)
	}
	if k.starting != nil {
		return nil, k.starting, nil, nil
	}
	if wait := time.Until(k.notBefore); wait > 0 {
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(k.notBefore) {
			return nil, nil, nil, plugin.RetryAfter(fmt.Errorf("sender %s is down: %w", k.typ, k.lastErr), wait)
		}
		return nil, nil, k.pauseOver, nil
	}
	k.starting = &start{done: make(chan struct{})}
	k.enter(Starting)
	go k.start(k.starting)
	return nil, k.starting, nil, nil
}

func (k *keeper) enter(s State) {
	k.state, k.since = s, time.Now()
}

func (k *keeper) start(s *start) {
	s.life, s.err = k.begin(k.host.ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(s.done)
	k.starting = nil
	if s.err != nil {
		k.down(s.err, 0)
		k.host.log.Warn("sender did not start", "sender", k.typ, "error", s.err, "state", string(k.state),
			"next_in", time.Until(k.notBefore).Round(time.Millisecond))
		return
	}
	k.born(s.life)
}

// begin starts a process and waits until it is up, or ctx ends.
func (k *keeper) begin(ctx context.Context) (*life, error) {
	h := k.host
	c, err := h.prepare(k.typ)
	if err != nil {
		return nil, err
	}
	out := newOutput(h.log.With("sender", k.typ), time.Now)
	out.keep = &k.memory
	k.mu.Lock()
	if k.output != nil {
		k.dropped += k.output.lost()
	}
	k.output = out
	k.mu.Unlock()
	return begin(ctx, k.typ, c, h.dir, out, h.timing, h.versions)
}

// born takes in a life that is up.
func (k *keeper) born(l *life) {
	k.life = l
	if k.closed {
		l.end(errClosed, true) // for Close to wait for
		return
	}
	k.lives++
	k.version = l.version
	k.enter(Up)
	k.host.log.Info("sender up", "sender", k.typ, "pid", l.proc.pid(), "version", l.version, "restarts", k.lives-1)
	k.host.watchers.Go(func() { k.mourn(l) })
}

// mourn waits for the end of a life that was up.
func (k *keeper) mourn(l *life) {
	<-l.dead
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(l.mourned)
	if k.closed || k.life != l { // replaced
		return
	}
	k.life = nil
	k.down(l.reason, time.Since(l.born))
	k.host.log.Warn("sender down", "sender", k.typ, "pid", l.proc.pid(), "error", l.reason, "state", string(k.state),
		"next_in", max(0, time.Until(k.notBefore)).Round(time.Millisecond))
}

// down plans the next start: at once after a long life, else after a pause that
// doubles with each death in a row, within a fifth by chance. Too many deaths, and one
// soon after that, halt the sender.
func (k *keeper) down(reason error, lived time.Duration) {
	t := k.host.timing
	k.lastErr = reason
	now := time.Now()
	k.ends = append(k.recent(now), now)
	if lived >= t.window {
		k.trial = false
	}
	if k.trial || len(k.ends) >= t.deaths {
		k.trial = true
		k.enter(Halted)
		k.pause(t.rest)
		return
	}
	k.enter(Down)
	if lived >= t.longLife {
		k.deaths = 0
		k.notBefore = time.Time{}
		return
	}
	pause := t.maxBackoff
	if k.deaths < 16 {
		pause = min(pause, t.backoff<<k.deaths)
	}
	k.deaths++
	k.pause(pause + time.Duration((rand.Float64()*2-1)/5*float64(pause)))
}

// recent are the deaths within the window before now.
func (k *keeper) recent(now time.Time) []time.Time {
	k.ends = slices.DeleteFunc(k.ends, func(at time.Time) bool { return now.Sub(at) > k.host.timing.window })
	return k.ends
}

// pause lets no start happen for some time.
func (k *keeper) pause(d time.Duration) {
	k.notBefore = time.Now().Add(d)
	over := make(chan struct{})
	k.pauseOver = over
	k.pauseEnd = time.AfterFunc(d, func() { close(over) })
}

// rests reports whether a call could only wait for the next start.
func (k *keeper) rests() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.life == nil && k.starting == nil && (k.state == Down || k.state == Halted) && time.Now().Before(k.notBefore)
}

// close lets no more starts happen and ends the lives that there are. It returns what to
// wait for, if anything.
func (k *keeper) close() ([]*life, *start) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	k.enter(Stopped)
	lives := slices.Collect(maps.Keys(k.draining))
	if k.life != nil {
		lives = append(lives, k.life)
	}
	for _, l := range lives {
		l.end(errClosed, true)
	}
	return lives, k.starting
}
