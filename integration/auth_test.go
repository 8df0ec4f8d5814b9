package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// A configuration with every kind of credential, over TLS: each of them is enough, none
// of the secrets is anywhere afterwards.
func TestEveryCredential(t *testing.T) {
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
	certificate := selfSigned(t, dir)
	secret := func(kind string) string {
		name := filepath.Join(dir, kind)
		if err := os.WriteFile(name, []byte("canary-of-"+kind+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return "{file: " + kind + "}"
	}
	replace(t, c.Path, "bearer: "+sidecar.Bearer, fmt.Sprintf(
		"[{bearer: %s}, {basic: {user: quay, password: %s}}, {header: {name: X-Token, value: %s}}, {path: %s}, {client_ca: tls.crt}]",
		secret("bearer"), secret("basic"), secret("header"), secret("path")))
	replace(t, c.Path, "store:", "tls: {cert: tls.crt, key: tls.key}\nstore:")
	log := filepath.Join(dir, "bellbuoy.log")
	life, err := sidecar.Start(program(t), c, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(life.Kill)
	if err := life.Process.Ready(ctx, "http://"+c.Admin+"/readyz"); err != nil {
		t.Fatal(err)
	}

	basic := base64.StdEncoding.EncodeToString([]byte("quay:canary-of-basic"))
	inPath := "/in/hub/-/canary-of-path"
	ways := []struct {
		name, path string
		header     [2]string
		client     bool
		status     int
	}{
		{"bearer", "/in/hub", [2]string{"Authorization", "Bearer canary-of-bearer"}, false, 202},
		{"basic", "/in/hub", [2]string{"Authorization", "Basic " + basic}, false, 202},
		{"header", "/in/hub", [2]string{"X-Token", "canary-of-header"}, false, 202},
		{"path", inPath, [2]string{"Referer", "https://bellbuoy" + inPath}, false, 202},
		{"path and event", inPath + "/push", [2]string{"X-Original-Uri", inPath}, false, 202},
		{"certificate", "/in/hub", [2]string{}, true, 202},
		{"nothing", "/in/hub", [2]string{}, false, 401},
		{"wrong path", inPath + "x", [2]string{}, false, 401},
		{"too deep", inPath + "/push/more", [2]string{}, false, 404},
	}
	stored := 0
	for _, way := range ways {
		good, err := poster.Envelope(fmt.Sprintf("0000-%s", way.name), "team/app", "latest", time.Now().UTC())
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{string(good), "unreadable: " + way.name} {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+c.Listen+way.path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if way.header[0] != "" {
				r.Header.Set(way.header[0], way.header[1])
			}
			conf := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
			conf.RootCAs.AddCert(certificate.Leaf)
			if way.client {
				conf.Certificates = []tls.Certificate{certificate}
			}
			resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != way.status || strings.Contains(string(b), "canary") {
				t.Errorf("%s: %d %s, want %d", way.name, resp.StatusCode, b, way.status)
			}
		}
		if way.status == http.StatusAccepted {
			stored++
		}
	}

	shown := map[string]string{}
	events, err := life.Events(ctx, 100)
	if err != nil || len(events) != stored {
		t.Fatalf("%d events, %v, want %d", len(events), err, stored)
	}
	command := func(args ...string) []byte {
		t.Helper()
		out, err := life.Command(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		shown[args[0]] += string(out)
		return out
	}
	for _, e := range events {
		command("trace", e.ID, "-o", "json")
		command("trace", e.ID)
	}
	var quarantine []struct{ ID string }
	if err := json.Unmarshal(command("quarantine", "-o", "json"), &quarantine); err != nil || len(quarantine) != stored {
		t.Fatalf("%d in quarantine, %v, want %d", len(quarantine), err, stored)
	}
	for _, q := range quarantine {
		command("quarantine", q.ID, "-o", "json")
	}
	life.Kill()
	files, err := filepath.Glob(c.Store + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, log) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		shown[filepath.Base(name)] = string(b)
	}
	if !strings.Contains(shown["trace"], "Go-http-client") || len(shown) < 4 {
		t.Fatalf("looked at %d places only", len(shown))
	}
	for where, text := range shown {
		for _, canary := range []string{"canary", basic} {
			if at := strings.Index(text, canary); at >= 0 {
				t.Errorf("%s shows a secret: %q", where, text[max(0, at-60):min(len(text), at+60)])
			}
		}
	}
}

// selfSigned writes tls.crt and tls.key into dir: of a server on loopback, which shows
// the same certificate as a client.
func selfSigned(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "registry"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
