package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// reloadable is a life whose config may be changed, and what it can be told by.
type reloadable struct {
	*life
	file, dir string
	hup       chan os.Signal
}

// startReloadable begins a life with a config, whose store is in a folder of its own.
func startReloadable(t *testing.T, rest string) *reloadable {
	t.Helper()
	runtimeDir(t)
	file, dir := write(t, "")
	r := &reloadable{file: file, dir: dir, hup: make(chan os.Signal, 1)}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, file, r.config(rest))
	r.life = begin(t, func(ctx context.Context, o Options) error {
		o.Files.Config, o.Reload = file, r.hup
		return Run(ctx, o)
	})
	return r
}

// config is a whole config.
func (r *reloadable) config(rest string) string {
	return "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: " + r.dir + "/data/bellbuoy.db\n" +
		"registries: [{name: hub, type: distribution}]\n" + rest
}

// change writes another config and waits until its rules are in use.
func (r *reloadable) change(rest string) {
	r.t.Helper()
	was := r.loaded()
	put(r.t, r.file, r.config(rest))
	r.until("the new config is in use", func() bool { return r.loaded() != was })
}

func (r *reloadable) loaded() string {
	r.t.Helper()
	return r.running().Loaded.String()
}

// running is what the API tells of the configuration.
func (l *life) running() (v api.Running) {
	l.t.Helper()
	l.get("/api/v1/rules", &v)
	return v
}

// rule waits until the only rule has that name.
func (l *life) rule(name string) {
	l.t.Helper()
	l.until("the rule is "+name, func() bool {
		v := l.running()
		return len(v.Rules) == 1 && v.Rules[0].Name == name && v.Failed == nil
	})
}

// put writes a file as most do, by a rename: what is written in place may be read half
// written, on a machine that is busy.
func put(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file+".put", []byte(text), 0o600))
	must(t, os.Rename(file+".put", file))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// target is a line of a config.
func target(name, url string) string {
	return fmt.Sprintf("  - {name: %s, type: webhook, retry: {schedule: [0s, 50ms]}, options: {url: %q}}\n", name, url)
}

// oneRule is a config with one rule of that name, to a target at url.
func oneRule(rule, url string) string {
	return "targets:\n" + target("ci", url) + "rules: [{name: " + rule + ", deliver: [ci]}]\n"
}

// A changed file is seen however it was changed.
func TestReloadSeesEachWayOfChanging(t *testing.T) {
	const nobody = "http://127.0.0.1:9/"
	swap := func(t *testing.T, dir, version, text string) {
		t.Helper()
		must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		put(t, filepath.Join(dir, version, "bellbuoy.yml"), text)
		must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	t.Run("written in place", func(t *testing.T) {
		r := startReloadable(t, oneRule("one", nobody))
		must(t, os.WriteFile(r.file, []byte(r.config(oneRule("two", nobody))), 0o600))
		r.rule("two")
	})
	t.Run("renamed by an editor", func(t *testing.T) {
		r := startReloadable(t, oneRule("one", nobody))
		for _, name := range []string{"two", "three"} { // the file is another one each time
			must(t, os.Rename(r.file, r.file+"~"))
			put(t, r.file+".new", r.config(oneRule(name, nobody)))
			must(t, os.Rename(r.file+".new", r.file))
			r.rule(name)
		}
	})
	t.Run("gone and back", func(t *testing.T) {
		r := startReloadable(t, oneRule("one", nobody))
		must(t, os.Remove(r.file))
		r.until("it is said that the file is gone", func() bool {
			f := r.running().Failed
			return f != nil && len(f.Faults) == 1 && strings.Contains(f.Faults[0].Text, "there is no such file")
		})
		put(t, r.file, r.config(oneRule("one", nobody)))
		r.rule("one")
		put(t, r.file, r.config(oneRule("two", nobody)))
		r.rule("two")
	})
	t.Run("beside the store", func(t *testing.T) {
		runtimeDir(t)
		text := "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: DIR/bellbuoy.db\n"
		file, dir := write(t, text+oneRule("one", nobody))
		l := start(t, file)
		put(t, file, strings.ReplaceAll(text, "DIR", dir)+oneRule("two", nobody))
		l.rule("two")
	})
	t.Run("a ConfigMap", func(t *testing.T) {
		runtimeDir(t)
		_, data := write(t, "")
		dir := t.TempDir()
		text := "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: " + data + "/bellbuoy.db\n"
		swap(t, dir, "..1", text+oneRule("one", nobody))
		file := filepath.Join(dir, "bellbuoy.yml")
		must(t, os.Symlink(filepath.Join("..data", "bellbuoy.yml"), file))
		l := start(t, file)
		for i, name := range []string{"two", "three"} {
			swap(t, dir, fmt.Sprintf("..%d", i+2), text+oneRule(name, nobody))
			must(t, os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..%d", i+1))))
			l.rule(name)
		}
	})
}

// A signal to a real process has its config read again, and does not end it.
func TestReloadOnSignal(t *testing.T) {
	runtimeDir(t)
	text := "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: DIR/bellbuoy.db\n"
	file, dir := write(t, text+oneRule("one", "http://127.0.0.1:9/"))
	cmd := exec.Command(os.Args[0], "run", file)
	l := &life{t: t, stdout: &output{}, log: &output{}, ended: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = l.stdout, l.log
	must(t, cmd.Start())
	go func() { l.ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	l.until("it listens", func() bool { l.listen, l.admin = addresses(l.log.String()); return l.listen != "" })
	must(t, cmd.Process.Signal(syscall.SIGHUP))
	l.until("it says that nothing has changed", func() bool {
		return strings.Contains(l.log.String(), "nothing in the configuration's files has changed")
	})
	put(t, file, strings.ReplaceAll(text, "DIR", dir)+oneRule("two", "http://127.0.0.1:9/"))
	must(t, cmd.Process.Signal(syscall.SIGHUP))
	l.rule("two")
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := l.end(); err != nil {
		t.Errorf("it ended with %v\n%s", err, l.log)
	}
}

// A file with faults changes nothing; it is logged once, and told to who asks, until it
// is good again.
func TestReloadRefusesABadFile(t *testing.T) {
	delivered := make(chan string, 8)
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) { delivered <- r.Header.Get("webhook-id") })
	r := startReloadable(t, oneRule("one", hook))
	bad := r.config("targets:\n" + target("ci", hook) + "rules: [{name: two, deliver: [cj]}]\n")
	put(t, r.file, bad)
	r.until("the fault is told", func() bool { return r.running().Failed != nil })
	v := r.running()
	want := r.file + `:7: rules[0].deliver[0]: unknown target "cj"`
	if f := v.Failed.Faults; len(f) != 1 || !strings.HasPrefix(f[0].Text, want) || f[0].Line != 7 || f[0].Severity != "error" {
		t.Errorf("faults %+v, want %s", f, want)
	}
	if len(v.Rules) != 1 || v.Rules[0].Name != "one" || v.Rules[0].Source.File != r.file || v.Rules[0].Source.Line != 7 {
		t.Errorf("the rules are %+v", v.Rules)
	}
	for _, addr := range []string{r.listen, r.admin} {
		if status, answer, err := ask("GET", "http://"+addr+"/readyz", ""); status != http.StatusOK || err != nil || !strings.Contains(answer, want) {
			t.Errorf("%s/readyz: %d %s %v", addr, status, answer, err)
		}
	}
	r.settled(r.notify("hub", push(t, "one"))[0], store.Delivered)

	put(t, r.file, bad) // the same again
	r.hup <- syscall.SIGHUP
	r.until("it says that nothing has changed", func() bool {
		return strings.Contains(r.log.String(), "nothing in the configuration's files has changed")
	})
	if n := strings.Count(r.log.String(), "cannot be used"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, r.log)
	}
	put(t, r.file, r.config(oneRule("one", hook)))
	r.rule("one")
	if n := strings.Count(r.log.String(), "was read again and is in use"); n != 0 {
		t.Errorf("what was in use all the time was put to use %d times", n)
	}
	put(t, r.file, r.config(oneRule("three", hook)))
	r.rule("three")
}

// What waits for a target that is gone is parked, wherever it was; it is delivered when
// the name returns, or cancelled.
func TestReloadWithoutATarget(t *testing.T) {
	var mu sync.Mutex
	up, seen := false, map[string]int{}
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !up {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		seen[r.Header.Get("webhook-id")]++
	})
	r := startReloadable(t, oneRule("one", hook))
	returning := r.notify("hub", push(t, "one"))[0]
	r.settled(returning, store.Waiting)
	r.change("rules: []\n")
	tr, _ := r.settled(returning, store.Parked)
	if d := tr.Deliveries[0]; d.Reason == "" || d.Next != nil && !d.Next.IsZero() {
		t.Errorf("parked: %+v", d)
	}

	mu.Lock()
	up = true
	mu.Unlock()
	r.change("targets:\n" + target("ci", hook)) // a target of that name, and no rule
	tr, _ = r.settled(returning, store.Delivered)
	if d := tr.Deliveries[0]; d.Rule != "one" {
		t.Errorf("the rule that planned it is %q", d.Rule)
	}
	mu.Lock()
	if seen[tr.Deliveries[0].ID] != 1 {
		t.Errorf("delivered %v", seen)
	}
	up = false
	mu.Unlock()

	r.change(oneRule("two", hook))
	lost := r.notify("hub", push(t, "two"))[0]
	r.settled(lost, store.Waiting)
	cancel := "http://" + r.admin + "/api/v1/targets/ci/cancel"
	if status, answer, err := post(cancel, `{"by":"alice"}`); status != http.StatusConflict || err != nil || !strings.Contains(answer, r.file+":6") {
		t.Errorf("cancel what is in the config: %d %s %v", status, answer, err)
	}
	r.change("rules: []\n")
	r.settled(lost, store.Parked)
	var targets []struct {
		Name, Type string
		InConfig   bool `json:"in_config"`
		Source     *api.Source
		Deliveries map[string]int
	}
	page := r.get("/api/v1/targets", &targets)
	if len(targets) != 1 || targets[0].Name != "ci" || targets[0].Type != "webhook" || targets[0].InConfig || targets[0].Source != nil ||
		targets[0].Deliveries["parked"] != 1 || targets[0].Deliveries["delivered"] != 1 {
		t.Errorf("targets: %s", page)
	}
	if status, answer, err := post(cancel, `{"by":"alice"}`); status != http.StatusOK || err != nil || answer != `{"cancelled":1}`+"\n" {
		t.Errorf("cancel: %d %s %v", status, answer, err)
	}
	if tr, _ := r.settled(lost, store.Cancelled); tr.Deliveries[0].Reason != "cancelled by alice" {
		t.Errorf("cancelled: %+v", tr.Deliveries[0])
	}
	if status, answer, err := post(cancel, `{}`); status != http.StatusNotFound || err != nil {
		t.Errorf("cancel again: %d %s %v", status, answer, err)
	}
}

func post(url, body string) (status int, answer string, err error) {
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	return do(req)
}

// What is tried again goes to where the target is now.
func TestReloadWhileADeliveryIsTriedAgain(t *testing.T) {
	down := receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	arrived := make(chan struct{}, 8)
	up := receiver(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{} })
	r := startReloadable(t, oneRule("one", down))
	id := r.notify("hub", push(t, "one"))[0]
	r.settled(id, store.Waiting)
	r.change(oneRule("two", up))
	tr, _ := r.settled(id, store.Delivered)
	d := tr.Deliveries[0]
	if last := d.Attempts[len(d.Attempts)-1]; d.Rule != "one" || len(d.Attempts) < 2 || !strings.HasPrefix(last.Request.URL, up) || len(arrived) != 1 {
		t.Errorf("delivered by rule %s, last attempt %+v, arrived %d", d.Rule, last, len(arrived))
	}
}

// The sender of a type that no target had before is started with the reload.
func TestReloadStartsSenders(t *testing.T) {
	r := startReloadable(t, "rules: []\n")
	if strings.Contains(r.log.String(), "sender up") {
		t.Fatal("a sender runs that nobody has asked for")
	}
	r.change("targets:\n" + target("ci", "http://127.0.0.1:9/"))
	r.until("the sender is up", func() bool { return strings.Contains(r.log.String(), `"msg":"sender up","sender":"webhook"`) })
}

// A secret that stands in a file of its own is read again when that changes.
func TestReloadOfASecret(t *testing.T) {
	runtimeDir(t)
	text := "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: DIR/data/bellbuoy.db\n" +
		"registries: [{name: hub, type: distribution, auth: {bearer: {file: secrets/hub}}}]\n"
	file, dir := write(t, text)
	for _, d := range []string{"data", "secrets"} {
		must(t, os.Mkdir(filepath.Join(dir, d), 0o700))
	}
	secret := filepath.Join(dir, "secrets", "hub")
	put(t, secret, "the-first-secret")
	l := start(t, file)
	knock := func(token, id string) int {
		t.Helper()
		req, err := http.NewRequest("POST", "http://"+l.listen+"/in/hub", strings.NewReader(push(t, id)))
		must(t, err)
		req.Header.Set("Content-Type", "application/vnd.docker.distribution.events.v2+json")
		req.Header.Set("Authorization", "Bearer "+token)
		status, _, err := do(req)
		must(t, err)
		return status
	}
	if status := knock("the-first-secret", "one"); status != http.StatusAccepted {
		t.Fatalf("the first secret: %d", status)
	}
	put(t, secret, "the-other-secret")
	l.until("the other secret opens", func() bool { return knock("the-other-secret", "two") == http.StatusAccepted })
	if status := knock("the-first-secret", "three"); status != http.StatusUnauthorized {
		t.Errorf("the first secret opens still: %d", status)
	}
}

// What cannot change while bellbuoy runs does not, and a warning says so; the rest does.
func TestReloadKeepsWhatIsFixed(t *testing.T) {
	r := startReloadable(t, oneRule("one", "http://127.0.0.1:9/"))
	put(t, r.file, strings.NewReplacer("listen: 127.0.0.1:0\nadmin", "listen: 127.0.0.2:0\nadmin", "bellbuoy.db", "other.db").Replace(r.config(oneRule("two", "http://127.0.0.1:9/"))))
	r.rule("two")
	var said []string
	for _, w := range r.running().Warnings {
		said = append(said, w.Text)
	}
	want := []string{
		r.file + ":1: listen: warning: takes effect at the next start; until then it stays 127.0.0.1:0",
		r.file + ":3: store: warning: takes effect at the next start; until then it stays " + r.dir + "/data/bellbuoy.db",
	}
	if strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", said, want)
	}
	r.notify("hub", push(t, "one"))
}

// While the config changes again and again no event is lost, and none is delivered twice.
func TestReloadUnderLoad(t *testing.T) {
	var mu sync.Mutex
	got := map[string]int{}
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got[r.Header.Get("webhook-id")]++
	})
	both := "targets:\n" + target("ci", hook) + target("ops", hook) + "rules: [{name: all, deliver: [ci, ops]}]\n"
	configs := []string{
		"targets:\n" + target("ops", hook) + "rules: [{name: only, deliver: [ops]}]\n",
		both,
		"rules: []\n",
		both,
	}
	r := startReloadable(t, both)
	const posters, each = 4, 150
	var ids sync.Map
	var work sync.WaitGroup
	done := make(chan struct{})
	for p := range posters {
		work.Go(func() {
			for i := range each {
				status, answer, err := ask("POST", "http://"+r.listen+"/in/hub", push(t, fmt.Sprintf("load-%d-%d", p, i)))
				if status != http.StatusAccepted || err != nil {
					t.Errorf("posted: %d %s %v", status, answer, err)
					return
				}
				for id := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(answer, `{"accepted":[`), "]"), ",") {
					if id, ok := strings.CutPrefix(id, `"`); ok && len(id) > 36 {
						ids.Store(id[:36], true)
					}
				}
			}
		})
	}
	go func() { work.Wait(); close(done) }()
	for i, loading := 0, true; loading; i++ {
		select {
		case <-done:
			loading = false
		default:
		}
		was := r.loaded()
		put(t, r.file, r.config(configs[i%len(configs)]+fmt.Sprintf("# %d\n", i)))
		r.hup <- syscall.SIGHUP
		r.until("it is in use", func() bool { return r.loaded() != was })
	}
	r.change(both + "# the last\n")
	events, planned := 0, map[string]bool{}
	ids.Range(func(id, _ any) bool {
		events++
		var tr trace
		r.until("all of an event is delivered", func() bool {
			r.get("/api/v1/events/"+id.(string), &tr)
			for _, d := range tr.Deliveries {
				if d.State != store.Delivered {
					return false
				}
			}
			return true
		})
		for _, d := range tr.Deliveries {
			planned[d.ID] = true
		}
		return true
	})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if events != posters*each {
		t.Errorf("%d events, want %d", events, posters*each)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(planned) == 0 || len(got) != len(planned) {
		t.Errorf("%d deliveries arrived, %d were planned", len(got), len(planned))
	}
	for id, n := range got {
		if n != 1 || !planned[id] {
			t.Errorf("delivery %s arrived %d times, planned %v", id, n, planned[id])
		}
	}
}
