package integration_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// deliveries has the stage's only rule deliver so; bellbuoy is configured with it.
func deliveries(t *testing.T, o sidecar.Options, deliver string) *stage {
	t.Helper()
	dir := t.TempDir()
	return newStageWith(t, func(target string) (sidecar.Config, error) {
		o.Target = target
		c, err := sidecar.Write(dir, o)
		if err != nil {
			return c, err
		}
		var all map[string]any
		b, err := os.ReadFile(c.Path)
		if err != nil {
			return c, err
		}
		if err := yaml.Unmarshal(b, &all); err != nil {
			return c, err
		}
		var list []any
		if err := yaml.Unmarshal([]byte(deliver), &list); err != nil {
			return c, err
		}
		all["rules"].([]any)[0].(map[string]any)["deliver"] = list
		if b, err = yaml.Marshal(all); err != nil {
			return c, err
		}
		return c, os.WriteFile(c.Path, b, 0o600)
	})
}

// postOne posts one notification as a registry does.
func (s *stage) postOne(body []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.sidecar.Intake(), strings.NewReader(string(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.docker.distribution.events.v2+json")
	req.Header.Set("Authorization", "Bearer "+sidecar.Bearer)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		s.t.Fatalf("bellbuoy answers %s", res.Status)
	}
}

// One event reaches one target as each of the messages that the rule asks for, each a
// delivery of its own; one that is asked for twice, in different words, comes once. Names
// that are none stay within their place.
func TestMessages(t *testing.T) {
	s := deliveries(t, sidecar.Options{}, `
- ci
- {target: ci, format: bellbuoy}
- {target: ci, format: native}
- target: ci
  template:
    json: {text: "${artifact.tags} to ${repository.full_name}", tags: "${artifact.tags}", by: "${actor.name}", none: "${build.id}", "${type}": 1}
- target: ci
  template: {text: "{{.type}} to {{.repository.full_name}}\nby {{.actor.name}}"}
`)
	const hostile = `eve","admin":true,"x":"`
	body, err := poster.Envelope("one", "team/app", "v1", time.Now().UTC())
	if err != nil {
		t.Fatal(err)
	}
	body = []byte(strings.ReplaceAll(string(body), `"name": "builder"`, `"name": "`+strings.ReplaceAll(hostile, `"`, `\"`)+`\n{{.id}}${id}"`))
	s.postOne(body)
	s.wait(func(all []receiver.Arrival) bool { return len(all) >= 4 })

	var e event.Event
	got := map[string]string{} // bodies by their beginning
	ids := map[string]bool{}
	for _, a := range s.rec.Arrivals() {
		ids[a.WebhookID] = true
		switch kind := a.Header.Get("Content-Type"); kind {
		case "application/vnd.docker.distribution.events.v2+json":
			got["native"] = string(a.Body)
		case "text/plain; charset=utf-8":
			got["text"] = string(a.Body)
		case "application/json":
			if strings.HasPrefix(string(a.Body), `{"v":1,`) {
				e = read(t, a)
				got["bellbuoy"] = string(a.Body)
			} else {
				got["json"] = string(a.Body)
			}
		default:
			t.Errorf("content type %q", kind)
		}
	}
	if len(ids) != 4 || len(got) != 4 {
		t.Fatalf("%d webhook-ids, messages %v; want 4 of each", len(ids), got)
	}
	if got["native"] != string(body) {
		t.Errorf("the notification came as\n%s\nand is sent as\n%s", body, got["native"])
	}
	name := hostile + "\n{{.id}}${id}"
	if e.Actor == nil || e.Actor.Name != name {
		t.Errorf("actor %+v", e.Actor)
	}
	if want := "artifact.pushed to team/app\nby " + hostile + " {{.id}}${id}"; got["text"] != want {
		t.Errorf("text %q, want %q", got["text"], want)
	}
	var filled map[string]any
	if err := json.Unmarshal([]byte(got["json"]), &filled); err != nil {
		t.Fatalf("%v in %s", err, got["json"])
	}
	if none, there := filled["none"]; len(filled) != 5 || filled["text"] != "['v1'] to team/app" || filled["by"] != name ||
		!there || none != nil || filled["artifact.pushed"] != 1.0 {
		t.Errorf("JSON %s", got["json"])
	}

	var tr sidecar.Trace
	s.until("all outcomes are recorded", func() bool {
		tr = s.trace(e.ID)
		n := 0
		for _, d := range tr.Deliveries {
			if d.State == "delivered" {
				n++
			}
		}
		return n == 4
	})
	shown := map[string]bool{}
	for _, d := range tr.Deliveries {
		if len(d.Attempts) == 1 {
			shown[d.Attempts[0].Request.Body] = true
		}
	}
	for kind, sent := range got {
		if !shown[sent] {
			t.Errorf("the trace does not show what was sent as %s:\n%s", kind, sent)
		}
	}
}

// What is sent again is the same message, also by a bellbuoy that was killed meanwhile
// and whose rule says something else by now.
func TestMessageIsTheSameWhenTriedAgain(t *testing.T) {
	// Without a hold to speak of, the three need not wait for each other.
	s := deliveries(t, sidecar.Options{Retry: []string{"0s", "200ms"}, Hold: "10ms"}, `
- {target: ci, format: native}
- {target: ci, template: {text: "{{.type}} {{.id}}"}}
- {target: ci, template: {json: ["${id}"]}}
`)
	s.rec.Answer(func(receiver.Arrival) int { return http.StatusServiceUnavailable })
	body, err := poster.Envelope("one", "team/app", "v1", time.Now().UTC())
	if err != nil {
		t.Fatal(err)
	}
	s.postOne(body)
	s.wait(func(all []receiver.Arrival) bool { return perID(all, 1) == 3 })
	s.sidecar.Kill()
	b, err := os.ReadFile(s.config.Path)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.ReplaceAll(string(b), "{{.type}} {{.id}}", "other {{.id}}")
	if other == string(b) {
		t.Fatalf("the configuration is another: %s", b)
	}
	if err := os.WriteFile(s.config.Path, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	s.rec.Answer(nil)
	s.start()
	s.ready()
	s.wait(func(all []receiver.Arrival) bool {
		done := map[string]bool{}
		for _, a := range all {
			if a.Status == http.StatusOK {
				done[a.WebhookID] = true
			}
		}
		return len(done) == 3
	})
	first := map[string]string{}
	for _, a := range s.rec.Arrivals() {
		if sent, ok := first[a.WebhookID]; !ok {
			first[a.WebhookID] = string(a.Body)
		} else if sent != string(a.Body) {
			t.Errorf("%s was first %q, then %q", a.WebhookID, sent, a.Body)
		}
	}
	if len(first) != 3 {
		t.Errorf("%d deliveries, want 3", len(first))
	}
}

// perID counts the deliveries that arrived at least n times.
func perID(all []receiver.Arrival, n int) int {
	times := map[string]int{}
	for _, a := range all {
		times[a.WebhookID]++
	}
	count := 0
	for _, k := range times {
		if k >= n {
			count++
		}
	}
	return count
}

// A notification too large to be kept whole cannot be sent as it came: that is said, and
// holds up nothing.
func TestNativeOfALargeNotification(t *testing.T) {
	s := deliveries(t, sidecar.Options{}, `[{target: ci, format: native}, ci]`)
	if _, err := s.registry().PushLarge(s.ctx, "team/app", "large"); err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) > 0 })
	id := succeeded(t, s.rec.Arrivals())[0].ID
	var tr sidecar.Trace
	s.until("both deliveries have ended", func() bool {
		tr = s.trace(id)
		return len(tr.Deliveries) == 2 && tr.Deliveries[0].State == "skipped" && tr.Deliveries[1].State == "delivered"
	})
	if d := tr.Deliveries[0]; len(d.Attempts) != 0 || !strings.Contains(d.Reason, "too large") {
		t.Errorf("skipped: %+v", d)
	}
}
