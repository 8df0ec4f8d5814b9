package app

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
	"github.com/bellbuoy/bellbuoy/plugin/serve"
)

// patience bounds every wait: it is reached only where something is broken.
const patience = time.Minute

// TestMain makes the test's own binary play the other processes too: a sender, and a
// bellbuoy whose disk fails.
func TestMain(m *testing.M) {
	if typ, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "bellbuoy-sender-"); ok { // a copy of it in a folder
		webhook := senders.Builtin()["webhook"]("test")
		serve.Main(map[string]plugin.Sender{
			"matrix": matrix{webhook, typ, ""},
			"pebble": matrix{webhook, "pebble", "cloudevents-binary"}, "boulder": matrix{webhook, "boulder", "smoke"},
		})
		return
	}
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case "sender":
			typ := os.Args[2]
			serve.Main(map[string]plugin.Sender{typ: senders.Builtin()[typ]("test")})
			return
		case "run":
			os.Exit(play(os.Args[2]))
		}
	}
	goleak.VerifyTestMain(m)
}

// play runs bellbuoy with a config as a process of its own. A file that must not grow
// is an error to it and not its end.
func play(file string) (status int) {
	signal.Ignore(syscall.SIGXFSZ)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	if err := Run(ctx, Options{Reload: reload, Files: Files{Config: file}, Version: "test", Stdout: os.Stdout, Stderr: os.Stderr, Executable: os.Args[0]}); err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	return 0
}

// output is what a running bellbuoy prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// addresses are what a log says that bellbuoy listens on, empty until it does.
func addresses(log string) (listen, admin string) {
	for line := range strings.Lines(log) {
		var entry struct{ Msg, Listen, Admin string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "bellbuoy runs" {
			return entry.Listen, entry.Admin
		}
	}
	return "", ""
}

// life is a bellbuoy that runs in this process, its senders in theirs.
type life struct {
	t             *testing.T
	listen, admin string
	stdout, log   *output
	told          context.CancelFunc // to stop
	ended         chan error
}

// begin runs bellbuoy until the test ends, unless it is stopped before, and waits until
// it listens.
func begin(t *testing.T, run func(context.Context, Options) error) *life {
	t.Helper()
	ctx, told := context.WithCancel(context.Background())
	l := &life{t: t, stdout: &output{}, log: &output{}, told: told, ended: make(chan error, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.ended <- run(ctx, options(t, l.stdout, l.log))
	}()
	t.Cleanup(func() {
		told()
		<-done
		if t.Failed() {
			t.Logf("bellbuoy's log:\n%s", l.log)
		}
	})
	l.until("bellbuoy listens", func() bool {
		l.listen, l.admin = addresses(l.log.String())
		return l.listen != ""
	})
	return l
}

// start begins a life with a config file.
func start(t *testing.T, file string) *life {
	t.Helper()
	return begin(t, func(ctx context.Context, o Options) error {
		o.Files.Config = file
		return Run(ctx, o)
	})
}

// options are those of a bellbuoy whose senders are this test's binary.
func options(t *testing.T, stdout, stderr io.Writer) Options {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Version: "test", Stdout: stdout, Stderr: stderr, Executable: executable, Name: "./bellbuoy"}
}

// stop tells it to stop and returns what it ends with.
func (l *life) stop() error {
	l.t.Helper()
	l.told()
	return l.end()
}

// end waits until it ends.
func (l *life) end() error {
	l.t.Helper()
	select {
	case err := <-l.ended:
		return err
	case <-time.After(patience):
		l.t.Fatal("bellbuoy does not end")
		return nil
	}
}

// until asks done every few milliseconds until it says so.
func (l *life) until(what string, done func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-l.ended:
			l.ended <- err
			if !done() {
				l.t.Fatalf("waited until %s; bellbuoy ended: %v", what, err)
			}
			return
		default:
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// ask makes a request on a connection of its own.
func ask(method, url string, body string) (status int, answer string, err error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/vnd.docker.distribution.events.v2+json")
	return do(req)
}

// do makes a request on a connection of its own.
func do(req *http.Request) (status int, answer string, err error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// notify posts body as a registry does and returns the ids of its events.
func (l *life) notify(registry, body string) []string {
	l.t.Helper()
	status, answer, err := ask("POST", "http://"+l.listen+"/in/"+registry, body)
	if err != nil || status != http.StatusAccepted {
		l.t.Fatalf("post a notification: %d %s %v", status, answer, err)
	}
	var accepted struct{ Accepted []string }
	if err := json.Unmarshal([]byte(answer), &accepted); err != nil {
		l.t.Fatal(err)
	}
	return accepted.Accepted
}

// get reads what the admin API tells at path into v.
func (l *life) get(path string, v any) string {
	l.t.Helper()
	status, answer, err := ask("GET", "http://"+l.admin+path, "")
	if err != nil || status != http.StatusOK {
		l.t.Fatalf("GET %s: %d %s %v", path, status, answer, err)
	}
	if err := json.Unmarshal([]byte(answer), v); err != nil {
		l.t.Fatalf("GET %s: %v in %s", path, err, answer)
	}
	return answer
}

// trace is what the tests read of an event's trace.
type trace struct {
	Event      event.Event
	Deliveries []store.TracedDelivery
}

// settled waits until an event's only delivery is in a state, and returns its trace.
func (l *life) settled(id string, state store.State) (tr trace, page string) {
	l.t.Helper()
	l.until("the delivery is "+string(state), func() bool {
		page = l.get("/api/v1/events/"+id, &tr)
		return len(tr.Deliveries) == 1 && tr.Deliveries[0].State == state
	})
	return tr, page
}

//go:embed testdata/push.json
var captured string

// push is a registry's notification of one push, as it was captured.
func push(t *testing.T, id string) string {
	t.Helper()
	const capturedID = "01a1fb45-1050-7302-8c10-5db1bdd03b70"
	if !strings.Contains(captured, capturedID) {
		t.Fatal("testdata/push.json is another capture")
	}
	return strings.ReplaceAll(captured, capturedID, id)
}

// write writes a config into a new folder, for which DIR stands in it.
func write(t testing.TB, text string) (file, dir string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "bellbuoy.yml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, dir
}

// runtimeDir has the senders' sockets in a folder of the test's own, with a short path.
func runtimeDir(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("RUNTIME_DIRECTORY", dir)
}
