package translator_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// The requests of zot in testdata/cloudevents are written after its code, as its HTTP sink
// sends them; those of Harbor are captured.

// fromBus translates the one event of a request to a registry of type cloudevents.
func fromBus(t testing.TB, body string, headers ...string) event.Event {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/in/bus", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	events := typeNamed("cloudevents").request(t, r, body)
	if len(events) != 1 {
		t.Fatalf("%s became %d events, want 1", body, len(events))
	}
	return events[0]
}

// zot is an event of that registry with those fields of data.
func zot(typ, data string) string {
	return `{"specversion":"1.0","id":"1","source":"zotregistry.dev","time":"2026-11-20T23:35:14.5Z","datacontenttype":"application/json","type":"zotregistry.` + typ + `","data":{` + data + `}}`
}

func TestCloudEventsOfHarbor(t *testing.T) {
	for line := range strings.Lines(read(t, "testdata/harbor/push-cosign-signature.jsonl")) {
		if !strings.HasPrefix(line, `{"specversion"`) {
			continue
		}
		got, want := fromBus(t, line), oneOfHarbor(t, line)
		if got.ID == want.ID || got.Registry.Type != "cloudevents" {
			t.Errorf("id %s, registry type %s", got.ID, got.Registry.Type)
		}
		got.ID, got.Registry.Type = want.ID, "harbor"
		if g, w := dumpEvent(t, got), dumpEvent(t, want); g != w {
			t.Errorf("\n got %s\nwant %s", g, w)
		}
	}
}

func TestCloudEventsUnknown(t *testing.T) {
	tests := []struct{ body, reason string }{
		{`{"specversion":"1.0","id":"1","source":"s","type":"com.example.thing","time":"yesterday"}`, `type "com.example.thing" is not known`},
		{`{"specversion":"0.3","id":"1","type":"harbor.artifact.pushed"}`, `specversion "0.3" is not known`},
		{`{"specversion":"1.0","id":"1"}`, "the event says no type"},
		{`{"specversion":"1.0","id":"1","type":"harbor.robot.created","data":"x"}`, `type "harbor.robot.created" is not known`},
		{`{"specversion":"1.0","id":"1","type":"harbor.artifact.pushed"}`, "harbor.artifact.pushed without repository.repo_full_name"},
		{`{"specversion":"1.0","id":"1","type":"harbor.artifact.pushed","data":{"resources":7}}`, `wrong value at "/data/resources": a number where a list belongs`},
		{zot("image.renamed", ``), `type "zotregistry.image.renamed" is not known`},
		{zot("image.updated", `"name":7`), "zotregistry.image.updated: data does not have the form that zot gives it"},
		{zot("image.updated", `"reference":"v1"`), "zotregistry.image.updated without data.name"},
		{zot("image.updated", `"name":"a","reference":"v1"`), "zotregistry.image.updated without data.digest"},
		{zot("image.lint_failed", `"name":"a","digest":"sha256:1"`), "zotregistry.image.lint_failed: there is no type of event for a push that is refused"},
		{zot("repository.created", `"name":"a"`), "zotregistry.repository.created: there is no type of event for a repository that is new"},
	}
	for _, tt := range tests {
		if e := fromBus(t, tt.body); e.Type != event.Unknown || e.Reason != tt.reason || e.ID == "" || e.Native.ID != "1" {
			t.Errorf("%s: type = %s (%s), want unknown (%s)", tt.body, e.Type, e.Reason, tt.reason)
		}
	}
	got := translator.CloudEvents(hub, adapters.Notification{Native: 7})
	if len(got) != 1 || got[0].Reason != "the adapter read a int, which is no CloudEvent" {
		t.Errorf("events = %+v, want one that says what it was given", got)
	}
}

func TestCloudEventsOfZot(t *testing.T) {
	const manifest = `"mediaType":"application/vnd.oci.image.manifest.v1+json"`
	image := func(text string) string { return `,"manifest":` + strconv.Quote(text) }
	tests := []struct {
		name, typ, data string
		want            event.Type
		kind            event.Kind
		tags            []string
		subject         string
	}{
		{"push by tag", "image.updated", `"reference":"v1","digest":"sha256:1",` + manifest +
			image(`{"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"}]}`),
			event.ArtifactPushed, event.KindImage, []string{"v1"}, ""},
		{"push by digest", "image.updated", `"reference":"sha256:1","digest":"sha256:1",` + manifest, event.ArtifactPushed, event.KindUnknown, nil, ""},
		{"chart", "image.updated", `"reference":"1.0","digest":"sha256:1",` + manifest +
			image(`{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"}}`), event.ChartPushed, event.KindChart, []string{"1.0"}, ""},
		{"index", "image.updated", `"reference":"v1","digest":"sha256:1","mediaType":"application/vnd.oci.image.index.v1+json"` +
			image(`{"manifests":[{"platform":{"os":"linux","architecture":"arm64"}}]}`), event.ArtifactPushed, event.KindIndex, []string{"v1"}, ""},
		{"SBOM by artifact type, with a subject", "image.updated", `"reference":"sha256:1","digest":"sha256:1",` + manifest +
			image(`{"artifactType":"application/spdx+json","config":{"mediaType":"application/vnd.oci.empty.v1+json"},"subject":{"digest":"sha256:2"}}`),
			event.ArtifactAttached, event.KindSBOM, nil, "sha256:2"},
		{"bundle that signs, as its annotations tell", "image.updated", `"reference":"sha256:1","digest":"sha256:1",` + manifest +
			image(`{"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json","config":{"mediaType":"application/vnd.oci.empty.v1+json"},"subject":{"digest":"sha256:2"},"annotations":{"dev.sigstore.bundle.predicateType":"https://sigstore.dev/cosign/sign/v1"},"layers":[{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}]}`),
			event.ArtifactSigned, event.KindSignature, nil, "sha256:2"},
		{"a manifest that is none", "image.updated", `"reference":"v1","digest":"sha256:1",` + manifest + image(`<x>`), event.ArtifactPushed, event.KindUnknown, []string{"v1"}, ""},
		{"delete by tag", "image.deleted", `"reference":"v1","digest":"sha256:1",` + manifest, event.TagDeleted, "", []string{"v1"}, ""},
		{"delete by digest", "image.deleted", `"reference":"sha256:1","digest":"sha256:1",` + manifest, event.ArtifactDeleted, "", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := fromBus(t, zot(tt.typ, `"name":"a/b",`+tt.data))
			if e.Type != tt.want || e.Reason != "" || e.Repository.FullName != "a/b" || e.TimeSource != event.TimeNative {
				t.Fatalf("event = %s", dumpEvent(t, e))
			}
			if a := e.Artifact; a.Digest != "sha256:1" || a.Kind != tt.kind || !slices.Equal(a.Tags, tt.tags) || a.Subject != tt.subject {
				t.Errorf("artifact = %+v", a)
			}
		})
	}
	// zot itself sends in binary mode.
	e := fromBus(t, `{"name":"golang","reference":"latest","digest":"sha256:1"}`, "ce-specversion", "1.0", "ce-id", "7",
		"ce-source", "zotregistry.dev", "ce-type", "zotregistry.image.updated", "Content-Type", "application/json")
	if e.Type != event.ArtifactPushed || e.Native.ID != "7" || e.Repository.FullName != "golang" {
		t.Errorf("event = %s", dumpEvent(t, e))
	}
}
