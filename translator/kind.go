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
// So these stay unknown: whatever comes without references and without such a tag, but
// for an index and an image of Docker's first schema; a bundle of sigstore; what has an
// empty config and a layer whose type says nothing; an image's config with layers that
// are no image's. Where the registry may be asked, [Manifest] says more.
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
		if len(refs) > 0 && refs[0].ArtifactType != "" {
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
	// It says what it is, and it is none of ours. A bundle is one of two, and what a
	// client writes where it was told nothing says nothing.
	if !isBundle(refs) && (says(config.MediaType) || says(config.ArtifactType)) {
		return event.KindOther
	}
	return event.KindUnknown
}

// says reports whether a media type tells something, known here or not.
func says(mediaType string) bool {
	switch mediaType {
	case "", emptyConfig, octetStream, "application/json", "text/plain",
		"application/vnd.unknown.config.v1+json", "application/vnd.unknown.artifact.v1":
		return false
	}
	return true
}

func isImageLayer(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.") ||
		strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.")
}

// bundleType begins the media types of sigstore's bundles, of all versions.
const bundleType = "application/vnd.dev.sigstore.bundle"

// isBundle reports whether refs are those of a sigstore bundle. It is a signature or
// an attestation; which of them, only its manifest says.
func isBundle(refs []v1.Descriptor) bool {
	return slices.ContainsFunc(refs[:min(2, len(refs))], func(d v1.Descriptor) bool {
		return strings.HasPrefix(d.ArtifactType, bundleType) || strings.HasPrefix(d.MediaType, bundleType)
	})
}

// mediaKind returns the kind that a type of an artifact, a config or a layer stands
// for, else unknown. Types of an image's config and layers are not among them, as they
// say too little alone.
func mediaKind(mediaType string) event.Kind {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	mediaType = strings.TrimSpace(mediaType)
	switch mediaType {
	case "application/vnd.cncf.helm.config.v1+json",
		"application/vnd.cncf.helm.chart.content.v1.tar+gzip":
		return event.KindChart
	case "application/vnd.dev.cosign.artifact.sig.v1+json",
		"application/vnd.dev.cosign.simplesigning.v1+json",
		"application/vnd.cncf.notary.signature",
		"application/jose+json",
		"application/cose":
		return event.KindSignature
	case "application/vnd.dsse.envelope.v1+json",
		"application/vnd.docker.attestation.manifest.v1+json":
		return event.KindAttestation
	case "application/spdx+json", "application/spdx+xml",
		"text/spdx", "text/spdx+json", "text/spdx+xml",
		"application/vnd.cyclonedx", "application/vnd.cyclonedx+json", "application/vnd.cyclonedx+xml",
		"application/vnd.syft+json",
		"application/vnd.dev.cosign.artifact.sbom.v1+json",
		"application/vnd.goharbor.harbor.sbom.v1":
		return event.KindSBOM
	case "application/wasm":
		return event.KindWasm
	}
	for _, family := range []struct {
		start string
		kind  event.Kind
	}{
		{"application/vnd.in-toto", event.KindAttestation}, // "+json", ".provenance+dsse"
		{"application/vnd.wasm.", event.KindWasm},          // CNCF's, and that of wasm-to-oci and spin
		{"application/vnd.module.wasm.", event.KindWasm},
		{"application/vnd.cncf.model.", event.KindModel}, // ModelPack, and below its name before
		{"application/vnd.cnai.model.", event.KindModel},
		{"application/vnd.kitops.modelkit.", event.KindModel},
		{"application/vnd.docker.ai.", event.KindModel},
		{"application/vnd.ollama.image.", event.KindModel},
	} {
		if strings.HasPrefix(mediaType, family.start) {
			return family.kind
		}
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
		if p != (event.Platform{}) && !slices.Contains(list, p) {
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
