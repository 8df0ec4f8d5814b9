package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

const (
	chart = `{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"},"layers":[]}`
	image = `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[]}`
	own   = "bellbuoy/1.0.0 (lookup)"
)

func digestOf(manifest string) string {
	sum := sha256.Sum256([]byte(manifest))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// library is a registry that has two manifests, and waits before it answers until it is
// open.
type library struct {
	*httptest.Server
	mu    sync.Mutex
	asked int
	open  chan struct{}
}

func newLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{open: make(chan struct{})}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.asked++
		l.mu.Unlock()
		select {
		case <-l.open:
		case <-r.Context().Done():
			return
		}
		for _, m := range []string{chart, image} {
			if strings.HasSuffix(r.URL.Path, digestOf(m)) {
				fmt.Fprint(w, m)
				return
			}
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *library) requests() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// asking makes registry hub of p ask l.
func asking(t *testing.T, p Plan, l *library) Plan {
	t.Helper()
	source, err := lookup.Distribution(lookup.Options{Registry: "hub", URL: l.URL, Version: "1.0.0", Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(source.Close)
	hub := p.Registries["hub"]
	hub.Lookup, hub.Enrich = source, translator.Manifest
	p.Registries["hub"] = hub
	return p
}

// says is one of a registry's events on a manifest, of which it says nothing more.
func says(id, action, repository, digest, agent string) string {
	method := map[string]string{"push": "PUT", "pull": "GET", "delete": "DELETE"}[action]
	mediaType := "application/vnd.oci.image.manifest.v1+json"
	if action == "delete" {
		mediaType = ""
	}
	return fmt.Sprintf(`{"id":%q,"action":%q,"target":{"mediaType":%q,"digest":%q,"repository":%q},"request":{"method":%q,"useragent":%q}}`,
		id, action, mediaType, digest, repository, method, agent)
}

func state(t *testing.T, h house, id string) string {
	t.Helper()
	return h.trace(t, id).State
}

func TestLookup(t *testing.T) {
	l := newLibrary(t)
	h := newHouse(t, asking(t, plan(t, rule("charts", []string{"chart.pushed"}, "ci")), l))
	defer run(t, h.Handler)()
	first := accepted(t, h.post(t, "/in/hub", envelope(says("1", "push", "a/b", digestOf(chart), "helm")))).Accepted[0]
	if tr := h.trace(t, first); tr.State != "held" || tr.Hold.Reason != "lookup" || tr.Hold.RouteAt.Sub(tr.Received.Time) != 2*time.Second {
		t.Errorf("before the registry answers: %s, %+v", tr.State, tr.Hold)
	}
	close(l.open)
	tr := routed(t, h.store, first)
	e := decode(t, tr.Event)
	if e.ID != first || e.Type != event.ChartPushed || e.Artifact.Kind != event.KindChart || len(tr.Deliveries) != 1 {
		t.Errorf("event = %s with %d deliveries, want a chart's with one", tr.Event, len(tr.Deliveries))
	}
	// The same artifact again is not waited for, in whichever repository.
	again := accepted(t, h.post(t, "/in/hub", envelope(says("2", "push", "a/c", digestOf(chart), "helm")))).Accepted[0]
	if tr := h.trace(t, again); tr.State != "routed" || len(tr.Deliveries) != 1 {
		t.Errorf("the second is %s with %d deliveries, want it routed at once", tr.State, len(tr.Deliveries))
	}
	if n := l.requests(); n != 1 {
		t.Errorf("the registry was asked %d times, want once", n)
	}
}

// What one event waits for, later ones of its repository wait for too, and others not.
func TestLookupKeepsTheOrder(t *testing.T) {
	l := newLibrary(t)
	h := newHouse(t, asking(t, plan(t, rule("all", []string{"*"}, "chat")), l))
	defer run(t, h.Handler)()
	var line []string
	for i, body := range []string{
		// Two in one request, the second of which misses nothing.
		envelope(says("1", "push", "a/b", digestOf(chart), ""), says("2", "delete", "a/b", digestOf(chart), "")),
		envelope(says("3", "push", "a/b", digestOf(image), "")),
		envelope(says("4", "delete", "a/b", digestOf(image), "")),
		envelope(says("5", "push", "a/b", digestOf("neither"), "")),
		envelope(says("6", "delete", "a/b", digestOf("neither"), "")),
	} {
		ids := accepted(t, h.post(t, "/in/hub", body)).Accepted
		if len(ids) != 1 && i > 0 {
			t.Fatalf("accepted %v", ids)
		}
		line = append(line, ids...)
	}
	other := accepted(t, h.post(t, "/in/hub", envelope(says("7", "delete", "a/other", digestOf(chart), "")))).Accepted[0]
	for _, id := range line {
		if s := state(t, h, id); s != "held" {
			t.Errorf("event %s is %s, want held", id, s)
		}
	}
	if s := state(t, h, other); s != "routed" {
		t.Errorf("an event of another repository is %s, want routed", s)
	}
	close(l.open)
	last := ""
	for _, id := range line {
		tr := routed(t, h.store, id)
		if got := tr.Deliveries[0].ID; got <= last { // UUIDv7: by time
			t.Errorf("delivery %s of event %s was planned before %s", got, id, last)
		} else {
			last = got
		}
	}
	if tr := h.trace(t, line[4]); decode(t, tr.Event).Artifact.Kind != event.KindUnknown {
		t.Errorf("what the registry does not let us read is %s, want it of unknown kind", tr.Event)
	}
	h.room.mu.Lock()
	defer h.room.mu.Unlock()
	if len(h.room.lines) != 0 || h.room.asks != 0 {
		t.Errorf("%d lines and %d lookups are left", len(h.room.lines), h.room.asks)
	}
}

// To look up what our own reads cause would never end.
func TestOwnReadsAreCounted(t *testing.T) {
	l := newLibrary(t)
	p := asking(t, plan(t), l)
	p.Keep = map[event.Type]bool{event.ArtifactPulled: true}
	h := newHouse(t, p)
	if a := accepted(t, h.post(t, "/in/hub", envelope(says("1", "pull", "a/b", digestOf(chart), own)))); len(a.Accepted) != 0 {
		t.Errorf("our own read was stored: %v", a.Accepted)
	}
	// Where nothing is looked up, nobody's reads are ours.
	if a := accepted(t, h.post(t, "/in/open", envelope(says("2", "pull", "a/b", digestOf(chart), own)))); len(a.Accepted) != 1 {
		t.Error("somebody's read was not stored")
	}
	if a := accepted(t, h.post(t, "/in/hub", envelope(says("3", "pull", "a/b", digestOf(chart), "docker")))); len(a.Accepted) != 1 {
		t.Error("somebody's read was not stored")
	}
	if n := l.requests(); n != 0 {
		t.Errorf("asked %d times without a loop", n)
	}
}

// Pulls that nobody asks for are not looked up; one that may be of a chart is, where
// pulls of charts are wanted.
func TestLookupOfPulls(t *testing.T) {
	l := newLibrary(t)
	close(l.open)
	h := newHouse(t, asking(t, plan(t), l))
	if a := accepted(t, h.post(t, "/in/hub", envelope(says("1", "pull", "a/b", digestOf(chart), "")))); len(a.Accepted) != 0 {
		t.Errorf("stored %v, which nobody asked for", a.Accepted)
	}
	h = newHouse(t, asking(t, plan(t, rule("charts", []string{"chart.pulled"}, "ci")), l))
	defer run(t, h.Handler)()
	id := accepted(t, h.post(t, "/in/hub", envelope(says("1", "pull", "a/b", digestOf(chart), "")))).Accepted[0]
	if tr := routed(t, h.store, id); len(tr.Deliveries) != 1 || decode(t, tr.Event).Type != event.ChartPulled {
		t.Errorf("event %s with %d deliveries, want a chart's pull with one", tr.Event, len(tr.Deliveries))
	}
	// Now that it is known what it is, an image's pull is none that is asked for.
	before := accepted(t, h.post(t, "/in/hub", envelope(says("2", "pull", "a/b", digestOf(image), "")))).Accepted
	routed(t, h.store, before[0])
	if a := accepted(t, h.post(t, "/in/hub", envelope(says("3", "pull", "a/b", digestOf(image), "")))); len(a.Accepted) != 0 {
		t.Errorf("stored %v, an image's pull", a.Accepted)
	}
}

// A registry that does not answer costs an event two seconds and its kind, no more.
func TestLookupWithoutAnswer(t *testing.T) {
	l := newLibrary(t)
	h := newHouse(t, asking(t, plan(t, rule("all", []string{"artifact.pushed"}, "ci")), l))
	defer run(t, h.Handler)()
	id := accepted(t, h.post(t, "/in/hub", envelope(says("1", "push", "a/b", digestOf(chart), "")))).Accepted[0]
	tr := routed(t, h.store, id)
	if e := decode(t, tr.Event); e.Artifact.Kind != event.KindUnknown || e.Type != event.ArtifactPushed || len(tr.Deliveries) != 1 {
		t.Errorf("event = %s with %d deliveries, want a push of unknown kind with one", tr.Event, len(tr.Deliveries))
	}
}

// What was held when bellbuoy ended is routed when it is back, in order.
func TestLookupAfterReopen(t *testing.T) {
	l := newLibrary(t)
	path := temp(t)
	s := openStore(t, path)
	p := asking(t, plan(t, rule("all", []string{"artifact.*"}, "chat")), l)
	srv := httptest.NewServer(newHandler(t, s, p))
	h := house{nil, srv.URL}
	ids := accepted(t, h.post(t, "/in/hub", envelope(says("1", "push", "a/b", digestOf(chart), ""), says("2", "delete", "a/b", digestOf(chart), "")))).Accepted
	srv.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path)
	defer run(t, newHandler(t, s, p))()
	first, second := routed(t, s, ids[0]), routed(t, s, ids[1])
	if e := decode(t, first.Event); e.Artifact.Kind != event.KindUnknown || first.Deliveries[0].ID >= second.Deliveries[0].ID {
		t.Errorf("events\n%s\n%s\nwant the first of unknown kind, and planned first", first.Event, second.Event)
	}
}

func TestRepeatsAreNotLookedUp(t *testing.T) {
	l := newLibrary(t)
	h := newHouse(t, asking(t, plan(t), l))
	body := envelope(says("1", "push", "a/b", digestOf(chart), ""))
	for range 3 {
		accepted(t, h.post(t, "/in/hub", body))
	}
	if n := len(h.room.take()); n != 1 {
		t.Errorf("%d wait, want one", n)
	}
}

func TestLookupsAreBounded(t *testing.T) {
	l := newLibrary(t)
	h := newHouse(t, asking(t, plan(t), l))
	h.room.asks = maxLookups
	a := accepted(t, h.post(t, "/in/hub", envelope(says("1", "push", "a/b", digestOf(chart), ""))))
	if s := state(t, h, a.Accepted[0]); s != "routed" {
		t.Errorf("one too many is %s, want it routed as it is", s)
	}
}

// Events of many repositories come, wait and leave at the same time.
func TestRoomUnderLoad(t *testing.T) {
	l := newLibrary(t)
	close(l.open)
	h := newHouse(t, asking(t, plan(t), l))
	defer run(t, h.Handler)()
	var mu sync.Mutex
	var all []string
	var posters sync.WaitGroup
	for p := range 8 {
		posters.Go(func() {
			for i := range 20 {
				manifest := fmt.Sprintf(`{"config":{"mediaType":"x"},"n":%d}`, i)
				a := accepted(t, h.post(t, "/in/hub", envelope(says(fmt.Sprint(p, "-", i), "push", fmt.Sprint("a/", i%3), digestOf(manifest), ""))))
				mu.Lock()
				all = append(all, a.Accepted...)
				mu.Unlock()
			}
		})
	}
	posters.Wait()
	for _, id := range all {
		routed(t, h.store, id)
	}
	if len(all) != 160 {
		t.Errorf("%d events were stored, want 160", len(all))
	}
	if list, err := h.store.Events(t.Context(), store.Query{Limit: 1000}); err != nil || len(list) != 160 {
		t.Errorf("%d events are listed, %v", len(list), err)
	}
}
