package shoutrrr

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(world{m}) }

// world is a proxy behind which every host is one server, since some services have hosts
// that nobody can set.
type world struct{ *testing.M }

func (w world) Run() int {
	t := outside{}
	authority := certtest.NewAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(serve))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		c := authority.Issue(t, hello.ServerName, time.Hour).TLS(t)
		return &c, nil
	}}
	server.StartTLS()
	defer server.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		there, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			return
		}
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			_ = there.Close()
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(there, here); _ = there.Close() })
		both.Go(func() { _, _ = io.Copy(here, there); _ = here.Close() })
		both.Wait()
	}))
	defer proxy.Close()
	file, err := os.CreateTemp("", "authority")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(authority.PEM); err != nil {
		panic(err)
	}
	_ = file.Close()
	for key, value := range map[string]string{"SSL_CERT_FILE": file.Name(), "HTTPS_PROXY": proxy.URL, "NO_PROXY": "localhost"} {
		if err := os.Setenv(key, value); err != nil {
			panic(err)
		}
	}
	return w.M.Run()
}

// hosts are what stands behind the proxy, by name.
var hosts sync.Map

// host puts a service behind the proxy for the time of a test.
func host(t *testing.T, name string, h http.HandlerFunc) {
	hosts.Store(name, h)
	t.Cleanup(func() { hosts.Delete(name) })
}

func serve(w http.ResponseWriter, r *http.Request) {
	h, ok := hosts.Load(r.Host)
	if !ok {
		http.Error(w, "nobody is at "+r.Host, http.StatusTeapot)
		return
	}
	h.(http.HandlerFunc)(w, r)
}

// outside stands for a test where there is none.
type outside struct{ testing.TB }

func (outside) Helper()           {}
func (outside) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
