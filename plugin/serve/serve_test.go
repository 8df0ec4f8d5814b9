package serve

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
)

// TestMain lets the test's own binary be a sender.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "sender" {
		os.Args = slices.Delete(os.Args, 1, 2)
		Main(map[string]plugin.Sender{"echo": echo{}})
		return
	}
	os.Exit(m.Run())
}

func start(t *testing.T, env ...string) (status int, stdout, stderr string) {
	t.Helper()
	return run(t, env)
}

func run(t *testing.T, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	cmd := exec.CommandContext(t.Context(), self, append([]string{"sender"}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errs, env
	if err = cmd.Run(); err == nil {
		return 0, out.String(), errs.String()
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatalf("run: %v", err)
	}
	return exit.ExitCode(), out.String(), errs.String()
}

func TestStartedByHandSaysHow(t *testing.T) {
	status, stdout, stderr := start(t)
	if status != 2 || stdout != "" || !strings.HasPrefix(stderr, "This is a sender of bellbuoy's") || !strings.Contains(stderr, "  serve.test describe ") {
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
