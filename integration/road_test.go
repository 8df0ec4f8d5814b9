package integration_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/distribution"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// everything asks for each kind of event that a registry's manifests cause.
var everything = []string{"artifact.pushed", "artifact.pulled", "artifact.deleted", "tag.deleted"}

// say tells an event in a line.
func say(e event.Event) string {
	line := string(e.Type)
	if a := e.Artifact; a != nil {
		line += " " + strings.Join(a.Tags, ",") + " " + a.Digest
	}
	return strings.Join(strings.Fields(line), " ")
}

func TestRegistryToReceiver(t *testing.T) {
	s := newStage(t, sidecar.Options{Events: everything})
	reg := s.registry()

	digest, err := reg.Push(s.ctx, "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := reg.Pull(s.ctx, "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	if err := reg.Tag(s.ctx, "team/app", digest, "v2"); err != nil {
		t.Fatal(err)
	}
	if err := reg.DeleteTag(s.ctx, "team/app", "v2"); err != nil {
		t.Fatal(err)
	}
	if err := reg.DeleteDigest(s.ctx, "team/app", digest); err != nil {
		t.Fatal(err)
	}
	// To tag v2, the client reads the manifest by its digest. With a digest the
	// registry deletes the tags that point to it, before or after.
	want := []string{
		"artifact.pushed v1 " + digest,
		"artifact.pulled v1 " + digest,
		"artifact.pulled " + digest,
		"artifact.pushed v2 " + digest,
		"tag.deleted v2",
		"artifact.deleted " + digest,
		"tag.deleted v1",
	}
	s.wait(func(all []receiver.Arrival) bool { return len(all) >= len(want) })
	var got []string
	for _, a := range s.rec.Arrivals() {
		got = append(got, say(read(t, a)))
	}
	ends := len(want) - 2
	slices.Sort(got[ends:])
	if !slices.Equal(got, want) {
		t.Errorf("arrived\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestPushAndItsTrace(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	digest, err := s.registry().Push(s.ctx, "team/group/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) > 0 })
	a := s.rec.Arrivals()[0]
	e := read(t, a)

	if got, want := say(e), "artifact.pushed v1 "+digest; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
	if r := e.Repository; r == nil || r.FullName != "team/group/app" || r.Namespace != "team" {
		t.Errorf("repository %+v", r)
	}
	if r := e.Registry; r.Name != "hub" || r.Type != "distribution" || r.Instance == "" {
		t.Errorf("registry %+v", r)
	}
	if k := e.Artifact.Kind; k != event.KindImage {
		t.Errorf("kind %q; the registry sent references, so it is known", k)
	}
	if e.Native.ID == "" || e.Origin != event.OriginNative || e.V != event.Version {
		t.Errorf("native %+v, origin %q, version %d", e.Native, e.Origin, e.V)
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	if got := a.Header.Get("User-Agent"); !strings.HasPrefix(got, "bellbuoy/") {
		t.Errorf("user agent %q", got)
	}
	if a.WebhookID == "" || a.Header.Get("Webhook-Timestamp") == "" {
		t.Errorf("webhook-id %q, webhook-timestamp %q", a.WebhookID, a.Header.Get("Webhook-Timestamp"))
	}

	var tr sidecar.Trace
	s.until("the outcome is recorded", func() bool {
		tr = s.trace(e.ID)
		return len(tr.Deliveries) == 1 && tr.Deliveries[0].State == "delivered"
	})
	d := tr.Deliveries[0]
	if d.ID != a.WebhookID || d.Target != "ci" || d.Rule != "all" {
		t.Errorf("the trace's delivery is %+v, the webhook's id %s", d, a.WebhookID)
	}
	if len(d.Attempts) != 1 || d.Attempts[0].Outcome != "delivered" || d.Attempts[0].Status != 200 {
		t.Errorf("attempts %+v, want one, delivered with status 200", d.Attempts)
	}
	if !strings.Contains(tr.Received.Body, e.Native.ID) {
		t.Error("the trace does not show the notification as it was received")
	}
	list, err := s.sidecar.Events(s.ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].ID != e.ID || list[0].Deliveries["delivered"] != 1 {
		t.Errorf("listed %+v, want this one event with one delivery made", list)
	}
}

// The registry repeats the whole of a manifest in its notification, and would stop
// for ever at a notification that is refused.
func TestLargestManifest(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	reg := s.registry()
	large, err := reg.PushLarge(s.ctx, "team/app", "large")
	if err != nil {
		t.Fatal(err)
	}
	after, err := reg.Push(s.ctx, "team/app", "after")
	if err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) >= 2 })
	events := succeeded(t, s.rec.Arrivals())
	for i, want := range []string{"artifact.pushed large " + large, "artifact.pushed after " + after} {
		if got := say(events[i]); got != want {
			t.Errorf("event %d is %q, want %q", i, got, want)
		}
	}
	got := s.trace(events[0].ID).Received
	if got.Size < distribution.MaxManifest || !got.Truncated {
		t.Errorf("received %d bytes, truncated %t; want all %d counted and only the first kept", got.Size, got.Truncated, distribution.MaxManifest)
	}
}
