package intake

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// disguise says of every connection that it comes from somewhere else.
type disguise struct {
	net.Listener
	from chan net.Addr
}

type disguised struct {
	net.Conn
	from net.Addr
}

func (d disguise) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return disguised{c, <-d.from}, nil
}

func (d disguised) RemoteAddr() net.Addr { return d.from }

// accepting returns what l accepts, until the test ends.
func accepting(t *testing.T, l net.Listener) <-chan net.Conn {
	t.Helper()
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		for range accepted {
		}
	})
	return accepted
}

func TestConnectionsOfOneAddress(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	from := make(chan net.Addr, 1)
	l := limit(disguise{inner, from}, slog.New(slog.NewTextHandler(&logged, nil)))
	accepted := accepting(t, l)
	// connect returns both ends, or false where ours was closed.
	connect := func(ip string) (client, server net.Conn, ok bool) {
		t.Helper()
		from <- &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}
		client, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		closed := make(chan error, 1)
		go func() {
			_, err := client.Read(make([]byte, 1))
			closed <- err
		}()
		select {
		case server = <-accepted:
			t.Cleanup(func() { _ = server.Close() })
			return client, server, true
		case <-closed:
			return client, nil, false
		case <-time.After(30 * time.Second):
			t.Fatal("a connection is neither accepted nor closed")
		}
		return nil, nil, false
	}

	var first net.Conn
	for i := range maxConnsAddress {
		// One of IPv4 in IPv6 is the same address.
		_, server, ok := connect([]string{"192.0.2.1", "::ffff:192.0.2.1"}[i%2])
		if !ok {
			t.Fatalf("connection %d was closed", i)
		}
		if first == nil {
			first = server
		}
	}
	for range 2 {
		if _, _, ok := connect("192.0.2.1"); ok {
			t.Fatal("one connection too many was accepted")
		}
	}
	for _, other := range []string{"192.0.2.2", "2001:db8::1", "127.0.0.1", "::1"} {
		if _, _, ok := connect(other); !ok {
			t.Errorf("%s is kept out by another address", other)
		}
	}
	for range 2 { // a second time counts once
		_ = first.Close()
	}
	if _, _, ok := connect("192.0.2.1"); !ok {
		t.Error("no room after a connection was closed")
	}
	if _, _, ok := connect("192.0.2.1"); ok {
		t.Error("room for two after one connection was closed")
	}
	for i := range maxConnsAddress + 10 {
		if _, _, ok := connect("127.0.0.1"); !ok {
			t.Fatalf("connection %d of loopback was closed", i)
		}
	}
	if n := strings.Count(logged.String(), "connections are closed: their address has too many"); n != 1 {
		t.Errorf("logged %d times: %s", n, &logged)
	}
}

func TestConnectionsInAll(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, slog.New(slog.DiscardHandler))
	accepted := accepting(t, l)
	var held []net.Conn
	for range maxConns {
		dial(t, inner.Addr().String(), "")
		held = append(held, <-accepted)
	}
	late := dial(t, inner.Addr().String(), "x")
	select {
	case <-accepted:
		t.Fatal("one connection too many was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	for _, c := range held {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	c := <-accepted
	if b, err := io.ReadAll(io.LimitReader(c, 1)); err != nil || string(b) != "x" {
		t.Errorf("the one that waited sent %q, %v", b, err)
	}
	_, _ = c.Close(), late
}
