package plugintest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// server is a real HTTP server that plays the target. What it reads is kept.
type server struct {
	*httptest.Server

	mu       sync.Mutex
	requests []seen
	answer   http.HandlerFunc
	written  int64         // bytes of an endless answer
	release  chan struct{} // closed at the end of the test: what hangs lets go
}

// seen is one request as it came.
type seen struct {
	Method string
	URL    string // with the server's address
	Header http.Header
	Body   []byte
}

const elsewhere = "/kit-elsewhere" // where redirects lead

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{release: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		close(s.release)
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, seen{r.Method, "http://" + r.Host + r.RequestURI, r.Header.Clone(), body})
	answer := s.answer
	s.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer(w, r)
}

// count is how many requests have come.
func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// play forgets what has come, and answers so from now on.
func (s *server) play(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.requests, s.written = answer, nil, 0
}

func (s *server) taken() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// echo answers with code and what the request said.
func echo(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "kit: not taken: "+r.Host+r.RequestURI+"\n")
		_ = r.Header.Write(w)
		_, _ = w.Write(body)
	}
}

// hang says nothing until the client goes or the test ends.
func (s *server) hang(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.release:
	}
}

// raw takes the connection over and writes text to it as it is.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.Close()
	}
}

// drip begins an answer and goes on a byte at a time, for ever.
func (s *server) drip(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	for {
		if _, err := w.Write([]byte("y")); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.release:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// most is how much an endless answer comes to in the end.
const most = 256 << 20

// endless answers with code and more than anyone should read.
func (s *server) endless(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		chunk := bytes.Repeat([]byte("kit "), 16<<10)
		for n := 0; n < most; n += len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
			s.mu.Lock()
			s.written += int64(len(chunk))
			s.mu.Unlock()
		}
	}
}

func (s *server) wrote() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}
