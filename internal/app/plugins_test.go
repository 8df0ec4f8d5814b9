package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// matrix is a sender that does not come with bellbuoy. Under another name than that of
// its type it says that it is something else.
type matrix struct {
	plugin.Sender
	typ    string
	format string // the default one
}

func (m matrix) Describe(ctx context.Context) (plugin.Description, error) {
	d, err := m.Sender.Describe(ctx)
	d.Type, d.Defaults.Format = m.typ, m.format
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
	must(t, PrintPins(&out, path, nil))
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
	written := func(pins, url string) string {
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
				"FILE:4: targets[0].type: unknown target type \"matrix\": " + config.Suggest("matrix", Known().TargetTypes) + "\n"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			file := written(c.pins, c.url)
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

func indented(lines string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n  ") + "\n"
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
		must(t, PrintPins(&out, dir+"/bellbuoy-sender-"+typ, nil))
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
		`exit status 3; it printed "no licence": run its file by hand`,
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
	var p api.Plugin
	l.get("/api/v1/plugins/matrix", &p)
	if p.State != "up" || p.PID == 0 || p.Builtin || p.Version != "test" || p.File != dir+"/bellbuoy-sender-matrix" || p.Pin != sumOf(pin) ||
		p.Source == nil || p.Source.Line != 2 || p.Restarts != 0 || len(p.Targets) != 1 {
		t.Errorf("%+v", p)
	}

	// Another file and its pin: another process, without a restart of bellbuoy.
	grow, err := os.OpenFile(p.File, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = grow.WriteString("a later version")
	must(t, errors.Join(err, grow.Close()))
	var out bytes.Buffer
	must(t, PrintPins(&out, p.File, nil))
	later := strings.TrimPrefix(strings.TrimSpace(out.String()), "- ")
	text, err := os.ReadFile(file)
	must(t, err)
	put(t, file, strings.Replace(string(text), pin, later, 1))
	l.until("another process sends", func() bool {
		var now api.Plugin
		l.get("/api/v1/plugins/matrix", &now)
		return now.State == "up" && now.PID != p.PID && now.Pin == sumOf(later)
	})
	l.settled(l.notify("hub", push(t, "b"))[0], store.Delivered)
	<-got
	var list []api.Plugin
	l.get("/api/v1/plugins", &list)
	if len(list) != 1 || list[0].Type != "matrix" || list[0].Restarts != 1 || list[0].Deaths != 0 {
		t.Errorf("%+v", list)
	}
	if status, answer, err := ask("GET", "http://"+l.admin+"/api/v1/plugins/pigeon", ""); status != http.StatusNotFound || err != nil {
		t.Errorf("%d %s %v", status, answer, err)
	}
	must(t, l.stop())
}

// One file may serve several types. What it sends is in the format that a type asks for,
// where nobody says another; one that there is not is refused.
func TestOneFileServesSeveralTypes(t *testing.T) {
	runtimeDir(t)
	dir, _ := plugins(t, "stones")
	var out bytes.Buffer
	must(t, PrintPins(&out, dir+"/bellbuoy-sender-stones", []string{"pebble", "boulder"}))
	got := make(chan http.Header, 2)
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
	text := `listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: DIR/bellbuoy.db
plugins:
  dir: ` + dir + `
  pins:
` + indented(out.String()) + `registries: [{name: hub, type: distribution}]
targets:
- {name: plain, type: pebble, format: bellbuoy, options: {url: "` + url + `"}}
- {name: room, type: pebble, options: {url: "` + url + `"}}
rules: [{name: pushes, events: [artifact.pushed], deliver: [room, plain]}]
`
	file, _ := write(t, text)
	l := start(t, file)
	id := l.notify("hub", push(t, "a"))[0]
	ids := []string{(<-got).Get("Ce-Id"), (<-got).Get("Ce-Id")}
	slices.Sort(ids)
	if want := []string{"", id}; !slices.Equal(ids, want) {
		t.Errorf("sent with the ids %q, want %q", ids, want)
	}
	must(t, l.stop())

	file, _ = write(t, strings.Replace(text, "name: room, type: pebble", "name: room, type: boulder", 1))
	printed, err := check(t, file)
	if want := `targets[1].type: its sender asks for messages in a format that this bellbuoy does not have, "smoke"`; !errors.Is(err, ErrConfig) || !strings.Contains(printed, want) {
		t.Errorf("%v: %s", err, printed)
	}
}

// A plugin that cannot live is halted; what it should have sent waits without attempts,
// what others send goes on, and all of it is sent when it is mended.
func TestEventsWaitForAHaltedPlugin(t *testing.T) {
	runtimeDir(t)
	dir, pin := plugins(t, "matrix")
	got := make(chan string, 100)
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.URL.Path })
	file, _ := write(t, `listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: DIR/bellbuoy.db
plugins: {dir: `+dir+`, pins: [`+pin+`]}
registries: [{name: hub, type: distribution}]
targets:
- {name: room, type: matrix, options: {url: "`+url+`/room"}, retry: {schedule: [0s, 1s]}}
- {name: ci, type: webhook, options: {url: "`+url+`/ci"}}
rules: [{name: pushes, events: [artifact.pushed], deliver: [room, ci]}]
`)
	l := start(t, file)
	look := func(typ string) (p api.Plugin) {
		l.get("/api/v1/plugins/"+typ, &p)
		return p
	}
	l.until("both run", func() bool { return look("matrix").State == "up" && look("webhook").State == "up" })
	other := look("webhook").PID
	// Its file is gone from now on, so that it cannot be started again.
	path := dir + "/bellbuoy-sender-matrix"
	must(t, os.Rename(path, path+".away"))
	must(t, syscall.Kill(look("matrix").PID, syscall.SIGKILL))
	l.until("it is known to be dead", func() bool { return look("matrix").State != "up" })

	var ids []string
	for _, id := range []string{"a", "b", "c"} {
		ids = append(ids, l.notify("hub", push(t, id))...)
	}
	for range ids {
		if to := <-got; to != "/ci" {
			t.Errorf("sent to %s", to)
		}
	}
	l.until("it is halted", func() bool { return look("matrix").State == "halted" })
	p := look("matrix")
	if p.Deaths < 5 || p.Next == nil || !strings.Contains(p.Error, "there is no file") || look("webhook").PID != other || look("webhook").Deaths != 0 {
		t.Errorf("matrix: %+v, webhook: %+v", p, look("webhook"))
	}
	waiting := func() (n, attempts int) {
		for _, id := range ids {
			var tr trace
			l.get("/api/v1/events/"+id, &tr)
			for _, d := range tr.Deliveries {
				if d.Target == "room" && d.State == store.Waiting {
					n, attempts = n+1, attempts+len(d.Attempts)
				}
			}
		}
		return n, attempts
	}
	if n, attempts := waiting(); n != len(ids) || attempts != 0 {
		t.Errorf("%d of %d wait, with %d attempts", n, len(ids), attempts)
	}

	must(t, os.Rename(path+".away", path))
	req, err := http.NewRequest("POST", "http://"+l.admin+"/api/v1/plugins/matrix/restart", strings.NewReader(`{"by":"test"}`))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	if status, answer, err := do(req); status != http.StatusOK || err != nil || !strings.Contains(answer, `"state":"up"`) {
		t.Errorf("restart: %d %s %v", status, answer, err)
	}
	for range ids {
		if to := <-got; to != "/room" {
			t.Errorf("sent to %s", to)
		}
	}
	must(t, l.stop())
}
