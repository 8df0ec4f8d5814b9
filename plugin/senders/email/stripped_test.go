package email

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// meddler stands between the sender and a relay, hides that it offers TLS, and hears all
// that the sender says.
type meddler struct {
	mu    sync.Mutex
	heard strings.Builder
}

func (m *meddler) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard.Write(p)
}

func (m *meddler) start(t *testing.T, relay string, change func(string) string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", relay)
			if err != nil {
				_ = client.Close()
				return
			}
			all.Go(func() { _, _ = io.Copy(server, io.TeeReader(client, m)); _ = server.(*net.TCPConn).CloseWrite() })
			all.Go(func() {
				in := bufio.NewReader(server)
				for {
					line, err := in.ReadString('\n')
					if _, werr := io.WriteString(client, change(line)); err != nil || werr != nil {
						break
					}
					if strings.HasPrefix(line, "220 2.0.0") { // TLS, which has no lines
						_, _ = io.Copy(client, in)
						break
					}
				}
				_, _ = client.Close(), server.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().(*net.TCPAddr).Port
}

// Nobody on the way can talk the sender out of TLS, nor put words into the server's mouth
// before it: neither the password nor the mail is said in clear.
func TestSTARTTLSIsNotTalkedAway(t *testing.T) {
	a := newAuthority(t)
	good, _, _ := a.issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	for _, c := range []struct {
		name   string
		change func(string) string
		err    string
	}{
		{"offer gone", func(l string) string {
			if strings.Contains(l, "STARTTLS") {
				return strings.Replace(l, "STARTTLS", "XXXXXXXX", 1)
			}
			return l
		}, "does not offer STARTTLS"},
		{"offer gone, AUTH put there", func(l string) string {
			return strings.Replace(l, "STARTTLS", "AUTH PLAIN LOGIN", 1)
		}, "does not offer STARTTLS"},
		{"refused for now", func(l string) string {
			if strings.HasPrefix(l, "220 2.0.0") {
				return "454 4.7.0 TLS not available\r\n"
			}
			return l
		}, "start TLS: it answers 454 4.7.0 TLS not available"},
		{"refused for good", func(l string) string {
			if strings.HasPrefix(l, "220 2.0.0") {
				return "502 5.5.1 what\r\n"
			}
			return l
		}, "start TLS: it answers 502 5.5.1 what"},
		{"answers put behind the agreement", func(l string) string {
			if strings.HasPrefix(l, "220 2.0.0") {
				return l + "250-relay.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n250 fine\r\n250 fine\r\n354 go on\r\n250 queued\r\n"
			}
			return l
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := (&relay{mechanisms: []string{"PLAIN", "LOGIN"}, password: "s3cret-pass"}).start(t, &tls.Config{Certificates: []tls.Certificate{good}}, false)
			options := r.options(map[string]any{"tls": "starttls", "ca": a.pem, "username": "bell", "password": "s3cret-pass"})
			m := &meddler{}
			options["port"] = m.start(t, net.JoinHostPort(r.host, strconv.Itoa(r.port)), c.change)
			receipt, err := New("1").Send(t.Context(), push(t, options))
			v := plugin.ReadVerdict(err)
			if c.err == "" {
				if err == nil && len(r.received()) != 1 {
					t.Error("it believed what was put there")
				}
			} else if v != (plugin.Verdict{Outcome: plugin.Retry}) || receipt.Scope != plugin.ScopeMisconfigured || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%+v, scope %q: %v", v, receipt.Scope, err)
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, word := range []string{"AUTH", "MAIL", "s3cret", "AGJlbGwAczNjcmV0LXBhc3M", "pushed"} {
				if strings.Contains(m.heard.String(), word) {
					t.Errorf("said in clear: %q", m.heard.String())
				}
			}
		})
	}
}

// A server may repeat what it was sent.
func TestThePasswordIsNotShown(t *testing.T) {
	a := newAuthority(t)
	good, _, _ := a.issue(t, time.Now().Add(time.Hour), "127.0.0.1")
	for _, reply := range []string{"535 not s3cret-pass", "535 not AGJlbGwAczNjcmV0LXBhc3M=", "535 not czNjcmV0LXBhc3M="} {
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{good}})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			if c, err := l.Accept(); err == nil {
				script{"EHLO": "250-relay.test\r\n250 AUTH PLAIN", "AUTH": reply}.play(c)
				_ = c.Close()
			}
		}()
		port := l.Addr().(*net.TCPAddr).Port
		receipt, err := New("1").Send(t.Context(), push(t, map[string]any{
			"host": "127.0.0.1", "port": port, "tls": "implicit", "ca": a.pem, "username": "bell", "password": "s3cret-pass", "from": "a@example.com", "to": []string{"b@example.com"},
		}))
		if plugin.ReadVerdict(err).Outcome != plugin.PermanentFail || !strings.Contains(err.Error(), "535 not ***") || receipt.Reply != "535 not ***" {
			t.Errorf("%v, %q", err, receipt.Reply)
		}
		_ = l.Close()
		<-done
	}
}
