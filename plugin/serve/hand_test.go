package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// echo is a sender that says what it was given.
type echo struct{}

func (echo) Describe(context.Context) (plugin.Description, error) {
	fmt.Println("a sender that prints") // which is not the answer
	return plugin.Description{Type: "echo", Version: "7", Options: json.RawMessage(`{"type":"object"}`)}, nil
}

func (echo) Check(_ context.Context, c plugin.Check) ([]plugin.Fault, error) {
	switch {
	case string(c.Options) == `{"fail":true}`:
		return nil, errors.New("cannot check")
	case string(c.Options) != `{}`:
		return []plugin.Fault{{Path: "a", Message: fmt.Sprintf("is wrong in %s, with %q and %d samples", c.Options, c.Template+c.Title, len(c.Samples))}}, nil
	}
	return nil, nil
}

func (echo) Render(_ context.Context, d plugin.Delivery) (plugin.Request, error) {
	body, contentType := d.Message()
	return plugin.Request{Method: "POST", URL: "echo:" + d.ID + "/" + d.Target + "/" + d.Type, Body: contentType + " " + string(body)}, nil
}

func (echo) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	r := plugin.Receipt{Status: 200, Latency: 3 * time.Millisecond, Resume: []byte("abc")}
	switch string(d.Options) {
	case `{"later":true}`:
		return r, plugin.RetryAfter(errors.New("busy"), time.Minute)
	case `{"slow":true}`:
		return r, plugin.Throttled(errors.New("slow down"), time.Unix(2e9, 0).UTC())
	case `{"wait":true}`:
		<-ctx.Done()
		return r, plugin.Permanent(ctx.Err())
	}
	return r, nil
}

// byHand calls the sender with files in a folder: o.json, e.json and what options hold.
func byHand(t *testing.T, senders map[string]plugin.Sender, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = ByHand(t.Context(), senders, "bellbuoy-sender-echo", args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

func TestByHand(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"o.json": "{\"a\":1}\n", "e.json": `{"v":1,"type":"artifact.pushed"}` + "\n", "none.json": `{"v":1}`, "list.json": `[]`, "null.json": `null`,
		"fail.json": `{"fail":true}`, "later.json": `{"later":true}`, "slow.json": `{"slow":true}`, "wait.json": `{"wait":true}`,
		"b.txt": "<body>", "large.json": `{"a":"` + strings.Repeat("x", plugin.MaxDelivery) + `"}`,
	} {
		if err := os.WriteFile(filepath.Clean(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one := map[string]plugin.Sender{"echo": echo{}}
	two := map[string]plugin.Sender{"echo": echo{}, "other": echo{}}
	const body = `{\"v\":1,\"type\":\"artifact.pushed\"}`
	for _, c := range []struct {
		args    string
		stdin   string
		senders map[string]plugin.Sender
		status  int
		stdout  string // compacted
		stderr  string // that it holds
	}{
		{args: "describe", stdout: `{"type":"echo","version":"7","options":{"type":"object"},"defaults":{}}`},
		{args: "describe", senders: two, status: 2, stderr: "name the sender by --type: there are echo, other\n\nThis is a sender"},
		{args: "describe --type other", senders: two, stdout: `{"type":"echo","version":"7","options":{"type":"object"},"defaults":{}}`},
		{args: "check", stdout: `{"faults":[]}`},
		{args: "check --options o.json --event e.json --event e.json --template x --title y", status: 2,
			stdout: `{"faults":[{"path":"a","message":"is wrong in {\"a\":1}, with \"xy\" and 2 samples"}]}`},
		{args: "check --options -", stdin: `{"b":2}`, status: 2, stdout: `{"faults":[{"path":"a","message":"is wrong in {\"b\":2}, with \"\" and 0 samples"}]}`},
		{args: "check --options fail.json", status: 1, stderr: "bellbuoy-sender-echo: check: cannot check\n"},
		{args: "render --event e.json", stdout: `{"method":"POST","url":"echo:by-hand/by-hand/echo","body":"application/json ` + body + `"}`},
		{args: "render --event - --id i --target t", stdin: `{"v":1,"type":"artifact.pushed"}`,
			stdout: `{"method":"POST","url":"echo:i/t/echo","body":"application/json ` + body + `"}`},
		{args: "render --event e.json --body b.txt --content-type text/html", stdout: `{"method":"POST","url":"echo:by-hand/by-hand/echo","body":"text/html <body>"}`},
		{args: "send --options o.json --event e.json", stdout: `{"outcome":"delivered","latency":"3ms","receipt":{"request":{"method":"","url":""},"status":200},"resume":"YWJj"}`},
		{args: "send --options later.json --event e.json", status: 1,
			stdout: `{"outcome":"retry","error":"busy","after":"1m0s","latency":"3ms","receipt":{"request":{"method":"","url":""},"status":200},"resume":"YWJj"}`},
		{args: "send --options slow.json --event e.json", status: 1,
			stdout: `{"outcome":"throttled","error":"slow down","until":"2033-05-18T03:33:20Z","latency":"3ms","receipt":{"request":{"method":"","url":""},"status":200},"resume":"YWJj"}`},
		{args: "send --options wait.json --event e.json --timeout 10ms", status: 1,
			stdout: `{"outcome":"permanent","error":"context deadline exceeded","latency":"3ms","receipt":{"request":{"method":"","url":""},"status":200},"resume":"YWJj"}`},

		{args: "send --options o.json", status: 2, stderr: "want one --event, not 0"},
		{args: "send --options - --event -", stdin: "{}", status: 2, stderr: "standard input can be read once"},
		{args: "send --event none.json", status: 3, stderr: `none.json is no event: it has no "type"`},
		{args: "send --event o.txt", status: 3, stderr: "o.txt: no such file"},
		{args: "check --options list.json", status: 3, stderr: "list.json holds no JSON object"},
		{args: "check --options null.json", status: 3, stderr: "null.json holds no JSON object"},
		{args: "check --options -", stdin: "{", status: 3, stderr: "standard input holds no JSON object"},
		{args: "check --options large.json", status: 3, stderr: "large.json is larger than 3 MiB"},
		{args: "sned", status: 2, stderr: `there is no "sned": there are describe, check, render and send`},
		{args: "describe now", status: 2, stderr: `"now" is one too many`},
		{args: "send --evnt e.json", status: 2, stderr: "flag provided but not defined: -evnt"},
		{args: "send --help", status: 2, stderr: "This is a sender"},
	} {
		senders := c.senders
		if senders == nil {
			senders = one
		}
		status, stdout, stderr := byHand(t, senders, c.stdin, strings.Fields(c.args)...)
		var compact bytes.Buffer
		if stdout != "" {
			if err := json.Compact(&compact, []byte(stdout)); err != nil {
				t.Errorf("%s: %v in %q", c.args, err, stdout)
			}
		}
		if d := cmp.Diff(c.stdout, compact.String()); d != "" || status != c.status || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
			t.Errorf("%s: status %d, want %d; stderr %q, want %q; (-want +got):\n%s", c.args, status, c.status, stderr, c.stderr, d)
		}
	}
}

// What a sender prints does not get into the answer of its program.
func TestAnswerOfTheProgramIsJSON(t *testing.T) {
	status, stdout, stderr := run(t, nil, "describe")
	var d plugin.Description
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || d.Type != "echo" || status != 0 || stderr != "a sender that prints\n" {
		t.Errorf("status %d, %v, stdout %q, stderr %q", status, err, stdout, stderr)
	}
}
