package post

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

// serveTLS answers with the name of the client's certificate, by a server as config says.
func serveTLS(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func routeTo(t *testing.T, o TLS) *Route {
	t.Helper()
	r, faults := NewRoute(nil, o, false)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return r
}

func to(t *testing.T, server string, r *Route) Request {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return Request{URL: u, Body: []byte("x"), Way: r.Way()}
}

// Each way in which a TLS connection is not made is tried again, says in words what is
// wrong, and marks the target where somebody must put it right.
func TestHandshakesThatFail(t *testing.T) {
	ours, theirs := certtest.NewAuthority(t), certtest.NewAuthority(t)
	good := ours.Issue(t, "127.0.0.1", time.Hour).TLS(t)
	trusting := TLS{CA: ours.PEM}
	client := ours.Issue(t, "bellbuoy", time.Hour)
	foreign := theirs.Issue(t, "stranger", time.Hour)
	demands := func(version uint16) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.Pool, MinVersion: version, MaxVersion: version}
	}
	one := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	for _, c := range []struct {
		name   string
		server *tls.Config
		tls    TLS
		scope  plugin.Scope
		err    string // "" = delivered
	}{
		{"all is well", one(good), trusting, "", ""},
		{"expired", one(ours.Issue(t, "127.0.0.1", -time.Hour).TLS(t)), trusting, plugin.ScopeMisconfigured, "its certificate is not accepted: tls: failed to verify certificate: x509: certificate has expired or is not yet valid"},
		{"another host's", one(ours.Issue(t, "elsewhere.example.com", time.Hour).TLS(t)), trusting, plugin.ScopeMisconfigured, "its certificate is not accepted: tls: failed to verify certificate: x509: cannot validate certificate for 127.0.0.1"},
		{"another host's, by name", one(ours.Issue(t, "elsewhere.example.com", time.Hour).TLS(t)), TLS{CA: ours.PEM, ServerName: "here.example.com"}, plugin.ScopeMisconfigured, "certificate is valid for elsewhere.example.com, not here.example.com"},
		{"the name that is expected", one(ours.Issue(t, "elsewhere.example.com", time.Hour).TLS(t)), TLS{CA: ours.PEM, ServerName: "elsewhere.example.com"}, "", ""},
		{"unknown authority", one(theirs.Issue(t, "127.0.0.1", time.Hour).TLS(t)), trusting, plugin.ScopeMisconfigured, "its certificate is not accepted: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"unknown to the machine", one(good), TLS{}, plugin.ScopeMisconfigured, "x509: certificate signed by unknown authority"},
		{"client certificate, shown", demands(tls.VersionTLS13), TLS{CA: ours.PEM, Cert: client.Cert, Key: client.Key}, "", ""},
		{"client certificate, shown by 1.2", demands(tls.VersionTLS12), TLS{CA: ours.PEM, Cert: client.Cert, Key: client.Key}, "", ""},
		{"client certificate, missing", demands(tls.VersionTLS13), trusting, plugin.ScopeMisconfigured, "it demands a client certificate"},
		{"client certificate, missing by 1.2", demands(tls.VersionTLS12), trusting, plugin.ScopeMisconfigured, "for want of a common cipher or of a client certificate"},
		{"client certificate of a stranger", demands(tls.VersionTLS13), TLS{CA: ours.PEM, Cert: foreign.Cert, Key: foreign.Key}, plugin.ScopeMisconfigured, "it does not accept the client certificate"},
		{"client certificate is refused", &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert, VerifyConnection: func(tls.ConnectionState) error { return fmt.Errorf("no") }}, TLS{CA: ours.PEM, Cert: client.Cert, Key: client.Key}, plugin.ScopeMisconfigured, "or does not accept the one shown"},
		{"TLS 1.0 only", &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, trusting, plugin.ScopeMisconfigured, "it speaks no TLS of 1.2 or later"},
		{"TLS 1.1 only", &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, trusting, plugin.ScopeMisconfigured, "it speaks no TLS of 1.2 or later"},
		{"no common cipher", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}, trusting, plugin.ScopeMisconfigured, "it agrees to no TLS handshake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := serveTLS(t, c.server)
			receipt, err := clientWith(t, nil).Send(t.Context(), to(t, server.URL, routeTo(t, c.tls)), ByStatus)
			if c.err == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.err) || receipt.Scope != c.scope || plugin.ReadVerdict(err) != (plugin.Verdict{Outcome: plugin.Retry}) {
				t.Errorf("%q: %v", receipt.Scope, err)
			}
		})
	}
}

// A server that is neither here nor there.
func TestServersThatAreNoTLS(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	receipt, err := clientWith(t, nil).Send(t.Context(), to(t, "https"+strings.TrimPrefix(plain.URL, "http"), nil), ByStatus)
	if err == nil || receipt.Scope != "" || !strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		t.Errorf("%q: %v", receipt.Scope, err)
	}
}

func TestFaultsOfCertificates(t *testing.T) {
	ours := certtest.NewAuthority(t)
	good, other := ours.Issue(t, "a", time.Hour), ours.Issue(t, "b", time.Hour)
	expired := ours.Issue(t, "c", -time.Hour)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pair, err := tls.X509KeyPair([]byte(good.Cert), []byte(good.Key))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	day := func(d time.Duration) string { return now.Add(d).UTC().Format(time.DateOnly) }
	missing, empty, large := filepath.Join(t.TempDir(), "none.pem"), file("empty", ""), file("large", strings.Repeat("x", maxFile+1))
	const junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	for _, c := range []struct {
		name string
		tls  TLS
		at   time.Duration
		want []plugin.Fault
	}{
		{"nothing", TLS{}, 0, nil},
		{"texts", TLS{CA: ours.PEM, Cert: good.Cert, Key: good.Key, ServerName: "x"}, 0, nil},
		{"files", TLS{CA: file("ca", ours.PEM), Cert: file("cert", good.Cert), Key: file("key", good.Key)}, 0, nil},
		{"one file of both", TLS{Cert: file("both", good.Cert+good.Key), Key: file("both", good.Cert+good.Key)}, 0, []plugin.Fault{{Path: "key", Message: "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"}}},
		{"no file", TLS{CA: missing}, 0, []plugin.Fault{{Path: "ca", Message: "cannot be read: " + missing + ": no such file or directory"}}},
		{"a folder", TLS{CA: filepath.Dir(missing)}, 0, []plugin.Fault{{Path: "ca", Message: "cannot be read: read " + filepath.Dir(missing) + ": is a directory"}}},
		{"empty file", TLS{CA: empty}, 0, []plugin.Fault{{Path: "ca", Message: "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"}}},
		{"large file", TLS{CA: large}, 0, []plugin.Fault{{Path: "ca", Message: "is larger than 1048576 bytes: " + large}}},
		{"junk", TLS{CA: junk}, 0, []plugin.Fault{{Path: "ca", Message: "holds a certificate that cannot be read: x509: malformed certificate"}}},
		{"key for a certificate", TLS{CA: good.Key}, 0, []plugin.Fault{{Path: "ca", Message: "holds a private key; it is for the certificates of authorities alone"}}},
		{"expired authority", TLS{CA: ours.PEM}, 2 * time.Hour, []plugin.Fault{{Path: "ca", Message: "expired on " + day(time.Hour) + "; give the authority's new certificate", Warning: true}}},
		{"no key", TLS{Cert: good.Cert}, 0, []plugin.Fault{{Path: "key", Message: "is missing; give the private key of the certificate in tls.cert"}}},
		{"no certificate", TLS{Key: good.Key}, 0, []plugin.Fault{{Path: "cert", Message: "is missing; give the certificate of the private key in tls.key"}}},
		{"mismatched", TLS{Cert: good.Cert, Key: other.Key}, 0, []plugin.Fault{{Path: "key", Message: "does not belong to the certificate in tls.cert: private key does not match public key"}}},
		{"expired", TLS{Cert: expired.Cert, Key: expired.Key}, 0, []plugin.Fault{{Path: "cert", Message: "expired on " + day(-time.Hour) + "; renew it", Warning: true}}},
		{"not yet", TLS{Cert: good.Cert, Key: good.Key}, -48 * time.Hour, []plugin.Fault{{Path: "cert", Message: "is not valid before " + pair.Leaf.NotBefore.UTC().Format(time.RFC3339) + "; wait, or set the clock", Warning: true}}},
		{"exchanged", TLS{Cert: good.Key, Key: good.Cert}, 0, []plugin.Fault{
			{Path: "cert", Message: "holds a private key; put that into tls.key"},
			{Path: "key", Message: "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"}}},
		{"encrypted", TLS{Cert: good.Cert, Key: strings.ReplaceAll(good.Key, "BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE")}, 0, []plugin.Fault{{Path: "key", Message: "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"}}},
		{"encrypted whole", TLS{Cert: good.Cert, Key: strings.ReplaceAll(good.Key, " PRIVATE", " ENCRYPTED PRIVATE")}, 0, []plugin.Fault{{Path: "key", Message: "is encrypted; give it without a passphrase"}}},
		{"all at once", TLS{CA: missing, Cert: expired.Cert, Key: expired.Key}, 0, []plugin.Fault{
			{Path: "ca", Message: "cannot be read: " + missing + ": no such file or directory"}, {Path: "cert", Message: "expired on " + day(-time.Hour) + "; renew it", Warning: true}}},
	} {
		if _, got := c.tls.Read(false, now.Add(c.at)); !cmp.Equal(c.want, got) {
			t.Errorf("%s: %s", c.name, cmp.Diff(c.want, got))
		}
	}
	want := []plugin.Fault{{Path: "ca", Message: "names a file, which only a target of the config file can; give the PEM itself"}}
	for _, path := range []string{missing, empty} { // not even whether it is there is told
		if _, got := (TLS{CA: path}).Read(true, now); !cmp.Equal(want, got) {
			t.Errorf("restricted: %v", got)
		}
	}
	if PEM("ca.pem") == "" || PEM("/ca.pem") != "" || PEM(ours.PEM) != "" {
		t.Error("rule for paths and PEM")
	}
}

// A certificate that is renewed in its files is shown with the next request; while its key
// is not written yet, the one of before is.
func TestRenewedCertificate(t *testing.T) {
	ours := certtest.NewAuthority(t)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ours.Issue(t, "127.0.0.1", time.Hour).TLS(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.Pool})
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	at := time.Now().Add(-time.Hour)
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Second) // however coarse the clock of the disk is
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	first, second := ours.Issue(t, "first", time.Hour), ours.Issue(t, "second", time.Hour)
	write(cert, first.Cert)
	write(key, first.Key)
	c, route := clientWith(t, nil), routeTo(t, TLS{CA: ours.PEM, Cert: cert, Key: key})
	shown := func(want string) {
		t.Helper()
		receipt, err := c.Send(t.Context(), to(t, server.URL, route), ByStatus)
		if err != nil || receipt.Reply != want {
			t.Errorf("%q, want %q: %v", receipt.Reply, want, err)
		}
	}
	shown("first")
	write(cert, second.Cert)
	shown("first")
	write(key, second.Key)
	shown("second")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	shown("second")
}

// Targets with equal options share connections; those that fell out of use leave none.
func TestRoadsAreBoundedAndKept(t *testing.T) {
	var opened, open atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			opened.Add(1)
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.Start()
	defer server.Close()
	c := clientWith(t, nil)
	send := func(name string) {
		t.Helper()
		if _, err := c.Send(t.Context(), to(t, server.URL, routeTo(t, TLS{ServerName: name})), ByStatus); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		send("a")
		if _, err := c.Send(t.Context(), to(t, "http://127.0.0.1:1", routeTo(t, TLS{ServerName: "a"})), ByStatus); err == nil {
			t.Fatal("no error")
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for equal options", n)
	}
	for i := range 2 * maxRoads {
		send(fmt.Sprint("b", i))
	}
	if n := len(c.roads.byKey); n != maxRoads || c.roads.recent.Len() != maxRoads {
		t.Errorf("%d roads", n)
	}
	for e := c.roads.recent.Front(); e != nil; e = e.Next() {
		if n := e.Value.(*road).users; n != 0 {
			t.Errorf("%d users are left", n)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for open.Load() > maxRoads && time.Now().Before(deadline) { // the server hears of it a moment later
		time.Sleep(time.Millisecond)
	}
	if n := open.Load(); n != maxRoads {
		t.Errorf("%d connections are open, want %d", n, maxRoads)
	}
	send("a")
	if n := opened.Load(); n != 2*maxRoads+2 {
		t.Errorf("%d connections in all", n)
	}
}

// A road that falls out of use while a reply is read ends with it.
func TestRoadInUseIsClosedLater(t *testing.T) {
	r := newRoads(nil)
	first := r.take(&journey{way: &Way{key: "first"}})
	for i := range maxRoads {
		r.release(r.take(&journey{way: &Way{key: fmt.Sprint(i)}}))
	}
	if !first.closed || first.users != 1 || r.byKey["false []first"] != nil {
		t.Errorf("closed %t, %d users", first.closed, first.users)
	}
	if again := r.take(&journey{way: &Way{key: "first"}}); again == first {
		t.Error("a road that is given up is taken again")
	}
	r.release(first)
	if first.users != 0 {
		t.Errorf("%d users", first.users)
	}
}
