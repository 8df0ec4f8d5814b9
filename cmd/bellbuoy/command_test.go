package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin/senders"
)

var update = flag.Bool("update", false, "write the golden files anew")

// result is what a command line left behind.
type result struct {
	status         int
	stdout, stderr string
}

// bellbuoy runs a command line at noon, with BELLBUOY_SERVER set to server.
func bellbuoy(t *testing.T, server string, args ...string) result {
	t.Helper()
	return bellbuoyEnv(t, map[string]string{"BELLBUOY_SERVER": server}, args...)
}

func bellbuoyEnv(t *testing.T, env map[string]string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	status := execute(context.Background(), args, environment{
		stdout: &out,
		stderr: &err,
		getenv: func(name string) string { return env[name] },
		now:    func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	})
	return result{status, out.String(), err.String()}
}

// recorded is a server that answers a path with a file of testdata, and says of
// any other that there is nothing.
func recorded(t *testing.T, files map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := files[r.URL.Path]
		if !ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"title":"Not Found","status":404,"detail":"there is no such thing"}`))
			return
		}
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// golden fails t unless got is what the file of testdata holds.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// plain fails t where s holds a character that a terminal would not just show.
func plain(t *testing.T, s string) {
	t.Helper()
	for i, r := range s {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U at byte %d of %q", r, i, s)
		}
	}
}

func TestForPeople(t *testing.T) {
	for _, c := range []struct {
		golden string
		path   string
		args   []string
	}{
		{"trace", "/api/v1/events/x", []string{"trace", "x"}},
		{"trace-held", "/api/v1/events/x", []string{"trace", "x"}},
		{"trace-hostile", "/api/v1/events/x", []string{"trace", "x"}},
		{"events", "/api/v1/events", []string{"events"}},
		{"quarantine", "/api/v1/quarantine", []string{"quarantine"}},
		{"quarantine-one", "/api/v1/quarantine/x", []string{"quarantine", "x"}},
	} {
		t.Run(c.golden, func(t *testing.T) {
			server := recorded(t, map[string]string{c.path: c.golden + ".json"})
			got := bellbuoy(t, server, c.args...)
			if got.status != exitDone || got.stderr != "" {
				t.Fatalf("status %d: %s", got.status, got.stderr)
			}
			plain(t, got.stdout)
			golden(t, c.golden+".golden", got.stdout)
		})
	}
}

// For machines: the same values that the server told, unknown fields too, and still
// nothing that a terminal would act on.
func TestForMachines(t *testing.T) {
	for file, c := range map[string]struct {
		path string
		args []string
	}{
		"trace.json":          {"/api/v1/events/x", []string{"trace", "x", "-o", "json"}},
		"trace-hostile.json":  {"/api/v1/events/x", []string{"trace", "x", "-o", "json"}},
		"events.json":         {"/api/v1/events", []string{"events", "-o", "json"}},
		"quarantine.json":     {"/api/v1/quarantine", []string{"quarantine", "--output=json"}},
		"quarantine-one.json": {"/api/v1/quarantine/x", []string{"quarantine", "-o=json", "x"}},
	} {
		t.Run(file, func(t *testing.T) {
			got := bellbuoy(t, recorded(t, map[string]string{c.path: file}), c.args...)
			if got.status != exitDone || got.stderr != "" {
				t.Fatalf("status %d: %s", got.status, got.stderr)
			}
			plain(t, got.stdout)
			b, err := os.ReadFile(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			var want, have any
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(got.stdout), &have); err != nil {
				t.Fatalf("%v in %s", err, got.stdout)
			}
			if d := cmp.Diff(want, have); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWrongUse(t *testing.T) {
	processes := senders.Builtin()
	maps.DeleteFunc(processes, func(typ string, _ senders.Constructor) bool { return senders.InProcess(typ) })
	builtin := strings.Join(slices.Sorted(maps.Keys(processes)), ", ")
	empty := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"evnts":              "bellbuoy: there is no command \"evnts\"; did you mean events?\nSee 'bellbuoy --help'.\n",
		"help evnts":         "bellbuoy: there is no command \"evnts\"; did you mean events?\nSee 'bellbuoy --help'.\n",
		"completion tcsh":    "bellbuoy: there is no command \"tcsh\"\nSee 'bellbuoy completion --help'.\n",
		"--colour":           "bellbuoy: unknown flag: --colour\nSee 'bellbuoy --help'.\n",
		"events --colour":    "bellbuoy: unknown flag: --colour\nSee 'bellbuoy events --help'.\n",
		"events -o yaml":     "bellbuoy: invalid argument \"yaml\" for \"-o, --output\" flag: want table or json\nSee 'bellbuoy events --help'.\n",
		"events --limit 0":   "bellbuoy: --limit 0: want 1 or more\nSee 'bellbuoy events --help'.\n",
		"events prod/api":    "bellbuoy: \"prod/api\" is one too many: there are no arguments, only flags\nSee 'bellbuoy events --help'.\n",
		"trace":              "bellbuoy: want one ID, not 0\nSee 'bellbuoy trace --help'.\n",
		"trace a b":          "bellbuoy: want one ID, not 2\nSee 'bellbuoy trace --help'.\n",
		"trace ..":           "bellbuoy: \"..\" is no ID: name one as the list shows it\nSee 'bellbuoy trace --help'.\n",
		"quarantine .":       "bellbuoy: \".\" is no ID: name one as the list shows it\nSee 'bellbuoy quarantine --help'.\n",
		"check a b":          "bellbuoy: want one FILE, not 2\nSee 'bellbuoy check --help'.\n",
		"run now":            "bellbuoy: \"now\" is one too many: there are no arguments, only flags\nSee 'bellbuoy run --help'.\n",
		"check --endpoint x": "bellbuoy: --endpoint x: it is one of a registry's; name its file with --registry-config\nSee 'bellbuoy check --help'.\n",
		"run --endpoint x":   "bellbuoy: --endpoint x: it is one of a registry's; name its file with --registry-config\nSee 'bellbuoy run --help'.\n",
		"translate":          "bellbuoy: --registry-type is missing: name the type of the registry that sent it\nSee 'bellbuoy translate --help'.\n",
		"translate --registry-type distributoin /no/file": "bellbuoy: unknown registry type \"distributoin\": did you mean \"distribution\"?\nSee 'bellbuoy translate --help'.\n",
		"translate --registry-type x --event a/b":         "bellbuoy: --registry and --event are parts of a URL's path: leave out slashes, blanks and the like\nSee 'bellbuoy translate --help'.\n",
		"translate --registry-type x --header K=V":        "bellbuoy: --header \"K=V\" is no header: write 'NAME: VALUE'\nSee 'bellbuoy translate --help'.\n",
		"translate a b":                "bellbuoy: want one FILE, not 2\nSee 'bellbuoy translate --help'.\n",
		"connect":                      "bellbuoy: want the TYPE of a registry: there are distribution, harbor, quay\nSee 'bellbuoy connect --help'.\n",
		"connect nexus":                "bellbuoy: nothing is known of connecting a registry of type \"nexus\": there are distribution, harbor, quay\nSee 'bellbuoy connect --help'.\n",
		"connect quay now":             "bellbuoy: \"now\" is one too many: there are no arguments, only flags\nSee 'bellbuoy connect quay --help'.\n",
		"connect quay --url bellbuoy":  "bellbuoy: no http or https URL of bellbuoy: write one such as http://bellbuoy.example.com:5080\nSee 'bellbuoy connect quay --help'.\n",
		"sender":                       "bellbuoy: want one TYPE, not 0; there are " + builtin + "\nSee 'bellbuoy sender --help'.\n",
		"sender pigeon":                "bellbuoy: no target type \"pigeon\" is built in; there are " + builtin + "\nSee 'bellbuoy sender --help'.\n",
		"version 1":                    "bellbuoy: \"1\" is one too many: there are no arguments, only flags\nSee 'bellbuoy version --help'.\n",
		"events --server here":         "bellbuoy: server \"here\" is no http or https URL; one is http://127.0.0.1:5081\nSee 'bellbuoy events --help'.\n",
		"events --token-file /no/one":  "bellbuoy: read token: open /no/one: no such file or directory\nSee 'bellbuoy events --help'.\n",
		"events --token-file " + empty: "bellbuoy: read token: " + empty + " is empty\nSee 'bellbuoy events --help'.\n",
	} {
		got := bellbuoy(t, "", strings.Fields(line)...)
		if d := cmp.Diff(result{exitUsage, "", want}, got, cmp.AllowUnexported(result{})); d != "" {
			t.Errorf("%s: %s", line, d)
		}
	}
}

func TestNotRunning(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"events"}, {"trace", "x"}, {"quarantine"}, {"quarantine", "x"}} {
		got := bellbuoy(t, server, args...)
		want := "bellbuoy is not running at " + server + ": start it with `bellbuoy run`, or name it with --server\n"
		if got.status != exitFailed || !strings.HasSuffix(got.stderr, want) || got.stdout != "" {
			t.Errorf("%v: got %+v", args, got)
		}
	}
}

func TestNothingFound(t *testing.T) {
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("[]\n"))
	}))
	defer empty.Close()
	nowhere := recorded(t, nil)
	for _, c := range []struct {
		server, line, stdout, stderr string
	}{
		{empty.URL, "events", "", "bellbuoy: no event found\n"},
		{empty.URL, "events -o json", "[]\n", "bellbuoy: no event found\n"},
		{empty.URL, "quarantine", "", "bellbuoy: nothing is in quarantine\n"},
		{empty.URL, "quarantine -o json", "[]\n", "bellbuoy: nothing is in quarantine\n"},
		{nowhere, "trace x", "", "bellbuoy: trace: there is no such thing\n"},
		{nowhere, "trace x -o json", "", "bellbuoy: trace: there is no such thing\n"},
		{nowhere, "quarantine x", "", "bellbuoy: show quarantined: there is no such thing\n"},
	} {
		got := bellbuoy(t, c.server, strings.Fields(c.line)...)
		if d := cmp.Diff(result{exitNothing, c.stdout, c.stderr}, got, cmp.AllowUnexported(result{})); d != "" {
			t.Errorf("%s: %s", c.line, d)
		}
	}
}

// Which server is asked, and with which token: the flag, else the variable.
func TestServerAndToken(t *testing.T) {
	asked := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("[]"))
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{map[string]string{"BELLBUOY_SERVER": s.URL}, nil, ""},
		{map[string]string{"BELLBUOY_SERVER": "http://127.0.0.1:1"}, []string{"--server", s.URL}, ""},
		{map[string]string{"BELLBUOY_SERVER": s.URL, "BELLBUOY_TOKEN": "from-env"}, nil, "Bearer from-env"},
		{map[string]string{"BELLBUOY_SERVER": s.URL, "BELLBUOY_TOKEN": "from-env"}, []string{"--token-file", file}, "Bearer from-file"},
	} {
		got := bellbuoyEnv(t, c.env, append([]string{"events"}, c.args...)...)
		select {
		case token := <-asked:
			if token != c.want {
				t.Errorf("%v %v: token is %q, want %q", c.env, c.args, token, c.want)
			}
		default:
			t.Errorf("%v %v: the server was not asked: %+v", c.env, c.args, got)
		}
	}
}

func TestVersion(t *testing.T) {
	got := bellbuoy(t, "", "version")
	if got.status != exitDone || !strings.HasPrefix(got.stdout, "bellbuoy "+readBuild().Version+" (go1.") {
		t.Errorf("got %+v", got)
	}
	got = bellbuoy(t, "", "version", "-o", "json")
	var b build
	if err := json.Unmarshal([]byte(got.stdout), &b); err != nil {
		t.Fatal(err)
	}
	if b != readBuild() || b.Version == "" {
		t.Errorf("got %+v, want %+v", b, readBuild())
	}
}

// Every command has a help text with an example, which stands on standard output.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"help"}, {"help", "trace"}} {
		if got := bellbuoy(t, "", args...); got.status != exitDone || !strings.Contains(got.stdout, "Usage:") || got.stderr != "" {
			t.Errorf("%v: got %+v", args, got)
		}
	}
	for _, verb := range []string{"run", "check", "connect", "translate", "events", "trace", "quarantine"} {
		got := bellbuoy(t, "", verb, "--help")
		if got.status != exitDone || !strings.Contains(got.stdout, "Examples:\n  bellbuoy "+verb) {
			t.Errorf("%s: got %+v", verb, got)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got := bellbuoy(t, "", "completion", shell); got.status != exitDone || !strings.Contains(got.stdout, "bellbuoy") {
			t.Errorf("completion %s: got %d %s", shell, got.status, got.stderr)
		}
	}
	got := bellbuoy(t, "", "__complete", "events", "--outcome", "de")
	if !strings.Contains(got.stdout, "\ndead\n") {
		t.Errorf("completion of --outcome: %+v", got)
	}
}
