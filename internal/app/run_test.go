package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// With no config at all bellbuoy says what to do, takes what a registry sends, keeps
// all of it, blobs too, and shows it. What is no blob it tells whoever runs it.
func TestRunWithoutConfig(t *testing.T) {
	t.Chdir(t.TempDir())
	runtimeDir(t)
	l := begin(t, func(ctx context.Context, o Options) error {
		set, faults, err := load(ctx, Files{}, o.Version)
		if err != nil || len(faults) > 0 {
			return errors.Join(err, faults.Err())
		}
		set.config.Listen, set.config.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
		return run(ctx, set, o, slog.New(slog.NewJSONHandler(o.Stderr, nil)))
	})
	l.until("somebody is greeted", func() bool { return strings.HasSuffix(l.stdout.String(), "/api/docs there.\n\n") })
	for _, want := range []string{
		"url: http://" + l.listen + "/in/distribution\n", "includereferences: true\n", "./bellbuoy.db",
		"./bellbuoy inbox\n", "./bellbuoy events\n", "./bellbuoy trace ID\n", "http://" + l.admin + "\n", "http://" + l.admin + "/api/v1",
		"http://" + l.listen + "/in/harbor\n", "http://" + l.listen + "/in/quay/repo_push\n",
		"./bellbuoy connect distribution\n", "./bellbuoy connect harbor\n", "./bellbuoy connect quay\n",
		"timeout: 5s\n", "threshold: 5\n", "backoff: 1s\n", // as examples/distribution/config.yml has them
	} {
		if !strings.Contains(l.stdout.String(), want) {
			t.Errorf("the greeting has no %q:\n%s", want, l.stdout)
		}
	}

	pushed := l.notify("distribution", push(t, "one"))
	blob := strings.NewReplacer("application/vnd.docker.distribution.manifest.v2+json", "application/octet-stream",
		`"tag": "v1",`, "", "/manifests/", "/blobs/").Replace(push(t, "two"))
	pushed = append(pushed, l.notify("distribution", blob)...)
	var list []struct {
		event.Event
		Deliveries map[string]int
	}
	l.until("both are listed", func() bool { // in the lists they are a moment later
		l.get("/api/v1/events", &list)
		return len(list) == 2
	})
	if len(pushed) != 2 || list[0].ID != pushed[1] || list[0].Type != event.BlobPushed || list[1].Type != event.ArtifactPushed {
		t.Errorf("accepted %v, listed %+v", pushed, list)
	}
	if len(list[0].Deliveries) > 0 {
		t.Errorf("a blob is delivered: %v", list[0].Deliveries)
	}
	var told []struct{ Title, Kind, Name, Event string }
	l.until("the push is in the inbox", func() bool {
		l.get("/api/v1/inbox", &told)
		return len(told) > 0
	})
	if len(told) != 1 || told[0].Event != pushed[0] || told[0].Kind != "user" || told[0].Name != "operator" || !strings.HasSuffix(told[0].Title, " pushed") {
		t.Errorf("the inbox has %+v", told)
	}
	if got := l.notify("quay/repo_push", `{"repository":"a/b","updated_tags":["v1"]}`); len(got) != 1 {
		t.Errorf("Quay's push became %v, want one event", got)
	}
	if got := l.notify("harbor", `{"type":"PULL_ARTIFACT","event_data":{"resources":[{"digest":"sha256:1"}],"repository":{"repo_full_name":"a/b"}}}`); len(got) != 1 {
		t.Errorf("Harbor's pull became %v, want one event", got)
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

// one is a config with a target that posts to hook. The senders' sockets have a folder
// of their own.
func one(t *testing.T, hook string) (file string) {
	t.Helper()
	runtimeDir(t)
	file, _ = write(t, `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: DIR/bellbuoy.db
registries: [{name: hub, type: distribution}]
targets: [{name: ci, type: webhook, options: {url: "`+hook+`"}}]
rules: [{name: pushes, events: [artifact.pushed], deliver: [ci]}]
`)
	return file
}

// receiver answers as h does.
func receiver(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestHealthOnBothListeners(t *testing.T) {
	file := one(t, "http://127.0.0.1:9/hook")
	l := start(t, file)
	for _, addr := range []string{l.listen, l.admin} {
		for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\nconfig: " + file + ", loaded 20"} {
			if status, answer, err := ask("GET", "http://"+addr+path, ""); status != http.StatusOK || !strings.HasPrefix(answer, want) || err != nil {
				t.Errorf("%s%s: %d %q %v", addr, path, status, answer, err)
			}
			if status, _, err := ask("POST", "http://"+addr+path, ""); status != http.StatusMethodNotAllowed || err != nil {
				t.Errorf("POST %s%s: %d %v", addr, path, status, err)
			}
		}
	}
	// What people ask is not for those who reach the intake.
	if status, answer, err := ask("GET", "http://"+l.listen+"/api/v1/events", ""); status != http.StatusNotFound || err != nil {
		t.Errorf("the API on the intake: %d %s %v", status, answer, err)
	}
	if l.stdout.String() != "" {
		t.Errorf("somebody with a config is greeted:\n%s", l.stdout)
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
}

// What keeps bellbuoy from starting is told with what to do, and leaves nothing open:
// without it the same config runs.
func TestCannotStart(t *testing.T) {
	runtimeDir(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().String()
	for text, want := range map[string]string{
		"listen: " + port + "\nadmin: {listen: 127.0.0.1:0}":             "listen for registries on " + port + ": bind: address already in use: stop what uses it, or set another port in listen",
		"listen: 127.0.0.1:0\nadmin: {listen: " + port + "}":             "listen for the admin API on " + port + ": bind: address already in use: stop what uses it, or set another port in admin.listen",
		"listen: 192.0.2.1:5080\nadmin: {listen: 127.0.0.1:0}\nkeep: []": "listen for registries on 192.0.2.1:5080: bind: cannot assign requested address: set an address of this machine in listen",
	} {
		file, dir := write(t, text+"\nstore: DIR/bellbuoy.db\n")
		var out output
		o := options(t, &out, &out)
		o.Files.Config = file
		if err := Run(t.Context(), o); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		free, _ := write(t, "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: "+dir+"/bellbuoy.db\n")
		if err := start(t, free).stop(); err != nil {
			t.Errorf("after it, on another port: %v", err)
		}
	}
}

func TestStoreInUse(t *testing.T) {
	file := one(t, "http://127.0.0.1:9/hook")
	first := start(t, file)
	var out output
	o := options(t, &out, &out)
	o.Files.Config = file
	if err := Run(t.Context(), o); !errors.Is(err, store.ErrLocked) {
		t.Errorf("got %v", err)
	}
	if status, _, err := ask("GET", "http://"+first.listen+"/readyz", ""); status != http.StatusOK || err != nil {
		t.Errorf("the first is not ready any more: %d %v", status, err)
	}
	if err := first.stop(); err != nil {
		t.Error(err)
	}
}

// Deliveries to a target that is gone from the config wait for it, parked, and are made
// to what has its name later.
func TestTargetVanishesAndReturns(t *testing.T) {
	var up atomic.Bool
	delivered := make(chan string, 8)
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		delivered <- r.Header.Get("webhook-id")
	})
	runtimeDir(t)
	const head = `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
registries: [{name: hub, type: distribution}]
`
	const rules = "\nrules: [{name: pushes, deliver: [ci]}]\n"
	target := `
targets: [{name: ci, type: webhook, retry: {schedule: [0s, 100ms]}, options: {url: "` + hook + `"}}]`
	named, dir := write(t, head+"store: DIR/bellbuoy.db"+target+rules)
	gone, _ := write(t, head+"store: "+dir+"/bellbuoy.db\n")
	back, _ := write(t, head+"store: "+dir+"/bellbuoy.db"+target)

	l := start(t, named)
	id := l.notify("hub", push(t, "one"))[0]
	waiting, _ := l.settled(id, store.Waiting)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	l = start(t, gone)
	l.settled(id, store.Parked)
	if err := l.stop(); err != nil {
		t.Fatal(err)
	}
	up.Store(true)
	l = start(t, back)
	l.settled(id, store.Delivered)
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	if webhook := <-delivered; webhook != waiting.Deliveries[0].ID || len(delivered) > 0 {
		t.Errorf("delivered %s and %d more, want %s", webhook, len(delivered), waiting.Deliveries[0].ID)
	}
}

// No secret stands in a trace, though the target repeats all that it was sent.
func TestSecretsOfATargetThatEchoes(t *testing.T) {
	const token, path, query = "token-of-the-header", "/hooks/secret-of-the-path", "sig=secret-of-the-query"
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		url := "http://" + r.Host + r.RequestURI
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]string{
			"token": r.Header.Get("X-Token"), "plain": r.Header.Get("X-Plain"), "url": url, "path": r.URL.Path, "query": r.URL.RawQuery,
		})
	})
	runtimeDir(t)
	t.Setenv("BELLBUOY_TEST_URL", hook+path+"?"+query)
	t.Setenv("BELLBUOY_TEST_TOKEN", token)
	file, _ := write(t, `
listen: 127.0.0.1:0
admin: {listen: 127.0.0.1:0}
store: DIR/bellbuoy.db
registries: [{name: hub, type: distribution}]
targets:
  - name: ci
    type: webhook
    options:
      url: {env: BELLBUOY_TEST_URL}
      headers: {X-Token: {env: BELLBUOY_TEST_TOKEN}, X-Plain: plain-in-the-file}
rules: [{name: pushes, deliver: [ci]}]
`)
	l := start(t, file)
	tr, page := l.settled(l.notify("hub", push(t, "one"))[0], store.Dead)
	if a := tr.Deliveries[0].Attempts; len(a) != 1 || a[0].Status != http.StatusNotFound || !strings.Contains(a[0].Reply, `"token":"***"`) {
		t.Errorf("attempts %+v", a)
	}
	if err := l.stop(); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{token, path, query, "plain-in-the-file"} {
		if strings.Contains(page, secret) {
			t.Errorf("the trace tells %q:\n%s", secret, page)
		}
		if strings.Contains(l.log.String(), secret) {
			t.Errorf("the log tells %q", secret)
		}
	}
}
