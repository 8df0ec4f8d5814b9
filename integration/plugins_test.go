//go:build linux

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
	var log strings.Builder
	h, err := host.New(host.Config{
		Command: func(string) ([]string, error) { return []string{file}, nil },
		RunDir:  run,
		Logger:  slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of the host's log:\n%s", log.String()[max(0, log.Len()-4096):])
		}
		_ = os.RemoveAll(run)
	})
	return h.Sender(typ)
}

// python packs the sender in Python, where the Debian packages that it needs are there.
func python(t *testing.T) string {
	t.Helper()
	const needs = "apt-get install python3-grpcio python3-protobuf python3-cryptography"
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import grpc, google.protobuf, cryptography, zipapp").CombinedOutput()
	if err != nil {
		missing := fmt.Errorf("the sender in Python needs Debian's packages: %s: %w\n%s", needs, err, out)
		if os.Getenv("BELLBUOY_TEST_REQUIRE") == "all" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	file := filepath.Join(t.TempDir(), "bellbuoy-sender-gotify")
	if out, err := exec.CommandContext(t.Context(), "../examples/sender-python/build.sh", file).CombinedOutput(); err != nil {
		t.Fatalf("pack the sender in Python: %v\n%s", err, out)
	}
	return file
}

// The sender in Python keeps the contract, asked by the host over the wire.
func TestSenderInPythonKeepsTheContract(t *testing.T) {
	t.Parallel()
	plugintest.Run(t, hosted(t, "gotify", python(t)), plugintest.Target{
		Options: `{"url":"{server}/gotify/","token":"AbC.t0ken-of-gotify"}`,
		More:    []string{`{"url":"{server}","token":"AbC.t0ken-of-gotify","priority":7}`, `{"url":"https://push.example.com","token":"AbC.t0ken-of-gotify","priority":null}`},
		Bad:     []string{`{"url":"{server}?token=x","token":"AbC.t0ken-of-gotify"}`, `{"url":"{server}","token":"two words"}`},
	})
}

var _ = errors.Is
