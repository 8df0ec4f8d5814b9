// Package linetest stands between a sender and a broker, for tests.
package linetest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy leads connections on to a broker, until it is told otherwise.
type Proxy struct {
	Addr string // where it listens

	listener net.Listener
	ended    sync.WaitGroup

	mu     sync.Mutex
	silent bool
	conns  []net.Conn
	count  int
}

// NewProxy begins one to an address, on a port of loopback. It ends with the test.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), listener: l}
	p.ended.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.lead(client, to)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.Cut()
		p.ended.Wait()
	})
	return p
}

func (p *Proxy) lead(client net.Conn, to string) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.count++
	p.mu.Unlock()
	both := func() { _, _ = client.Close(), server.Close() }
	p.ended.Go(func() { _, _ = io.Copy(server, client); both() })
	p.ended.Go(func() { _, _ = io.Copy(mouth{client, p}, server); both() })
}

// mouth is what a broker says to a client.
type mouth struct {
	client net.Conn
	proxy  *Proxy
}

func (m mouth) Write(b []byte) (int, error) {
	m.proxy.mu.Lock()
	silent := m.proxy.silent
	m.proxy.mu.Unlock()
	if silent {
		return len(b), nil
	}
	return m.client.Write(b)
}

// Silence swallows all that the broker says from now on, which hears all the same, or ends
// that.
func (p *Proxy) Silence(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = on
}

// Cut ends the connections that there are.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// Count is how many connections there were.
func (p *Proxy) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}
