package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A configuration names every file that it was read from, and tells whether one of them
// holds something else now.
func TestReads(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("bb.yml", `
registries:
  - {name: a, type: distribution, auth: {bearer: {file: token}}}
  - {name: b, type: distribution, auth: [{client_ca: ca.pem}, {bearer: {file: token}}]}
targets: [{name: ci, type: webhook, options: {headers: {X: {file: missing}}}}]
`)
	put("token", "s3cret")
	put("ca.pem", "none")
	put("reg.yml", "version: 0.1\nnotifications: {endpoints: [{name: bellbuoy, url: http://127.0.0.1:5080/in/a}]}\n")
	for _, c := range []struct {
		what string
		load func() *Config
		want []string
	}{
		{"own file", func() *Config { c, _ := Load(at("bb.yml"), Known{}); return c }, []string{"bb.yml", "token", "ca.pem", "missing"}},
		{"beside", func() *Config {
			c, _ := LoadBeside(at("bb.yml"), Beside{File: at("reg.yml")}, Known{})
			return c
		}, []string{"reg.yml", "bb.yml", "token", "ca.pem", "missing"}},
		{"no file", func() *Config { c, _ := Load(at("none.yml"), Known{}); return c }, []string{"none.yml"}},
	} {
		reads := c.load().Reads()
		var got []string
		for _, r := range reads {
			got = append(got, filepath.Base(r.Path))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: read %q, want %q", c.what, got, c.want)
		}
		if slices.ContainsFunc(reads, Read.Changed) {
			t.Errorf("%s: has changed since", c.what)
		}
		if again := c.load().Reads(); !slices.Equal(again, reads) {
			t.Errorf("%s: read again: %v", c.what, again)
		}
	}
	reads := func() []Read { c, _ := Load(at("bb.yml"), Known{}); return c.Reads() }
	was := reads()
	put("missing", "come")
	if i := slices.IndexFunc(was, Read.Changed); i < 0 || filepath.Base(was[i].Path) != "missing" {
		t.Errorf("changed: %d", i)
	}
	was = reads()
	if err := os.Remove(at("token")); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(was, Read.Changed) {
		t.Error("a file that is gone has not changed")
	}
}

func TestKeepFixed(t *testing.T) {
	of := func(text string) *Config {
		t.Helper()
		c, faults := Parse("bb.yml", []byte(text), Known{})
		if err := faults.Err(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	running := of("listen: 0.0.0.0:5080\nstore: a.db\nregistries: [{name: hub, type: distribution, auth: {bearer: a-token}}]\n")
	c := of("listen: 127.0.0.1:5080\nstore: b.db\nadmin:\n  listen: 127.0.0.1:7000\nregistries:\n  - {name: hub, type: distribution}\n")
	var got []string
	for _, f := range c.KeepFixed(running) {
		got = append(got, f.String())
	}
	want := []string{
		"bb.yml:1: listen: warning: takes effect at the next start; until then it stays 0.0.0.0:5080",
		"bb.yml:4: admin.listen: warning: takes effect at the next start; until then it stays 127.0.0.1:5081",
		"bb.yml:2: store: warning: takes effect at the next start; until then it stays a.db",
		"bb.yml:6: registries[0].auth: is missing, and until the next start bellbuoy listens on 0.0.0.0:5080, which can be reached from outside: add what the registry must show, or start anew",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if c.Listen != running.Listen || c.Store != running.Store || c.Admin.Listen != running.Admin.Listen {
		t.Errorf("it is not kept: %+v", c)
	}
	if fs := of("listen: 0.0.0.0:5080\nstore: a.db\nregistries: []\n").KeepFixed(running); len(fs) > 0 {
		t.Errorf("of the same: %v", fs)
	}
	c = of("listen: 0.0.0.0:5080\nstore: a.db\n")
	running.TLS = &TLS{Cert: "tls.crt", Key: "tls.key"}
	if fs := c.KeepFixed(running); len(fs) != 1 || c.TLS != running.TLS || fs[0].String() != "bb.yml: tls: warning: takes effect at the next start; until then it stays with the certificate tls.crt" {
		t.Errorf("TLS: %v, %v", c.TLS, fs)
	}
}
