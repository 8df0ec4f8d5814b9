package postgrestest

import (
	"bytes"
	"io"
	"net"
	"sync"
)

// Proxy stands between a client and a server, and breaks what goes through it.
type Proxy struct {
	listener net.Listener
	to       string
	ended    sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	conns   map[net.Conn]struct{}
	stalled bool
	swallow bool // the next answer that something was committed, with its connection
	after   bool // then: go down
	down    bool
	eaten   int
}

// NewProxy begins one to an address, on a port of loopback.
func NewProxy(to string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, to: to, conns: map[net.Conn]struct{}{}}
	p.changed = sync.NewCond(&p.mu)
	p.ended.Go(p.serve)
	return p, nil
}

// Addr is where it listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		var server net.Conn
		if !down {
			server, err = net.Dial("tcp", p.to)
		}
		if down || err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.ended.Go(func() { p.carry(server, client, false) })
		p.ended.Go(func() { p.carry(client, server, true) })
	}
}

func (p *Proxy) carry(to, from net.Conn, answers bool) {
	defer p.forget(to, from)
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && (!p.pass(b[:n], answers) || write(to, b[:n]) != nil) {
			return
		}
		if err != nil {
			return
		}
	}
}

func write(to io.Writer, b []byte) error {
	_, err := to.Write(b)
	return err
}

// pass waits while all is stalled, and reports whether to go on.
func (p *Proxy) pass(b []byte, answers bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled && !p.down {
		p.changed.Wait()
	}
	if answers && p.swallow && bytes.Contains(b, []byte("COMMIT\x00")) {
		p.swallow, p.down = false, p.after
		p.eaten++
		return false
	}
	return true
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(p.conns, c)
	}
}

// Cut ends all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Stall holds all that goes through until it is undone: the connections stay.
func (p *Proxy) Stall(stalled bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = stalled
	p.changed.Broadcast()
}

// Down refuses connections, and ends those that there are, until it is undone.
func (p *Proxy) Down(down bool) {
	p.mu.Lock()
	p.down = down
	p.changed.Broadcast()
	p.mu.Unlock()
	if down {
		p.Cut()
	}
}

// SwallowCommit has the next answer that something is committed not arrive: the
// connection ends instead, and where thenDown says so no other is to be had. Swallowed
// tells how often that happened.
func (p *Proxy) SwallowCommit(thenDown bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swallow, p.after = true, thenDown
}

// Swallowed tells how many answers did not arrive.
func (p *Proxy) Swallowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.eaten
}

// Close ends it and all that goes through it.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.Stall(false)
	p.Cut()
	p.ended.Wait()
	return err
}
