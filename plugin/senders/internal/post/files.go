package post

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// maxFile bounds a file of certificates, in bytes.
const maxFile = 1 << 20

// TLS is the options of that name: each but ServerName is PEM, or the absolute path of a
// file of it. The zero TLS trusts the machine's authorities and shows no certificate.
type TLS struct{ CA, Cert, Key, ServerName string }

// PEM says what is wrong with a text that should be PEM or a path; it is a rule of package
// options.
func PEM(s string) string {
	if !inline(s) && !filepath.IsAbs(s) {
		return "is neither PEM nor the absolute path of a file of it; write the path from the root, or {file: PATH}"
	}
	return ""
}

func inline(s string) bool { return strings.Contains(s, "-----BEGIN ") }

// Secrets are the parts that must not be shown.
func (t TLS) Secrets() []string {
	if !inline(t.Key) {
		return nil
	}
	var secrets []string
	for line := range strings.Lines(t.Key) {
		if line = strings.TrimSpace(line); len(line) >= 16 && !strings.HasPrefix(line, "-----") {
			secrets = append(secrets, line)
		}
	}
	return secrets
}

// Files is a TLS, read.
type Files struct {
	sum        [sha256.Size]byte
	roots      *x509.CertPool // nil: the machine's
	pair       *tls.Certificate
	serverName string
}

// config is for a connection. TLS below 1.2 is never spoken.
func (f *Files) config() *tls.Config {
	c := &tls.Config{RootCAs: f.roots, ServerName: f.serverName, MinVersion: tls.VersionTLS12}
	if f.pair != nil {
		c.Certificates = []tls.Certificate{*f.pair}
	}
	return c
}

// Read reads what t names, and reports what is wrong with it at now, as paths within t:
// "cert". It is nil for the zero TLS. Where restricted, files are not read.
func (t TLS) Read(restricted bool, now time.Time) (*Files, []plugin.Fault) {
	if t == (TLS{}) {
		return nil, nil
	}
	f := &Files{serverName: t.ServerName}
	var faults []plugin.Fault
	sum := sha256.New()
	load := func(path, value string) []byte {
		if value == "" {
			return nil
		}
		b, err := load(value, restricted)
		if err != nil {
			faults = append(faults, plugin.Fault{Path: path, Message: err.Error()})
			return nil
		}
		fmt.Fprintf(sum, "%s %d ", path, len(b))
		_, _ = sum.Write(b)
		return b
	}
	if inline(t.Cert) && strings.Contains(t.Cert, "PRIVATE KEY-----") { // it would be shown
		faults = append(faults, plugin.Fault{Path: "cert", Message: "holds a private key; put that into tls.key"})
	}
	ca, cert, key := load("ca", t.CA), load("cert", t.Cert), load("key", t.Key)
	fmt.Fprintf(sum, "name %s", t.ServerName)
	sum.Sum(f.sum[:0])
	if ca != nil {
		var problem string
		if f.roots, problem = authorities(ca, now); problem != "" {
			faults = append(faults, plugin.Fault{Path: "ca", Message: problem, Warning: f.roots != nil})
		}
	}
	switch {
	case t.Cert != "" && t.Key == "":
		faults = append(faults, plugin.Fault{Path: "key", Message: "is missing; give the private key of the certificate in tls.cert"})
	case t.Cert == "" && t.Key != "":
		faults = append(faults, plugin.Fault{Path: "cert", Message: "is missing; give the certificate of the private key in tls.key"})
	case cert != nil && key != nil:
		var fault plugin.Fault
		if f.pair, fault = pair(cert, key, now); fault.Message != "" {
			faults = append(faults, fault)
		}
	}
	if plugin.Failed(faults) {
		return nil, faults
	}
	return f, faults
}

// load returns PEM. Its errors name no content.
func load(value string, restricted bool) ([]byte, error) {
	if inline(value) {
		return []byte(value), nil
	}
	if restricted {
		return nil, errors.New("names a file, which only a target of the config file can; give the PEM itself")
	}
	file, err := os.Open(value)
	if err != nil {
		if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("cannot be read: %s: %w", value, err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	case len(b) > maxFile:
		return nil, fmt.Errorf("is larger than %d bytes: %s", maxFile, value)
	}
	return b, nil
}

// authorities reads certificates, of which one should be in force: where none is, they are
// returned all the same.
func authorities(text []byte, now time.Time) (*x509.CertPool, string) {
	pool := x509.NewCertPool()
	var last *x509.Certificate
	valid := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Sprintf("holds a %s; it is for the certificates of authorities alone", strings.ToLower(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, "holds a certificate that cannot be read: " + err.Error()
		}
		pool.AddCert(c)
		last = c
		valid = valid || now.Before(c.NotAfter)
	}
	switch {
	case last == nil:
		return nil, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
	case !valid:
		return pool, fmt.Sprintf("expired on %s; give the authority's new certificate", last.NotAfter.UTC().Format(time.DateOnly))
	}
	return pool, ""
}

// pair reads a certificate and its key; it is nil where it cannot be used.
func pair(cert, key []byte, now time.Time) (*tls.Certificate, plugin.Fault) {
	block, _ := pem.Decode(key)
	switch {
	case block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, plugin.Fault{Path: "key", Message: "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"}
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, plugin.Fault{Path: "key", Message: "is encrypted; give it without a passphrase"}
	}
	first, _ := pem.Decode(cert)
	if first == nil || first.Type != "CERTIFICATE" {
		return nil, plugin.Fault{Path: "cert", Message: "holds no certificate in PEM (-----BEGIN CERTIFICATE-----), or not as its first block"}
	}
	leaf, err := x509.ParseCertificate(first.Bytes)
	if err != nil {
		return nil, plugin.Fault{Path: "cert", Message: "holds a certificate that cannot be read: " + err.Error()}
	}
	p, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, plugin.Fault{Path: "key", Message: "does not belong to the certificate in tls.cert: " + strings.TrimPrefix(err.Error(), "tls: ")}
	}
	// A certificate that expires must not keep bellbuoy from starting again.
	switch {
	case now.After(leaf.NotAfter):
		return &p, plugin.Fault{Path: "cert", Message: fmt.Sprintf("expired on %s; renew it", leaf.NotAfter.UTC().Format(time.DateOnly)), Warning: true}
	case now.Before(leaf.NotBefore):
		return &p, plugin.Fault{Path: "cert", Message: fmt.Sprintf("is not valid before %s; wait, or set the clock", leaf.NotBefore.UTC().Format(time.RFC3339)), Warning: true}
	}
	return &p, plugin.Fault{}
}

// stamp changes when a file that t names does, as far as can be told without reading it.
func (t TLS) stamp() string {
	var b strings.Builder
	for _, value := range []string{t.CA, t.Cert, t.Key} {
		if value == "" || inline(value) {
			continue
		}
		if info, err := os.Stat(value); err == nil {
			fmt.Fprintf(&b, "%d %d;", info.ModTime().UnixNano(), info.Size())
		} else {
			b.WriteString("gone;")
		}
	}
	return b.String()
}
