package intake

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serve serves h as the program does, after adjust.
func serve(t *testing.T, h http.Handler, adjust func(*http.Server)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(h, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if adjust != nil {
		adjust(srv)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = Serve(srv, l, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return l.Addr().String()
}

func dial(t *testing.T, addr, send string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestServerBounds(t *testing.T) {
	srv := NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if srv.ReadHeaderTimeout != 5*time.Second || srv.ReadTimeout != 10*time.Second || srv.IdleTimeout != time.Minute || srv.MaxHeaderBytes != 16<<10 {
		t.Errorf("bounds = %v, %v, %v, %d", srv.ReadHeaderTimeout, srv.ReadTimeout, srv.IdleTimeout, srv.MaxHeaderBytes)
	}
}

// Clients that send a request byte by byte are hung up on, and others are served
// meanwhile.
func TestSlowClients(t *testing.T) {
	h := newHouse(t, plan(t, rule("all", []string{"artifact.pushed"}, "ci")))
	addr := serve(t, h, func(srv *http.Server) {
		srv.ReadHeaderTimeout, srv.ReadTimeout = 300*time.Millisecond, 600*time.Millisecond
	})
	var slow []net.Conn
	for range 50 {
		slow = append(slow, dial(t, addr, "POST /in/open HTTP/1.1\r\nHost: x\r\nX-Slow: "))
	}
	body := dial(t, addr, "POST /in/open HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"events\":")

	fast := house{h.Handler, "http://" + addr}
	if a := accepted(t, fast.post(t, "/in/open", envelope(push("1", "a/b")))); len(a.Accepted) != 1 {
		t.Errorf("answer beside slow clients = %+v", a)
	}
	for _, c := range slow {
		if b, err := io.ReadAll(c); err != nil || len(b) != 0 && !strings.HasPrefix(string(b), "HTTP/1.1 4") {
			t.Fatalf("slow client got %q, %v, want to be hung up on", b, err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	checkProblem(t, got{resp.StatusCode, resp.Header, string(b)}, http.StatusRequestTimeout, "the body did not arrive in time; send it again")
}

func TestBodyCutShort(t *testing.T) {
	h := newHouse(t, plan(t))
	addr := serve(t, h, nil)
	c := dial(t, addr, "POST /in/open HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"+envelope(push("1", "a/b")))
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	checkProblem(t, got{resp.StatusCode, resp.Header, string(b)}, http.StatusBadRequest, "the body did not arrive whole; send it again")
	if list, err := h.store.Quarantine(t.Context(), 1); err != nil || len(list) != 0 {
		t.Errorf("%d in quarantine, %v, want none: the registry sends it again", len(list), err)
	}
}

func TestLongHeaders(t *testing.T) {
	addr := serve(t, http.NotFoundHandler(), nil)
	c := dial(t, addr, "POST /in/open HTTP/1.1\r\nHost: x\r\nX-Long: "+strings.Repeat("x", 24<<10))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status = %d, %v, want 431", resp.StatusCode, err)
	}
}
