package intake

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters/distribution"
)

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate that by signs, or that signs itself, after change.
func issue(t *testing.T, name string, by *identity, change func(*x509.Certificate)) *identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{cert, key}
}

func isCA(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
}

func (i *identity) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(i.cert)
	return p
}

// shown is what a client shows: i and those between it and its CA.
func (i *identity) shown(between ...*identity) *tls.Certificate {
	c := &tls.Certificate{Certificate: [][]byte{i.cert.Raw}, PrivateKey: i.key}
	for _, b := range between {
		c.Certificate = append(c.Certificate, b.cert.Raw)
	}
	return c
}

// write writes i into two files, the key after the certificate.
func (i *identity) write(t *testing.T, cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: i.cert.Raw},
		key:  {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// safe is a house that is reached by TLS.
type safe struct {
	house
	addr      string
	cert, key string // files
	reader    *Certificate
	log       *bytes.Buffer
}

func newSafe(t *testing.T, p Plan, self *identity) safe {
	t.Helper()
	s := safe{house: newHouse(t, p), log: &bytes.Buffer{}}
	dir := t.TempDir()
	s.cert, s.key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	self.write(t, s.cert, s.key)
	var err error
	if s.reader, err = ReadCertificate(s.cert, s.key, slog.New(slog.NewTextHandler(s.log, nil))); err != nil {
		t.Fatal(err)
	}
	s.addr = serve(t, s.Handler, func(srv *http.Server) { srv.TLSConfig = s.reader.Config() })
	return s
}

// post posts to path, shows client where that is not nil, and trusts the server.
func (s safe) post(t *testing.T, path string, client *tls.Certificate) got {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+s.addr+path, strings.NewReader(envelope()))
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{InsecureSkipVerify: true}
	if client != nil {
		c.Certificates = []tls.Certificate{*client}
	}
	resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true, ForceAttemptHTTP2: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 1 {
		t.Errorf("spoken is %s, want HTTP/1.1", resp.Proto)
	}
	return got{resp.StatusCode, resp.Header, string(b)}
}

func TestClientCertificates(t *testing.T) {
	ca, other := issue(t, "ca", nil, isCA), issue(t, "other", nil, isCA)
	between := issue(t, "between", ca, isCA)
	good, through := issue(t, "good", ca, nil), issue(t, "through", between, nil)
	of := func(ca *identity, change func(*x509.Certificate)) *tls.Certificate {
		return issue(t, "x", ca, change).shown()
	}
	self := issue(t, "self", nil, func(c *x509.Certificate) { c.ExtKeyUsage = nil })
	posing := issue(t, "ca", nil, isCA) // another CA of the same name

	s := newSafe(t, guarded(t, distribution.Adapter{}, map[string][]Credential{
		"hub": {ClientCA(ca.pool())}, "quay": {ClientCA(self.pool())}, "mixed": {Bearer("s3cret"), ClientCA(ca.pool()), PathSecret("s3cret")}, "open": nil,
	}), issue(t, "server", nil, nil))
	tests := []struct {
		name, path string
		client     *tls.Certificate
		admitted   bool
	}{
		{"signed", "/in/hub", good.shown(), true},
		{"signed, and an event", "/in/hub/push", good.shown(), true},
		{"signed by one between", "/in/hub", through.shown(between), true},
		{"one between that is not shown", "/in/hub", through.shown(), false},
		{"made for servers", "/in/hub", of(ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), true},
		{"made for code", "/in/hub", of(ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }), false},
		{"none", "/in/hub", nil, false},
		{"signed by another CA", "/in/hub", of(other, nil), false},
		{"signed by a CA of the same name", "/in/hub", of(posing, nil), false},
		{"signed by no CA", "/in/hub", of(good, nil), false},
		{"signed by itself", "/in/hub", self.shown(), false},
		{"expired", "/in/hub", of(ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), false},
		{"not valid yet", "/in/hub", of(ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), false},
		{"of another registry", "/in/quay", good.shown(), false},
		{"signed by itself, and known", "/in/quay", self.shown(), true},
		{"instead of a bearer", "/in/mixed", good.shown(), true},
		{"path instead of a certificate", "/in/mixed/-/s3cret", nil, true},
		{"path beside a wrong certificate", "/in/mixed/-/s3cret", of(other, nil), true},
		{"not needed", "/in/open", of(other, nil), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := s.post(t, tt.path, tt.client)
			if tt.admitted {
				accepted(t, g)
			} else {
				checkProblem(t, g, http.StatusUnauthorized, "send the credentials that the configuration names for this registry")
			}
		})
	}
	t.Run("without the key", func(t *testing.T) {
		stolen := good.shown()
		stolen.PrivateKey = other.key
		c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{*stolen}, MaxVersion: tls.VersionTLS12})
		if err == nil {
			_ = c.Close()
			t.Error("a certificate was shown without its key")
		}
	})
	t.Run("without TLS", func(t *testing.T) {
		checkProblem(t, s.do(t, "POST", "/in/hub", envelope()), http.StatusUnauthorized, "send the credentials that the configuration names for this registry")
	})
}

func TestTLSVersions(t *testing.T) {
	s := newSafe(t, plan(t), issue(t, "server", nil, nil))
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if got := err == nil; got != want {
			t.Errorf("%s: connected %t (%v), want %t", tls.VersionName(version), got, err, want)
		}
		if c != nil {
			_ = c.Close()
		}
	}
	c := dial(t, s.addr, "POST /in/open HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.0 400 ") {
		t.Errorf("plain HTTP was answered %q, %v", b, err)
	}
}

// A client that connects and says nothing does not stay for ever.
func TestSilentHandshake(t *testing.T) {
	s := newSafe(t, plan(t), issue(t, "server", nil, nil))
	addr := serve(t, s.Handler, func(srv *http.Server) {
		srv.TLSConfig, srv.ReadHeaderTimeout = s.reader.Config(), 200*time.Millisecond
	})
	if b, err := io.ReadAll(dial(t, addr, "")); err != nil || len(b) != 0 {
		t.Errorf("a silent client got %q, %v, want to be hung up on", b, err)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	first, second := issue(t, "first", nil, nil), issue(t, "second", nil, nil)
	s := newSafe(t, plan(t), first)
	// look makes the next handshake look at the files, whenever the last one did.
	look := func(want string) {
		t.Helper()
		s.reader.mu.Lock()
		s.reader.looked = time.Time{}
		s.reader.mu.Unlock()
		if got := shownBy(t, s.addr); got != want {
			t.Errorf("shown is %q, want %q", got, want)
		}
	}
	look("first")
	if err := os.WriteFile(s.cert, []byte("half of"), 0o600); err != nil {
		t.Fatal(err)
	}
	look("first")
	second.write(t, s.cert, filepath.Join(t.TempDir(), "elsewhere"))
	look("first") // its key is still the other's
	look("first")
	if err := os.Remove(s.key); err != nil {
		t.Fatal(err)
	}
	look("first")
	second.write(t, s.cert, s.key)
	look("second")
	look("second")
	s.reader.mu.Lock() // under which it is written
	log := s.log.String()
	s.reader.mu.Unlock()
	for text, n := range map[string]int{"cannot be read; the last one stays": 3, "private key does not match public key": 1, "was read again": 1} {
		if got := strings.Count(log, text); got != n {
			t.Errorf("%q is %d times in the log, want %d:\n%s", text, got, n, log)
		}
	}
}

// shownBy returns the name in the certificate of the server at addr.
func shownBy(t *testing.T, addr string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestNoCertificate(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	if _, err := ReadCertificate(filepath.Join(dir, "no.crt"), filepath.Join(dir, "no.key"), log); err == nil || !strings.Contains(err.Error(), "no.crt: no such file") {
		t.Errorf("error = %v", err)
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	issue(t, "a", nil, nil).write(t, a, b)
	if _, err := ReadCertificate(b, a, log); err == nil || !strings.HasPrefix(err.Error(), "read certificate: "+b+" and "+a+": tls: ") {
		t.Errorf("error = %v", err)
	}
}
