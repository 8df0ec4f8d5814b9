package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// matrix is a sender that does not come with bellbuoy. Under another name than that of
// its type it says that it is something else.
type matrix struct {
	plugin.Sender
	typ string
}

func (m matrix) Describe(ctx context.Context) (plugin.Description, error) {
	d, err := m.Sender.Describe(ctx)
	d.Type = m.typ
	return d, err
}

// plugins is a folder with the sender matrix in it, and its line for a configuration.
func plugins(t *testing.T, as string) (dir, pin string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	b, err := os.ReadFile(self)
	must(t, err)
	dir, err = os.MkdirTemp("", "senders")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "bellbuoy-sender-"+as)
	must(t, os.WriteFile(path, b, 0o755))
	var out bytes.Buffer
	must(t, PrintPin(&out, path))
	pin, ok := strings.CutPrefix(strings.TrimSpace(out.String()), "- ")
	if !ok {
		t.Fatalf("printed %q", out.String())
	}
	return dir, pin
}

const toMatrix = `
plugins: {dir: PLUGINS, pins: [PIN]}
registries: [{name: hub, type: distribution}]
targets: [{name: room, type: matrix, options: {url: "URL"}}]
rules: [{name: pushes, events: [artifact.pushed], deliver: [room]}]
`

func TestCheckAsksThePlugin(t *testing.T) {
	dir, pin := plugins(t, "matrix")
	config := func(pins, url string) string {
		file, _ := write(t, strings.NewReplacer("PLUGINS", dir, "PIN", pins, "URL", url).Replace(toMatrix))
		return file
	}
	tests := []struct{ name, pins, url, want string }{
		{"good", pin, "https://x", "FILE: good: 1 registry, 1 target, 1 rule\n"},
		{"its option is wrong", pin, "ftp://x", "FILE:4: targets[0].options.url: is neither http nor https; write it as https://host/path\n"},
		{"another is pinned", `{type: matrix, sha256: "` + strings.Repeat("0", 64) + `"}`, "https://x",
			"FILE:2: plugins.pins[0]: " + dir + "/bellbuoy-sender-matrix holds something else than is pinned: its SHA-256 is " + sumOf(pin) +
				", and the pin says " + strings.Repeat("0", 64) + ": put the pinned file back, or, if this is a version that you want, pin it with what \"bellbuoy plugins hash " +
				dir + "/bellbuoy-sender-matrix\" prints\n"},
		{"it is not pinned", "", "https://x",
			"FILE:2: plugins.dir: has bellbuoy-sender-matrix, which is not pinned and so is not run: add what \"bellbuoy plugins hash " + dir +
				"/bellbuoy-sender-matrix\" prints to plugins.pins if you trust it, or remove the file\n" +
				"FILE:4: targets[0].type: unknown target type \"matrix\": there is only webhook\n"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			file := config(c.pins, c.url)
			out, err := check(t, file)
			if d := cmp.Diff(strings.ReplaceAll(c.want, "FILE", file), out); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if good := strings.Contains(c.want, "good"); good != (err == nil) || !good && !errors.Is(err, ErrConfig) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func sumOf(pin string) string {
	_, sum, _ := strings.Cut(pin, `sha256: "`)
	return strings.TrimSuffix(sum, `"}`)
}

// A plugin that says that it is another is refused, and so is one that says nothing.
func TestPluginThatIsAnother(t *testing.T) {
	dir, _ := plugins(t, "matrixes")
	must(t, os.Rename(dir+"/bellbuoy-sender-matrixes", dir+"/bellbuoy-sender-pigeon"))
	must(t, os.WriteFile(dir+"/bellbuoy-sender-mute", []byte("#!/bin/sh\necho no licence >&2; exit 3\n"), 0o755))
	var pins []string
	for _, typ := range []string{"pigeon", "mute"} {
		var out bytes.Buffer
		must(t, PrintPin(&out, dir+"/bellbuoy-sender-"+typ))
		pins = append(pins, strings.TrimPrefix(strings.TrimSpace(out.String()), "- "))
	}
	file, _ := write(t, `plugins: {dir: `+dir+`, pins: [`+strings.Join(pins, ",")+`]}
registries: [{name: hub, type: distribution}]
targets:
- {name: a, type: pigeon}
- {name: b, type: mute}
- {name: c, type: mute}
rules: [{name: pushes, deliver: [a, b, c]}]
`)
	out, err := check(t, file)
	if !errors.Is(err, ErrConfig) {
		t.Errorf("error: %v", err)
	}
	for _, want := range []string{
		`:4: targets[0].type: its plugin does not answer, so that nobody can say what the options mean: describe sender pigeon: this process has no sender of type "pigeon"`,
		":5: targets[1].type: its plugin does not answer",
		":6: targets[2].type: its plugin does not answer",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// What a plugin of a file delivers is delivered; it was started from memory.
func TestRunWithAPlugin(t *testing.T) {
	runtimeDir(t)
	dir, pin := plugins(t, "matrix")
	got := make(chan string, 1)
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	})
	file, _ := write(t, strings.NewReplacer("PLUGINS", dir, "PIN", pin, "URL", url).Replace(toMatrix)+
		"listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: DIR/bellbuoy.db\n")
	l := start(t, file)
	ids := l.notify("hub", push(t, "a"))
	tr, _ := l.settled(ids[0], store.Delivered)
	if body := <-got; !strings.Contains(body, `"artifact.pushed"`) || tr.Deliveries[0].Type != "matrix" {
		t.Errorf("delivered %s of %+v", body, tr.Deliveries)
	}
	must(t, l.stop())
}
