package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// State is where the sender of a target type stands.
type State string

const (
	Starting State = "starting"
	Up       State = "up"
	Down     State = "down" // it died or could not be started; the next call after the pause starts it
	Stopped  State = "stopped"
)

// Stat is an account of the sender of one target type.
type Stat struct {
	Type     string
	State    State
	PID      int       // 0 unless up
	Resident int64     // bytes of memory in use; 0 unless up, and where the system does not tell
	Restarts int       // starts after the first that succeeded
	Since    time.Time // of State
	Error    string    // why it last went down
}

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
	lives     int
	state     State
	since     time.Time
	lastErr   error
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
	h := k.host
	log := h.log.With("sender", k.typ)
	c, err := h.prepare(k.typ)
	if err == nil {
		s.life, err = begin(h.ctx, k.typ, c, h.dir, newOutput(log, time.Now), h.timing, h.versions)
	}
	s.err = err

	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(s.done)
	k.starting = nil
	if err != nil {
		k.down(err, 0)
		log.Warn("sender did not start", "error", err, "next_in", time.Until(k.notBefore).Round(time.Millisecond))
		return
	}
	if k.closed {
		s.life.end(errClosed, true)
		k.life = s.life // for Close to wait for
		return
	}
	k.lives++
	k.life = s.life
	k.enter(Up)
	log.Info("sender up", "pid", s.life.proc.pid(), "restarts", k.lives-1)
	h.watchers.Go(func() { k.mourn(s.life) })
}

// mourn waits for the end of a life that was up.
func (k *keeper) mourn(l *life) {
	<-l.dead
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(l.mourned)
	if k.closed {
		return
	}
	k.life = nil
	k.down(l.reason, time.Since(l.born))
	k.host.log.Warn("sender down", "sender", k.typ, "pid", l.proc.pid(), "error", l.reason,
		"next_in", max(0, time.Until(k.notBefore)).Round(time.Millisecond))
}

// down plans the next start: at once after a long life, else after a pause that
// doubles with each death in a row, within a fifth by chance.
func (k *keeper) down(reason error, lived time.Duration) {
	k.lastErr = reason
	k.enter(Down)
	if lived >= k.host.timing.longLife {
		k.deaths = 0
		k.notBefore = time.Time{}
		return
	}
	pause := k.host.timing.maxBackoff
	if k.deaths < 16 {
		pause = min(pause, k.host.timing.backoff<<k.deaths)
	}
	k.deaths++
	pause += time.Duration((rand.Float64()*2 - 1) / 5 * float64(pause))
	k.notBefore = time.Now().Add(pause)
	over := make(chan struct{})
	k.pauseOver = over
	time.AfterFunc(pause, func() { close(over) })
}

// close lets no more starts happen and ends the life that is up. It returns what to
// wait for, if anything.
func (k *keeper) close() (*life, *start) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	k.enter(Stopped)
	if k.life != nil {
		k.life.end(errClosed, true)
	}
	return k.life, k.starting
}

func (k *keeper) stat() Stat {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := Stat{Type: k.typ, State: k.state, Restarts: max(0, k.lives-1), Since: k.since}
	if k.state == Up {
		s.PID = k.life.proc.pid()
		s.Resident = resident(s.PID)
	}
	if k.lastErr != nil {
		s.Error = k.lastErr.Error()
	}
	return s
}
