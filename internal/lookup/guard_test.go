package lookup

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// What a guard refuses is not connected to, by whatever name, nor through a proxy.
func TestGuard(t *testing.T) {
	r := newServer(t, sends(image))
	t.Setenv("HTTP_PROXY", r.URL)
	refused := errors.New("nobody may go there")
	var looked atomic.Int32
	guard := &Guard{Control: func(_, address string, _ syscall.RawConn) error {
		looked.Add(1)
		return refused
	}}
	s, _ := source(t, Distribution, Options{Registry: "lab", URL: strings.Replace(r.URL, "127.0.0.1", "localhost", 1), Guard: guard})
	if _, err := s.Read(t.Context(), "prod/api", imageDigest); !errors.Is(err, refused) || looked.Load() == 0 || len(r.requests()) != 0 {
		t.Errorf("%v; the guard was asked %d times, the registry %d times", err, looked.Load(), len(r.requests()))
	}
	guard = &Guard{Control: func(string, string, syscall.RawConn) error { return nil }}
	s, _ = source(t, Distribution, Options{Registry: "lab", URL: r.URL, Guard: guard})
	if b, err := s.Read(t.Context(), "prod/api", imageDigest); err != nil || string(b) != image {
		t.Errorf("%s, %v", b, err)
	}
}
