package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// What htpasswd -B makes of canary-of-alice and canary-of-bob.
const (
	lineOfAlice = "alice:$2a$10$ThMmt4JNCVTA4qeMYTwv.eE41AO2H5vi5mBKcVbm2oYkHBEPZ6NmO\n"
	lineOfBob   = "bob:$2a$10$wBgTAXl/Vt83CEHQgdM1K.K1IOxMIqHEvJKvhbrbfhCkD2cSsgniC\n"
)

// own is an address of this machine that others ask, or that of loopback where it has none.
func own(t *testing.T) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// people ask a bellbuoy over TLS from outside.
type people struct {
	t      *testing.T
	client *http.Client
	base   string
}

// ask asks with headers in pairs.
func (p people) ask(method, path, body string, headers ...string) (int, string, http.Header) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Add(headers[i], headers[i+1]); headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// wants asks and checks the status.
func (p people) wants(status int, method, path, body string, headers ...string) string {
	p.t.Helper()
	got, answer, _ := p.ask(method, path, body, headers...)
	if got != status {
		p.t.Errorf("%s %s: got %d, want %d: %s", method, path, got, status, answer)
	}
	return answer
}

// A bellbuoy that others can reach serves those who show who they are, over TLS, and goes by
// its files as they are now. No secret is anywhere afterwards.
func TestAccessFromOutside(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rec, err := receiver.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Down)
	dir := t.TempDir()
	c, err := sidecar.Write(dir, sidecar.Options{Target: rec.URL()})
	if err != nil {
		t.Fatal(err)
	}
	pair := selfSigned(t, dir)
	htpasswd := filepath.Join(dir, "htpasswd")
	write := func(lines string) {
		t.Helper()
		if err := os.WriteFile(htpasswd, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(lineOfAlice + lineOfBob)
	_, port, err := net.SplitHostPort(c.Admin)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, c.Path, "listen: "+c.Admin, `listen: 0.0.0.0:`+port+`
    tls: {cert: tls.crt, key: tls.key}
    hosts: [bb.example.com]
    tokens:
    - {name: ops, role: admin, secret: {env: BB_OPS}}
    - {name: reader, role: viewer, secret: {env: BB_READER}}
    users: {htpasswd: htpasswd, roles: {editor: [alice]}}`)
	log := filepath.Join(dir, "bellbuoy.log")
	life, err := sidecar.Start(program(t), c, log, "BB_OPS=canary-of-ops-0123456789", "BB_READER=canary-of-reader-0123456789")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(life.Kill)
	if err := life.Ready(ctx); err != nil {
		t.Fatal(err)
	}

	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	t.Cleanup(transport.CloseIdleConnections)
	p := people{t, &http.Client{Transport: transport}, "https://" + net.JoinHostPort(own(t), port)}
	bearer := func(secret string) []string { return []string{"Authorization", "Bearer " + secret} }
	ops, reader := bearer("canary-of-ops-0123456789"), bearer("canary-of-reader-0123456789")

	p.wants(200, "GET", "/healthz", "")
	p.wants(401, "GET", "/api/v1/events", "")
	p.wants(401, "GET", "/metrics", "")
	p.wants(401, "GET", "/api/v1/events", "", bearer("canary-of-nobody")...)
	p.wants(200, "GET", "/api/v1/events", "", reader...)
	p.wants(200, "GET", "/metrics", "", reader...)
	p.wants(403, "POST", "/api/v1/targets/ci/disable", "{}", reader...)
	p.wants(403, "GET", "/api/v1/tokens", "", reader...)
	p.wants(200, "GET", "/api/v1/tokens", "", ops...)
	p.wants(200, "GET", "/api/v1/events", "", append(reader, "Host", "bb.example.com")...)
	p.wants(403, "GET", "/api/v1/events", "", append(reader, "Host", "evil.example")...)
	p.wants(400, "GET", "/api/v1/events", "", append(ops, reader...)...)
	const quay = "/api/v1/repository/prod/api/notification/"
	p.wants(401, "GET", quay, "")
	p.wants(200, "GET", quay, "", reader...)
	p.wants(403, "POST", quay, `{"event":"repo_push","method":"webhook","config":{"url":"http://192.0.2.9/"},"eventConfig":{}}`, reader...)
	// To be on the same machine is nothing any more.
	local := people{t, p.client, "https://" + net.JoinHostPort("127.0.0.1", port)}
	local.wants(401, "GET", "/api/v1/events", "")

	status, answer, header := p.ask("POST", "/api/v1/sessions", `{"user":"alice","password":"canary-of-alice"}`)
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	if status != 201 || !strings.HasPrefix(cookie, "__Host-bellbuoy=") || !strings.Contains(header.Get("Set-Cookie"), "; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Strict") {
		t.Fatalf("login: got %d %s %v", status, answer, header)
	}
	alice := []string{"Cookie", cookie}
	if got := p.wants(200, "GET", "/api/v1/me", "", alice...); !strings.Contains(got, `"name":"alice","role":"editor"`) {
		t.Errorf("alice is %s", got)
	}
	p.wants(200, "POST", "/api/v1/targets/ci/disable", `{"by":"mallory"}`, alice...)
	if got := p.wants(200, "GET", "/api/v1/audit", "", ops...); !strings.Contains(got, `"by":"alice","what":"disable"`) || strings.Contains(got, "mallory") {
		t.Errorf("the audit is %s", got)
	}
	p.wants(403, "POST", "/api/v1/targets/ci/enable", "{}", append(alice, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")...)
	p.wants(200, "POST", "/api/v1/targets/ci/enable", "{}", alice...)

	var made struct{ Secret string }
	if err := json.Unmarshal([]byte(p.wants(201, "POST", "/api/v1/tokens", `{"name":"made","role":"viewer"}`, ops...)), &made); err != nil || made.Secret == "" {
		t.Fatal(err)
	}
	p.wants(200, "GET", "/api/v1/events", "", bearer(made.Secret)...)

	// Whoever is taken out of the file is out.
	write(lineOfBob)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if status, _, _ := p.ask("GET", "/api/v1/me", "", alice...); status == 401 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("alice is still in")
		}
	}
	p.wants(401, "POST", "/api/v1/sessions", `{"user":"alice","password":"canary-of-alice"}`)
	p.wants(201, "POST", "/api/v1/sessions", `{"user":"bob","password":"canary-of-bob"}`)
	metrics := p.wants(200, "GET", "/metrics", "", reader...)
	if !strings.Contains(metrics, `bellbuoy_access_refused_total{outcome="wrong",way="password"} 1`) {
		t.Errorf("metrics lack the refused login:\n%s", metrics)
	}

	life.Kill()
	for _, name := range []string{log, c.Store, c.Store + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil && name != c.Store+"-wal" {
			t.Fatal(err)
		}
		for _, secret := range []string{"canary-of-", made.Secret, strings.TrimPrefix(cookie, "__Host-bellbuoy=")} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s has the secret %.12s...", name, secret)
			}
		}
	}
	if strings.Contains(metrics, "canary") || strings.Contains(metrics, "alice") {
		t.Errorf("metrics name people:\n%s", metrics)
	}
}
