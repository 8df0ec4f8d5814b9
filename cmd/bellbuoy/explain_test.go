package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/client"
)

func TestExplainStored(t *testing.T) {
	server := sidecar(t)
	got := bellbuoy(t, server, "explain", pushID)
	if got.status != exitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	plain(t, got.stdout)
	golden(t, "sidecar-explain.golden", got.stdout)

	for rule, want := range map[string]struct {
		status int
		text   string
	}{
		"releases":  {exitDone, `no     tag        tag "\u202e1.4.2" does not match regex "release-v.*"`},
		"deletions": {exitDone, `Rule "deletions" is not for events of type artifact.pushed: it takes *.deleted.`},
		"asleep":    {exitDone, `Rule "asleep" was not asked: it is disabled (enabled: false).`},
		"newer":     {exitDone, `Rule "newer" was not asked: it was not in force when the event was routed`},
		"release":   {exitNothing, `there is no rule "release": did you mean "releases"?`},
	} {
		got := bellbuoy(t, server, "explain", pushID, "--rule", rule)
		if got.status != want.status || !strings.Contains(got.stdout+got.stderr, want.text) {
			t.Errorf("%s: %+v", rule, got)
		}
	}

	got = bellbuoy(t, server, "explain", pushID, "-o", "json")
	var v struct {
		Event    struct{ ID string }
		Verdicts []client.Verdict
	}
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || v.Event.ID != pushID || len(v.Verdicts) != 3 {
		t.Fatalf("%v in %+v", err, got)
	}
	if want := (client.Verdict{Rule: "releases", Predicate: "tag", Reason: "tag \"\\u202e1.4.2\" does not match regex \"release-v.*\""}); v.Verdicts[1] != want {
		t.Errorf("got %+v", v.Verdicts[1])
	}
}

// What is no event is looked for where else it may be.
func TestExplainWhatIsNoEvent(t *testing.T) {
	server := sidecar(t)
	var list []client.Quarantined
	if err := json.Unmarshal([]byte(bellbuoy(t, server, "quarantine", "-o", "json").stdout), &list); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{list[0].ID: "it is in quarantine: not JSON", "none": "see `bellbuoy quarantine`"} {
		if got := bellbuoy(t, server, "explain", id); got.status != exitNothing || !strings.Contains(got.stderr, want) || got.stdout != "" {
			t.Errorf("%s: %+v", id, got)
		}
	}
}

// An event that is held, one that repeats, and one with a hostile name.
func TestExplainRecorded(t *testing.T) {
	for id, want := range map[string]string{
		"trace-held":    "No rule was asked yet: the event is held for ",
		"trace-hostile": "",
	} {
		server := recorded(t, map[string]string{"/api/v1/events/" + id: id + ".json"})
		got := bellbuoy(t, server, "explain", id)
		if got.status != exitDone || !strings.Contains(got.stdout, want) {
			t.Errorf("%s: %+v", id, got)
		}
		plain(t, got.stdout)
	}
}

func TestExplainWrongUse(t *testing.T) {
	for line, want := range map[string]string{
		"explain":               "want the ID of an event, or --payload",
		"explain x --payload f": "--payload is not for an ID",
		"explain --payload f":   "--registry-type is missing",
		"explain --payload f --registry-type tcrr":      `did you mean "tcr"?`,
		"explain --payload f --registry-type tcr -c no": "no such file",
	} {
		if got := bellbuoy(t, "", strings.Fields(line)...); got.status != exitUsage || !strings.Contains(got.stderr, want) || got.stdout != "" {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// console is how the page shows a command and what it prints.
var console = regexp.MustCompile("(?s)```console\n\\$ bellbuoy ([^\n]*)\n(.*?)```")

// The page of explanations shows what the command prints: with -update it is written
// anew.
func TestPageOfExplanations(t *testing.T) {
	page := filepath.Join(root, "docs/explain.md")
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("testdata/explain")
	if err != nil {
		t.Fatal(err)
	}
	page, err = filepath.Abs(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(examples)
	shown := 0
	now := console.ReplaceAllFunc(b, func(block []byte) []byte {
		shown++
		m := console.FindSubmatch(block)
		got := bellbuoy(t, "", strings.Fields(string(m[1]))...)
		return []byte("```console\n$ bellbuoy " + string(m[1]) + "\n" + got.stdout + got.stderr + "```")
	})
	if shown < 5 {
		t.Errorf("the page shows %d commands", shown)
	}
	if *update {
		if err := os.WriteFile(page, now, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(b, now) {
		t.Errorf("the page shows other than what is printed:\n%s", now)
	}
}

func TestExplainPayloadJSON(t *testing.T) {
	t.Chdir("testdata/explain")
	got := bellbuoy(t, "", "explain", "--payload", "tcr-push.json", "--registry-type", "tcr", "-o", "json")
	if got.status != exitDone || strings.Count(got.stdout, "\n") != 1 {
		t.Fatalf("%+v", got)
	}
	var v explained
	dec := json.NewDecoder(strings.NewReader(got.stdout))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	if v.Event.Registry.Name != "tcr-bj" || len(v.Verdicts) != 3 || v.Verdicts[0].Predicate != "repository" || len(v.Deliveries) != 1 {
		t.Errorf("got %+v", v)
	}
	if other := bellbuoy(t, "", "explain", "--payload", "tcr-push.json", "--registry-type", "tcr", "--registry", "tcr-b"); other.status != exitUsage ||
		!strings.Contains(other.stderr, `no registry "tcr-b": did you mean "tcr-bj"?`) {
		t.Errorf("got %+v", other)
	}
}

func TestBacktestAsked(t *testing.T) {
	server := sidecar(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const target = "targets: [{name: %s, type: webhook, options: {url: 'http://127.0.0.1:1'}}]\n"
	better := write("new.yml", strings.ReplaceAll(target, "%s", "elsewhere")+`rules:
  - {name: all, events: [tag.deleted], deliver: [elsewhere]}
  - {name: pushes, deliver: [elsewhere]}
`)
	since := []string{"--since", "2026-01-01T00:00:00Z"}
	got := bellbuoy(t, server, append([]string{"backtest", better}, since...)...)
	if got.status != exitDone || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	plain(t, got.stdout)
	golden(t, "sidecar-backtest.golden", got.stdout)

	got = bellbuoy(t, server, append([]string{"backtest", better, "-o", "json"}, since...)...)
	var b client.Backtest
	dec := json.NewDecoder(strings.NewReader(got.stdout))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil || b.Events != 1 || len(b.Rules) != 2 || !b.Rules[0].Dead || b.Rules[1].OnlyAfter != 1 {
		t.Errorf("%v, %+v", err, got)
	}

	bad := write("bad.yml", strings.ReplaceAll(target, "%s", "ci")+"rules:\n  - {name: a, tag: {regex: '('}, deliver: [ci]}\n  - {name: b, deliver: [cj]}\n")
	got = bellbuoy(t, server, "backtest", bad)
	if got.status != exitUsage || !strings.Contains(got.stderr, bad+":3: rules[0].tag.regex: ") || !strings.Contains(got.stderr, bad+":4: rules[1].deliver[0]") {
		t.Errorf("%+v", got)
	}
	for status, args := range map[int][]string{
		exitNothing: {better, "--since", "2999-01-01T00:00:00Z"},
		exitUsage:   {better, "--since", "soon"},
		exitFailed:  {better, "--server", "http://127.0.0.1:1"},
	} {
		if got := bellbuoy(t, server, append([]string{"backtest"}, args...)...); got.status != status || got.stderr == "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}
