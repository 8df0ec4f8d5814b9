package translator_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// pushed is what a registry that sends no references tells of a push of raw: its media
// type, which clients give apart from it too, and its digest.
func pushed(t testing.TB, raw string, tag string) event.Event {
	t.Helper()
	var m struct{ MediaType string }
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		t.Fatal(err)
	}
	if m.MediaType == "" {
		m.MediaType = "application/vnd.oci.image.manifest.v1+json"
	}
	sum := sha256.Sum256([]byte(raw))
	return one(t, fmt.Sprintf(`{"events":[{"id":"1","timestamp":"2026-11-21T09:29:58Z","action":"push","request":{"method":"PUT"},
		"target":{"mediaType":%q,"digest":"sha256:%s","repository":"prod/api","tag":%q}}]}`, m.MediaType, hex.EncodeToString(sum[:]), tag))
}

// Each file is a manifest as a real client pushed it.
func TestManifestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/manifest/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw := read(t, file)
			e := pushed(t, raw, "")
			if !translator.Incomplete(&e) {
				t.Errorf("nothing is missing in %+v", e.Artifact)
			}
			id := e.ID
			if err := translator.Manifest(&e, []byte(raw)); err != nil {
				t.Fatal(err)
			}
			if e.ID != id {
				t.Errorf("id = %s, want the one that it had, %s", e.ID, id)
			}
			b, err := json.MarshalIndent(e, "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			got, golden := string(b)+"\n", strings.TrimSuffix(file, ".json")+".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := read(t, golden); got != want {
				t.Errorf("event differs from %s (write it anew with -update, and look at the difference)\n%s", golden, got)
			}
		})
	}
}

func TestManifest(t *testing.T) {
	const (
		hex     = `68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8`
		subject = `"subject":{"digest":"sha256:` + hex + `"}`
		empty   = `"config":{"mediaType":"application/vnd.oci.empty.v1+json"}`
		image   = `"config":{"mediaType":"application/vnd.oci.image.config.v1+json"}`
		text    = `"layers":[{"mediaType":"text/plain"}]`
		bundle  = `"config":{"mediaType":"application/vnd.oci.empty.v1+json","artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`
		index   = `"mediaType":"application/vnd.oci.image.index.v1+json"`
	)
	tests := []struct {
		name, manifest, tag string
		want                event.Type
		kind                event.Kind
		subject             string
	}{
		{"nothing that is known", empty + `,` + text, "v1", event.ArtifactPushed, event.KindOther, ""},
		{"a type that is not known", empty + `,` + text + `,"artifactType":"application/vnd.acme.rocket"`, "", event.ArtifactPushed, event.KindOther, ""},
		{"a referrer that is not known", empty + `,` + text + `,` + subject, "", event.ArtifactAttached, event.KindOther, "sha256:" + hex},
		{"an image that refers", image + `,` + subject, "", event.ArtifactAttached, event.KindImage, "sha256:" + hex},
		{"an index that refers", index + `,"manifests":[],` + subject, "", event.ArtifactAttached, event.KindIndex, "sha256:" + hex},
		{"a subject that is none", empty + `,` + text + `,"subject":{"digest":"latest"}`, "", event.ArtifactPushed, event.KindOther, ""},
		{"the tag's subject stays", empty + `,"subject":{"digest":"sha256:` + strings.Repeat("0", 64) + `"}`, "sha256-" + hex + ".sig", event.ArtifactSigned, event.KindSignature, "sha256:" + hex},
		{"notation's old form", `"config":{"mediaType":"application/vnd.cncf.notary.signature"},` + subject, "", event.ArtifactSigned, event.KindSignature, "sha256:" + hex},
		{"SBOM by artifact type", empty + `,` + text + `,"artifactType":"application/spdx+json",` + subject, "", event.ArtifactAttached, event.KindSBOM, "sha256:" + hex},
		{"layer goes before artifact type", empty + `,"layers":[{"mediaType":"application/jose+json"}],"artifactType":"application/spdx+json"`, "", event.ArtifactSigned, event.KindSignature, ""},
		{"chart", `"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"}`, "1.0", event.ChartPushed, event.KindChart, ""},
		{"model", empty + `,"artifactType":"application/vnd.cncf.model.manifest.v1+json"`, "7b", event.ArtifactPushed, event.KindModel, ""},
		{"wasm", `"config":{"mediaType":"application/vnd.fermyon.spin.application.v1+config"},"layers":[{"mediaType":"application/vnd.wasm.content.layer.v1+wasm"}]`, "v1", event.ArtifactPushed, event.KindWasm, ""},
		{"BuildKit's attestation", image + `,"layers":[{"mediaType":"application/vnd.in-toto+json"}]`, "", event.ArtifactAttached, event.KindAttestation, ""},
		{"bundle that signs", bundle + `,"annotations":{"dev.sigstore.bundle.predicateType":"https://sigstore.dev/cosign/sign/v1"},` + subject, "", event.ArtifactSigned, event.KindSignature, "sha256:" + hex},
		{"bundle that attests", bundle + `,"annotations":{"dev.sigstore.bundle.predicateType":"https://slsa.dev/provenance/v1"},` + subject, "", event.ArtifactAttached, event.KindAttestation, "sha256:" + hex},
		{"bundle with the signature of a message", bundle + `,"annotations":{"dev.sigstore.bundle.content":"message-signature"}`, "", event.ArtifactSigned, event.KindSignature, ""},
		{"bundle that does not say", bundle + `,"annotations":{"dev.sigstore.bundle.content":"dsse-envelope"}`, "", event.ArtifactAttached, event.KindUnknown, ""},
		{"keys in another case say nothing", `"config":{"MediaType":"application/vnd.cncf.helm.config.v1+json"},"ArtifactType":"application/spdx+json"`, "", event.ArtifactPushed, event.KindOther, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := `{` + tt.manifest + `}`
			e := pushed(t, raw, tt.tag)
			if err := translator.Manifest(&e, []byte(raw)); err != nil {
				t.Fatal(err)
			}
			if a := e.Artifact; e.Type != tt.want || a.Kind != tt.kind || a.Subject != tt.subject {
				t.Errorf("%s of kind %q with subject %q, want %s, %q, %q", e.Type, a.Kind, a.Subject, tt.want, tt.kind, tt.subject)
			}
			if want := e.Type == event.ArtifactSigned; (e.Status == event.Succeeded) != want {
				t.Errorf("status = %q of %s", e.Status, e.Type)
			}
		})
	}
}

func TestManifestThatCannotBeRead(t *testing.T) {
	for name, raw := range map[string]string{
		"not JSON":    `<html>`,
		"a list":      `[]`,
		"cut short":   `{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"}`,
		"a key twice": `{"config":{},"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"}}`,
		"wrong type":  `{"config":{"mediaType":7}}`,
		"no config":   `{"layers":[]}`,
		"empty":       ``,
	} {
		e := pushed(t, `{}`, "v1")
		before, artifact := e, *e.Artifact
		if err := translator.Manifest(&e, []byte(raw)); err == nil {
			t.Errorf("%s: read %s without an error", name, raw)
		}
		if !reflect.DeepEqual(e, before) || !reflect.DeepEqual(*e.Artifact, artifact) {
			t.Errorf("%s: the event was changed to %+v", name, e)
		}
	}
	if err := translator.Manifest(&event.Event{}, []byte(`{}`)); err == nil {
		t.Error("an event without an artifact was given one")
	}
}

// What a registry is asked for costs a request and a wait.
func TestIncomplete(t *testing.T) {
	const digest = `"digest":"sha256:68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8"`
	const image = `"mediaType":"application/vnd.oci.image.manifest.v1+json",` + digest
	const index = `"mediaType":"application/vnd.oci.image.index.v1+json",` + digest
	const sigTag = `"tag":"sha256-68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8`
	for _, tt := range []struct {
		action, target string
		want           bool
	}{
		{"push", image, true},
		{"pull", image, true},
		{"delete", digest, false},
		{"push", image + `,"references":[{"mediaType":"application/vnd.oci.image.config.v1+json"}]`, false},
		{"push", image + `,"references":[{"mediaType":"application/vnd.cncf.helm.config.v1+json"}]`, false},
		{"push", image + `,"references":[{"mediaType":"application/vnd.acme.rocket.v1+json"}]`, true},
		{"push", image + `,"references":[{"mediaType":"application/vnd.oci.empty.v1+json"},{"mediaType":"application/spdx+json"}]`, true},
		{"push", image + `,` + sigTag + `.sig"`, false},
		{"push", index, true},
		{"push", index + `,` + sigTag + `"`, false},
		{"push", index + `,"references":[{"platform":{"os":"linux","architecture":"amd64"}}]`, false},
		{"push", `"mediaType":"application/octet-stream",` + digest, false},
		{"push", `"mediaType":"application/vnd.oci.image.manifest.v1+json"`, false},
	} {
		e := one(t, `{"events":[{"id":"1","action":"`+tt.action+`","request":{"method":"GET"},"target":{"repository":"a/b",`+tt.target+`}}]}`)
		if got := translator.Incomplete(&e); got != tt.want {
			t.Errorf("Incomplete(%s of %s) = %t, want %t", tt.action, tt.target, got, tt.want)
		}
	}
}

func TestManifestOfAPull(t *testing.T) {
	for method, want := range map[string]event.Type{"GET": event.ChartPulled, "HEAD": event.ArtifactInspected} {
		raw := read(t, "testdata/manifest/helm-chart.json")
		e := one(t, `{"events":[{"id":"1","action":"pull","request":{"method":"`+method+`"},"target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:1","repository":"a/b"}}]}`)
		if err := translator.Manifest(&e, []byte(raw)); err != nil || e.Type != want || e.Artifact.Kind != event.KindChart {
			t.Errorf("%s of a chart is %s of kind %s, %v, want %s", method, e.Type, e.Artifact.Kind, err, want)
		}
	}
}

// A manifest of the largest size may name tens of thousands of others.
func TestManifestOfManyPlatforms(t *testing.T) {
	var list []string
	for i := range 30_000 {
		list = append(list, fmt.Sprintf(`{"platform":{"os":"os%d","architecture":"amd64"}}`, i))
	}
	raw := `{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` + strings.Join(list, ",") + `]}`
	e := pushed(t, raw, "v1")
	if err := translator.Manifest(&e, []byte(raw)); err != nil || len(e.Artifact.Platforms) != 200 {
		t.Errorf("%d platforms, %v, want the first 200", len(e.Artifact.Platforms), err)
	}
}

// Whatever a manifest holds, the event can be stored, and holds no text that neither it
// nor the manifest did.
func FuzzManifest(f *testing.F) {
	files, err := filepath.Glob("testdata/manifest/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		f.Add([]byte(read(f, file)), false)
		f.Add([]byte(read(f, file)), true)
	}
	base := pushed(f, `{}`, "v1")
	list := pushed(f, `{"mediaType":"application/vnd.oci.image.index.v1+json"}`, "")
	f.Fuzz(func(t *testing.T, raw []byte, index bool) {
		e := base
		if index {
			e = list
		}
		before := e
		if err := translator.Manifest(&e, raw); err != nil {
			if !reflect.DeepEqual(e, before) {
				t.Fatalf("changed in spite of %v", err)
			}
			return
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("cannot be stored: %v", err)
		}
		if !slices.Contains(event.Types(), e.Type) || e.Artifact.Kind == "" || e.ID != before.ID {
			t.Fatalf("%s %s of kind %q", e.ID, e.Type, e.Artifact.Kind)
		}
		notInventedFrom(t, e.Artifact, raw)
	})
}

// notInventedFrom checks that what was added to an artifact stands in raw.
func notInventedFrom(t *testing.T, a *event.Artifact, raw []byte) {
	t.Helper()
	texts := stringsIn(t, raw)
	texts[""] = true
	added := []string{a.ArtifactType, a.Subject}
	for _, p := range a.Platforms {
		added = append(added, p.OS, p.Architecture, p.Variant)
	}
	for _, s := range added {
		if !texts[s] {
			t.Fatalf("%q is not in %s", s, raw)
		}
	}
}

// stringsIn returns all the strings in JSON.
func stringsIn(t *testing.T, raw []byte) map[string]bool {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("translated, but no JSON: %v", err)
	}
	found := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			found[v] = true
		case []any:
			for _, i := range v {
				walk(i)
			}
		case map[string]any:
			for _, i := range v {
				walk(i)
			}
		}
	}
	walk(v)
	return found
}
