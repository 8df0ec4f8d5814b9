package translator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// The requests in testdata/distribution are what a real registry (3.1.2) posted while
// a real client did what the file is named for; with and without references.

var hub = registries()[0].source()

// translate does all that happens to a body before it is routed.
func translate(t testing.TB, src translator.Source, body string) []event.Event {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/in/hub", nil)
	ns, err := registries()[0].adapter.Read(r, []byte(body))
	if err != nil {
		t.Fatalf("read %s: %v", body, err)
	}
	var events []event.Event
	for _, n := range ns {
		events = append(events, translator.Distribution(src, n)...)
	}
	return events
}

// one translates a body with one event.
func one(t testing.TB, body string) event.Event {
	t.Helper()
	events := translate(t, hub, body)
	if len(events) != 1 {
		t.Fatalf("%s became %d events, want 1", body, len(events))
	}
	return events[0]
}

func TestDistributionType(t *testing.T) {
	const (
		image   = `"mediaType":"application/vnd.oci.image.manifest.v1+json"`
		index   = `"mediaType":"application/vnd.oci.image.index.v1+json"`
		blob    = `"mediaType":"application/octet-stream"`
		digest  = `"digest":"sha256:68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8"`
		hex     = `68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8`
		repo    = `"repository":"prod/api"`
		helm    = `"references":[{"mediaType":"application/vnd.cncf.helm.config.v1+json"},{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip"}]`
		unknown = event.Unknown
	)
	config := func(config, layer string) string {
		return `"references":[{` + config + `},{"mediaType":"` + layer + `"}]`
	}
	oci := func(layer string) string {
		return config(`"mediaType":"application/vnd.oci.image.config.v1+json"`, layer)
	}
	empty := func(layer string) string {
		return config(`"mediaType":"application/vnd.oci.empty.v1+json"`, layer)
	}
	list := func(parts ...string) string { return strings.Join(parts, ",") }

	tests := []struct {
		name, action, method, target string
		want                         event.Type
		kind                         event.Kind
		subject                      string
		reason                       string
	}{
		{"push", "push", "PUT", list(repo, image, digest), event.ArtifactPushed, event.KindUnknown, "", ""},
		{"push of an image", "push", "PUT", list(repo, image, digest, oci("application/vnd.oci.image.layer.v1.tar+gzip")), event.ArtifactPushed, event.KindImage, "", ""},
		{"push of an image without layers", "push", "PUT", list(repo, image, digest, `"references":[{"mediaType":"application/vnd.oci.image.config.v1+json"}]`), event.ArtifactPushed, event.KindImage, "", ""},
		{"push of an old image", "push", "PUT", list(repo, digest, `"mediaType":"application/vnd.docker.distribution.manifest.v1+prettyjws"`), event.ArtifactPushed, event.KindImage, "", ""},
		{"push of an index", "push", "PUT", list(repo, index, digest), event.ArtifactPushed, event.KindIndex, "", ""},
		{"pull", "pull", "GET", list(repo, image, digest), event.ArtifactPulled, event.KindUnknown, "", ""},
		{"inspection is no pull", "pull", "HEAD", list(repo, image, digest), event.ArtifactInspected, event.KindUnknown, "", ""},
		{"delete by digest", "delete", "DELETE", list(repo, `"mediaType":""`, digest), event.ArtifactDeleted, "", "", ""},
		{"delete by tag", "delete", "DELETE", list(repo, `"mediaType":"","digest":""`, `"tag":"v1"`), event.TagDeleted, "", "", ""},
		{"delete of a repository", "delete", "DELETE", list(repo, `"mediaType":"","digest":""`), event.RepositoryDeleted, "", "", ""},

		{"blob push", "push", "PUT", list(repo, blob, digest), event.BlobPushed, "", "", ""},
		{"blob pull", "pull", "GET", list(repo, blob, digest), event.BlobPulled, "", "", ""},
		{"blob inspection is a pull, too", "pull", "HEAD", list(repo, blob, digest), event.BlobPulled, "", "", ""},
		{"blob mount", "mount", "POST", list(repo, blob, digest, `"fromRepository":"x/y"`), event.BlobMounted, "", "", ""},
		{"blob delete that says so", "delete", "DELETE", list(repo, blob, digest), event.BlobDeleted, "", "", ""},
		{"blob by URL", "push", "PUT", list(repo, digest, `"mediaType":"application/x-gtar","url":"http://h/v2/prod/api/blobs/sha256:1"`), event.BlobPushed, "", "", ""},
		{"manifest by URL", "push", "PUT", list(repo, digest, `"mediaType":"application/x-new","url":"http://h/v2/a/blobs/b/manifests/sha256:1"`), event.ArtifactPushed, event.KindUnknown, "", ""},

		{"chart", "push", "PUT", list(repo, image, digest, helm), event.ChartPushed, event.KindChart, "", ""},
		{"chart pull", "pull", "GET", list(repo, image, digest, helm), event.ChartPulled, event.KindChart, "", ""},
		{"chart inspection", "pull", "HEAD", list(repo, image, digest, helm), event.ArtifactInspected, event.KindChart, "", ""},

		{"signature by tag", "push", "PUT", list(repo, image, digest, `"tag":"sha256-`+hex+`.sig"`), event.ArtifactSigned, event.KindSignature, "sha256:" + hex, ""},
		{"attestation by tag", "push", "PUT", list(repo, image, digest, `"tag":"sha256-`+hex+`.att"`), event.ArtifactAttached, event.KindAttestation, "sha256:" + hex, ""},
		{"SBOM by tag", "push", "PUT", list(repo, image, digest, `"tag":"sha256-`+hex+`.sbom"`), event.ArtifactAttached, event.KindSBOM, "sha256:" + hex, ""},
		{"tag goes before config", "push", "PUT", list(repo, image, digest, `"tag":"sha256-`+hex+`.sig"`, helm), event.ArtifactSigned, event.KindSignature, "sha256:" + hex, ""},
		{"pull of a signature", "pull", "GET", list(repo, image, digest, `"tag":"sha256-`+hex+`.sig"`), event.ArtifactPulled, event.KindSignature, "sha256:" + hex, ""},
		{"tag like a signature's", "push", "PUT", list(repo, image, digest, `"tag":"sha256-abc.sig"`), event.ArtifactPushed, event.KindUnknown, "", ""},
		{"referrers index", "push", "PUT", list(repo, index, digest, `"tag":"sha256-`+hex+`"`), event.ArtifactAttached, event.KindIndex, "sha256:" + hex, ""},
		{"an image with a referrers tag is none", "push", "PUT", list(repo, image, digest, `"tag":"sha256-`+hex+`"`), event.ArtifactPushed, event.KindUnknown, "", ""},
		{"signature by layer", "push", "PUT", list(repo, image, digest, oci("application/vnd.dev.cosign.simplesigning.v1+json")), event.ArtifactSigned, event.KindSignature, "", ""},
		{"signature by config", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.dev.cosign.artifact.sig.v1+json"`, "x/y")), event.ArtifactSigned, event.KindSignature, "", ""},
		{"notation", "push", "PUT", list(repo, image, digest, empty("application/jose+json")), event.ArtifactSigned, event.KindSignature, "", ""},
		{"BuildKit's attestation", "push", "PUT", list(repo, image, digest, oci("application/vnd.in-toto+json")), event.ArtifactAttached, event.KindAttestation, "", ""},
		{"SBOM by layer", "push", "PUT", list(repo, image, digest, empty("application/vnd.cyclonedx+json; version=1.5")), event.ArtifactAttached, event.KindSBOM, "", ""},
		{"bundle does not tell signature from attestation", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.oci.empty.v1+json","artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"`, "application/vnd.dev.sigstore.bundle.v0.3+json")), event.ArtifactAttached, event.KindUnknown, "", ""},
		{"config's artifact type goes before the layer", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.oci.empty.v1+json","artifactType":"application/spdx+json"`, "application/wasm")), event.ArtifactAttached, event.KindSBOM, "", ""},
		{"an index that lists a bundle is none", "push", "PUT", list(repo, index, digest, `"references":[{"artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"}]`), event.ArtifactPushed, event.KindIndex, "", ""},
		{"in-toto in an envelope", "push", "PUT", list(repo, image, digest, empty("application/vnd.in-toto.provenance+dsse")), event.ArtifactAttached, event.KindAttestation, "", ""},
		{"Harbor's own SBOM", "push", "PUT", list(repo, image, digest, oci("application/vnd.goharbor.harbor.sbom.v1")), event.ArtifactAttached, event.KindSBOM, "", ""},
		{"ModelPack", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.cncf.model.config.v1+json"`, "application/vnd.cncf.model.weight.v1.tar")), event.ArtifactPushed, event.KindModel, "", ""},
		{"KitOps", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.kitops.modelkit.config.v1+json"`, "application/vnd.kitops.modelkit.model.v1.tar+gzip")), event.ArtifactPushed, event.KindModel, "", ""},
		{"Docker's model", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.docker.ai.model.config.v0.2+json"`, "application/vnd.docker.ai.gguf.v3")), event.ArtifactPushed, event.KindModel, "", ""},
		{"wasm by layer", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.fermyon.spin.application.v1+config"`, "application/vnd.wasm.content.layer.v1+wasm")), event.ArtifactPushed, event.KindWasm, "", ""},
		{"wasm", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.wasm.config.v0+json"`, "application/wasm")), event.ArtifactPushed, event.KindWasm, "", ""},
		{"model", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.docker.container.image.v1+json"`, "application/vnd.ollama.image.model")), event.ArtifactPushed, event.KindModel, "", ""},
		{"a config type of its own", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.acme.rocket.v1+json"`, "x/y")), event.ArtifactPushed, event.KindOther, "", ""},
		{"an artifact type of its own", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.oci.empty.v1+json","artifactType":"application/vnd.acme.rocket"`, "text/plain")), event.ArtifactPushed, event.KindOther, "", ""},
		{"a config without a type of its own", "push", "PUT", list(repo, image, digest, config(`"mediaType":"application/vnd.unknown.config.v1+json"`, "text/plain")), event.ArtifactPushed, event.KindUnknown, "", ""},
		{"an image's config with other layers", "push", "PUT", list(repo, image, digest, oci("application/vnd.acme.rocket")), event.ArtifactPushed, event.KindUnknown, "", ""},
		{"tells nothing", "push", "PUT", list(repo, image, digest, empty("text/plain")), event.ArtifactPushed, event.KindUnknown, "", ""},

		{"unknown action", "frobnicate", "PUT", list(repo, image, digest), unknown, event.KindUnknown, "", `action "frobnicate" is not known`},
		{"action in capitals", "PUSH", "PUT", list(repo, image, digest), unknown, event.KindUnknown, "", `action "PUSH" is not known`},
		{"no action", "", "PUT", list(repo, image, digest), unknown, event.KindUnknown, "", "the event says no action"},
		{"no repository", "push", "PUT", list(image, digest), unknown, event.KindUnknown, "", "push without target.repository"},
		{"no digest", "push", "PUT", list(repo, image), unknown, event.KindUnknown, "", "push without target.digest"},
		{"unknown media type", "push", "PUT", list(repo, digest, `"mediaType":"text/html"`), unknown, "", "", `target.mediaType "text/html" is neither a manifest's nor a blob's`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := one(t, `{"events":[{"id":"1","action":"`+tt.action+`","request":{"method":"`+tt.method+`"},"target":{`+tt.target+`}}]}`)
			if e.Type != tt.want || e.Reason != tt.reason {
				t.Errorf("type = %s (%s), want %s (%s)", e.Type, e.Reason, tt.want, tt.reason)
			}
			var kind event.Kind
			var subject string
			if e.Artifact != nil {
				kind, subject = e.Artifact.Kind, e.Artifact.Subject
			}
			if kind != tt.kind || subject != tt.subject {
				t.Errorf("kind = %q, subject = %q, want %q, %q", kind, subject, tt.kind, tt.subject)
			}
			if want := e.Type == event.ArtifactSigned; (e.Status == event.Succeeded) != want || !want && e.Status != "" {
				t.Errorf("status = %q of %s", e.Status, e.Type)
			}
		})
	}
}
