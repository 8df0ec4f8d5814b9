package serve

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
)

// TestMain lets the test's own binary be a sender.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "sender" {
		Main(map[string]plugin.Sender{})
		return
	}
	os.Exit(m.Run())
}

func start(t *testing.T, env ...string) (status int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	cmd := exec.CommandContext(t.Context(), self, "sender")
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, env
	err = cmd.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatalf("run: %v", err)
	}
	return exit.ExitCode(), out.String(), errs.String()
}

func TestStartedByHandSaysSo(t *testing.T) {
	status, stdout, stderr := start(t)
	want := "serve.test: this is a sender of bellbuoy's, not to be started by hand: bellbuoy starts it for a target of its type\n"
	if status != 2 || stdout != "" || stderr != want {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

func TestWrongLifePipeIsRefused(t *testing.T) {
	h := wire.Handshake()
	for fd, want := range map[string]string{
		"1":    `"1" is not a descriptor of a pipe`,
		"four": `"four" is not a descriptor of a pipe`,
		"900":  "descriptor 900: bad file descriptor",
	} {
		status, stdout, stderr := start(t, h.MagicCookieKey+"="+h.MagicCookieValue, wire.LifeFD+"="+fd)
		if status != 2 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: status %d, stdout %q, stderr %q", fd, status, stdout, stderr)
		}
	}
}
