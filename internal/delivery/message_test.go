package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

const posted = " {\"as\": \"it came\"} "

// composed is what a sender is given for one event, by what rule and target say of the
// message, and how the attempt ended.
func composed(t *testing.T, rule string, target render.Rendering, truncated bool, send func(plugin.Delivery) (plugin.Receipt, error)) (plugin.Delivery, store.Outcome, store.Trace) {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "b.db"), store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.PutRuleSet(t.Context(), "h", []byte("[]")); err != nil {
		t.Fatal(err)
	}
	e := event.Event{V: 1, ID: uuid.NewString(), Type: event.ArtifactPushed, Repository: &event.Repository{FullName: `a/"b`}}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(t.Context(), store.Arrival{
		Registry: "hub", Received: time.Now(), Headers: map[string]string{"Content-Type": "application/x-posted"},
		Body: store.Raw{Bytes: []byte(posted), Size: int64(len(posted)), SHA256: sha256.Sum256([]byte(posted)), Truncated: truncated},
		Items: []store.Item{{Event: e, Routing: store.Routing{JSON: b, RuleSet: "h", Deliveries: []store.Planned{{
			ID: uuid.NewString(), Target: "ci", Type: "webhook", Rule: "r", Rules: []string{"r"}, Due: time.Now(), GiveUp: time.Now().Add(time.Hour), Rendering: rule,
		}}}}},
	}); err != nil {
		t.Fatal(err)
	}
	var given plugin.Delivery
	to := Target{Type: "webhook", Timeout: time.Minute, Message: target}
	d := New(Config{
		Store: s, Log: slog.New(slog.DiscardHandler),
		Target: func(string) (Target, bool) { return to, true },
		Send: func(_ context.Context, d plugin.Delivery) (plugin.Receipt, error) {
			given = d
			return send(d)
		},
	})
	d.sends = t.Context()
	claimed, err := s.Claim(t.Context(), "ci", 1)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	o := d.attempt(to, claimed[0])
	if err := s.Record(t.Context(), []store.Outcome{o}); err != nil {
		t.Fatal(err)
	}
	tr, err := s.Trace(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	given.Event = nil
	return given, o, tr
}

func delivered(plugin.Delivery) (plugin.Receipt, error) {
	return plugin.Receipt{Request: plugin.Request{Method: "POST"}}, nil
}

func unsent(plugin.Delivery) (plugin.Receipt, error) {
	return plugin.Receipt{}, errors.New("it was sent")
}

func TestMessageIsAsRuleAndTargetSay(t *testing.T) {
	native := render.Rendering{Format: "native"}
	for name, c := range map[string]struct {
		rule, target render.Rendering
		want         plugin.Delivery
		shown        string
	}{
		"the target's format": {target: native, want: plugin.Delivery{Body: []byte(posted), ContentType: "application/x-posted"}, shown: posted},
		"the rule's format":   {rule: native, target: render.Rendering{Text: "t"}, want: plugin.Delivery{Body: []byte(posted), ContentType: "application/x-posted"}, shown: posted},
		"the rule's JSON":     {rule: render.Rendering{JSON: `["${repository.full_name}"]`}, target: native, want: plugin.Delivery{Body: []byte(`["a/\"b"]`), ContentType: "application/json"}, shown: `["a/\"b"]`},
		"the rule's title":    {rule: render.Rendering{Title: "r"}, target: render.Rendering{Text: "t", Title: "x"}, want: plugin.Delivery{Template: "t", Title: "r"}},
		"headers": {target: render.Rendering{Format: "cloudevents-binary"}, want: plugin.Delivery{ContentType: "application/json", Headers: map[string]string{
			"Ce-Specversion": "1.0", "Ce-Source": "/registries/", "Ce-Type": "bellbuoy.artifact.pushed", "Ce-Time": "0001-01-01T00:00:00Z", "Ce-Subject": "a/%22b"}}},
		"the event, as said so": {rule: render.Rendering{Format: "bellbuoy"}, target: native},
		"nothing said":          {},
	} {
		got, o, tr := composed(t, c.rule.Encode(), c.target, false, delivered)
		delete(got.Headers, "Ce-Id") // that of the event
		got = plugin.Delivery{Body: got.Body, ContentType: got.ContentType, Template: got.Template, Title: got.Title, Headers: got.Headers}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if c.shown == "" {
			c.shown = string(tr.Event)
		}
		a := tr.Deliveries[0].Attempts
		if o.State != store.Delivered || len(a) != 1 || a[0].Request.Body != c.shown {
			t.Errorf("%s: %s, attempts %+v, want a body %q", name, o.State, a, c.shown)
		}
		if len(o.Receipt.Request.Body) > 0 && c.shown == posted {
			t.Errorf("%s: the notification is kept again with its attempt", name)
		}
	}
}

func TestMessageThatCannotBeMade(t *testing.T) {
	large := render.Rendering{JSON: "[" + strings.Repeat(`"${$}",`, 9000) + "1]"}
	for name, c := range map[string]struct {
		rule      string
		truncated bool
		state     store.State
		attempts  int
		says      string
	}{
		"the beginning of a notification": {`{"format":"native"}`, true, store.Skipped, 0, "too large (19 bytes) to be kept whole"},
		"what a dialect cannot say":       {`{"format":"quay"}`, false, store.Skipped, 0, "Quay cannot tell of artifact.pushed without a tag, which the event does not say"},
		"a message without bound":         {large.Encode(), false, store.Dead, 1, "larger than 256 KiB"},
		"what another version can":        {`{"format":"telex"}`, false, store.Waiting, 1, `unknown format "telex"`},
		"what nobody can":                 {`{`, false, store.Waiting, 1, "read how the message is made"},
	} {
		_, o, tr := composed(t, c.rule, render.Rendering{}, c.truncated, unsent)
		d := tr.Deliveries[0]
		if d.State != c.state || len(d.Attempts) != c.attempts || !strings.Contains(o.Error+d.Reason, c.says) {
			t.Errorf("%s: %s (%s) after %d attempts: %s", name, d.State, d.Reason, len(d.Attempts), o.Error)
		}
	}
}

// What is read for one delivery is there for the next.
func TestRenderersAreKept(t *testing.T) {
	var rs renderers
	says := rendering{rule: `{"json":"[1]"}`, target: render.Rendering{Title: "x"}}
	one, err := rs.of(says)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := rs.of(says); again != one || err != nil {
		t.Errorf("made again: %v", err)
	}
	for range maxRenderers {
		if _, err := rs.of(rendering{target: render.Rendering{Title: uuid.NewString()}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(rs.made) > maxRenderers {
		t.Errorf("%d are kept", len(rs.made))
	}
}

// BenchmarkCompose is what an attempt costs beside the sending.
func BenchmarkCompose(b *testing.B) {
	d := New(Config{Log: slog.New(slog.DiscardHandler), Send: func(context.Context, plugin.Delivery) (plugin.Receipt, error) {
		return plugin.Receipt{Request: plugin.Request{Method: "POST"}}, nil
	}})
	d.sends = b.Context()
	encoded, err := json.Marshal(event.Sample(event.ArtifactPushed))
	if err != nil {
		b.Fatal(err)
	}
	for name, says := range map[string]render.Rendering{
		"bellbuoy": {},
		"named":    {Format: "bellbuoy"},
		"json":     {JSON: `{"text": "${artifact.tags} pushed to ${repository.full_name}", "digest": "${artifact.digest}"}`},
	} {
		b.Run(name, func(b *testing.B) {
			c := store.Claimed{Seq: 1, ID: "1", Target: "ci", Attempt: 1, Event: encoded, Rendering: says.Encode()}
			t := Target{Type: "webhook", Timeout: time.Minute}
			b.ReportAllocs()
			for b.Loop() {
				if o := d.attempt(t, c); o.State != store.Delivered {
					b.Fatalf("%+v", o)
				}
			}
		})
	}
}
