package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// commands are all that there are, the ones below others too.
func commands() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		all[cmd.CommandPath()] = cmd
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(plainRoot())
	return all
}

// plainRoot is the command in an environment in which nothing is set.
func plainRoot() *cobra.Command {
	return newRoot(environment{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }, now: time.Now})
}

var (
	flagInText    = regexp.MustCompile("(?:^|[\\s(\"`])(--[a-z][a-z-]*)")
	commandInText = regexp.MustCompile("[\"`]bellbuoy ([a-z][a-z -]*?)(?: [A-Z./<-].*?)?[\"`]")
)

// What the help says can be typed: each example has a verb, flags and as many arguments as
// that takes; each flag that the text names is there, and each command. No command has no
// example, but those that only stand above others.
func TestHelpIsTrue(t *testing.T) {
	named := 0
	for path, cmd := range commands() {
		if !cmd.Runnable() || strings.HasPrefix(path, "bellbuoy completion") || path == "bellbuoy help" {
			continue // cobra's own
		}
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s has no summary, or no example", path)
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "  ") // what it does stands behind it
			for part := range strings.SplitSeq(line, " | ") {       // of a pipe, the part that is ours
				if line = part; strings.HasPrefix(part, "bellbuoy ") {
					break
				}
			}
			line, _, _ = strings.Cut(line, " > ")
			line, _, _ = strings.Cut(line, " < ")
			args, ok := strings.CutPrefix(line, "bellbuoy ")
			if !ok {
				t.Errorf("%s: %q is no example of bellbuoy", path, line)
				continue
			}
			found, rest, err := plainRoot().Find(words(args))
			if err == nil {
				err = usable(found, rest)
			}
			if err != nil {
				t.Errorf("%s: %q: %v", path, line, err)
			}
		}
		for _, m := range flagInText.FindAllStringSubmatch(cmd.Long, -1) {
			named++
			if !hasFlag(cmd, strings.TrimPrefix(m[1], "--")) && m[1] != "--help" {
				t.Errorf("%s has no %s, though its help names it", path, m[1])
			}
		}
		for _, m := range commandInText.FindAllStringSubmatch(cmd.Long, -1) {
			named++
			if found, rest, err := plainRoot().Find(strings.Fields(m[1])); err != nil || len(rest) > 0 && found.HasSubCommands() {
				t.Errorf("%s: there is no `bellbuoy %s`: %v", path, m[1], err)
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d flags and commands are found in the texts", named)
	}
}

// hasFlag reports whether cmd has a flag, or a command below it.
func hasFlag(cmd *cobra.Command, name string) bool {
	return cmd.Flags().Lookup(name) != nil || slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return hasFlag(c, name) })
}

// words splits a line of shell at its blanks; what is quoted stays one.
func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}

// The manual pages say what the help says: -update writes them anew.
func TestManPages(t *testing.T) {
	const dir = root + "/docs/man"
	want := map[string]bool{}
	header := &doc.GenManHeader{Title: "BELLBUOY", Section: "1", Source: "bellbuoy", Manual: "bellbuoy", Date: &time.Time{}}
	for path, cmd := range commands() {
		if strings.HasPrefix(path, "bellbuoy completion ") {
			continue // cobra's own, of each shell
		}
		cmd.DisableAutoGenTag = true
		header.Title = strings.ToUpper(strings.ReplaceAll(path, " ", "-"))
		var b bytes.Buffer
		if err := doc.GenMan(cmd, header, &b); err != nil {
			t.Fatal(err)
		}
		page := bytes.ReplaceAll(b.Bytes(), []byte(` "Jan 0001"`), []byte(` ""`))
		file := filepath.Join(dir, strings.ReplaceAll(path, " ", "-")+".1")
		want[file] = true
		if *update {
			if err := os.WriteFile(file, page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		is, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v: write it with -update", err)
		} else if d := cmp.Diff(string(is), string(page)); d != "" {
			t.Errorf("%s is not what the help says (-page +help); write it with -update:\n%s", file, d)
		}
	}
	files, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if want[file] {
			continue
		}
		if !*update {
			t.Errorf("%s is of no command", file)
		} else if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// A shell is offered the names that the running bellbuoy knows.
func TestCompleteNames(t *testing.T) {
	server := configured(t)
	for line, want := range map[string]string{
		"rules log |":        "all deletions",
		"rules log d":        "deletions",
		"rules log all |":    "",
		"targets log |":      "ci old-ci",
		"targets enable o":   "old-ci",
		"test c":             "ci",
		"events --rule |":    "all deletions",
		"events --target c":  "ci",
		"redeliver --to |":   "ci old-ci",
		"explain 1 --rule a": "all",
		"rules log --server http://127.0.0.1:1 |": "",
	} {
		args := append([]string{"__complete"}, strings.Fields(line)...)
		if args[len(args)-1] == "|" { // nothing is typed yet
			args[len(args)-1] = ""
		}
		got := bellbuoy(t, server, args...)
		lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
		names := strings.Join(lines[:len(lines)-1], " ")
		if names != want || lines[len(lines)-1] != ":4" || strings.Contains(got.stderr, "bellbuoy:") {
			t.Errorf("%s: %+v, want %s", line, got, want)
		}
	}
}

// What is fixed is offered without a server.
func TestCompleteTypesAndStates(t *testing.T) {
	for line, want := range map[string]string{"events --type": "artifact.pushed", "redeliver --state": "dead", "rules log all --outcome": "expired"} {
		got := bellbuoy(t, "http://127.0.0.1:1", append(append([]string{"__complete"}, strings.Fields(line)...), "")...)
		if !strings.Contains(got.stdout, want+"\n") {
			t.Errorf("%s: %+v, want %s", line, got, want)
		}
	}
}

// Who waits for names does not wait for long, and is told nothing of what went wrong.
func TestCompleteNamesOfASlowServer(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan result, 1)
	go func() { done <- bellbuoy(t, slow.URL, "__complete", "rules", "log", "") }()
	select {
	case got := <-done:
		if got.status != exitDone || got.stdout != ":4\n" || strings.Contains(got.stderr, "answer") {
			t.Errorf("%+v", got)
		}
	case <-ctx.Done():
		t.Error("the shell waits")
	}
}
