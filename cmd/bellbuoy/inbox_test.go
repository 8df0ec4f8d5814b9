package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// inboxes is the real API of a bellbuoy with a team's notice and one for alice, both about
// names that were made to deceive.
func inboxes(t *testing.T) (server string) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "bellbuoy.db"), store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	const evil = "\x1b]0;owned\a\u202egpj.exe\u200b\r\n| x |"
	for _, n := range []store.Notice{
		{ID: "n1", Inbox: store.Inbox{Kind: "team", Name: "platform"}, Level: "info", Title: "prod/api:v1 pushed", Event: "e1", Type: "artifact.pushed", Target: "bell"},
		{ID: "n2", Inbox: store.Inbox{Kind: "user", Name: "alice"}, Level: "bad", Title: evil, Text: "first\n" + evil, Link: "https://h/" + evil,
			Facts: []store.NoticeFact{{Name: "By", Value: evil}}, Event: "e2", Type: "vulnerability.found", Target: evil},
	} {
		if _, err := s.Notify(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	srv := httptest.NewServer(api.New(api.Config{
		Store: s, Version: "test", Log: slog.New(slog.DiscardHandler),
		Rules: func() *rules.Set { return nil }, Running: func() api.Running { return api.Running{} },
		Ready: func() error { return nil },
		Inboxes: func(user string, _ []string) []store.Inbox {
			return []store.Inbox{{Kind: "user", Name: user}, {Kind: "team", Name: "platform"}}
		},
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// lines takes the times off a table, and squeezes it.
func lines(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		fmt.Fprintln(&b, strings.Join(f[1:], " "))
	}
	return b.String()
}

func TestInboxCommand(t *testing.T) {
	server := inboxes(t)
	run := func(args ...string) result {
		t.Helper()
		return bellbuoy(t, server, append([]string{"inbox"}, args...)...)
	}

	got := run()
	want := `STATE LEVEL FOR TITLE ID
unread bad user alice \x1b]0;owned\a\u202egpj.exe\u200b\r\n| x | n2
unread info team platform prod/api:v1 pushed n1
`
	if got.status != exitDone || got.stderr != "" || lines(got.stdout) != want {
		t.Errorf("got %+v, want\n%s", got, want)
	}
	for _, test := range []struct {
		args           string
		status         int
		stdout, stderr string
	}{
		{"read n1 --user bob", exitDone, "read: prod/api:v1 pushed\n", ""},
		{"--user bob --unread", exitNothing, "", "bellbuoy: nothing is in the inbox that is asked for\n"},
		{"--user bob --unread -o json", exitNothing, "[]\n", "bellbuoy: nothing is in the inbox that is asked for\n"},
		{"unread n1 --user bob", exitDone, "unread: prod/api:v1 pushed\n", ""},
		{"read n2 --user bob", exitNothing, "", "bellbuoy: mark as read: there is no notice \"n2\" in an inbox that bob reads: it never was, or its time to be kept is over; list what there is with `bellbuoy inbox`\n"},
		{"read", exitUsage, "", "bellbuoy: say which: an ID as the list shows it, or --all\nSee 'bellbuoy inbox read --help'.\n"},
		{"read n1 --all --user alice", exitDone, "1 notice is marked as read.\n", ""},
		{"read --all --user alice -o json", exitDone, "{\n  \"marked\": 1\n}\n", ""},
		{"read --all --user alice", exitNothing, "", "bellbuoy: nothing was unread\n"},
		{"read --all", exitDone, "2 notices are marked as read.\n", ""},
		{"--level loud", exitUsage, "", "bellbuoy: list the inbox: bad query: level \"loud\" is none of [info good warning bad]\n"},
		{"--limit 0", exitUsage, "", "bellbuoy: --limit 0: want 1 or more\nSee 'bellbuoy inbox --help'.\n"},
		{"never", exitNothing, "", "bellbuoy: show notice: there is no notice \"never\" in an inbox that operator reads: it never was, or its time to be kept is over; list what there is with `bellbuoy inbox`\n"},
	} {
		if got := run(strings.Fields(test.args)...); got != (result{test.status, test.stdout, test.stderr}) {
			t.Errorf("%s: got %+v", test.args, got)
		}
	}
	if got := run("--limit", "1"); got.status != exitDone || !strings.Contains(got.stderr, "These are the newest 1;") {
		t.Errorf("got %+v", got)
	}
	var list []store.Notice
	if got := run("-o", "json", "--user", "bob", "--level", "info"); json.Unmarshal([]byte(got.stdout), &list) != nil || len(list) != 1 || list[0].ID != "n1" {
		t.Errorf("got %+v", got)
	}
}

// What strangers chose to be called is shown, and does nothing.
func TestNoticeOnATerminal(t *testing.T) {
	server := inboxes(t)
	for _, args := range [][]string{{"inbox", "n2"}, {"inbox", "n2", "-o", "json"}, {"inbox"}, {"inbox", "-o", "json"}, {"inbox", "read", "n2"}} {
		got := bellbuoy(t, server, args...)
		if got.status != exitDone || !strings.Contains(got.stdout, `\u202egpj.exe`) {
			t.Errorf("%v: got %+v", args, got)
		}
		if i := strings.IndexFunc(got.stdout, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%v: there is a %q in\n%s", args, got.stdout[i:i+1], got.stdout)
		}
	}
	got := bellbuoy(t, server, "inbox", "n2").stdout
	for _, want := range []string{"\nFor    user alice by target \\x1b", "\nEvent  vulnerability.found e2\n", "\nfirst\n\\x1b]0;owned", "\nBy     \\x1b]0;", "\nLink   https://h/\\x1b"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestInboxHasNoProcess(t *testing.T) {
	got := bellbuoy(t, "", "sender", "inbox")
	want := "bellbuoy: targets of type inbox have no process: \"bellbuoy run\" keeps what is sent to them itself\nSee 'bellbuoy sender --help'.\n"
	if got != (result{exitUsage, "", want}) {
		t.Errorf("got %+v", got)
	}
	if help := bellbuoy(t, "", "sender", "--help").stdout; strings.Contains(help, "inbox") || !strings.Contains(help, "webhook") {
		t.Error(help)
	}
}

// The configurations of the page are good ones.
func TestConfigOfTheInboxPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "targets", "inbox.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) == 0 {
		t.Fatal("the page has none")
	}
	t.Chdir(t.TempDir())
	for _, b := range blocks {
		if err := os.WriteFile("bellbuoy.yml", []byte(b[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := bellbuoy(t, "", "check", "bellbuoy.yml"); got.status != exitDone || strings.Contains(got.stdout, "warning") {
			t.Errorf("got %+v of\n%s", got, b[1])
		}
	}
}
