// Package line keeps the connections of senders whose targets are not asked by HTTP: one for
// each set of options, which all who send by it share. It is made when it is asked for,
// anew when it was lost, and closed when nobody has used it for a while.
package line

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// most is how many lines are kept while nobody uses them.
const most = 256

// Lines are the lines of a sender. Many goroutines may use them at the same time.
type Lines[L any] struct {
	idle  time.Duration
	lost  func(*L) bool
	close func(*L)

	mu      sync.Mutex
	open    map[string]*entry[L]
	closing sync.WaitGroup
}

// entry is a line and who uses it. It is under Lines.mu.
type entry[L any] struct {
	line  *L            // nil until it is made
	made  chan struct{} // closed when it is, or cannot be
	err   error         // set before made is closed
	alone bool          // its maker's context ended, which is no answer for others
	users int
	timer *time.Timer // closes it
}

// New keeps lines for as long as idle after their last use. Lost reports whether one is of
// no use any more, and must not wait; close ends one, and may.
func New[L any](idle time.Duration, lost func(*L) bool, close func(*L)) *Lines[L] {
	return &Lines[L]{idle: idle, lost: lost, close: close, open: map[string]*entry[L]{}}
}

// Take returns the line of key, which dial makes where there is none that works. One makes
// it, and the others wait for what that one gets. Release gives it back.
func (l *Lines[L]) Take(ctx context.Context, key string, dial func(context.Context) (*L, error)) (line *L, release func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		l.mu.Lock()
		e := l.open[key]
		if e != nil && e.line != nil && l.lost(e.line) {
			l.end(key, e)
			e = nil
		}
		switch {
		case e == nil:
			e = &entry[L]{made: make(chan struct{})}
			l.open[key] = e
			l.mu.Unlock()
			l.make(ctx, key, e, dial)
			if e.err != nil {
				return nil, nil, e.err
			}
			return e.line, l.releasing(key, e), nil // even if it is lost again
		case e.line == nil:
			l.mu.Unlock()
			select {
			case <-e.made:
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			}
			if e.err != nil && !e.alone {
				return nil, nil, e.err
			}
		default:
			e.users++
			l.mu.Unlock()
			return e.line, l.releasing(key, e), nil
		}
	}
}

// make makes the line of e.
func (l *Lines[L]) make(ctx context.Context, key string, e *entry[L], dial func(context.Context) (*L, error)) {
	line, err := dial(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	e.line, e.err, e.alone = line, err, err != nil && ctx.Err() != nil
	if err != nil {
		delete(l.open, key)
	} else {
		e.users = 1
	}
	close(e.made)
}

func (l *Lines[L]) releasing(key string, e *entry[L]) func() {
	return sync.OnceFunc(func() { l.release(key, e) })
}

func (l *Lines[L]) release(key string, e *entry[L]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.users--
	if e.users > 0 || l.open[key] != e {
		return
	}
	if len(l.open) > most || l.lost(e.line) {
		l.end(key, e)
		return
	}
	if e.timer != nil {
		e.timer.Reset(l.idle)
		return
	}
	e.timer = time.AfterFunc(l.idle, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if e.users == 0 && l.open[key] == e {
			l.end(key, e)
		}
	})
}

// end forgets e, and closes its line. Who still uses it notices.
func (l *Lines[L]) end(key string, e *entry[L]) {
	delete(l.open, key)
	if e.timer != nil {
		e.timer.Stop()
	}
	l.closing.Go(func() { l.close(e.line) })
}

// CloseIdle closes the lines that nobody uses, and waits until they and others are closed.
func (l *Lines[L]) CloseIdle() {
	l.mu.Lock()
	for key, e := range l.open {
		if e.users == 0 && e.line != nil {
			l.end(key, e)
		}
	}
	l.mu.Unlock()
	l.closing.Wait()
}

// Dial connects to address, where guard lets it. The connection is cut when ctx ends, until
// free is called: by who has made its introductions and keeps it longer than that.
func Dial(ctx context.Context, guard egress.Guard, address string) (conn net.Conn, free func(), err error) {
	dialer := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: guard.Control}
	conn, err = dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, func() { stop() }, nil
}

// Within returns what do does, or the end of ctx where that comes first: then do goes on by
// itself, and what it gives is lost. It is for libraries that wait for the network without
// a context.
func Within[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
