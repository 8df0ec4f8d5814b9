package exec

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// to is a delivery of a push to a command.
func to(t *testing.T, options map[string]any) plugin.Delivery {
	t.Helper()
	o, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	e, err := json.Marshal(event.Sample(event.ArtifactPushed))
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Delivery{ID: "0192-d1", Attempt: 2, Target: "deploy", Type: "exec", Options: o, Event: e}
}

// sh is a delivery to a line of shell, which options name as any other program.
func sh(t *testing.T, line string, args ...string) plugin.Delivery {
	t.Helper()
	return to(t, map[string]any{"command": append([]string{"/bin/sh", "-c", line}, args...), "env": map[string]string{"PATH": "/usr/bin:/bin"}})
}

func TestInput(t *testing.T) {
	s := New("1.2.3")
	file := filepath.Join(t.TempDir(), "input")
	d := sh(t, `cat > "$0"`, file)
	if receipt, err := s.Send(t.Context(), d); err != nil || receipt.Request.Body != "" {
		t.Errorf("%v, %+v", err, receipt)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != string(d.Event) {
		t.Errorf("%v: read %s", err, got)
	}
	d.Body, d.ContentType = []byte("made by the host"), "text/plain"
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "made by the host" {
		t.Errorf("%v: read %s", err, got)
	}
	d = to(t, map[string]any{"command": []string{"/bin/true"}}) // which does not read
	d.Body = make([]byte, plugin.MaxDelivery)
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Errorf("a command that reads nothing of its input: %v", err)
	}
}

// The environment is what the target names and what bellbuoy says, none of it a stranger's.
func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "opensesame")
	d := to(t, map[string]any{"command": []string{"/usr/bin/env"}, "env": map[string]string{"TOKEN": "s3cret of ours", "PATH": "/bin"}})
	receipt, err := New("1.2.3").Send(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(receipt.Reply), "\n")
	slices.Sort(got)
	want := []string{
		"BELLBUOY_ATTEMPT=2", "BELLBUOY_CONTENT_TYPE=application/json", "BELLBUOY_DELIVERY=0192-d1",
		"BELLBUOY_EVENT_TYPE=artifact.pushed", "BELLBUOY_TARGET=deploy", "PATH=***", "TOKEN=***",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	d.Event = json.RawMessage(`{"type":"x\nLD_PRELOAD=/tmp/x"}`)
	if receipt, err = New("1.2.3").Send(t.Context(), d); err != nil || !strings.Contains(receipt.Reply, "BELLBUOY_EVENT_TYPE=\n") {
		t.Errorf("a type that is none: %v, %s", err, receipt.Reply)
	}
	d.ContentType, d.Body = "text/plain\nX: y", []byte{}
	if _, err = New("1.2.3").Send(t.Context(), d); plugin.ReadVerdict(err).Outcome != plugin.PermanentFail {
		t.Errorf("a media type of two lines: %v", err)
	}
}

// There is no shell: words stay words.
func TestNoShell(t *testing.T) {
	words := []string{"/usr/bin/printf", "%s|", "a b", "$HOME", "`id`", "; touch x", "*", ""}
	receipt, err := New("1.2.3").Send(t.Context(), to(t, map[string]any{"command": words}))
	if want := strings.Join(words[2:], "|") + "|"; err != nil || receipt.Reply != want {
		t.Errorf("%v, printed %q, want %q", err, receipt.Reply, want)
	}
	if want := `/usr/bin/printf "%s|" "a b" "$HOME" "` + "`id`" + `" "; touch x" "*" ""`; receipt.Request.URL != want {
		t.Errorf("shown is %s, want %s", receipt.Request.URL, want)
	}
}

func TestStatus(t *testing.T) {
	const wrong, message = plugin.ScopeMisconfigured, plugin.ScopeMessage
	for _, c := range []struct {
		line    string
		outcome plugin.Outcome
		scope   plugin.Scope
		says    string
	}{
		{"exit 0", plugin.Delivered, "", ""},
		{"exit 1", plugin.Retry, "", "status 1"},
		{"exit 2", plugin.Retry, "", "status 2"},
		{"exit 64", plugin.PermanentFail, wrong, "status 64"},
		{"exit 65", plugin.PermanentFail, message, "does not take the message"},
		{"exit 66", plugin.Retry, "", "status 66"},
		{"exit 69", plugin.ThrottledTarget, "", "takes nothing for now"},
		{"exit 70", plugin.Retry, "", "status 70"},
		{"exit 75", plugin.Retry, "", "status 75"},
		{"exit 77", plugin.PermanentFail, wrong, "not set up"},
		{"exit 78", plugin.PermanentFail, wrong, "not set up"},
		{"exit 255", plugin.Retry, "", "status 255"},
		{"/no/such/program", plugin.Retry, wrong, "status 127"},
		{"/etc/passwd", plugin.Retry, wrong, "status 126"},
		{"kill -KILL $$", plugin.Retry, "", "signal 9 (killed)"},
		{"kill -TERM $$", plugin.Retry, "", "signal 15"},
		{"ulimit -c 0; kill -SEGV $$", plugin.Retry, "", "signal 11"},
	} {
		receipt, err := New("1.2.3").Send(t.Context(), sh(t, c.line))
		v := plugin.ReadVerdict(err)
		if v.Outcome != c.outcome || receipt.Scope != c.scope || err != nil && (!strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "run /bin/sh: ")) {
			t.Errorf("%s: %s, scope %q: %v", c.line, v.Outcome, receipt.Scope, err)
		}
	}
}

// What cannot be started may be put right.
func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "no-program")
	if err := os.WriteFile(file, []byte("#!/no/such/interpreter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(dir, "odd")
	if err := os.WriteFile(odd, []byte("neither a script nor a program"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(odd, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options map[string]any
		warning string // of Check
	}{
		"missing":        {map[string]any{"command": []string{filepath.Join(dir, "none")}}, "command.0"},
		"not executable": {map[string]any{"command": []string{file}}, "command.0"},
		"a folder":       {map[string]any{"command": []string{dir}}, "command.0"},
		"no program":     {map[string]any{"command": []string{odd}}, "command.0"},
		"no folder":      {map[string]any{"command": []string{"/bin/true"}, "dir": "/no/such/folder"}, "dir"},
	} {
		d := to(t, c.options)
		receipt, err := New("1.2.3").Send(t.Context(), d)
		if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || receipt.Scope != plugin.ScopeMisconfigured {
			t.Errorf("%s: %v, scope %q", name, err, receipt.Scope)
		}
		faults, err := New("1.2.3").Check(t.Context(), plugin.Check{Options: d.Options})
		if err != nil || len(faults) != 1 || !faults[0].Warning || faults[0].Path != c.warning {
			t.Errorf("%s: %+v, %v", name, faults, err)
		}
	}
}

// Only the operator's own file names commands.
func TestRestricted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ran")
	d := sh(t, `touch "$0"`, file)
	d.Egress = plugin.Egress{Restricted: true}
	faults, err := New("1.2.3").Check(t.Context(), plugin.Check{Options: d.Options, Egress: d.Egress})
	if err != nil || !plugin.Failed(faults) || !strings.Contains(faults[0].Message, "configuration file") {
		t.Errorf("%+v, %v", faults, err)
	}
	receipt, err := New("1.2.3").Send(t.Context(), d)
	if plugin.ReadVerdict(err).Outcome != plugin.PermanentFail || receipt.Scope != plugin.ScopeMisconfigured {
		t.Errorf("%v, %+v", err, receipt)
	}
	if _, err := New("1.2.3").Render(t.Context(), d); err == nil {
		t.Error("it is rendered")
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it ran")
	}
}

// The output's beginning is kept, of both streams in their order, and the rest does not
// keep the command from its end.
func TestOutput(t *testing.T) {
	for line, want := range map[string]string{
		"echo one; echo two >&2; echo three":     "one\ntwo\nthree\n",
		"head -c 3000000 /dev/zero | tr '\\0' x": strings.Repeat("x", plugin.MaxReply),
		`printf 'a\377b'`:                        "a\uFFFDb",
		"yes ä | head -c 2000":                   strings.Repeat("ä\n", plugin.MaxReply/3),
	} {
		receipt, err := New("1.2.3").Send(t.Context(), sh(t, line))
		if err != nil || receipt.Reply != want {
			t.Errorf("%s: %v, %.80q of %d bytes, want %d", line, err, receipt.Reply, len(receipt.Reply), len(want))
		}
	}
	d := sh(t, `echo "the token is $TOKEN" >&2; exit 1`)
	d.Options = json.RawMessage(strings.Replace(string(d.Options), `"PATH":`, `"TOKEN":"s3cret of ours","PATH":`, 1))
	if receipt, err := New("1.2.3").Send(t.Context(), d); err == nil || receipt.Reply != "the token is ***\n" {
		t.Errorf("%v, %q", err, receipt.Reply)
	}
}

// in is a context that ends in a moment.
func in(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
