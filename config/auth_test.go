package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// writeCert writes a certificate that signs itself, valid from and until so many hours
// from now, and its key.
func writeCert(t *testing.T, dir, name string, from, until time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".crt"), "CERTIFICATE", cert)
	writePEM(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", secret)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBadAuth(t *testing.T) {
	dir := t.TempDir()
	const hour, day = time.Hour, 24 * time.Hour
	writeCert(t, dir, "good", -hour, hour)
	writeCert(t, dir, "other", -hour, hour)
	writeCert(t, dir, "old", -10*day, -2*day)
	writeCert(t, dir, "new", 2*day, 10*day)
	writePEM(t, filepath.Join(dir, "broken.crt"), "CERTIFICATE", []byte("x"))
	for name, text := range map[string]string{
		"empty.crt": "", "large.crt": strings.Repeat("x", maxCertFile+1),
		"a secret": "s3cret s3cret", "two lines": "s3cret\ns3cret\n", "slash": "s3cret/s3cret", "trailing": "s3cret ", "dots": "..",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, err := os.ReadFile(filepath.Join(dir, "good.key"))
	if err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open.key")
	if err := os.WriteFile(open, key, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
	on := func(ago time.Duration) string { return time.Now().Add(ago).UTC().Format("2006-01-02") }

	const tls = "tls: {cert: good.crt, key: good.key}\n"
	auth := func(auth string) string {
		return "registries: [{name: hub, type: distribution, auth: " + auth + "}]\n"
	}
	const plain = "warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}"
	const headerValue = "begins or ends with a blank, or has a line break or a letter beyond ASCII in it, which no header carries: take another secret"
	const pathLetters = `has a letter in it that a URL's path cannot hold as it is: take a secret of letters, digits, ".", "_", "~" and "-"`
	tests := []struct {
		name, text string
		want       []string
	}{
		{"no kind", auth("{}"), []string{`1: registries[0].auth: names no credential: write one of bearer, basic, header, path and client_ca, such as {bearer: {file: PATH}}`}},
		{"no kind in a list", auth("[{}]"), []string{`1: registries[0].auth[0]: names no credential: write one of bearer, basic, header, path and client_ca, such as {bearer: {file: PATH}}`}},
		{"two kinds", auth("{bearer: s, path: s}"), []string{
			"1: registries[0].auth.bearer: " + plain, "1: registries[0].auth.path: " + plain,
			`1: registries[0].auth: has bearer and path in one: make a list of them, of which any one suffices`,
		}},
		{"two kinds, one of them wrong", auth(`[{basic: {user: a, password: ""}, bearer: {file: slash}, client_ca: good.crt}]`) + tls, []string{
			`1: registries[0].auth[0].basic.password: is empty: write {env: NAME} or {file: PATH}`,
			`1: registries[0].auth[0]: has bearer, basic and client_ca in one: make a list of them, of which any one suffices`,
		}},
		{"unknown kind", auth("{barer: s}"), []string{`1: registries[0].auth.barer: unknown key: did you mean "bearer"?`}},
		{"kind of another program", auth("{hmac: s}"), []string{`1: registries[0].auth.hmac: unknown key: there are bearer, basic, header, path and client_ca`}},
		{"secret in a list", auth("[s3cret]"), []string{`1: registries[0].auth[0]: wants keys and values, found text: write "key: value"`}},
		{"nothing", auth("{path: }"), []string{`1: registries[0].auth.path: is empty: give it a value or remove the key`}},

		{"basic as text", auth("{basic: 'u:p'}"), []string{`1: registries[0].auth.basic: wants keys and values, found text: write "key: value"`}},
		{"basic with nothing", auth("{basic: {}}"), []string{
			`1: registries[0].auth.basic.user: is missing: add it, for example "user: registry"`,
			`1: registries[0].auth.basic.password: is missing: add it, for example "password: {file: /run/secrets/hub}"`,
		}},
		{"basic with another key", auth("{basic: {user: u, pasword: p}}"), []string{`1: registries[0].auth.basic.pasword: unknown key: did you mean "password"?`}},
		{"user with a colon", auth("{basic: {user: 'u:v', password: {file: slash}}}"), []string{
			`1: registries[0].auth.basic.user: has a colon or a line break in it, which no user of HTTP's basic authentication can have: take another name`,
		}},
		{"password of two lines", auth("{basic: {user: u, password: {file: two lines}}}"), []string{
			`1: registries[0].auth.basic.password: has a line break or another control character in it: take another secret`,
		}},
		{"empty password", auth(`{basic: {user: u, password: {env: BB_NOT_SET}}}`), []string{
			`1: registries[0].auth.basic.password: environment variable BB_NOT_SET is not set: set it where bellbuoy is started`,
		}},
		{"plain password", auth("{basic: {user: u, password: p}}"), []string{"1: registries[0].auth.basic.password: " + plain}},

		{"header with nothing", auth("{header: {}}"), []string{
			`1: registries[0].auth.header.name: is missing: add it, for example "name: X-Registry-Token"`,
			`1: registries[0].auth.header.value: is missing: add it, for example "value: {file: /run/secrets/hub}"`,
		}},
		{"header of no name", auth(`{header: {name: "X Token:", value: {file: slash}}}`), []string{
			`1: registries[0].auth.header.name: "X Token:" is no name of a header: use letters, digits and "-", as in X-Registry-Token`,
		}},
		{"header of HTTP", auth(`{header: {name: host, value: {file: slash}}}`), []string{
			`1: registries[0].auth.header.name: "host" is a header that HTTP itself needs: take another name, such as X-Registry-Token`,
		}},
		{"header that names the event", auth(`[{header: {name: x-bellbuoy-event, value: {file: slash}}}, {header: {name: Ce-Type, value: {file: slash}}}]`), []string{
			`1: registries[0].auth[0].header.name: "x-bellbuoy-event" is a header that says what has happened, and would be read as such: take another name, such as X-Registry-Token`,
			`1: registries[0].auth[1].header.name: "Ce-Type" is a header that says what has happened, and would be read as such: take another name, such as X-Registry-Token`,
		}},
		{"empty header", auth(`{header: {name: X-Token, value: ""}}`), []string{`1: registries[0].auth.header.value: is empty: write {env: NAME} or {file: PATH}`}},
		{"header of two lines", auth(`{header: {name: X-Token, value: {file: two lines}}}`), []string{"1: registries[0].auth.header.value: " + headerValue}},
		{"header with a blank behind", auth(`{header: {name: X-Token, value: {file: trailing}}}`), []string{"1: registries[0].auth.header.value: " + headerValue}},
		{"header with a blank within", auth(`{header: {name: Authorization, value: {file: a secret}}}`), nil},

		{"empty path", auth(`{path: ""}`), []string{`1: registries[0].auth.path: is empty: write {env: NAME} or {file: PATH}`}},
		{"path with a slash", auth(`{path: {file: slash}}`), []string{"1: registries[0].auth.path: " + pathLetters}},
		{"path with a blank", auth(`[{path: {file: a secret}}]`), []string{"1: registries[0].auth[0].path: " + pathLetters}},
		{"path of dots", auth(`{path: {file: dots}}`), []string{"1: registries[0].auth.path: " + pathLetters}},

		{"CA without TLS", auth("{client_ca: good.crt}"), []string{
			`1: registries[0].auth.client_ca: needs tls, since a certificate is shown within TLS only: add tls: {cert: FILE, key: FILE} at the top`,
		}},
		{"CA with faulty TLS", auth("{client_ca: good.crt}") + "tls: {cert: good.crt}\n", []string{
			`2: tls.key: is missing: add it, for example "key: /etc/bellbuoy/tls.key"`,
		}},
		{"no CA file", auth("{client_ca: none.crt}") + tls, []string{
			`1: registries[0].auth.client_ca: CA file DIR/none.crt cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
		}},
		{"CA as a secret", auth("{client_ca: {file: good.crt}}") + tls, []string{`1: registries[0].auth.client_ca: wants text, found keys and values: write one value`}},
		{"CA is a folder", auth("{client_ca: .}") + tls, []string{`1: registries[0].auth.client_ca: CA file DIR is not a regular file: name the file that holds the CA`}},
		{"empty CA", auth("{client_ca: empty.crt}") + tls, []string{`1: registries[0].auth.client_ca: CA file DIR/empty.crt holds no certificate: name a PEM file of certificates`}},
		{"key for a CA", auth("{client_ca: good.key}") + tls, []string{`1: registries[0].auth.client_ca: CA file DIR/good.key holds no certificate: name a PEM file of certificates`}},
		{"broken CA", auth("{client_ca: broken.crt}") + tls, []string{`1: registries[0].auth.client_ca: CA file DIR/broken.crt has a certificate that cannot be read (x509: malformed certificate): name a PEM file of certificates`}},
		{"large CA", auth("{client_ca: large.crt}") + tls, []string{`1: registries[0].auth.client_ca: CA file DIR/large.crt is larger than 1024 KiB: name the file that holds the CA`}},
		{"expired CA", auth("{client_ca: old.crt}") + tls, []string{
			`1: registries[0].auth.client_ca: warning: CA file DIR/old.crt: its certificate "CN=old" expired on ` + on(-2*day) + `: no certificate that it signed is taken`,
		}},

		{"TLS as text", "tls: good.crt\n", []string{`1: tls: wants keys and values, found text: write "key: value"`}},
		{"TLS with nothing", "tls: {}\n", []string{
			`1: tls.cert: is missing: add it, for example "cert: /etc/bellbuoy/tls.crt"`,
			`1: tls.key: is missing: add it, for example "key: /etc/bellbuoy/tls.key"`,
		}},
		{"no certificate file", "tls: {cert: none.crt, key: none.key}\n", []string{
			`1: tls.cert: certificate file DIR/none.crt cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
			`1: tls.key: key file DIR/none.key cannot be read: no such file or directory: correct the path, or give bellbuoy's user the right to read it`,
		}},
		{"no certificate in it", "tls: {cert: good.key, key: good.key}\n", []string{`1: tls.cert: certificate file DIR/good.key holds no certificate: name a PEM file, the listener's own certificate first`}},
		{"key of another certificate", "tls: {cert: good.crt, key: other.key}\n", []string{
			`1: tls.key: DIR/other.key is no key for the certificate in DIR/good.crt (private key does not match public key): name the one that belongs to it, unencrypted, in PEM`,
		}},
		{"certificate for a key", "tls: {cert: good.crt, key: good.crt}\n", []string{
			`1: tls.key: DIR/good.crt is no key for the certificate in DIR/good.crt (found a certificate rather than a key in the PEM for the private key): name the one that belongs to it, unencrypted, in PEM`,
		}},
		{"expired certificate", "tls: {cert: old.crt, key: old.key}\n", []string{
			`1: tls.cert: warning: certificate file DIR/old.crt: its certificate expired on ` + on(-2*day) + `: registries that check it will not post; renew it`,
		}},
		{"certificate of tomorrow", "tls: {cert: new.crt, key: new.key}\n", []string{
			`1: tls.cert: warning: certificate file DIR/new.crt: its certificate is not valid before ` + on(2*day) + `: registries that check it will not post; renew it`,
		}},
		{"open key", "tls: {cert: good.crt, key: open.key}\n", []string{
			`1: tls.key: warning: key file DIR/open.key can be read by every user of this machine (mode 0644): take that right away with chmod o-r`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := parse(t, dir, tt.text)
			if !slices.Equal(got, tt.want) {
				t.Errorf("faults\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
			if strings.Contains(strings.Join(got, "\n"), "s3cret") {
				t.Error("a fault tells the secret")
			}
		})
	}
}

func TestAuthKinds(t *testing.T) {
	dir := t.TempDir()
	writeCert(t, dir, "good", -time.Hour, time.Hour)
	t.Setenv("BB_SECRET", "from-env")
	c, faults := parse(t, dir, `
listen: 0.0.0.0:5080
tls: {cert: good.crt, key: `+filepath.Join(dir, "good.key")+`}
registries:
  - name: hub
    type: distribution
    auth:
      - basic: {user: u, password: {env: BB_SECRET}}
      - header: {name: X-Token, value: {env: BB_SECRET}}
      - path: {env: BB_SECRET}
      - client_ca: good.crt
      - bearer: {env: BB_SECRET}
`)
	if len(faults) > 0 {
		t.Fatalf("faults: %q", faults)
	}
	if c.TLS == nil || string(c.TLS.Cert) != filepath.Join(dir, "good.crt") || string(c.TLS.Key) != filepath.Join(dir, "good.key") {
		t.Errorf("tls = %+v", c.TLS)
	}
	a := c.Registries[0].Auth
	if len(a) != 5 {
		t.Fatalf("%d credentials", len(a))
	}
	if b := a[0].Basic; b == nil || b.User != "u" || b.Password.Reveal() != "from-env" {
		t.Errorf("basic = %v", b)
	}
	if h := a[1].Header; h == nil || h.Name != "X-Token" || h.Value.Reveal() != "from-env" {
		t.Errorf("header = %v", h)
	}
	if a[2].Path == nil || a[2].Path.Reveal() != "from-env" || a[4].Bearer == nil {
		t.Errorf("path = %v, bearer = %v", a[2].Path, a[4].Bearer)
	}
	data, err := os.ReadFile(filepath.Join(dir, "good.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	if ca := a[3].ClientCA; ca == nil || !ca.Pool.Equal(pool) {
		t.Errorf("client_ca = %+v", ca)
	}
}
