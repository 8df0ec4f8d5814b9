package integration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"

	"github.com/bellbuoy/bellbuoy/integration/distribution"
	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// patience bounds every wait: it is reached only where something is broken.
const patience = 5 * time.Minute

// home is the folder of the program under test, from TestMain on.
var home string

// build builds the program once for all tests that need it.
var build = sync.OnceValues(func() (string, error) {
	return sidecar.Build(context.Background(), "..", home, raced)
})

func TestMain(m *testing.M) {
	var err error
	if home, err = os.MkdirTemp("", "bellbuoy-integration-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(home)
	os.Exit(status)
}

// program returns the path of the program under test.
func program(t *testing.T) string {
	t.Helper()
	p, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stage is a receiver, and bellbuoy in front of it.
type stage struct {
	t       *testing.T
	ctx     context.Context
	rec     *receiver.Receiver
	config  sidecar.Config
	sidecar *sidecar.Sidecar // the present life
	log     string
}

// newStage starts both. The options' target is set to the receiver.
func newStage(t *testing.T, o sidecar.Options) *stage {
	t.Helper()
	dir := t.TempDir()
	return newStageWith(t, func(target string) (sidecar.Config, error) {
		o.Target = target
		return sidecar.Write(dir, o)
	})
}

// newStageWith starts both, bellbuoy with the configuration that write makes for the
// receiver's URL.
func newStageWith(t *testing.T, write func(target string) (sidecar.Config, error)) *stage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	rec, err := receiver.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Down)
	c, err := write(rec.URL())
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, ctx: ctx, rec: rec, config: c, log: filepath.Join(t.TempDir(), "bellbuoy.log")}
	s.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of bellbuoy's log:\n%s", s.sidecar.Log())
		}
		s.sidecar.Kill()
		s.sane()
	})
	s.ready()
	return s
}

// sane checks that no life, killed or not, reported a race or panicked.
func (s *stage) sane() {
	s.t.Helper()
	log, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, bad := range []string{"DATA RACE", "panic: ", "fatal error: "} {
		if at := bytes.Index(log, []byte(bad)); at >= 0 {
			s.t.Errorf("bellbuoy's log has a %q: %s", bad, log[at:min(at+4096, len(log))])
		}
	}
}

// start begins a new life over the same store.
func (s *stage) start() {
	s.t.Helper()
	life, err := sidecar.Start(program(s.t), s.config, s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	s.sidecar = life
}

func (s *stage) ready() {
	s.t.Helper()
	if err := s.sidecar.Ready(s.ctx); err != nil {
		s.t.Fatal(err)
	}
}

// registry starts a real registry that posts to the stage's sidecar.
func (s *stage) registry() *distribution.Registry {
	s.t.Helper()
	return s.registryOn(listen(s.t), distribution.Config(s.sidecar.Intake(), sidecar.Bearer))
}

// registryOf starts a registry with the config.yml in file.
func (s *stage) registryOf(file string) *distribution.Registry {
	s.t.Helper()
	c, err := distribution.Load(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.registryOn(listen(s.t), c)
}

// registryOn starts a registry with c that listens on l, for as long as the test runs.
func (s *stage) registryOn(l net.Listener, c *configuration.Configuration) *distribution.Registry {
	s.t.Helper()
	reg := distribution.StartOn(s.ctx, l, c, io.Discard)
	s.t.Cleanup(func() {
		if err := reg.Close(); err != nil {
			s.t.Errorf("close the registry: %v", err)
		}
	})
	return reg
}

// poster returns one connection's worth of a registry.
func (s *stage) poster() *poster.Poster {
	transport := &http.Transport{MaxConnsPerHost: 1}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &poster.Poster{URL: s.sidecar.Intake(), Bearer: sidecar.Bearer, Client: &http.Client{Transport: transport}}
}

// insist posts an event until it is accepted.
func (s *stage) insist(p *poster.Poster, id, repository string) {
	s.t.Helper()
	body, err := poster.Envelope(id, repository, "latest", time.Now().UTC())
	if err == nil {
		err = p.Insist(s.ctx, body)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// wait waits until done says so of what arrived at the receiver.
func (s *stage) wait(done func([]receiver.Arrival) bool) {
	s.t.Helper()
	if err := s.rec.Wait(s.ctx, done); err != nil {
		s.t.Fatal(err)
	}
}

// until asks done every few milliseconds until it says so.
func (s *stage) until(what string, done func() bool) {
	s.t.Helper()
	for !done() {
		select {
		case <-s.ctx.Done():
			s.t.Fatalf("waited in vain until %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *stage) trace(id string) sidecar.Trace {
	s.t.Helper()
	tr, err := s.sidecar.Trace(s.ctx, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return tr
}

// delivered counts the deliveries that are on record as made.
func delivered(s *stage) int {
	s.t.Helper()
	list, err := s.sidecar.Events(s.ctx, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		n += e.Deliveries["delivered"]
	}
	return n
}

// read reads the event that arrived.
func read(t *testing.T, a receiver.Arrival) event.Event {
	t.Helper()
	var e event.Event
	if err := json.Unmarshal(a.Body, &e); err != nil {
		t.Fatalf("read a delivered event: %v in %q", err, a.Body)
	}
	return e
}

// succeeded returns the events that arrived and were answered 2xx, in that order.
func succeeded(t *testing.T, all []receiver.Arrival) []event.Event {
	t.Helper()
	var events []event.Event
	for _, a := range all {
		if a.Status/100 == 2 {
			events = append(events, read(t, a))
		}
	}
	return events
}
