package post

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// serveDNS answers each question for an IPv4 address with the next of answers, the last
// one for ever, and knows no other. It tells how often it was asked.
func serveDNS(t *testing.T, answers ...[]string) (*net.Resolver, *atomic.Int64) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			q := m.Questions[0]
			if q.Type == dnsmessage.TypeA {
				turn := min(int(asked.Add(1)), len(answers)) - 1
				for _, a := range answers[turn] {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
					})
				}
			}
			if b, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(b, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}, asked
}

// counter is a server on 127.0.0.1 and how many requests it had.
func counter(t *testing.T) (port string, hits *atomic.Int64) {
	t.Helper()
	hits = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, hits
}

func clientWith(t *testing.T, r *net.Resolver) *Client {
	t.Helper()
	c := newClient("1", r)
	t.Cleanup(c.CloseIdle)
	return c
}

// A name that is good when the target is checked, and the metadata service when it is used.
func TestNameThatChangesItsAddress(t *testing.T) {
	port, hits := counter(t)
	resolver, asked := serveDNS(t, []string{"127.0.0.1"}, []string{"169.254.169.254"})
	c := clientWith(t, resolver)
	r := Request{URL: &url.URL{Scheme: "http", Host: "rebind.example.com.:" + port}}
	if _, err := c.Send(t.Context(), r, ByStatus); err != nil || hits.Load() != 1 {
		t.Fatalf("%d hits, %v", hits.Load(), err)
	}
	c.CloseIdle() // the next request asks for the address again
	receipt, err := c.Send(t.Context(), r, ByStatus)
	if err == nil || !strings.Contains(err.Error(), "egress denied: 169.254.169.254") || receipt.Scope != plugin.ScopeMisconfigured || plugin.ReadVerdict(err).Outcome != plugin.Retry {
		t.Errorf("%q, %v", receipt.Scope, err)
	}
	if asked.Load() != 2 || hits.Load() != 1 {
		t.Errorf("asked %d times, %d hits", asked.Load(), hits.Load())
	}
}

// Of several addresses of a name only those are dialled that may be.
func TestNameOfSeveralAddresses(t *testing.T) {
	port, hits := counter(t)
	resolver, _ := serveDNS(t, []string{"169.254.169.254", "127.0.0.1", "100.100.100.200"})
	c := clientWith(t, resolver)
	r := Request{URL: &url.URL{Scheme: "http", Host: "several.example.com.:" + port}}
	if _, err := c.Send(t.Context(), r, ByStatus); err != nil || hits.Load() != 1 {
		t.Errorf("%d hits, %v", hits.Load(), err)
	}
	r.Egress.Restricted = true
	if _, err := c.Send(t.Context(), r, ByStatus); err == nil || hits.Load() != 1 || !strings.Contains(err.Error(), "egress denied") {
		t.Errorf("restricted: %d hits, %v", hits.Load(), err)
	}
}

// However a restricted target spells this machine, nothing arrives, also over a connection
// that another target left open.
func TestRestrictedTargetsReachNothingPrivate(t *testing.T) {
	port, hits := counter(t)
	resolver, _ := serveDNS(t, []string{"127.0.0.1"})
	c := clientWith(t, resolver)
	for _, host := range []string{
		"127.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "0177.1", "0.0.0.0", "0", "localhost", "LOCALHOST.", "api.localhost", "name.example.com.",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "①②⑦.0.0.1", "１２７。０。０。１", "127.0.0.1.",
	} {
		free := Request{URL: &url.URL{Scheme: "http", Host: host + ":" + port}}
		_, _ = c.Send(t.Context(), free, ByStatus) // may leave a connection open
		before := hits.Load()
		confined := free
		confined.Egress.Restricted = true
		receipt, err := c.Send(t.Context(), confined, ByStatus)
		if err == nil || hits.Load() != before || receipt.Scope != plugin.ScopeMisconfigured {
			t.Errorf("%s: %d hits, %q, %v", host, hits.Load()-before, receipt.Scope, err)
		}
	}
	if hits.Load() < 5 {
		t.Errorf("%d hits in all: nothing was there to be reached", hits.Load())
	}
	allowed := Request{URL: &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}, Egress: plugin.Egress{Restricted: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	if _, err := c.Send(t.Context(), allowed, ByStatus); err != nil {
		t.Errorf("allowed: %v", err)
	}
}

func TestRedirectToMetadata(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/iam")
			w.Header().Set("Refresh", "0; url=http://169.254.169.254/")
			w.WriteHeader(status)
		}))
		u, _ := url.Parse(server.URL)
		c := clientWith(t, nil)
		receipt, err := c.Send(t.Context(), Request{URL: u, Body: []byte("x")}, ByStatus)
		if receipt.Status != status || plugin.ReadVerdict(err).Outcome != plugin.PermanentFail || !strings.Contains(err.Error(), "redirects are not followed") {
			t.Errorf("%d: %+v, %v", status, receipt, err)
		}
		response, err := c.HTTP(nil, plugin.Egress{}).Get(server.URL)
		if err != nil || response.StatusCode != status {
			t.Errorf("%d by a library: %v", status, err)
		} else {
			_ = response.Body.Close()
		}
		c.CloseIdle()
		server.Close()
	}
}

// serveProxy is a proxy that answers itself, says what it was asked, and wants credentials.
func serveProxy(t *testing.T) (u *url.URL, asked *atomic.Value, hits *atomic.Int64) {
	t.Helper()
	asked, hits = new(atomic.Value), new(atomic.Int64)
	asked.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		asked.Store(r.Method + " " + r.RequestURI + " " + r.Header.Get("Proxy-Authorization"))
		if r.Header.Get("Proxy-Authorization") == "" {
			w.WriteHeader(http.StatusProxyAuthRequired)
		}
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, asked, hits
}

// A proxy is asked for no address that is refused; what it makes of a name is its own
// matter, but for a restricted target. It is dialled itself under the guard of all.
func TestProxy(t *testing.T) {
	proxy, asked, hits := serveProxy(t)
	withUser := *proxy
	withUser.User = url.UserPassword("me", "pr0xypass")
	resolver, _ := serveDNS(t, []string{"10.0.0.1"})
	c := clientWith(t, resolver)
	route := func(u *url.URL) *Way {
		r, faults := NewRoute(u, TLS{}, false)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return r.Way()
	}
	way := route(&withUser)
	target := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	if _, err := c.Send(t.Context(), Request{URL: target("http://unknown.invalid/x"), Way: way}, ByStatus); err != nil || asked.Load() != "POST http://unknown.invalid/x Basic bWU6cHIweHlwYXNz" {
		t.Errorf("%v, %v", asked.Load(), err)
	}
	if _, err := c.Send(t.Context(), Request{URL: target("http://unknown.invalid/x"), Way: route(proxy)}, ByStatus); err == nil || !strings.Contains(err.Error(), "407") {
		t.Errorf("no credentials: %v", err)
	}
	receipt, err := c.Send(t.Context(), Request{URL: target("https://unknown.invalid/x"), Way: route(proxy)}, ByStatus)
	if err == nil || receipt.Scope != plugin.ScopeMisconfigured || !strings.Contains(err.Error(), "the proxy asks for other credentials") {
		t.Errorf("no credentials for a tunnel: %q, %v", receipt.Scope, err)
	}
	before := hits.Load()
	for _, host := range []string{"169.254.169.254", "0xa9fea9fe", "2852039166", "[::ffff:a9fe:a9fe]", "①⑥⑨.254.169.254"} {
		for _, scheme := range []string{"http", "https"} {
			receipt, err := c.Send(t.Context(), Request{URL: target(scheme + "://" + host + "/"), Way: way}, ByStatus)
			if err == nil || receipt.Scope != plugin.ScopeMisconfigured || !strings.Contains(err.Error(), "egress denied") {
				t.Errorf("%s %s: %q, %v", scheme, host, receipt.Scope, err)
			}
		}
	}
	for _, host := range []string{"10.0.0.1", "localhost", "inside.example.com.", "unknown..invalid"} {
		_, err := c.Send(t.Context(), Request{URL: target("http://" + host + "/"), Way: way, Egress: plugin.Egress{Restricted: true}}, ByStatus)
		if err == nil || !strings.Contains(err.Error(), "egress denied") && !strings.Contains(err.Error(), "there is no such host") {
			t.Errorf("restricted %s: %v", host, err)
		}
	}
	if hits.Load() != before {
		t.Errorf("the proxy was asked %d times", hits.Load()-before)
	}
	// An operator's proxy may be on this machine, also for restricted targets.
	if _, err := c.Send(t.Context(), Request{URL: target("http://8.8.8.8/"), Way: way, Egress: plugin.Egress{Restricted: true}}, ByStatus); err != nil {
		t.Errorf("restricted and public: %v", err)
	}
	metadata := &url.URL{Scheme: "http", Host: "169.254.169.254:3128"}
	receipt, err = c.Send(t.Context(), Request{URL: target("http://unknown.invalid/"), Way: route(metadata)}, ByStatus)
	if err == nil || receipt.Scope != plugin.ScopeMisconfigured || !strings.Contains(err.Error(), "egress denied") {
		t.Errorf("proxy at the metadata service: %q, %v", receipt.Scope, err)
	}
}

// A SOCKS proxy is asked by name.
func TestSOCKSProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		b := make([]byte, 300)
		_, _ = conn.Read(b)             // version, methods
		_, _ = conn.Write([]byte{5, 0}) // no authentication
		_, _ = conn.Read(b)             // connect to a name
		name := b[5 : 5+int(b[4])]
		port := binary.BigEndian.Uint16(b[5+int(b[4]):])
		got <- string(name) + ":" + (&net.TCPAddr{Port: int(port)}).String()[1:]
		_, _ = conn.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0}) // refused
	}()
	r, _ := NewRoute(&url.URL{Scheme: "socks5", Host: l.Addr().String()}, TLS{}, false)
	_, err = clientWith(t, nil).Send(t.Context(), Request{URL: &url.URL{Scheme: "http", Host: "unknown.invalid"}, Way: r.Way()}, ByStatus)
	if err == nil || !strings.Contains(err.Error(), "connection refused") || <-got != "unknown.invalid:80" {
		t.Errorf("%v", err)
	}
}
