package nats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// maxHandshake is how long a server may take to let us in.
const maxHandshake = 10 * time.Second

// wire is a connection to a server, for one subject. It is not made anew by itself.
type wire struct {
	conn   *nats.Conn
	stream jetstream.JetStream
	// broken ends, with the reason as its cause, where the connection is lost, or the server
	// says that what is published comes to nothing: it says so of no message.
	broken context.Context
	fail   context.CancelCauseFunc
}

func (w *wire) lost() bool { return w.broken.Err() != nil }

func (w *wire) close() {
	w.fail(nats.ErrConnectionClosed)
	w.conn.Close()
}

// publish sends m, and waits for what a stream says to it.
func (w *wire) publish(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(w.broken, func() { cancel(context.Cause(w.broken)) })
	defer stop()
	ack, err := line.Within(ctx, func() (*jetstream.PubAck, error) {
		return w.stream.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
	})
	switch {
	case err == nil:
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected):
		w.fail(err) // which is said a moment later to those who wait for it
		err = context.Cause(w.broken)
	}
	return ack, err
}

// wire returns the connection of t.
func (s *sender) wire(ctx context.Context, t *target, d plugin.Delivery) (*wire, func(), error) {
	way := t.route.Way()
	key := fmt.Sprintf("%v %x %s", d.Egress, way.Key(), d.Options)
	return s.lines.Take(ctx, key, func(ctx context.Context) (*wire, error) {
		return s.connect(ctx, t, egress.Guard{Egress: d.Egress}, way)
	})
}

// connect tries the server of t, and where that is out of reach the others that it named
// when it was not, each of which the guard is asked about. An error is the first's.
func (s *sender) connect(ctx context.Context, t *target, guard egress.Guard, way *post.Way) (*wire, error) {
	servers := []*url.URL{t.server()}
	if others := t.others.Load(); others != nil {
		for _, other := range *others {
			if u, err := url.Parse(other); err == nil && u.Host != servers[0].Host {
				servers = append(servers, &url.URL{Scheme: t.url.Scheme, Host: u.Host})
			}
		}
	}
	var first error
	for _, server := range servers {
		w, err := s.dial(ctx, t, guard, way, server)
		if err == nil {
			return w, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil || refusal(err) {
			break
		}
	}
	return nil, first
}

// dial connects to one server.
func (s *sender) dial(ctx context.Context, t *target, guard egress.Guard, way *post.Way, server *url.URL) (*wire, error) {
	timeout := maxHandshake
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, max(time.Until(end), time.Millisecond))
	}
	w := &wire{}
	w.broken, w.fail = context.WithCancelCause(context.Background())
	announced := func(c *nats.Conn) {
		others := c.DiscoveredServers()
		t.others.Store(&others)
	}
	dialer := &dialer{ctx: ctx, guard: guard}
	o := []nats.Option{
		nats.Name("bellbuoy/" + s.version), nats.NoReconnect(), nats.NoEcho(),
		nats.SetCustomDialer(dialer), nats.SkipHostLookup(), nats.Timeout(timeout),
		nats.PingInterval(10 * time.Second), nats.FlusherTimeout(maxHandshake),
		nats.DiscoveredServersHandler(announced),
		nats.ClosedHandler(func(c *nats.Conn) {
			if err := c.LastError(); refusal(err) {
				w.fail(err)
			}
			w.fail(nats.ErrConnectionClosed)
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if refusal(err) {
				w.fail(err)
			}
		}),
	}
	if t.url.Scheme == "tls" || t.tls != (post.TLS{}) {
		config := way.TLS()
		if config.ServerName == "" {
			config.ServerName = certified(t.url.Hostname(), server.Hostname())
		}
		o = append(o, nats.Secure(config))
	}
	if t.login != nil {
		o = append(o, t.login)
	}
	if t.inbox != "" {
		o = append(o, nats.CustomInboxPrefix(t.inbox))
	}
	var err error
	w.conn, err = nats.Connect(server.String(), o...)
	dialer.free()
	switch {
	case ctx.Err() != nil:
		if err == nil {
			w.conn.Close()
		}
		return nil, ctx.Err()
	case dialer.err != nil: // which the client does not repeat
		return nil, dialer.err
	case err != nil:
		return nil, err
	}
	announced(w.conn)
	if w.stream, err = jetstream.New(w.conn); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// certified is the name that server's certificate must have: a cluster names its servers by
// address, and their certificates may have the name by which it is known.
func certified(known, server string) string {
	if _, err := netip.ParseAddr(server); err == nil {
		return known
	}
	return server
}

// refusal reports whether err is a server's no to who is sending.
func refusal(err error) bool {
	for _, no := range []error{
		nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired, nats.ErrPermissionViolation,
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// dialer is the guarded dialer of one connection. The client calls it once.
type dialer struct {
	ctx   context.Context
	guard egress.Guard
	err   error
	stop  func()
}

// Dial is [nats.CustomDialer.Dial].
func (d *dialer) Dial(_, address string) (net.Conn, error) {
	var conn net.Conn
	conn, d.stop, d.err = line.Dial(d.ctx, d.guard, address)
	return conn, d.err
}

func (d *dialer) free() {
	if d.stop != nil {
		d.stop()
	}
}
