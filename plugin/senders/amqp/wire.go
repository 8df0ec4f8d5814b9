package amqp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

const (
	// maxHandshake is how long a broker may take to let us in.
	maxHandshake = 10 * time.Second
	// maxFarewell is how long it may take to let us go.
	maxFarewell = 2 * time.Second
	// maxChannels is how many channels a connection keeps.
	maxChannels = 64
)

// wire is a connection to a broker. Each message that is on its way has a channel to itself:
// a broker says what is wrong with a message by closing its channel, with all that is on it.
type wire struct {
	conn    *amqp.Connection
	blocked atomic.Pointer[string] // why the broker takes nothing now; nil: it does

	mu   sync.Mutex
	free []*channel
}

// channel is one that confirms. One message is on it at a time.
type channel struct {
	*amqp.Channel
	returned chan amqp.Return
	closed   chan *amqp.Error
}

func (w *wire) lost() bool { return w.conn.IsClosed() }

func (w *wire) close() { _ = w.conn.CloseDeadline(time.Now().Add(maxFarewell)) } // it is closed, whatever comes

// errNack is a broker's no to a message.
var errNack = errors.New("basic.nack")

// blocked is a broker's no to all messages, for now. It says why.
type blocked string

func (b blocked) Error() string { return string(b) }

// unroutable is a message that there is no queue for.
type unroutable struct{ amqp.Return }

func (u unroutable) Error() string { return u.ReplyText }

// publish sends m, and waits for what the broker says to it.
func (w *wire) publish(ctx context.Context, t *target, m amqp.Publishing) error {
	if why := w.blocked.Load(); why != nil { // it would not even be read
		return blocked(*why)
	}
	_, err := line.Within(ctx, func() (struct{}, error) { return struct{}{}, w.confirmed(ctx, t, m) })
	return err
}

func (w *wire) confirmed(ctx context.Context, t *target, m amqp.Publishing) error {
	c, err := w.channel()
	if err != nil {
		return err
	}
	confirm, err := c.PublishWithDeferredConfirmWithContext(ctx, t.exchange, t.key, true, false, m)
	if err != nil {
		go c.end()
		return c.reason(err)
	}
	select {
	case <-confirm.Done():
	case <-ctx.Done(): // what comes now would be taken for an answer to the next
		go c.end()
		return ctx.Err()
	}
	if !confirm.Acked() && c.IsClosed() { // which the library calls a nack
		return c.reason(amqp.ErrClosed)
	}
	defer w.put(c)
	select {
	case r, ok := <-c.returned: // which comes before the answer
		if ok {
			return unroutable{r}
		}
	default:
	}
	if !confirm.Acked() {
		return errNack
	}
	return nil
}

// channel returns a channel that is free, or a new one.
func (w *wire) channel() (*channel, error) {
	w.mu.Lock()
	for len(w.free) > 0 {
		c := w.free[len(w.free)-1]
		w.free = w.free[:len(w.free)-1]
		if !c.IsClosed() {
			w.mu.Unlock()
			return c, nil
		}
	}
	w.mu.Unlock()
	opened, err := w.conn.Channel()
	if err != nil {
		return nil, err
	}
	c := &channel{opened, opened.NotifyReturn(make(chan amqp.Return, 1)), opened.NotifyClose(make(chan *amqp.Error, 1))}
	if err := c.Confirm(false); err != nil {
		go c.end()
		return nil, c.reason(err)
	}
	return c, nil
}

// put gives c back.
func (w *wire) put(c *channel) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.free) < maxChannels {
		w.free = append(w.free, c)
		return
	}
	go c.end()
}

// end waits for the broker, or for the end of the connection.
func (c *channel) end() { _ = c.Close() }

// reason is why c was closed, or err where nobody said.
func (c *channel) reason(err error) error {
	select {
	case why := <-c.closed:
		if why != nil {
			return why
		}
	default:
	}
	return err
}

// wire returns the connection of t.
func (s *sender) wire(ctx context.Context, t *target, d plugin.Delivery) (*wire, func(), error) {
	way := t.route.Way()
	key := fmt.Sprintf("%v %x %s", d.Egress, way.Key(), d.Options)
	return s.lines.Take(ctx, key, func(ctx context.Context) (*wire, error) {
		guard := egress.Guard{Egress: d.Egress}
		w, err := s.dial(ctx, t, guard, way)
		if err == amqp.ErrCredentials {
			// A guess of the library's, where the broker hung up without a word, as it does when
			// it knows nobody of that name, and when it ends. It does not end twice.
			w, err = s.dial(ctx, t, guard, way)
		}
		if ctx.Err() != nil && err != nil {
			err = ctx.Err()
		}
		return w, err
	})
}

func (s *sender) dial(ctx context.Context, t *target, guard egress.Guard, way *post.Way) (*wire, error) {
	conn, free, err := line.Dial(ctx, guard, t.address())
	if err != nil {
		return nil, err
	}
	defer free()
	if err := conn.SetDeadline(time.Now().Add(maxHandshake)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var carrier net.Conn = conn
	if t.url.Scheme == "amqps" {
		config := way.TLS()
		if config.ServerName == "" {
			config.ServerName = t.url.Hostname()
		}
		over := tls.Client(conn, config)
		if err := over.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		carrier = over
	}
	seen := &witness{Conn: carrier}
	c, err := amqp.Open(seen, amqp.Config{
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: t.user, Password: t.password}},
		Vhost: t.vhost, Heartbeat: 10 * time.Second, Locale: "en_US", FrameSize: 128 << 10,
		Properties: amqp.Table{"product": "bellbuoy", "version": s.version, "connection_name": "bellbuoy/" + s.version},
	})
	if err != nil {
		_ = conn.Close()
		if alert := seen.alert.Load(); alert != nil {
			return nil, alert
		}
		return nil, t.unwelcome(err)
	}
	w := &wire{conn: c}
	changes := c.NotifyBlocked(make(chan amqp.Blocking, 1))
	go func() {
		for b := range changes {
			if b.Active {
				w.blocked.Store(&b.Reason)
			} else {
				w.blocked.Store(nil)
			}
		}
	}()
	return w, nil
}

// unwelcome says what it means that AMQP's handshake ended with err.
func (t *target) unwelcome(err error) error {
	reason := err.Error()
	if told, ok := errors.AsType[*amqp.Error](err); ok {
		if told.Server || told.Code == amqp.AccessRefused {
			return err
		}
		reason = told.Reason
	}
	if t.url.Scheme == "amqps" {
		return errors.New("no handshake of AMQP after that of TLS; it may want another client certificate: " + reason)
	}
	return errors.New("no handshake of AMQP; it may want TLS: " + reason)
}

// witness keeps what a broker thought of our part of TLS, which comes after the handshake,
// and of which the library leaves but the words.
type witness struct {
	net.Conn
	alert atomic.Pointer[net.OpError]
}

// Read is [net.Conn.Read].
func (w *witness) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		w.alert.Store(alert)
	}
	return n, err
}
