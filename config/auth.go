package config

import (
	"crypto/x509"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// AuthList is a list of credentials, or in the file a single one.
type AuthList []Auth

// Auth is one credential that a registry may show; it has exactly one key.
type Auth struct {
	// Bearer is the token in "Authorization: Bearer TOKEN".
	Bearer *Secret `yaml:"bearer" jsonschema:"example={file: /run/secrets/hub}"`
	// Basic is a user and a password, as HTTP's basic authentication has them.
	Basic *Basic `yaml:"basic" jsonschema:"example={user: registry, password: {file: /run/secrets/hub}}"`
	// Header is a header whose whole value is a secret.
	Header *Header `yaml:"header" jsonschema:"example={name: X-Registry-Token, value: {file: /run/secrets/hub}}"`
	// Path is a secret in the URL, for registries that can send nothing else:
	// /in/NAME/-/SECRET.
	Path *Secret `yaml:"path" jsonschema:"example={file: /run/secrets/hub}"`
	// ClientCA is a PEM file of who signs the certificates that the registry may show. It
	// needs tls. Its path is relative to the folder of this file.
	ClientCA *CA `yaml:"client_ca" jsonschema:"example=/etc/bellbuoy/registry-ca.crt"`
}

// Basic is a user and a password, as HTTP's basic authentication has them.
type Basic struct {
	// User is the name, without a colon.
	User string `yaml:"user" jsonschema:"required,example=registry"`
	// Password is shown together with the name.
	Password *Secret `yaml:"password" jsonschema:"required,example={file: /run/secrets/hub}"`
}

// Header is a header whose whole value is a secret.
type Header struct {
	// Name is that of the header.
	Name string `yaml:"name" jsonschema:"required,example=X-Registry-Token"`
	// Value is the whole value, a scheme before it too.
	Value *Secret `yaml:"value" jsonschema:"required,example={file: /run/secrets/hub}"`
}

// CA is a file of certificates that others are checked against. It is read once, with
// the configuration.
type CA struct {
	File string
	Pool *x509.CertPool
}

// MarshalText shows the file's name only.
func (c CA) MarshalText() ([]byte, error) { return []byte(c.File), nil }

// authKinds are the keys of an [Auth].
var authKinds = [...]string{"bearer", "basic", "header", "path", "client_ca"}

// auth decodes a list of credentials, or a single one.
func (d *decoder) auth(n *yaml.Node, v reflect.Value, path string) {
	switch n.Kind {
	case yaml.SequenceNode:
		d.list(n, v, path)
		return
	case yaml.ScalarNode: // perhaps the secret itself, so it is not quoted
		d.fault(n.Line, path, "wants keys and values, found "+kindOf(n)+": write {bearer: {file: PATH}}")
		return
	}
	var a Auth
	d.credential(n, reflect.ValueOf(&a).Elem(), path)
	v.Set(reflect.ValueOf(AuthList{a}))
}

// credential decodes one credential, which is of one kind.
func (d *decoder) credential(n *yaml.Node, v reflect.Value, path string) {
	before := len(d.faults)
	d.kind(n, v, path)
	var given []string
	for _, kind := range authKinds {
		if _, ok := d.lines[dotted(join(path, kind))]; ok {
			given = append(given, kind)
		}
	}
	switch {
	case len(given) > 1:
		d.fault(n.Line, path, fmt.Sprintf("has %s in one: make a list of them, of which any one suffices", and(given)))
	case len(given) == 0 && !d.faults[before:].Failed():
		d.fault(n.Line, path, fmt.Sprintf("names no credential: write one of %s, such as {bearer: {file: PATH}}", and(authKinds[:])))
	}
}

func and(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// credential finds what no request could ever show, and what could never be checked.
func (k *checker) credential(at string, a Auth) {
	if a.Bearer != nil && strings.ContainsFunc(a.Bearer.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		k.fault(at+".bearer", "has a blank, a line break or a letter beyond ASCII in it, which no header carries: take another secret")
	}
	if a.Basic != nil {
		if strings.ContainsFunc(a.Basic.User, isControl) || strings.Contains(a.Basic.User, ":") {
			k.fault(at+".basic.user", "has a colon or a line break in it, which no user of HTTP's basic authentication can have: take another name")
		}
		if strings.ContainsFunc(a.Basic.Password.Reveal(), isControl) {
			k.fault(at+".basic.password", "has a line break or another control character in it: take another secret")
		}
	}
	if a.Header != nil {
		k.headerName(at+".header.name", a.Header.Name)
		v := a.Header.Value.Reveal()
		if strings.Trim(v, " ") != v || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			k.fault(at+".header.value", "begins or ends with a blank, or has a line break or a letter beyond ASCII in it, which no header carries: take another secret")
		}
	}
	if a.Path != nil {
		v := a.Path.Reveal()
		if v == "." || v == ".." || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/?#%\\\"<>^`{|}", r) }) {
			k.fault(at+".path", `has a letter in it that a URL's path cannot hold as it is: take a secret of letters, digits, ".", "_", "~" and "-"`)
		}
	}
	if a.ClientCA != nil && k.TLS == nil {
		if _, given := k.lines["tls"]; !given {
			k.fault(at+".client_ca", "needs tls, since a certificate is shown within TLS only: add tls: {cert: FILE, key: FILE} at the top")
		}
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// headerName finds names that are none, and those whose headers a handler never sees
// or that mean something else.
func (k *checker) headerName(at, name string) {
	const special = "!#$%&'*+-.^_`|~"
	isToken := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune(special, r)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !isToken(r) }) {
		k.fault(at, "%q is no name of a header: use letters, digits and \"-\", as in X-Registry-Token", name)
		return
	}
	taken := []string{"connection", "content-encoding", "content-length", "content-type", "expect", "host", "origin", "sec-fetch-site", "te", "trailer", "transfer-encoding", "upgrade"}
	switch lower := strings.ToLower(name); {
	case slices.Contains(taken, lower):
		k.fault(at, "%q is a header that HTTP itself needs: take another name, such as X-Registry-Token", name)
	case lower == "x-bellbuoy-event", strings.HasPrefix(lower, "ce-"):
		k.fault(at, "%q is a header that says what has happened, and would be read as such: take another name, such as X-Registry-Token", name)
	}
}
