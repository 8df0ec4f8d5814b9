//go:build linux

package integration_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/process"
)

// block is one block of code of a page: its language, what else stands behind that, and
// its text.
type block struct{ lang, how, text string }

var fenced = regexp.MustCompile("(?sm)^```([a-z]+)(?: ([^\n]+))?\n(.*?)^```$")

func blocks(t *testing.T, page string) (all []block) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fenced.FindAllStringSubmatch(string(b), -1) {
		all = append(all, block{m[1], m[2], m[3]})
	}
	if len(all) == 0 {
		t.Fatalf("%s has no blocks of code", page)
	}
	return all
}

// reader does what a page says, in a folder of its own.
type reader struct {
	t    *testing.T
	env  []string
	dir  string // where the first terminal stands
	said string // by the last command
	vars string // what it has exported
}

// sh runs text as in the first terminal, which keeps its folder and its variables.
func (r *reader) sh(text string) {
	r.t.Helper()
	state := filepath.Join(r.t.TempDir(), "state")
	cmd := exec.CommandContext(r.t.Context(), "sh", "-euc", "umask 022\n"+r.vars+"\n"+text+"\n{ pwd; export -p; } > "+state)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	r.said = string(out)
	if err != nil {
		r.t.Fatalf("%s%s%v", text, out, err)
	}
	b, err := os.ReadFile(state)
	if err != nil {
		r.t.Fatal(err)
	}
	r.dir, r.vars, _ = strings.Cut(string(b), "\n")
}

// expect compares what the last command said with a page's word, where ... is anything.
func (r *reader) expect(want string) {
	r.t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, `.*`)
	if !regexp.MustCompile(`(?s)^` + pattern + `$`).MatchString(r.said) {
		r.t.Errorf("the page says:\n%sand what was said is:\n%s", want, r.said)
	}
}

// terminal runs text in another terminal for as long as the test does.
func (r *reader) terminal(text string) *process.Process {
	r.t.Helper()
	cmd := exec.Command("sh", "-euc", "exec env "+text)
	cmd.Dir, cmd.Env = r.dir, r.env
	p, err := process.Start(cmd, filepath.Join(r.t.TempDir(), "terminal.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if r.t.Failed() {
			r.t.Logf("the other terminal:\n%s", p.Log())
		}
		p.Kill()
	})
	return p
}

// The page for authors of senders can be followed from its first line to its last.
func TestPageForAuthorsOfSenders(t *testing.T) {
	t.Parallel()
	var rings atomic.Int64
	ntfy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if q.Header.Get("Authorization") == "Bearer tk_s3cret-of-ntfy" && bytes.Contains(body, []byte(`"topic":"builds"`)) {
			rings.Add(1)
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer ntfy.Close()
	addresses := []string{"http://127.0.0.1:8080", ntfy.URL}
	for _, a := range []string{"127.0.0.1:5080", "127.0.0.1:5081"} {
		free, err := loopback.Address()
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, a, free)
	}
	here := strings.NewReplacer(addresses...)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: t.TempDir()}
	r.env = append(os.Environ(),
		"BELLBUOY="+root, "BELLBUOY_SERVER=http://"+here.Replace("127.0.0.1:5081"),
		"PATH="+filepath.Dir(program(t))+":"+os.Getenv("PATH"))

	withPython := pythonIsThere(t) == nil
	skipped := false
	for _, b := range blocks(t, "../docs/plugins.md") {
		text := here.Replace(b.text)
		if b.how == "python" {
			skipped = !withPython
		} else if b.lang != "text" {
			skipped = false
		}
		switch {
		case skipped:
		case b.lang == "text":
			r.expect(text)
		case b.lang == "sh" && b.how == "terminal":
			if err := r.terminal(text).Ready(t.Context(), "http://"+here.Replace("127.0.0.1:5080")+"/readyz"); err != nil {
				t.Fatal(err)
			}
		case b.lang == "sh":
			r.sh(text)
		case b.how != "":
			if err := os.WriteFile(filepath.Join(r.dir, b.how), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("a block of %s is neither a file nor run: %s", b.lang, text)
		}
	}
	if rings.Load() != 2 { // by hand, and by bellbuoy
		t.Errorf("the phone rang %d times", rings.Load())
	}
}

// The page has the example's own words.
func TestPageHasTheExample(t *testing.T) {
	for _, b := range blocks(t, "../docs/plugins.md") {
		if b.how != "main.go" && b.how != "main_test.go" {
			continue
		}
		example, err := os.ReadFile(filepath.Join("../examples/sender-go", b.how))
		if err != nil {
			t.Fatal(err)
		}
		if string(example) != b.text {
			t.Errorf("examples/sender-go/%s and docs/plugins.md differ", b.how)
		}
		if n := bytes.Count(example, []byte("\n")); n > 40 {
			t.Errorf("%s has %d lines: a sender is to take 40 at most", b.how, n)
		}
	}
}
