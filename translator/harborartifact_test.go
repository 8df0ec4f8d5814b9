package translator_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// harborPush is what Harbor tells of a push: no media type, and for what has no tag
// nothing but a digest.
func harborPush(tag string) event.Event {
	e := event.Event{
		V: 1, ID: "1", Type: event.ArtifactPushed, Time: time.Unix(0, 0), Received: time.Unix(0, 0),
		Registry:   event.Registry{Name: "harbor", Type: "harbor"},
		Repository: &event.Repository{Namespace: "prod", Name: "api", FullName: "prod/api"},
		Artifact:   &event.Artifact{Digest: "sha256:68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8", Kind: event.KindUnknown},
		Origin:     event.OriginNative,
	}
	if tag != "" {
		e.Artifact.Tags = []string{tag}
	}
	return e
}

func TestHarborArtifact(t *testing.T) {
	const (
		hex      = "68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8"
		digest   = `{"id":7,"digest":"sha256:` + hex + `","size":4711,"project_id":2,"tags":null,"accessories":null,"addition_links":{},`
		manifest = `"manifest_media_type":"application/vnd.oci.image.manifest.v1+json",`
		index    = `"manifest_media_type":"application/vnd.oci.image.index.v1+json",`
		config   = `"media_type":"application/vnd.oci.image.config.v1+json","artifact_type":"application/vnd.oci.image.config.v1+json",`
		empty    = `"media_type":"application/vnd.oci.empty.v1+json",`
		bundle   = `"artifact_type":"application/vnd.dev.sigstore.bundle.v0.3+json",`
	)
	tests := []struct {
		name, answer, tag string
		want              event.Type
		kind              event.Kind
		subject           string
		artifactType      string
	}{
		{"image", manifest + config + `"type":"IMAGE","extra_attrs":{"os":"linux","architecture":"amd64","config":{}}`, "v1", event.ArtifactPushed, event.KindImage, "", ""},
		{"what BuildKit attests", manifest + config + `"type":"IMAGE","extra_attrs":{"os":"unknown","architecture":"unknown"}`, "", event.ArtifactPushed, event.KindUnknown, "", ""},
		{"chart", manifest + `"media_type":"application/vnd.cncf.helm.config.v1+json","artifact_type":"application/vnd.cncf.helm.config.v1+json","type":"CHART","extra_attrs":{"name":"mychart","os":["linux"]}`, "0.1.0", event.ChartPushed, event.KindChart, "", ""},
		{"wasm", manifest + config + `"type":"WASM"`, "v1", event.ArtifactPushed, event.KindWasm, "", ""},
		{"model", manifest + `"media_type":"application/vnd.cncf.model.config.v1+json","artifact_type":"application/vnd.cncf.model.manifest.v1+json","type":"CNAI"`, "v1", event.ArtifactPushed, event.KindModel, "", "application/vnd.cncf.model.manifest.v1+json"},
		{"notation", manifest + empty + `"artifact_type":"application/vnd.cncf.notary.signature","type":"UNKNOWN"`, "", event.ArtifactSigned, event.KindSignature, "", "application/vnd.cncf.notary.signature"},
		{"SBOM", manifest + empty + `"artifact_type":"application/spdx+json","type":"UNKNOWN"`, "", event.ArtifactAttached, event.KindSBOM, "", "application/spdx+json"},
		{"Harbor's own SBOM", manifest + `"media_type":"application/vnd.oci.image.config.v1+json","artifact_type":"application/vnd.goharbor.harbor.sbom.v1","type":"SBOM"`, "", event.ArtifactAttached, event.KindSBOM, "", "application/vnd.goharbor.harbor.sbom.v1"},
		{"bundle that signs", manifest + empty + bundle + `"type":"UNKNOWN","annotations":{"dev.sigstore.bundle.predicateType":"https://sigstore.dev/cosign/sign/v1"}`, "", event.ArtifactSigned, event.KindSignature, "", "application/vnd.dev.sigstore.bundle.v0.3+json"},
		{"bundle that attests", manifest + empty + bundle + `"type":"UNKNOWN","annotations":{"dev.sigstore.bundle.predicateType":"https://spdx.dev/Document"}`, "", event.ArtifactAttached, event.KindAttestation, "", "application/vnd.dev.sigstore.bundle.v0.3+json"},
		{"bundle that does not say", manifest + empty + bundle + `"type":"UNKNOWN"`, "", event.ArtifactAttached, event.KindUnknown, "", "application/vnd.dev.sigstore.bundle.v0.3+json"},
		{"cosign's signature", manifest + config + `"type":"IMAGE"`, "sha256-" + hex + ".sig", event.ArtifactSigned, event.KindSignature, "sha256:" + hex, ""},
		{"index of referrers", index + `"type":"IMAGE","references":[]`, "sha256-" + hex, event.ArtifactAttached, event.KindIndex, "sha256:" + hex, ""},
		{"what is not known", manifest + empty + `"artifact_type":"application/vnd.acme.rocket","type":"ROCKET"`, "v1", event.ArtifactPushed, event.KindOther, "", "application/vnd.acme.rocket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := harborPush(tt.tag)
			if err := translator.HarborArtifact(&e, []byte(digest+tt.answer+`}`)); err != nil {
				t.Fatal(err)
			}
			a := e.Artifact
			if e.Type != tt.want || a.Kind != tt.kind || a.Subject != tt.subject || a.ArtifactType != tt.artifactType {
				t.Errorf("%s of kind %q with subject %q and type %q, want %s, %q, %q, %q", e.Type, a.Kind, a.Subject, a.ArtifactType, tt.want, tt.kind, tt.subject, tt.artifactType)
			}
			if a.MediaType == "" || a.Size != 0 {
				t.Errorf("media type %q, size %d, want the manifest's type and no size: Harbor's is of the whole", a.MediaType, a.Size)
			}
		})
	}
}

func TestHarborArtifactIndex(t *testing.T) {
	e := harborPush("v1")
	err := translator.HarborArtifact(&e, []byte(`{"digest":"`+e.Artifact.Digest+`","type":"IMAGE","manifest_media_type":"application/vnd.oci.image.index.v1+json",
		"references":[{"child_digest":"sha256:1","platform":{"architecture":"arm64","os":"linux","variant":"v8","OsFeatures":null}},
		{"child_digest":"sha256:2","platform":{"architecture":"unknown","os":"unknown"}},{"child_digest":"sha256:3"}]}`))
	want := []event.Platform{{OS: "linux", Architecture: "arm64", Variant: "v8"}}
	if err != nil || e.Artifact.Kind != event.KindIndex || !reflect.DeepEqual(e.Artifact.Platforms, want) {
		t.Errorf("%s with platforms %+v, %v, want an index with %+v", e.Artifact.Kind, e.Artifact.Platforms, err, want)
	}
}

func TestHarborArtifactThatCannotBeRead(t *testing.T) {
	for name, raw := range map[string]string{
		"not JSON":       "<html>",
		"another digest": `{"digest":"sha256:1","type":"CHART"}`,
		"no digest":      `{"type":"CHART"}`,
		"wrong type":     `{"type":["CHART"]}`,
	} {
		e := harborPush("v1")
		before, artifact := e, *e.Artifact
		if err := translator.HarborArtifact(&e, []byte(raw)); err == nil {
			t.Errorf("%s: read %s without an error", name, raw)
		}
		if !reflect.DeepEqual(e, before) || !reflect.DeepEqual(*e.Artifact, artifact) {
			t.Errorf("%s: the event was changed to %+v", name, e)
		}
	}
}

func FuzzHarborArtifact(f *testing.F) {
	digest := harborPush("").Artifact.Digest
	f.Add([]byte(`{"digest":"` + digest + `","type":"IMAGE","manifest_media_type":"x","references":[{"platform":{"os":"a"}}]}`))
	f.Add([]byte(`{"digest":"` + digest + `","artifact_type":"application/spdx+json","annotations":{"a":"b"},"extra_attrs":{"os":1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e := harborPush("")
		if err := translator.HarborArtifact(&e, raw); err != nil {
			return
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("cannot be stored: %v", err)
		}
		notInventedFrom(t, e.Artifact, raw)
	})
}
