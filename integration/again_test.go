package integration_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// again is what redeliver and replay print with -o json.
type again struct {
	Run        string
	Ended      bool
	Done       int
	Deliveries int
	Changed    int
}

// pushes posts n pushes, of so many repositories in turn, many in one request.
func (s *stage) pushes(n, repositories int) {
	s.t.Helper()
	var envelope struct {
		Events []json.RawMessage `json:"events"`
	}
	for i := range n {
		one, err := poster.Envelope(fmt.Sprintf("push-%05d", i), fmt.Sprintf("team/app-%d", i%repositories), "v1", time.Now().UTC())
		if err != nil {
			s.t.Fatal(err)
		}
		var of struct {
			Events []json.RawMessage `json:"events"`
		}
		if err := json.Unmarshal(one, &of); err != nil {
			s.t.Fatal(err)
		}
		envelope.Events = append(envelope.Events, of.Events...)
		if len(envelope.Events) < 200 && i < n-1 {
			continue
		}
		body, err := json.Marshal(envelope)
		if err != nil {
			s.t.Fatal(err)
		}
		s.postOne(body)
		envelope.Events = nil
	}
}

// states counts the deliveries in each state.
func (s *stage) states(target string) map[string]int {
	s.t.Helper()
	out, err := s.sidecar.Command(s.ctx, "targets", "-o", "json")
	if err != nil {
		s.t.Fatal(err)
	}
	var list []struct {
		Name       string
		Deliveries map[string]int
	}
	if err := json.Unmarshal(out, &list); err != nil {
		s.t.Fatal(err)
	}
	for _, l := range list {
		if l.Name == target {
			return l.Deliveries
		}
	}
	return nil
}

// command runs a verb and reads what it prints as JSON.
func (s *stage) command(v any, args ...string) {
	s.t.Helper()
	out, err := s.sidecar.Command(s.ctx, append(args, "-o", "json")...)
	if err == nil {
		err = json.Unmarshal(out, v)
	}
	if err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// status runs a verb and returns its exit status and what it prints.
func (s *stage) status(args ...string) (int, string) {
	s.t.Helper()
	out, err := s.sidecar.Command(s.ctx, args...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(out) + err.Error()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return 0, string(out)
}

// Ten thousand dead letters are asked for again, and bellbuoy is killed while they are. The
// command goes on where it was; each is made again once, with the id that it had.
func TestRedeliverThroughKills(t *testing.T) {
	const kills = 4
	dead := 10_000
	if raced { // several times slower
		dead = 1_500
	}
	s := newStage(t, sidecar.Options{})
	var refuse atomic.Bool
	refuse.Store(true)
	s.rec.Answer(func(receiver.Arrival) int {
		if refuse.Load() {
			return http.StatusBadRequest
		}
		return http.StatusOK
	})
	s.pushes(dead, 50)
	s.until("all are dead", func() bool { return s.states("ci")["dead"] == dead })
	first := map[string]string{} // webhook ids of the events
	for _, a := range s.rec.Arrivals() {
		first[read(t, a).ID] = a.WebhookID
	}
	refuse.Store(false)
	before := len(s.rec.Arrivals())

	var would again
	if s.command(&would, "redeliver", "--target", "ci", "--limit", "20000", "--dry-run"); would.Done != dead {
		t.Fatalf("of %d dead ones %d would be made again", dead, would.Done)
	}
	ended := make(chan struct{})
	var r again
	go func() { // the command lives on while bellbuoy dies
		defer close(ended)
		out, err := s.sidecar.Command(s.ctx, "redeliver", "--target", "ci", "--limit", "20000", "-o", "json")
		if err == nil {
			err = json.Unmarshal(out, &r)
		}
		if err != nil {
			t.Errorf("redeliver: %v\n%s", err, out)
		}
	}()
	for kill := range kills {
		from := len(s.rec.Arrivals())
		s.until("some arrive", func() bool { return len(s.rec.Arrivals()) > from+dead/50*kill })
		s.sidecar.Kill()
		s.start()
	}
	s.ready()
	select {
	case <-ended:
	case <-s.ctx.Done():
		t.Fatal("the command does not end")
	}
	if r.Done != dead || r.Changed != 0 || !r.Ended {
		t.Errorf("%+v", r)
	}
	s.until("all are delivered", func() bool { return s.states("ci")["delivered"] == dead })

	arrived := map[string]bool{}
	all := s.rec.Arrivals()[before:]
	for _, a := range all {
		e := read(t, a)
		if first[e.ID] != a.WebhookID {
			t.Fatalf("event %s came as %s, and comes again as %s", e.ID, first[e.ID], a.WebhookID)
		}
		arrived[e.ID] = true
	}
	t.Logf("%d kills: %d arrived, of them repeated %d", kills, len(arrived), len(all)-len(arrived))
	if len(arrived) != dead {
		t.Errorf("%d of %d arrived", len(arrived), dead)
	}
	// Only what was on its way at a kill, or not on record yet, comes twice.
	times := map[string]int{}
	for _, a := range all {
		times[read(t, a).ID]++
	}
	for id, n := range times {
		if n > 1 && s.trace(id).Deliveries[0].Count("delivered") != 1 {
			t.Errorf("event %s was on record as delivered, and was sent again", id)
		}
	}
	looked := 0
	for id := range arrived {
		d := s.trace(id).Deliveries[0]
		if len(d.Redeliveries) != 1 || d.Redeliveries[0].State != "dead" || !strings.Contains(d.Redeliveries[0].By, "bellbuoy redeliver") {
			t.Fatalf("%+v", d)
		}
		if looked++; looked == 100 {
			break
		}
	}
}

// configure changes the configuration of the stage's target and waits until it is in use.
func configure(t *testing.T, c sidecar.Config, change func(target map[string]any)) {
	t.Helper()
	b, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	change(all["targets"].([]any)[0].(map[string]any))
	if b, err = yaml.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A target in shadow mode gets nothing. The line that its trace shows, pasted into a shell
// with the secret set, is the request that the target gets once it is live.
func TestShadowGoesLive(t *testing.T) {
	dir := t.TempDir()
	s := newStageWith(t, func(target string) (sidecar.Config, error) {
		c, err := sidecar.Write(dir, sidecar.Options{Target: target})
		if err == nil {
			configure(t, c, func(target map[string]any) {
				target["mode"] = "shadow"
				target["options"].(map[string]any)["headers"] = map[string]any{"X-Token": "its secret $(id)"}
			})
		}
		return c, err
	})
	body, err := poster.Envelope("one", "team/app", "v1", time.Now().UTC())
	if err != nil {
		t.Fatal(err)
	}
	s.postOne([]byte(strings.ReplaceAll(string(body), `"builder"`, `"it's $(touch owned) \u001b[201~"`)))
	s.until("it is shadowed", func() bool { return s.states("ci")["shadowed"] == 1 })
	if n := len(s.rec.Arrivals()); n != 0 {
		t.Fatalf("%d requests arrived", n)
	}
	list, err := s.sidecar.Events(s.ctx, 1)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	story, err := s.sidecar.Command(s.ctx, "trace", list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var line string
	for l := range strings.Lines(string(story)) {
		if strings.HasPrefix(l, "curl ") {
			line = l
		}
	}
	if line == "" || strings.Contains(string(story), "its secret") || strings.ContainsAny(line, "\x1b") {
		t.Fatalf("the trace:\n%s", story)
	}
	paste := exec.CommandContext(s.ctx, "bash", "-c", line)
	paste.Dir = t.TempDir()
	paste.Env = append(os.Environ(), "SECRET_X_TOKEN=its secret $(id)", "no_proxy=*")
	if out, err := paste.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, line, out)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(all) == 1 })

	configure(t, s.config, func(target map[string]any) { target["mode"] = "live" })
	s.until("the target is live", func() bool {
		status, _ := s.status("test", "ci")
		return status == 0
	})
	if s.states("ci")["shadowed"] == 0 {
		t.Error("going live sent what was shadowed")
	}
	var r again
	s.command(&r, "redeliver", "--target", "ci", "--state", "shadowed", "--type", "artifact.pushed", "--since", "1h")
	if r.Done != 1 {
		t.Fatalf("%+v", r)
	}
	var real []receiver.Arrival
	s.wait(func(all []receiver.Arrival) bool {
		real = nil
		for _, a := range all[1:] {
			if read(t, a).Type == "artifact.pushed" {
				real = append(real, a)
			}
		}
		return len(real) == 1
	})
	pasted := s.rec.Arrivals()[0]
	if string(pasted.Body) != string(real[0].Body) || pasted.WebhookID != real[0].WebhookID {
		t.Errorf("pasted\n%s\nsent\n%s", pasted.Body, real[0].Body)
	}
	for name := range real[0].Header {
		if name == "Accept-Encoding" || name == "Webhook-Timestamp" {
			continue
		}
		if got, want := pasted.Header.Get(name), real[0].Header.Get(name); got != want {
			t.Errorf("%s: pasted %q, sent %q", name, got, want)
		}
	}
}

func TestTestOfATarget(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	if status, out := s.status("test", "ci"); status != 0 || !strings.Contains(out, "Test of ci: delivered") {
		t.Errorf("%d %s", status, out)
	}
	if a := s.rec.Arrivals(); len(a) != 1 || read(t, a[0]).Type != "bellbuoy.test" || read(t, a[0]).Origin != "test" {
		t.Errorf("%+v", a)
	}
	s.rec.Answer(func(receiver.Arrival) int { return http.StatusForbidden })
	if status, out := s.status("test", "ci"); status != 1 || !strings.Contains(out, "the test of target ci is dead: the answer was final") {
		t.Errorf("%d %s", status, out)
	}
	s.rec.Answer(func(receiver.Arrival) int { return http.StatusBadGateway })
	if status, out := s.status("test", "ci", "--timeout", "1s"); status != 1 || !strings.Contains(out, "given up after 1 attempts") {
		t.Errorf("%d %s", status, out)
	}
	if status, out := s.status("test", "nobody"); status != 3 || !strings.Contains(out, `no target "nobody"`) {
		t.Errorf("%d %s", status, out)
	}
}

// Stored events are judged by the rules in force, as events of their own.
func TestReplayOfStoredEvents(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	s.pushes(30, 3)
	s.wait(func(all []receiver.Arrival) bool { return len(all) == 30 })
	var r again
	s.command(&r, "replay", "--since", "1h", "--repository", "team/app-1")
	if r.Done != 10 || r.Deliveries != 10 || !r.Ended {
		t.Fatalf("%+v", r)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(all) == 40 })
	first := map[string]string{}
	for i, a := range s.rec.Arrivals() {
		e := read(t, a)
		if i < 30 {
			first[e.Native.ID] = e.ID
			continue
		}
		if e.Origin != "replayed" || e.ID == first[e.Native.ID] || s.trace(e.ID).ReplayOf.Event != first[e.Native.ID] {
			t.Errorf("replayed %+v", e)
		}
	}
	if status, out := s.status("replay", "--since", "1h", "--limit", "5"); status != 1 || !strings.Contains(out, "more than 5") {
		t.Errorf("%d %s", status, out)
	}
	if status, out := s.status("replay", "--repository", "none"); status != 3 {
		t.Errorf("%d %s", status, out)
	}
	out, err := s.sidecar.Command(s.ctx, "replay", "--continue", r.Run)
	if err != nil || !strings.Contains(string(out), "10 events are replayed, with 10 deliveries.") {
		t.Errorf("%s %v", out, err)
	}
}
