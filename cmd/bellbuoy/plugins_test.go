package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/api"
)

// withPlugins is the real API of a bellbuoy with a sender that runs and one that is
// halted, which a restart mends.
func withPlugins(t *testing.T) (server string) {
	t.Helper()
	at := time.Date(2026, 3, 1, 11, 59, 58, 0, time.UTC)
	next := at.Add(5 * time.Minute)
	halted := api.Plugin{
		Type: "matrix", Version: "1.0\u202e", File: "/usr/lib/bellbuoy/bellbuoy-sender-matrix", Pin: strings.Repeat("0a", 32),
		Source: &api.Source{File: "bellbuoy.yml", Line: 3}, State: "halted", Since: &at, Next: &next, Restarts: 4, Deaths: 5,
		Error: "the process ended: exit status 3", Targets: []string{"room"},
		Lines: []api.PluginLine{{Time: at, PID: 99, Text: "no licence"}, {Time: at, PID: 99, Text: "good bye"}}, LinesDropped: 7,
	}
	srv := httptest.NewServer(api.New(api.Config{
		Log: slog.New(slog.DiscardHandler),
		Plugins: func() []api.Plugin {
			return []api.Plugin{halted, {Type: "webhook", Version: "1.2.3", Builtin: true, State: "up", Since: &at, PID: 42, Resident: 12 << 20, InFlight: 3,
				Targets: []string{"ci", "ops"}, Lines: []api.PluginLine{}}}
		},
		RestartPlugin: func(_ context.Context, typ string) error {
			if typ != "matrix" {
				return errors.New("the new one did not start, the old one goes on: no memory")
			}
			halted.State, halted.Next, halted.PID, halted.Deaths = "up", nil, 100, 0
			return nil
		},
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestPlugins(t *testing.T) {
	server := withPlugins(t)
	got := bellbuoy(t, server, "plugins")
	if got.status != exitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	plain(t, got.stdout)
	golden(t, "plugins.golden", got.stdout)
	if list := bellbuoy(t, server, "plugins", "list"); list != got {
		t.Errorf("list: %+v", list)
	}
	var list []api.Plugin
	if err := json.Unmarshal([]byte(bellbuoy(t, server, "plugins", "-o", "json").stdout), &list); err != nil || len(list) != 2 || len(list[0].Lines) != 0 {
		t.Errorf("%v, %+v", err, list)
	}

	got = bellbuoy(t, server, "plugins", "inspect", "matrix")
	if got.status != exitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	plain(t, got.stdout)
	golden(t, "plugins-inspect.golden", got.stdout)
	var p api.Plugin
	if err := json.Unmarshal([]byte(bellbuoy(t, server, "plugins", "inspect", "matrix", "-o", "json").stdout), &p); err != nil || len(p.Lines) != 2 {
		t.Errorf("%v, %+v", err, p)
	}
	if got := bellbuoy(t, server, "plugins", "inspect", "pigeon"); got.status != exitNothing || !strings.Contains(got.stderr, `no target has the type "pigeon"`) {
		t.Errorf("%+v", got)
	}

	if got := bellbuoy(t, server, "plugins", "restart", "matrix"); got.status != exitDone || !strings.Contains(got.stdout, "up since 2026-03-01T11:59:58Z\n") {
		t.Errorf("%+v", got)
	}
	if got := bellbuoy(t, server, "plugins", "restart", "webhook"); got.status != exitFailed || !strings.Contains(got.stderr, "the old one goes on: no memory") {
		t.Errorf("%+v", got)
	}
	for _, args := range [][]string{{"plugins", "lst"}, {"plugins", "inspect"}, {"plugins", "inspect", ".."}, {"plugins", "hash"}, {"plugins", "restart", "a", "b"}} {
		if got := bellbuoy(t, server, args...); got.status != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// What hash prints is what verify asks for.
func TestHashAndVerify(t *testing.T) {
	dir := t.TempDir()
	file, config := filepath.Join(dir, "bellbuoy-sender-matrix"), filepath.Join(dir, "bb.yml")
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "#!/bin/sh\n", 0o755)
	pin := bellbuoy(t, "", "plugins", "hash", file)
	if pin.status != exitDone || len(pin.stdout) != len(`- {type: matrix, sha256: ""}`)+65 || !strings.HasPrefix(pin.stdout, `- {type: matrix, sha256: "`) {
		t.Errorf("%+v", pin)
	}
	write(config, "plugins:\n  dir: .\n  pins:\n  "+pin.stdout, 0o600)
	if got := bellbuoy(t, "", "plugins", "verify", config); got != (result{exitDone, config + ":4: good: " + file + " holds what is pinned\n", ""}) {
		t.Errorf("%+v", got)
	}
	write(filepath.Join(dir, "bellbuoy-sender-pigeon"), "#!/bin/sh\n", 0o755)
	write(file, "#!/bin/bash\n", 0o777)
	got := bellbuoy(t, "", "plugins", "verify", config)
	if got.status != exitUsage || !strings.Contains(got.stdout, config+":2: plugins.dir: warning: has bellbuoy-sender-pigeon, which is not pinned") ||
		!strings.Contains(got.stdout, config+":4: plugins.pins[0]: file "+file+" can be changed by others (mode 0777)") {
		t.Errorf("%+v", got)
	}
	for _, path := range []string{config, filepath.Join(dir, "bellbuoy-sender-none")} {
		if got := bellbuoy(t, "", "plugins", "hash", path); got.status != exitFailed {
			t.Errorf("%+v", got)
		}
	}
	pin = bellbuoy(t, "", "plugins", "hash", "--type", "pigeon,gull", "--type", "matrix", file)
	if want := "- {type: pigeon, file: bellbuoy-sender-matrix, sha256: "; !strings.HasPrefix(pin.stdout, want) ||
		strings.Count(pin.stdout, ", file: bellbuoy-sender-matrix, ") != 2 || !strings.Contains(pin.stdout, "\n- {type: matrix, sha256: ") {
		t.Errorf("%+v", pin)
	}
	write(file, "#!/bin/bash\n", 0o755)
	write(config, "plugins:\n  dir: .\n  pins:\n  "+strings.ReplaceAll(pin.stdout, "\n", "\n  "), 0o600)
	got = bellbuoy(t, "", "plugins", "verify", config)
	if got.status != exitDone || strings.Count(got.stdout, "good: "+file+" holds what is pinned\n") != 3 {
		t.Errorf("%+v", got)
	}
	write(config, "registries: []\n", 0o600)
	if got := bellbuoy(t, "", "plugins", "verify", config); got != (result{exitDone, config + ": no plugin is pinned\n", ""}) {
		t.Errorf("%+v", got)
	}
}
