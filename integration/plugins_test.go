//go:build linux

package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/host"
	"github.com/bellbuoy/bellbuoy/plugin/plugintest"
)

// hosted runs the program of a third party's sender as bellbuoy does.
func hosted(t *testing.T, typ, file string) plugin.Sender {
	t.Helper()
	run, err := os.MkdirTemp("", "bb") // a short path, for sockets
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "host.log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(host.Config{
		Command: func(string) ([]string, error) { return []string{file}, nil },
		RunDir:  run,
		Logger:  slog.New(slog.NewTextHandler(out, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			said, _ := os.ReadFile(log)
			t.Logf("the end of the host's log:\n%s", said[max(0, len(said)-4096):])
		}
		out.Close()
		_ = os.RemoveAll(run)
	})
	return h.Sender(typ)
}

// python packs the sender in Python into dir, where the Debian packages that it needs are
// there.
func python(t *testing.T, dir string) string {
	t.Helper()
	if missing := pythonIsThere(t); missing != nil {
		if os.Getenv("BELLBUOY_TEST_REQUIRE") == "all" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	file := filepath.Join(dir, "bellbuoy-sender-gotify")
	if out, err := exec.CommandContext(t.Context(), "../examples/sender-python/build.sh", file).CombinedOutput(); err != nil {
		t.Fatalf("pack the sender in Python: %v\n%s", err, out)
	}
	return file
}

// pythonIsThere says what is missing for senders in Python, if anything.
func pythonIsThere(t *testing.T) error {
	t.Helper()
	const needs = "apt-get install python3-grpcio python3-protobuf python3-cryptography"
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import grpc, google.protobuf, cryptography, zipapp").CombinedOutput()
	if err != nil {
		return fmt.Errorf("a sender in Python needs packages of Debian's: %s: %w\n%s", needs, err, out)
	}
	return nil
}

// golang builds the sender in Go into dir, in a module of its own.
func golang(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(dir, "bellbuoy-sender-ntfy")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", file, ".")
	cmd.Dir = "../examples/sender-go"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the sender in Go: %v\n%s", err, out)
	}
	return file
}

const (
	gotifyToken = "AbC.t0ken-of-gotify"
	ntfyToken   = "tk_s3cret-of-ntfy"
)

// The sender in Python keeps the contract, asked by the host over the wire.
func TestSenderInPythonKeepsTheContract(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, hosted(t, "gotify", python(t, t.TempDir())), plugintest.Target{
		Options: `{"url":"{server}/gotify/","token":"` + gotifyToken + `"}`,
		More: []string{
			`{"url":"{server}","token":"` + gotifyToken + `","priority":7}`,
			`{"url":"https://push.example.com","token":"` + gotifyToken + `","priority":null}`,
		},
		Bad: []string{`{"url":"{server}?token=x","token":"` + gotifyToken + `"}`, `{"url":"{server}","token":"two words"}`},
	})
}

// The sender in Go keeps it too, from another module and over the wire, and its own tests
// pass.
func TestSenderInGoKeepsTheContract(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, hosted(t, "ntfy", golang(t, t.TempDir())), plugintest.Target{
		Options: `{"url":"{server}","topic":"builds","token":"` + ntfyToken + `"}`,
	})
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "go vet . && go test -count=1 .")
	cmd.Dir = "../examples/sender-go"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the tests of the sender in Go: %v\n%s", err, out)
	}
}

// A push in a real registry reaches people through both, built as their authors would and
// pinned as an operator would.
func TestPushArrivesThroughSendersOfThirdParties(t *testing.T) {
	t.Parallel()
	plugins := t.TempDir()
	files := []string{python(t, plugins), golang(t, plugins)}
	dir := t.TempDir()
	s := newStageWith(t, func(target string) (sidecar.Config, error) {
		c := sidecar.Config{Path: filepath.Join(dir, "bellbuoy.yml"), Store: filepath.Join(dir, "bellbuoy.db")}
		var err error
		if c.Listen, err = loopback.Address(); err != nil {
			return c, err
		}
		if c.Admin, err = loopback.Address(); err != nil {
			return c, err
		}
		pins := ""
		for _, file := range files {
			pins += "    " + pin(t, file)
		}
		return c, os.WriteFile(c.Path, fmt.Appendf(nil, `
listen: %s
admin: {listen: %q}
store: %s
plugins:
  dir: %s
  pins:
%s
registries: [{name: hub, type: distribution, auth: {bearer: %s}}]
targets:
  - {name: phone, type: gotify, options: {url: %q, token: %s, priority: 5}}
  - {name: channel, type: ntfy, options: {url: %q, topic: builds, token: %s}}
rules: [{name: pushes, events: [artifact.pushed], deliver: [phone, channel]}]
`, c.Listen, c.Admin, c.Store, plugins, pins, sidecar.Bearer, target, gotifyToken, target, ntfyToken), 0o600)
	})
	s.insist(s.poster(), "7f3c", "prod/api")
	s.wait(func(all []receiver.Arrival) bool { return len(all) >= 2 })
	var said []string
	for _, a := range s.rec.Arrivals() {
		var m struct{ Topic, Title, Message string }
		if err := json.Unmarshal(a.Body, &m); err != nil {
			t.Fatalf("%v in %q", err, a.Body)
		}
		key, token := a.Header.Get("X-Gotify-Key"), a.Header.Get("Authorization")
		said = append(said, strings.Join([]string{key, token, m.Topic, m.Title}, "|"))
	}
	slices.Sort(said)
	want := []string{
		gotifyToken + "|||artifact.pushed prod/api:latest",
		"|Bearer " + ntfyToken + "|builds|prod/api:latest pushed",
	}
	slices.Sort(want)
	if !slices.Equal(said, want) {
		t.Errorf("what arrived:\n%s\nwant:\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	s.until("both are on record", func() bool { return delivered(s) == 2 })
	list, err := s.sidecar.Events(s.ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.sidecar.Command(s.ctx, "trace", list[0].ID, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), gotifyToken) || strings.Contains(string(b), ntfyToken) {
		t.Errorf("the trace shows a secret: %s", b)
	}
}

// pin asks the command for the line of the configuration that pins file.
func pin(t *testing.T, file string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t), "plugins", "hash", file).Output()
	if err != nil {
		t.Fatalf("bellbuoy plugins hash %s: %v", file, err)
	}
	return string(out)
}
