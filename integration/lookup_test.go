package integration_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/distribution"
	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// manifests asks for each kind of event that a manifest's push or pull causes.
var manifests = []string{"artifact.pushed", "artifact.pulled", "artifact.inspected", "artifact.signed", "artifact.attached", "chart.*", "tag.deleted"}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := loopback.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// A registry that says nothing of what a manifest holds is asked, and the pulls that
// this makes it tell of reach nobody.
func TestLookupAtARegistry(t *testing.T) {
	l := listen(t)
	s := newStage(t, sidecar.Options{Events: manifests, Lookup: "http://" + l.Addr().String()})
	c := distribution.Config(s.sidecar.Intake(), sidecar.Bearer)
	c.Notifications.EventConfig.IncludeReferences = false
	reg := s.registryOn(l, c)

	image, err := reg.Push(s.ctx, "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	const empty, bundle = "application/vnd.oci.empty.v1+json", "application/vnd.dev.sigstore.bundle.v0.3+json"
	subject := `,"subject":{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":1,"digest":"` + image + `"}`
	want := []string{"artifact.pushed image " + image}
	for _, m := range []struct{ config, layer, more, want string }{
		{"application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "", "chart.pushed chart"},
		{empty, "text/plain", `,"artifactType":"application/vnd.acme.rocket"`, "artifact.pushed other"},
		{empty, "text/plain", `,"artifactType":"application/spdx+json"` + subject, "artifact.attached sbom"},
		{empty, bundle, `,"artifactType":"` + bundle + `","annotations":{"dev.sigstore.bundle.predicateType":"https://sigstore.dev/cosign/sign/v1"}` + subject, "artifact.signed signature"},
		{empty, bundle, `,"artifactType":"` + bundle + `","annotations":{"dev.sigstore.bundle.predicateType":"https://slsa.dev/provenance/v1"}` + subject, "artifact.attached attestation"},
	} {
		digest, err := reg.PushManifest(s.ctx, "team/app", m.config, m.layer, m.more)
		if err != nil {
			t.Fatal(err)
		}
		line := m.want + " " + digest
		if strings.HasSuffix(m.more, subject) {
			line += " to " + image
		}
		want = append(want, line)
	}
	want = append(want, "artifact.pulled image "+image)
	if err := reg.Pull(s.ctx, "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	// The registry tells of one thing after the other: behind this pull there is none
	// that the lookups made.
	var got []string
	s.wait(func(all []receiver.Arrival) bool {
		got = nil
		for _, e := range succeeded(t, all) {
			if e.Artifact.Kind == event.KindIndex {
				continue // the client's own list of what refers to the image
			}
			line := string(e.Type) + " " + string(e.Artifact.Kind) + " " + e.Artifact.Digest
			if e.Artifact.Subject != "" {
				line += " to " + e.Artifact.Subject
			}
			got = append(got, line)
		}
		return len(got) >= len(want)
	})
	if !slices.Equal(got, want) {
		t.Errorf("arrived\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Where the registry cannot be asked, its events arrive all the same and in order, with
// what they say themselves.
func TestLookupAtARegistryThatIsDown(t *testing.T) {
	nobody, err := loopback.Address()
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, sidecar.Options{Events: manifests, Lookup: "http://" + nobody})
	c := distribution.Config(s.sidecar.Intake(), sidecar.Bearer)
	c.Notifications.EventConfig.IncludeReferences = false
	reg := s.registryOn(listen(t), c)
	digest, err := reg.Push(s.ctx, "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := reg.DeleteTag(s.ctx, "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) >= 2 })
	got := succeeded(t, s.rec.Arrivals())
	if say(got[0]) != "artifact.pushed v1 "+digest || got[0].Artifact.Kind != event.KindUnknown {
		t.Errorf("first arrived %s of kind %s", say(got[0]), got[0].Artifact.Kind)
	}
	if say(got[1]) != "tag.deleted v1" {
		t.Errorf("then arrived %s", say(got[1]))
	}
}

// An event that was waiting for its registry when bellbuoy was killed arrives after the
// restart, once.
func TestKilledDuringALookup(t *testing.T) {
	l := listen(t) // takes connections and never answers
	s := newStage(t, sidecar.Options{Events: manifests, Lookup: "http://" + l.Addr().String()})
	p := s.poster()
	post := func(id, repository string) {
		t.Helper()
		body := `{"events":[{"id":"` + id + `","action":"push","request":{"method":"PUT"},"target":{"repository":"` + repository + `",
			"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + strings.Repeat("0", 64) + `"}}]}`
		if err := p.Insist(s.ctx, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	post("waits", "team/app")
	list, err := s.sidecar.Events(s.ctx, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("listed %+v, %v, want one event", list, err)
	}
	if n := len(s.rec.Arrivals()); n > 0 {
		t.Fatalf("%d events arrived before the registry was asked", n)
	}
	s.sidecar.Kill()
	s.start()
	s.ready()
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) >= 1 })
	post("last", "team/other")
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) >= 2 })
	for i, e := range succeeded(t, s.rec.Arrivals()) {
		if want := []string{"waits", "last"}[min(i, 1)]; e.Native.ID != want || e.Artifact.Kind != event.KindUnknown {
			t.Errorf("event %d is %s of kind %s, want %s", i, e.Native.ID, e.Artifact.Kind, want)
		}
	}
}
