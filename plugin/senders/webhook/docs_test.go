package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/certtest"
)

const page = "../../../docs/targets/webhook.md"

// block is the page's only block of code in a language.
func block(t *testing.T, language string) string {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(b, -1)
	if len(found) != 1 {
		t.Fatalf("%d blocks of %s", len(found), language)
	}
	return string(found[0][1])
}

// signed is a request as a receiver has it, and what it should say of it.
type signed struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"` // in lower case
	Body    string            `json:"body"`
	good    bool
}

// requests are what the sender really sends, and what somebody made of it.
func requests(t *testing.T) []signed {
	t.Helper()
	var got signed
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = signed{Headers: map[string]string{}, Body: string(body), good: true}
		for name := range r.Header {
			got.Headers[strings.ToLower(name)] = r.Header.Get(name)
		}
	}))
	defer server.Close()
	whsec := "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef01234567"))
	old := "whsec_" + base64.StdEncoding.EncodeToString([]byte("another key of ours, of old"))
	d := with(server.URL, `"secrets":["`+old+`","`+whsec+`"]`)
	d.Event = json.RawMessage(`{"v":1,"repository":{"name":"größe"}}`)
	if _, err := newSender(t).Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	made := func(change func(*signed)) signed {
		r := signed{Secret: whsec, Headers: map[string]string{}, Body: got.Body}
		for name, value := range got.Headers {
			r.Headers[name] = value
		}
		change(&r)
		return r
	}
	all := []signed{
		made(func(r *signed) { r.good = true }),
		made(func(r *signed) { r.Secret, r.good = old, true }),
		made(func(r *signed) { r.Body += " " }),
		made(func(r *signed) { r.Secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("nobody's")) }),
		made(func(r *signed) { r.Headers["webhook-id"] = "0192-d2" }),
		made(func(r *signed) {
			r.Headers["webhook-timestamp"] = strconv.FormatInt(time.Now().Add(-6*time.Minute).Unix(), 10)
		}),
		made(func(r *signed) { delete(r.Headers, "webhook-signature") }),
		made(func(r *signed) { r.Headers["webhook-signature"] = "v1, v2,x" }),
	}
	// One that was good six minutes ago.
	late := all[0]
	late.Headers = map[string]string{"webhook-id": "x", "webhook-timestamp": strconv.FormatInt(time.Now().Add(-6*time.Minute).Unix(), 10)}
	signature, err := newSigner(whsec).webhook.Sign("x", time.Now().Add(-6*time.Minute), []byte(late.Body))
	if err != nil {
		t.Fatal(err)
	}
	late.Headers["webhook-signature"], late.good = signature, false
	return append(all, late)
}

// judged compares what a program of the page says of requests, a JSON list of booleans.
func judged(t *testing.T, command *exec.Cmd, all []signed) {
	t.Helper()
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(in), &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got []bool
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(all) {
		t.Fatalf("%s: %v", out, err)
	}
	for i, r := range all {
		if got[i] != r.good {
			t.Errorf("request %d is taken for good: %t, want %t", i, got[i], r.good)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The page's receivers take what is signed, and nothing else.
func TestReceiverInGo(t *testing.T) {
	dir := t.TempDir()
	receiver, harness := filepath.Join(dir, "receiver.go"), filepath.Join(dir, "main.go")
	write(t, receiver, block(t, "go"))
	write(t, harness, `package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
)

func main() {
	var all []struct {
		Secret, Body string
		Headers      map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&all); err != nil {
		panic(err)
	}
	good := make([]bool, len(all))
	for i, c := range all {
		h, err := verified(c.Secret, func(_ string, body []byte) { good[i] = string(body) == c.Body })
		if err != nil {
			panic(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.Body))
		for name, value := range c.Headers {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h(w, r)
		if good[i] != (w.Code == http.StatusNoContent) {
			panic(w.Code)
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(good)
}
`)
	judged(t, exec.Command("go", "run", receiver, harness), requests(t))
}

func TestReceiverInPython(t *testing.T) {
	program := block(t, "python") + `
import json
import sys

print(json.dumps([verified(c["secret"], c["headers"], c["body"].encode()) for c in json.load(sys.stdin)]))
`
	judged(t, exec.Command("python3", "-c", program), requests(t))
}

// The page's table of options has each that there is, and no other.
func TestOptionsOfThePage(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## Options\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(section, -1) {
		rows = append(rows, m[1])
	}
	faults, err := newSender(t).Check(t.Context(), plugin.Check{Options: json.RawMessage(`{"url":"https://h","zzzzzz":1}`)})
	if err != nil || len(faults) != 1 {
		t.Fatal(faults, err)
	}
	last := len(rows) - 1
	if want := "there are " + strings.Join(rows[:last], ", ") + " and " + rows[last]; !strings.HasSuffix(faults[0].Message, want) {
		t.Errorf("the page has %q, the table says %s", rows, faults[0].Message)
	}
}

// The options that the page shows by themselves are good ones, as soon as the secrets and
// the files that they name are there.
func TestOptionsThatThePageShows(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	authority := certtest.NewAuthority(t)
	pair := authority.Issue(t, "bellbuoy", time.Hour)
	for name, text := range map[string]string{"ca.crt": authority.PEM, "tls.crt": pair.Cert, "tls.key": pair.Key} {
		write(t, filepath.Join(dir, name), text)
	}
	shown := regexp.MustCompile("(?s)```yaml\n( +options:\n.*?)```").FindAllSubmatch(b, -1)
	shown = append(shown, regexp.MustCompile("`(auth: \\{(?:bearer|basic)[^`]*)`").FindAllSubmatch(b, -1)...)
	if len(shown) != 4 {
		t.Errorf("%d examples", len(shown))
	}
	for _, m := range shown {
		text := regexp.MustCompile(`\{env: [A-Z_]+\}`).ReplaceAllString(string(m[1]), "s3cret")
		text = strings.ReplaceAll(text, "/etc/bellbuoy", dir)
		var read map[string]any
		if err := yaml.Unmarshal([]byte(text), &read); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		options, ok := read["options"].(map[string]any)
		if !ok {
			options = read
			options["url"] = "https://ci.example.com/hook"
		}
		raw, err := json.Marshal(options)
		if err != nil {
			t.Fatal(err)
		}
		if faults, err := newSender(t).Check(t.Context(), plugin.Check{Options: raw}); len(faults) > 0 || err != nil {
			t.Errorf("%s: %v, %v", text, faults, err)
		}
	}
}
