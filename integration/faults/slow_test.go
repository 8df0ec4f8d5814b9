package faults_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/faults"
)

// Many connect and say little: nothing at all, a line now and then, half of a body, or
// hang up in one direction; who is hung up on connects again. A registry beside them gets
// all its events through.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	connections := faults.Scale(t, 200, 2000)
	w := newWorld(t, built(t, build))
	w.start()
	w.ready()
	ctx, cancel := context.WithCancel(w.ctx)
	var clients sync.WaitGroup
	t.Cleanup(clients.Wait)
	t.Cleanup(cancel)
	var open, made atomic.Int64
	begin := func(how func(context.Context, net.Conn)) {
		clients.Go(func() {
			for ctx.Err() == nil {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.config.Listen)
				if err != nil {
					continue
				}
				open.Add(1)
				made.Add(1)
				stop := context.AfterFunc(ctx, func() { c.Close() })
				how(ctx, c)
				stop()
				c.Close()
				open.Add(-1)
			}
		})
	}
	const head = "POST /in/hub HTTP/1.1\r\nHost: x\r\n"
	ways := []func(context.Context, net.Conn){
		func(_ context.Context, c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		func(ctx context.Context, c net.Conn) { trickle(ctx, c, head, "X-Slow: 1\r\n") },
		func(ctx context.Context, c net.Conn) {
			trickle(ctx, c, head+"Authorization: Bearer a-token-of-the-tests\r\nContent-Length: 4000000\r\n\r\n", `{"events":[`)
		},
		func(_ context.Context, c net.Conn) {
			_, _ = io.WriteString(c, head)
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			w.pause(100 * time.Millisecond)
		},
	}
	for i := range connections {
		begin(ways[i%len(ways)])
	}
	w.until("most of them are connected", func() bool { return open.Load() >= int64(connections*3/4) })
	l := w.load(4, 5*time.Millisecond)
	w.more(l, 200)
	// New connections too: each waits for its turn among the others.
	transport := &http.Transport{DisableKeepAlives: true}
	for i := range 20 {
		if !w.post(w.poster(&http.Client{Transport: transport}), fmt.Sprint("beside-", i), "team/beside") {
			break
		}
	}
	l.end()
	tell(t, fmt.Sprintf("beside %d slow connections, made %d times", connections, made.Load()), w.audit())
}

// trickle sends first, and then more, again and again, until the connection is closed.
func trickle(ctx context.Context, c net.Conn, first, more string) {
	for text := first; ; text = more {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Of many targets, one is dead and one never answers. The others get everything while
// those wait.
func TestDeadAndSlowTarget(t *testing.T) {
	t.Parallel()
	const events = 40
	targets := faults.Scale(t, 20, 100)
	var well []string
	for i := range targets - 2 {
		well = append(well, fmt.Sprint("well-", i))
	}
	w := newEmptyWorld(t, built(t, build), append(well, "dead", "hanging")...)
	ok := func(context.Context, string, int) int { return http.StatusOK }
	for _, name := range well {
		w.receive(name, ok)
	}
	recovered := make(chan struct{})
	w.receive("dead", ok)
	w.targets["dead"].Down()
	w.receive("hanging", func(ctx context.Context, _ string, _ int) int {
		select {
		case <-ctx.Done():
		case <-recovered:
		}
		return http.StatusOK
	})
	w.configure()
	t.Cleanup(w.sane)
	w.start()
	w.ready()
	p := w.poster(http.DefaultClient)
	for i := range events {
		if !w.post(p, fmt.Sprint("e", i), fmt.Sprint("team/app-", i%5)) {
			return
		}
	}
	w.until("all others have everything", func() bool {
		for _, name := range well {
			for i := range events {
				if w.ledger.Came(fmt.Sprint("e", i), name) == 0 {
					return false
				}
			}
		}
		return true
	})
	for _, id := range []string{"e0", fmt.Sprint("e", events-1)} {
		trace, err := w.life.Trace(w.ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range trace.Deliveries {
			if waits := d.Target == "dead" || d.Target == "hanging"; waits && d.State != "waiting" {
				t.Errorf("%s is %s at %s, and nobody answered there", id, d.State, d.Target)
			}
		}
	}
	close(recovered)
	if err := w.targets["dead"].Up(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dead", "hanging"} { // do not wait for the next probe
		if _, err := w.life.Command(w.ctx, "targets", "reset", name); err != nil {
			t.Fatal(err)
		}
	}
	tell(t, fmt.Sprintf("%d targets", targets), w.audit())
}
