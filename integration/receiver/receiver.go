// Package receiver is the far end of a webhook target: it keeps what arrives, and
// answers as it is told to.
package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
)

// Arrival is one request that was read whole.
type Arrival struct {
	Time      time.Time
	WebhookID string
	Header    http.Header
	Body      []byte
	// Status is what the sender was told; 0 until then.
	Status int
}

// Receiver is an HTTP server that records. It may be taken down and brought back
// at the same address.
type Receiver struct {
	addr string

	mu       sync.Mutex
	answer   func(Arrival) int
	forget   bool
	arrivals []*Arrival
	changed  chan struct{}   // closed at each change
	conns    map[string]bool // addresses of who is connected
	server   *http.Server    // nil while down
	served   chan struct{}
}

// Start brings a receiver up on loopback. It answers 200 until told otherwise.
func Start() (*Receiver, error) {
	l, err := loopback.Listen()
	if err != nil {
		return nil, err
	}
	r := &Receiver{addr: l.Addr().String(), conns: make(map[string]bool), changed: make(chan struct{})}
	r.serve(l)
	return r, nil
}

// URL is where to post.
func (r *Receiver) URL() string { return "http://" + r.addr + "/hook" }

// Answer makes f choose the status of each later request. f runs on the request's
// own goroutine after the arrival is recorded: to be slow, let it wait.
func (r *Receiver) Answer(f func(Arrival) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// Forget makes r keep nothing of what arrives from now on, for tests with very much of it:
// the function given to [Receiver.Answer] is told all.
func (r *Receiver) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget = true
}

// Down closes the receiver's port and every connection to it. It does not wait for
// a function given to [Receiver.Answer].
func (r *Receiver) Down() {
	r.mu.Lock()
	s, served := r.server, r.served
	r.server = nil
	r.mu.Unlock()
	if s != nil {
		s.Close() // its error is of the listener, which is gone either way
		<-served
	}
}

// Up opens the port again after [Receiver.Down].
func (r *Receiver) Up() error {
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		return fmt.Errorf("bring the receiver up again: %w", err)
	}
	r.serve(l)
	return nil
}

// Arrivals returns what has arrived so far, in that order.
func (r *Receiver) Arrivals() []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Arrival, len(r.arrivals))
	for i, a := range r.arrivals {
		all[i] = *a
	}
	return all
}

// Wait waits until done says so of what has arrived. It asks at each change.
func (r *Receiver) Wait(ctx context.Context, done func([]Arrival) bool) error {
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		all := r.Arrivals()
		if done(all) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the receiver, which has %d requests: %w", len(all), ctx.Err())
		case <-changed:
		}
	}
}

func (r *Receiver) serve(l net.Listener) {
	s := &http.Server{Handler: http.HandlerFunc(r.take), ReadHeaderTimeout: 10 * time.Second, ConnState: r.count}
	served := make(chan struct{})
	r.mu.Lock()
	r.server, r.served = s, served
	r.mu.Unlock()
	go func() {
		defer close(served)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			l.Close()
		}
	}()
}

// Quiet waits until nobody is connected. Then all that came before has been answered, and
// whoever sent it is gone.
func (r *Receiver) Quiet(ctx context.Context) error {
	last, err := net.Dial("tcp", r.addr) // connections are accepted in their order
	if err != nil {
		return fmt.Errorf("connect to the receiver: %w", err)
	}
	me := last.LocalAddr().String()
	err = r.until(ctx, func() bool { return r.conns[me] })
	if err := errors.Join(err, last.Close()); err != nil {
		return err
	}
	return r.until(ctx, func() bool { return len(r.conns) == 0 })
}

// until waits until done, which is asked at each change, says so.
func (r *Receiver) until(ctx context.Context, done func() bool) error {
	for {
		r.mu.Lock()
		is, n, changed := done(), len(r.conns), r.changed
		r.mu.Unlock()
		if is {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the receiver, to which %d are connected: %w", n, ctx.Err())
		case <-changed:
		}
	}
}

func (r *Receiver) count(c net.Conn, s http.ConnState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch from := c.RemoteAddr().String(); s {
	case http.StateNew:
		r.conns[from] = true
	case http.StateClosed:
		delete(r.conns, from)
	default:
		return
	}
	r.change()
}

func (r *Receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // cut off: it did not arrive
	}
	a := &Arrival{
		Time:      time.Now(),
		WebhookID: req.Header.Get("Webhook-Id"),
		Header:    req.Header.Clone(),
		Body:      body,
	}
	r.mu.Lock()
	if !r.forget {
		r.arrivals = append(r.arrivals, a)
	}
	answer, seen := r.answer, *a
	r.change()
	r.mu.Unlock()

	status := http.StatusOK
	if answer != nil {
		status = answer(seen)
	}
	r.mu.Lock()
	a.Status = status
	r.change()
	r.mu.Unlock()
	w.WriteHeader(status)
}

func (r *Receiver) change() {
	close(r.changed)
	r.changed = make(chan struct{})
}
