package translator

import (
	"regexp"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Media types of manifests and what they refer to.
const (
	ociManifest           = v1.MediaTypeImageManifest
	ociIndex              = v1.MediaTypeImageIndex
	dockerManifest        = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList            = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest1       = "application/vnd.docker.distribution.manifest.v1+json"
	dockerManifest1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws"

	ociConfig    = v1.MediaTypeImageConfig
	dockerConfig = "application/vnd.docker.container.image.v1+json"
	emptyConfig  = v1.MediaTypeEmptyJSON
	octetStream  = "application/octet-stream"
)

// attachedTag is a tag by which clients attach something to the image with the digest
// that it spells: cosign's with a suffix, and without one the index of all referrers.
var attachedTag = regexp.MustCompile(`^(sha256)-([0-9a-f]{64})(\.sig|\.att|\.sbom)?$`)

// classify sets what a's media type, its tag and its references tell: kind, artifact
// type, platforms, and the subject. References are a manifest's config and then its
// layers, or an index's manifests; there are none unless the registry is configured to
// send them. The first that knows decides: tag, type of the config, artifact type that
// the config's descriptor names, type of the first layer.
//
// A manifest's own artifactType, subject and annotations are never in a notification.
func classify(a *event.Artifact, tag string, refs []v1.Descriptor) {
	m := attachedTag.FindStringSubmatch(tag)
	if m != nil && m[3] != "" {
		a.Subject = m[1] + ":" + m[2]
	}
	if a.MediaType == ociIndex || a.MediaType == dockerList {
		a.Kind = event.KindIndex
		a.Platforms = platforms(refs)
		if m != nil {
			a.Subject = m[1] + ":" + m[2]
		}
	} else {
		if len(refs) > 0 {
			a.ArtifactType = refs[0].ArtifactType
		}
		a.Kind = manifestKind(a.MediaType, refs)
	}
	if m == nil {
		return
	}
	switch m[3] {
	case ".sig":
		a.Kind = event.KindSignature
	case ".att":
		a.Kind = event.KindAttestation
	case ".sbom":
		a.Kind = event.KindSBOM
	}
}

// manifestKind returns the kind of a manifest that is no index.
func manifestKind(mediaType string, refs []v1.Descriptor) event.Kind {
	if mediaType == dockerManifest1 || mediaType == dockerManifest1Signed {
		return event.KindImage // it can hold nothing else
	}
	if len(refs) == 0 {
		return event.KindUnknown
	}
	config, layer := refs[0], ""
	if len(refs) > 1 {
		layer = refs[1].MediaType
	}
	if config.MediaType == ociConfig || config.MediaType == dockerConfig {
		// Signatures, attestations and models use an image's config, too.
		if layer == "" || isImageLayer(layer) {
			return event.KindImage
		}
		return mediaKind(layer)
	}
	for _, t := range []string{config.MediaType, config.ArtifactType, layer} {
		if kind := mediaKind(t); kind != event.KindUnknown {
			return kind
		}
	}
	if config.MediaType != "" && config.MediaType != emptyConfig && !isBundle(refs) {
		return event.KindOther // it says what it is, and it is none of ours
	}
	return event.KindUnknown
}

func isImageLayer(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.") ||
		strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.")
}

// isBundle reports whether refs are those of a sigstore bundle. It is a signature or
// an attestation; which of them, only its manifest says.
func isBundle(refs []v1.Descriptor) bool {
	return slices.ContainsFunc(refs[:min(2, len(refs))], func(d v1.Descriptor) bool {
		const bundle = "application/vnd.dev.sigstore.bundle"
		return strings.HasPrefix(d.ArtifactType, bundle) || strings.HasPrefix(d.MediaType, bundle)
	})
}

// mediaKind returns the kind that a type of a config or layer stands for, else
// unknown. Types of an image's config and layers are not among them, as they say too
// little alone.
func mediaKind(mediaType string) event.Kind {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	switch strings.TrimSpace(mediaType) {
	case "application/vnd.cncf.helm.config.v1+json",
		"application/vnd.cncf.helm.chart.content.v1.tar+gzip":
		return event.KindChart
	case "application/vnd.dev.cosign.artifact.sig.v1+json",
		"application/vnd.dev.cosign.simplesigning.v1+json",
		"application/vnd.cncf.notary.signature",
		"application/jose+json",
		"application/cose":
		return event.KindSignature
	case "application/vnd.in-toto+json",
		"application/vnd.dsse.envelope.v1+json":
		return event.KindAttestation
	case "application/spdx+json", "application/spdx+xml",
		"text/spdx", "text/spdx+json", "text/spdx+xml",
		"application/vnd.cyclonedx", "application/vnd.cyclonedx+json", "application/vnd.cyclonedx+xml",
		"application/vnd.syft+json",
		"application/vnd.dev.cosign.artifact.sbom.v1+json":
		return event.KindSBOM
	case "application/wasm",
		"application/vnd.wasm.config.v0+json", "application/vnd.wasm.config.v1+json",
		"application/vnd.wasm.content.layer.v1+wasm",
		"application/vnd.module.wasm.content.layer.v1+wasm":
		return event.KindWasm
	case "application/vnd.cncf.model.config.v1+json",
		"application/vnd.docker.ai.model.config.v0.1+json",
		"application/vnd.kitops.modelkit.config.v1+json",
		"application/vnd.ollama.image.model":
		return event.KindModel
	}
	return event.KindUnknown
}

// platforms lists the platforms of an index's manifests, each once. BuildKit gives its
// attestations the platform unknown/unknown, which is none.
func platforms(refs []v1.Descriptor) []event.Platform {
	var list []event.Platform
	for _, d := range refs {
		if d.Platform == nil || d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown" {
			continue
		}
		p := event.Platform{OS: d.Platform.OS, Architecture: d.Platform.Architecture, Variant: d.Platform.Variant}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// classifyByTag sets what a tag alone tells, of a registry that says no media type.
// There the bare tag is taken for the index of referrers that it is reserved for.
func classifyByTag(a *event.Artifact, tag string) {
	classify(a, tag, nil)
	if m := attachedTag.FindStringSubmatch(tag); m != nil && m[3] == "" && a.MediaType == "" {
		a.Kind, a.Subject = event.KindIndex, m[1]+":"+m[2]
	}
}
