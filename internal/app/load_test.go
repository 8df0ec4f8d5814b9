package app

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
)

const good = `
registries: [{name: hub, type: distribution}]
targets: [{name: ci, type: webhook, options: {url: "https://ci.example.com/hook"}}]
rules:
  - {name: pushes, events: [artifact.pushed], deliver: [ci]}
  - {name: rest, deliver: [ci]}
`

func check(t *testing.T, file string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Check(t.Context(), Files{Config: file}, &out)
	return out.String(), err
}

func TestCheckGood(t *testing.T) {
	file, _ := write(t, good)
	out, err := check(t, file)
	if want := file + ": good: 1 registry, 1 target, 2 rules\n"; out != want || err != nil {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

// Faults that the reader of the file, the rules and the sender of a target find are
// told together, in the order of the file, each once, and nothing is loaded.
func TestCheckFaults(t *testing.T) {
	file, _ := write(t, `stroe: here
registries: [{name: hub, type: distribution, auth: {bearer: plain}}]
targets:
  - name: ci
    type: webhook
    options:
      url: ftp://ci.example.com
      method: GET
      headers:
        X Token: in-the-file
        X-Other: in-the-file
  - name: env
    type: webhook
    options: {url: {env: BELLBUOY_TEST_NOT_SET}}
  - name: pigeon
    type: webhok
rules:
  - name: pushes
    events: [artifact.psuhed]
    tag: {regex: "v(1"}
    deliver: [cj]
`)
	want := strings.ReplaceAll(`FILE:1: stroe: unknown key: did you mean "store"?
FILE:2: registries[0].auth.bearer: warning: the secret stands in this file, for all who can read it: write {env: NAME} or {file: PATH}
FILE:7: targets[0].options.url: is neither http nor https; write it as https://host/path
FILE:8: targets[0].options.method: is neither POST nor PUT; choose one, or leave it out for POST
FILE:10: targets[0].options.headers.X Token: is not a header's name; use letters, digits and dashes
FILE:11: targets[0].options.headers.X-Other: warning: what may be a secret stands in this file, for all who can read it: if it is one, write {env: NAME} or {file: PATH} instead
FILE:14: targets[1].options.url: environment variable BELLBUOY_TEST_NOT_SET is not set: set it where bellbuoy is started
FILE:16: targets[2].type: unknown target type "webhok": did you mean "webhook"?
FILE:19: rules[0].events[0]: unknown event type "artifact.psuhed": did you mean "artifact.pushed"?
FILE:20: rules[0].tag.regex: is no RE2 regex: missing closing ) in "v(1": correct it (RE2 has no look-around and no back-references)
FILE:21: rules[0].deliver[0]: unknown target "cj": did you mean "ci"?
`, "FILE", file)
	out, err := check(t, file)
	if d := cmp.Diff(want, out); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !errors.Is(err, ErrConfig) || err.Error() != "the configuration cannot be used: 9 faults" {
		t.Errorf("got %v", err)
	}

	_, faults, err := load(t.Context(), Files{Config: file}, "test")
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("got %v", err)
	}
	lines := []string{ErrConfig.Error() + ":"}
	for _, f := range faults {
		if f.Severity == config.Error {
			lines = append(lines, f.String())
		}
	}
	if d := cmp.Diff(strings.Join(lines, "\n"), err.Error()); d != "" {
		t.Errorf("what run tells is not what check tells (-check +run):\n%s", d)
	}
}

func TestCheckOneFault(t *testing.T) {
	file, _ := write(t, "stroe: here\n")
	if _, err := check(t, file); !errors.Is(err, ErrConfig) || err.Error() != "the configuration cannot be used: 1 fault" {
		t.Errorf("got %v", err)
	}
}

func TestCheckWarningsOnly(t *testing.T) {
	file, _ := write(t, `
registries: [{name: hub, type: distribution}]
targets:
  - name: ci
    type: webhook
    options:
      url: https://ci.example.com/hook
      headers:
        X-Token: in-the-file
`)
	out, err := check(t, file)
	want := file + ":9: targets[0].options.headers.X-Token: warning: what may be a secret stands in this file, for all who can read it: if it is one, write {env: NAME} or {file: PATH} instead\n" +
		file + ": good: 1 registry, 1 target, 0 rules\n"
	if err != nil || out != want {
		t.Errorf("got %v and\n%swant\n%s", err, out, want)
	}
}

// Without a file, check wants the default one, and run does with none.
func TestNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	out, err := check(t, "")
	want := "bellbuoy.yml: there is no such file: correct the path, or write the file\n"
	if !errors.Is(err, ErrConfig) || out != want {
		t.Errorf("got %v and %q", err, out)
	}
	s, faults, err := load(t.Context(), Files{}, "test")
	if err != nil || len(faults) > 0 || s.file != "" {
		t.Fatalf("got file %q, %v, %v", s.file, faults, err)
	}
	if c := s.config; c.Listen != "127.0.0.1:5080" || c.Admin.Listen != "127.0.0.1:5081" || c.Store != "./bellbuoy.db" || s.rules == nil {
		t.Errorf("got %+v", c)
	}
	got := s.plan(nil)
	for _, name := range []string{"distribution", "harbor", "quay"} {
		if r := got.Registries[name]; r.Type != name || r.Adapter == nil || r.Translate == nil {
			t.Errorf("registry %s: %+v", name, r)
		}
	}
	if len(got.Registries) != 3 || len(got.Targets) != 1 || got.Targets["inbox"].Type != "inbox" {
		t.Errorf("got %+v", got)
	}
}

// A default file that is there is read, and one that cannot be is a fault: to run
// without it would deliver nothing, in silence.
func TestDefaultFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(DefaultFile, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, _, err := load(t.Context(), Files{}, "test"); err != nil || s.file != DefaultFile || len(s.config.Targets) != 1 {
		t.Errorf("got file %q, %v", s.file, err)
	}
	if out, err := check(t, ""); err != nil || out != "bellbuoy.yml: good: 1 registry, 1 target, 2 rules\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if err := os.Remove(DefaultFile); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(DefaultFile, DefaultFile); err != nil { // which leads nowhere
		t.Fatal(err)
	}
	if _, _, err := load(t.Context(), Files{}, "test"); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v", err)
	}
}

// What cannot be told is not passed over.
func TestCheckCannotPrint(t *testing.T) {
	file, _ := write(t, good)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	if err := Check(t.Context(), Files{Config: file}, w); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
