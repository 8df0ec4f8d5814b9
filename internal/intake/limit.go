package intake

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

const (
	maxConns        = 1024 // connections that are served at a time; more wait to be accepted
	maxConnsAddress = 256  // of them from one address, but for loopback; more are closed
)

// limit bounds the connections of l. No single address takes so many that others find
// no room.
func limit(l net.Listener, log *slog.Logger) net.Listener {
	return &fairListener{Listener: netutil.LimitListener(l, maxConns), log: log, open: map[netip.Addr]int{}}
}

// fairListener closes the connections of an address that has enough of them.
type fairListener struct {
	net.Listener
	log *slog.Logger

	mu     sync.Mutex
	open   map[netip.Addr]int
	warned time.Time
}

func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr, bounded := remote(c)
		if !bounded {
			return c, nil
		}
		if l.enter(addr) {
			return &fairConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(addr) })}, nil
		}
		_ = c.Close() // there is nobody to tell
	}
}

// remote returns where c comes from, and whether that is bounded.
func remote(c net.Conn) (netip.Addr, bool) {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}, false
	}
	addr := from.Addr().Unmap().WithZone("")
	return addr, !addr.IsLoopback()
}

func (l *fairListener) enter(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[addr] < maxConnsAddress {
		l.open[addr]++
		return true
	}
	if time.Since(l.warned) > time.Minute {
		l.warned = time.Now()
		l.log.Warn("connections are closed: their address has too many", "remote", addr, "most", maxConnsAddress)
	}
	return false
}

func (l *fairListener) leave(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[addr]--; l.open[addr] == 0 {
		delete(l.open, addr)
	}
}

// fairConn is a connection that counts until it is closed.
type fairConn struct {
	net.Conn
	leave func()
}

func (c *fairConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
