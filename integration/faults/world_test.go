package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/integration/ledger"
	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// world is bellbuoy between a registry and three targets: one that answers at once, one
// that is slow, and one that fails now and then, and seldom for good. A ledger knows what
// was promised and what came.
type world struct {
	t       *testing.T
	ctx     context.Context
	program string
	config  sidecar.Config
	log     string
	targets map[string]*receiver.Receiver
	ledger  *ledger.Ledger
	life    *sidecar.Sidecar // the present one
	posting sync.RWMutex     // read-locked by who posts
}

// answers are the targets, and what they do with the nth request of an event before they
// answer with a status.
var answers = map[string]func(ctx context.Context, id string, nth int) int{
	"fast": func(context.Context, string, int) int { return http.StatusOK },
	"slow": func(ctx context.Context, _ string, _ int) int {
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
		return http.StatusOK
	},
	"moody": func(_ context.Context, id string, nth int) int {
		h := fnv.New32a()
		fmt.Fprint(h, id, nth)
		switch n := h.Sum32() % 100; {
		case n < 6:
			return http.StatusInternalServerError
		case n < 8:
			return http.StatusBadRequest
		}
		return http.StatusOK
	},
}

// newWorld makes one in which nothing runs yet but the targets.
func newWorld(t *testing.T, program string) *world {
	t.Helper()
	w := newEmptyWorld(t, program, "fast", "slow", "moody")
	for name, answer := range answers {
		w.receive(name, answer)
	}
	w.configure()
	t.Cleanup(w.sane)
	return w
}

// newEmptyWorld makes one without targets and configuration. Its ledger expects all events
// at each of some targets.
func newEmptyWorld(t *testing.T, program string, targets ...string) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	dir := t.TempDir()
	return &world{
		t: t, ctx: ctx, program: program, log: filepath.Join(dir, "bellbuoy.log"),
		config:  sidecar.Config{Path: filepath.Join(dir, "bellbuoy.yml"), Store: filepath.Join(dir, "bellbuoy.db")},
		targets: map[string]*receiver.Receiver{}, ledger: ledger.New(targets...),
	}
}

// receive brings a target up.
func (w *world) receive(name string, answer func(ctx context.Context, id string, nth int) int) {
	w.t.Helper()
	r, err := receiver.Start()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(r.Down)
	r.Forget()
	r.Answer(func(a receiver.Arrival) int { return w.arrived(name, a, answer) })
	w.targets[name] = r
}

// target is a target as it is configured: it is tried without end and without long waits,
// and lets nothing pass.
func (w *world) target(name string) map[string]any {
	return map[string]any{
		"name": name, "type": "webhook", "options": map[string]any{"url": w.targets[name].URL()}, "order": "repository", "hold": "10m",
		"retry": map[string]any{"schedule": []string{"0s", "50ms", "100ms"}}, "disable_after": 0,
	}
}

// arrived enters a request and returns what it is answered.
func (w *world) arrived(target string, a receiver.Arrival, answer func(context.Context, string, int) int) int {
	var e event.Event
	if err := json.Unmarshal(a.Body, &e); err != nil || e.Repository == nil {
		w.t.Errorf("%s got what is no event: %v in %q", target, err, a.Body)
		return http.StatusBadRequest
	}
	nth := w.ledger.Came(e.Native.ID, target)
	status := answer(w.ctx, e.Native.ID, nth)
	w.ledger.Arrived(ledger.Arrival{
		Target: target, ID: e.Native.ID, Key: e.Repository.FullName, WebhookID: a.WebhookID, Status: status,
	})
	return status
}

// configure writes bellbuoy's configuration.
func (w *world) configure() {
	w.t.Helper()
	var targets []any
	var names []string
	for name := range w.targets {
		names, targets = append(names, name), append(targets, w.target(name))
	}
	w.write([]any{w.hub()}, targets, []any{map[string]any{"name": "all", "events": []string{"artifact.pushed"}, "deliver": names}})
}

// hub is the registry.
func (w *world) hub() map[string]any {
	return map[string]any{"name": "hub", "type": "distribution", "auth": map[string]any{"bearer": sidecar.Bearer}}
}

// write writes a configuration, with free addresses.
func (w *world) write(registries, targets, rules []any) {
	w.t.Helper()
	var errs [3]error
	w.config.Listen, errs[0] = loopback.Address()
	w.config.Admin, errs[1] = loopback.Address()
	b, err := yaml.Marshal(map[string]any{
		"listen": w.config.Listen, "admin": map[string]any{"listen": w.config.Admin}, "store": w.config.Store,
		"registries": registries, "targets": targets, "rules": rules,
	})
	if err == nil {
		err = os.WriteFile(w.config.Path, b, 0o600)
	}
	errs[2] = err
	if err := errors.Join(errs[:]...); err != nil {
		w.t.Fatal(err)
	}
}

// start begins a new life over the same store.
func (w *world) start(env ...string) {
	w.t.Helper()
	life, err := sidecar.Start(w.program, w.config, w.log, env...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.life = life
}

// ready waits until the present life takes events.
func (w *world) ready() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := w.life.Ready(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// over enters that a life is over, once all is known that it sent.
func (w *world) over() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	for name, r := range w.targets {
		if err := r.Quiet(ctx); err != nil {
			w.t.Fatalf("senders of a life that is over are still there, at %s: %v", name, err)
		}
	}
	w.ledger.Cut()
}

// kill ends the present life as kill -9 does.
func (w *world) kill() {
	w.t.Helper()
	w.life.Kill()
	w.over()
}

// stop ends the present life in order.
func (w *world) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if status, err := w.life.Stop(ctx); err != nil || status != 0 {
		w.t.Errorf("stop bellbuoy: status %d, %v\n%s", status, err, w.life.Log())
	}
}

// until asks done every few milliseconds until it says so.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !done(); {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain until %s\n%s", what, w.life.Log())
		}
		w.pause(10 * time.Millisecond)
	}
}

func (w *world) pause(d time.Duration) {
	select {
	case <-w.ctx.Done():
	case <-time.After(d):
	}
}

// sane checks that no life, killed or not, reported a race or panicked.
func (w *world) sane() {
	if w.life != nil {
		w.life.Kill()
	}
	log, err := os.ReadFile(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, bad := range []string{"DATA RACE", "panic: ", "fatal error: "} {
		if at := bytes.Index(log, []byte(bad)); at >= 0 {
			w.t.Errorf("bellbuoy's log has a %q: %s", bad, log[at:min(at+4096, len(log))])
		}
	}
	if w.t.Failed() {
		w.t.Logf("the end of bellbuoy's log:\n%s", log[max(0, len(log)-8192):])
	}
}
