package post

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// maxRoads is how many ways that are not the common one keep their connections.
const maxRoads = 128

// roads is the transports of a client, one for each way and guard, since a connection
// that was made by one must not serve another. It is itself the transport that the client
// knows, and has no CloseIdleConnections, which that would call after each failure: one
// target that fails must not cost the others their connections.
type roads struct {
	resolver *net.Resolver
	common   *http.Transport

	mu     sync.Mutex
	byKey  map[string]*list.Element // of *road
	recent *list.List               // the one used last in front
}

// road is the transport of one way. It is under roads.mu.
type road struct {
	key       string
	transport *http.Transport
	users     int // requests whose reply is not read yet
	closed    bool
}

func newRoads(resolver *net.Resolver) *roads {
	r := &roads{resolver: resolver, byKey: map[string]*list.Element{}, recent: list.New()}
	r.common = r.build(nil, egress.Guard{})
	r.common.MaxIdleConns = 512
	return r
}

// journey is what a request's context says of how it goes.
type journey struct {
	way   *Way
	guard egress.Guard
	// proxied is set before a connection to a proxy is made.
	proxied bool
}

type journeyKey struct{}

func along(ctx context.Context, way *Way, guard egress.Guard) context.Context {
	return context.WithValue(ctx, journeyKey{}, &journey{way: way, guard: guard})
}

func journeyOf(ctx context.Context) *journey {
	if j, ok := ctx.Value(journeyKey{}).(*journey); ok {
		return j
	}
	return &journey{}
}

// RoundTrip is [http.RoundTripper.RoundTrip].
func (r *roads) RoundTrip(request *http.Request) (*http.Response, error) {
	j := journeyOf(request.Context())
	if j.way == nil && !j.guard.Restricted {
		return r.common.RoundTrip(request)
	}
	road := r.take(j)
	response, err := road.transport.RoundTrip(request)
	if err != nil {
		r.release(road)
		return nil, err
	}
	response.Body = &releasing{ReadCloser: response.Body, release: sync.OnceFunc(func() { r.release(road) })}
	return response, nil
}

// releasing tells when a reply is done with.
type releasing struct {
	io.ReadCloser
	release func()
}

func (b *releasing) Close() error {
	err := b.ReadCloser.Close()
	b.release()
	return err
}

// take finds or builds the road of j, and gives up the one that was longest not used
// where there are too many.
func (r *roads) take(j *journey) *road {
	key := fmt.Sprint(j.guard.Restricted, j.guard.Allow)
	if j.way != nil {
		key += j.way.key
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.byKey[key]; ok {
		r.recent.MoveToFront(e)
		e.Value.(*road).users++
		return e.Value.(*road)
	}
	if len(r.byKey) >= maxRoads {
		oldest := r.recent.Back()
		old := r.recent.Remove(oldest).(*road)
		delete(r.byKey, old.key)
		old.closed = true
		if old.users == 0 {
			old.transport.CloseIdleConnections()
		}
	}
	n := &road{key: key, transport: r.build(j.way, j.guard), users: 1}
	r.byKey[key] = r.recent.PushFront(n)
	return n
}

func (r *roads) release(road *road) {
	r.mu.Lock()
	defer r.mu.Unlock()
	road.users--
	if road.closed && road.users == 0 { // nobody asks it any more
		road.transport.CloseIdleConnections()
	}
}

func (r *roads) closeIdle() {
	r.common.CloseIdleConnections()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.byKey {
		e.Value.(*road).transport.CloseIdleConnections()
	}
}

// build makes the transport of a way.
func (r *roads) build(way *Way, guard egress.Guard) *http.Transport {
	proxy := environment
	t := &http.Transport{
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxRead,
		DisableCompression:     true, // a reply is at most what was read
	}
	if way != nil {
		t.TLSClientConfig = way.tls
		if way.proxy != nil {
			proxy = http.ProxyURL(way.proxy)
		}
	}
	t.Proxy = func(request *http.Request) (*url.URL, error) {
		u, err := proxy(request)
		if err != nil || u == nil {
			return nil, err
		}
		journeyOf(request.Context()).proxied = true
		return u, guard.Behind(request.Context(), r.resolver, request.URL.Hostname())
	}
	dial := r.dialer(guard)
	// The operator's proxy may be where targets may not, though at no metadata service.
	dialProxy := r.dialer(egress.Guard{})
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if journeyOf(ctx).proxied {
			return dialProxy.DialContext(ctx, network, address)
		}
		return dial.DialContext(ctx, network, address)
	}
	return t
}

func (r *roads) dialer(guard egress.Guard) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: guard.Control, Resolver: r.resolver}
}

// environment names the environment's proxy; a variable that cannot be read may hold a
// password, so the error does not repeat it.
func environment(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errors.New("the proxy that the environment names cannot be read")
	}
	return u, nil
}
