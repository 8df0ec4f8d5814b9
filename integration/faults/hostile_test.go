package faults_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hostile is a class of targets: what it does with a connection once a request is read,
// and what the trace has to say of the first attempt.
type hostile struct {
	name    string
	play    func(net.Conn)
	outcome string
	status  int
	err     string        // that the reason contains
	asks    time.Duration // after which the next attempt comes, an hour at the most; 0 = soon
	scope   string
	tls     *tls.Config // nil: plain HTTP
}

// says answers with a head that has some headers, and no body.
func says(status string, headers ...string) func(net.Conn) {
	head := "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	return func(c net.Conn) { _, _ = io.WriteString(c, head+"\r\n") }
}

const (
	long = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
	h2   = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"                                 // SETTINGS
	away = "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0b" // GOAWAY: calm down
)

// hostiles is the table of classes. Certificates are by an authority that is trusted.
func hostiles(t *testing.T, ca *authority) []hostile {
	reset := func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }
	wait := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	drip := func(c net.Conn, text string) {
		for {
			if _, err := io.WriteString(c, text[:1]); err != nil {
				return
			}
			if text = text[1:]; text == "" {
				text = "x"
			}
			time.Sleep(time.Second)
		}
	}
	flood := func(c net.Conn, text string) {
		for {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
	in := func(d time.Duration) string { return "Retry-After: " + time.Now().Add(d).UTC().Format(http.TimeFormat) }
	const throttled, retry, dead, fine = "throttled", "retry", "permanent", "delivered"
	all := []hostile{
		{name: "fails", play: says("500 Internal Server Error"), outcome: retry, status: 500, err: "500 Internal Server Error"},
		{name: "unavailable", play: says("503 Service Unavailable", "Retry-After: 3600"), outcome: retry, status: 503, err: "503", asks: time.Hour},
		{name: "throttles", play: says("429 Too Many Requests"), outcome: throttled, status: 429, err: "429"},
		{name: "throttles for no time", play: says("429 Too Many Requests", "Retry-After: 0"), outcome: throttled, status: 429, err: "429"},
		{name: "throttles for five seconds", play: says("429 Too Many Requests", "Retry-After: 5"), outcome: throttled, status: 429, err: "429", asks: 5 * time.Second},
		{name: "throttles until a date", play: says("429 Too Many Requests", in(40*time.Minute)), outcome: throttled, status: 429, err: "429", asks: 40 * time.Minute},
		{name: "throttles until a date gone by", play: says("429 Too Many Requests", in(-2*time.Hour)), outcome: throttled, status: 429, err: "429"},
		{name: "throttles for ten years", play: says("429 Too Many Requests", "Retry-After: 315360000"), outcome: throttled, status: 429, err: "429", asks: time.Hour},
		{name: "throttles for rubbish", play: says("429 Too Many Requests", "Retry-After: ${jndi:x}{{.}}é"), outcome: throttled, status: 429, err: "429"},
		{name: "redirects to itself", play: says("307 Temporary Redirect", "Location: /"), outcome: dead, status: 307, err: "redirects are not followed"},
		{name: "redirects to metadata", play: says("302 Found", "Location: http://169.254.169.254/latest/meta-data/"), outcome: dead, status: 302, err: "redirects are not followed"},
		{name: "refuses", play: says("400 Bad Request"), outcome: dead, status: 400, err: "400 Bad Request"},
		{name: "drips its head", play: func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nX: ") }, outcome: retry, err: "deadline exceeded"},
		{name: "drips its body", play: func(c net.Conn) { _, _ = io.WriteString(c, long); drip(c, "x") }, outcome: fine, status: 200},
		{name: "endless body", play: func(c net.Conn) { _, _ = io.WriteString(c, long); flood(c, strings.Repeat("x", 4096)) }, outcome: fine, status: 200},
		{name: "endless head", play: func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			flood(c, strings.Repeat("X: y\r\n", 999))
		}, outcome: retry, err: "header"},
		{name: "resets at once", play: reset, outcome: retry, err: "reset"},
		{name: "resets within the head", play: func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 20"); reset(c) }, outcome: retry, err: "send to "},
		{name: "resets within the body", play: func(c net.Conn) { _, _ = io.WriteString(c, long+"some"); time.Sleep(100 * time.Millisecond); reset(c) }, outcome: fine, status: 200},
		{name: "says no more", play: func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite(); wait(c) }, outcome: retry, err: "EOF"},
		{name: "never answers", play: wait, outcome: retry, err: "deadline exceeded"},
		{name: "speaks another language", play: func(c net.Conn) { _, _ = io.WriteString(c, "220 mail ready\r\n") }, outcome: retry, err: "malformed"},
		{name: "has no TLS", play: says("200 OK"), outcome: retry, err: "HTTP response to HTTPS client", tls: &tls.Config{}},
	}
	day, other := 24*time.Hour, newAuthority(t, "nobody")
	for name, cert := range map[string]tls.Certificate{
		"expired certificate":          ca.certificate(t, -2*day, -day, "127.0.0.1"),
		"certificate of tomorrow":      ca.certificate(t, day, 2*day, "127.0.0.1"),
		"certificate for another name": ca.certificate(t, -day, day, "127.9.9.9"),
		"certificate of nobody":        other.certificate(t, -day, day, "127.0.0.1"),
	} {
		all = append(all, hostile{name: name, play: says("200 OK"), outcome: retry, err: "its certificate is not accepted", scope: "misconfigured",
			tls: &tls.Config{Certificates: []tls.Certificate{cert}}})
	}
	good := []tls.Certificate{ca.certificate(t, -day, day, "127.0.0.1")}
	return append(all,
		hostile{name: "good certificate", play: says("200 OK"), outcome: fine, status: 200, tls: &tls.Config{Certificates: good}},
		hostile{name: "old TLS", play: says("200 OK"), outcome: retry, err: "protocol version", scope: "misconfigured", tls: &tls.Config{Certificates: good, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
		hostile{name: "goes away", play: func(c net.Conn) { _, _ = io.WriteString(c, h2+away); time.Sleep(50 * time.Millisecond) }, outcome: retry, err: "GOAWAY",
			tls: &tls.Config{Certificates: good, NextProtos: []string{"h2"}}},
	)
}

// Targets of each class get an event. The trace has the outcome of each and its reason,
// a target beside them gets all events meanwhile, and none gets anywhere else than to the
// URL that was configured.
func TestHostileTargets(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "the tests")
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, ca.pem(), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newEmptyWorld(t, built(t, build), "well")
	w.receive("well", answers["fast"])
	classes := hostiles(t, ca)
	targets, names := []any{w.target("well")}, []string{}
	var strays atomic.Int64
	for i, c := range classes {
		name := fmt.Sprint("hostile-", i)
		targets, names = append(targets, map[string]any{
			"name": name, "type": "webhook", "options": map[string]any{"url": c.serve(t, &strays)}, "timeout": "1s",
			"retry": map[string]any{"schedule": []string{"0s", "100ms"}}, "disable_after": 0,
		}), append(names, name)
	}
	w.write([]any{w.hub()}, targets, []any{
		map[string]any{"name": "all", "events": []string{"artifact.pushed"}, "deliver": []string{"well"}},
		map[string]any{"name": "some", "events": []string{"artifact.pushed"}, "scope": map[string]any{"repositories": []string{"team/hostile"}}, "deliver": names},
	})
	t.Cleanup(w.sane)
	w.start("SSL_CERT_FILE=" + roots)
	w.ready()
	if !w.post(w.poster(http.DefaultClient), "hostile", "team/hostile") {
		return
	}
	l := w.load(2, 5*time.Millisecond)
	w.until("each has its first attempt on record", func() bool { return w.tried("hostile", classes) == len(classes)+1 })
	w.more(l, 20)
	l.end()
	w.until("the one beside them has everything", func() bool { return len(w.ledger.Report().Lost) == 0 })
	if err := w.ledger.Report().Err(); err != nil {
		t.Error(err)
	}
	trace, err := w.life.Trace(w.ctx, "hostile")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range trace.Deliveries {
		for i, c := range classes {
			if d.Target != names[i] {
				continue
			}
			a := d.Attempts[0]
			if c.outcome == "delivered" {
				a = d.Attempts[len(d.Attempts)-1]
			}
			if a.Outcome != c.outcome || a.Status != c.status || a.Scope != c.scope || !strings.Contains(a.Error, c.err) || (c.err == "") != (a.Error == "") {
				t.Errorf("%s: %s, status %d, scope %q: %s; want %+v", c.name, a.Outcome, a.Status, a.Scope, a.Error, c)
			}
			if c.outcome == "permanent" && (d.State != "dead" || d.Reason == "" || len(d.Attempts) > 1) {
				t.Errorf("%s: %s after %d attempts, reason %q", c.name, d.State, len(d.Attempts), d.Reason)
			}
			if a.Next == nil {
				continue
			}
			if next := a.Next.Sub(a.Time); next < c.asks-2*time.Second || next > c.asks+time.Minute {
				t.Errorf("%s: the next attempt comes %v later, want %v", c.name, next, c.asks)
			}
		}
	}
	if n := strays.Load(); n > 0 {
		t.Errorf("%d requests came for another path", n)
	}
	t.Logf("%d classes, beside %d events", len(classes), l.accepted.Load())
}

// tried is how many deliveries of an event have an attempt on record, and those that are
// to succeed have.
func (w *world) tried(id string, classes []hostile) (n int) {
	w.t.Helper()
	trace, err := w.life.Trace(w.ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range trace.Deliveries {
		i, err := strconv.Atoi(strings.TrimPrefix(d.Target, "hostile-"))
		succeeds := err == nil && classes[i].outcome == "delivered"
		if len(d.Attempts) > 0 && (!succeeds || d.State == "delivered") {
			n++
		}
	}
	return n
}

// serve plays the class to who connects until the test ends, and returns its URL.
func (c hostile) serve(t *testing.T, strays *atomic.Int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the address that the certificates name
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var players sync.WaitGroup
	players.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			players.Go(func() {
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				defer conn.Close()
				c.meet(conn, strays)
			})
		}
	})
	t.Cleanup(func() { cancel(); l.Close(); players.Wait() })
	if c.tls != nil {
		return "https://" + l.Addr().String() + "/hook"
	}
	return "http://" + l.Addr().String() + "/hook"
}

// meet reads a request, or what begins an HTTP/2 connection, and plays.
func (c hostile) meet(conn net.Conn, strays *atomic.Int64) {
	if c.tls != nil && len(c.tls.Certificates) > 0 {
		secure := tls.Server(conn, c.tls)
		if secure.Handshake() != nil {
			return
		}
		conn = secure
	}
	if c.tls != nil && len(c.tls.NextProtos) > 0 {
		if _, err := io.ReadFull(conn, make([]byte, 24)); err == nil {
			c.play(conn)
		}
		return
	}
	if c.tls != nil && len(c.tls.Certificates) == 0 {
		c.play(conn)
		return
	}
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	if r.URL.Path != "/hook" {
		strays.Add(1)
	}
	_, _ = io.Copy(io.Discard, r.Body)
	c.play(conn)
}

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	der  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-72 * time.Hour), NotAfter: time.Now().Add(72 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{template, key, der}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.der})
}

// certificate is one for a server at an address, valid from and until so long from now.
func (a *authority) certificate(t *testing.T, from, until time.Duration, address string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
		IPAddresses: []net.IP{net.ParseIP(address)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
