package app

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

const toCommand = `
registries: [{name: hub, type: distribution}]
targets:
  - {name: deploy, type: exec, options: {command: [/bin/sh, -c, "cat > DIR/input; env | sort; ls /proc/self/fd; grep SigIgn /proc/self/status"], env: {TOKEN: s3cret-of-ours}}}
rules: [{name: pushes, events: [artifact.pushed], deliver: [deploy]}]
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: DIR/bellbuoy.db
`

// No command is run where the configuration does not say that some may be.
func TestCommandsHaveToBeAllowed(t *testing.T) {
	file, _ := write(t, toCommand)
	out, err := check(t, file)
	if want := `targets[0].type: "exec" is off, since it does more than send: write "plugins: {allow: [exec]}"`; !errors.Is(err, ErrConfig) || !strings.Contains(out, want) {
		t.Errorf("%v: %s", err, out)
	}
	o := options(t, &output{}, &output{})
	o.Files.Config = file
	if err := Run(t.Context(), o); !errors.Is(err, ErrConfig) {
		t.Errorf("it runs: %v", err)
	}
}

// A command that is allowed is run by a process of its own type, and gets the event, the
// environment of its target, and nothing of bellbuoy's.
func TestRunWithACommand(t *testing.T) {
	runtimeDir(t)
	t.Setenv("SECRET_OF_BELLBUOY", "opensesame")
	file, dir := write(t, "plugins: {allow: [exec]}"+toCommand)
	l := start(t, file)
	id := l.notify("hub", push(t, "a"))[0]
	tr, page := l.settled(id, store.Delivered)
	if a := tr.Deliveries[0].Attempts; len(a) != 1 || a[0].Outcome != plugin.Delivered {
		t.Fatalf("attempts: %+v", a)
	}
	got, err := os.ReadFile(filepath.Join(dir, "input"))
	if err != nil || !strings.Contains(string(got), `"id":"`+id+`"`) {
		t.Errorf("%v: the command read %s", err, got)
	}
	said, mask, _ := strings.Cut(tr.Deliveries[0].Attempts[0].Reply, "SigIgn:\t")
	want := "BELLBUOY_ATTEMPT=1\nBELLBUOY_CONTENT_TYPE=application/json\nBELLBUOY_DELIVERY=" + tr.Deliveries[0].ID +
		"\nBELLBUOY_EVENT_TYPE=artifact.pushed\nBELLBUOY_TARGET=deploy\nPWD=/\nTOKEN=***\n" + // PWD is the shell's
		"0\n1\n2\n3\n"
	if said != want || strings.Contains(page, "s3cret-of-ours") {
		t.Errorf("the command said\n%s\nwant\n%s", said, want)
	}
	// Of those beyond 31, the C library's own, make leaves some ignored.
	ignored, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
	if err != nil || ignored&(1<<31-1) != 0 {
		t.Errorf("the command ignores the signals %x, %v", ignored, err)
	}
}
