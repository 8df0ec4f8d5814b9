package translator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// harborAnswer is an artifact in the answers of Harbor's REST API, as far as it says
// what it is.
type harborAnswer struct {
	Digest       string            `json:"digest"`
	Type         string            `json:"type"`                // IMAGE, CHART, ..., UNKNOWN
	ConfigType   string            `json:"media_type"`          // of the config
	MediaType    string            `json:"manifest_media_type"` // of the manifest
	ArtifactType string            `json:"artifact_type"`       // the config's type where the manifest has none
	Annotations  map[string]string `json:"annotations"`
	Extra        map[string]any    `json:"extra_attrs"` // an image's config, a chart's Chart.yaml
	References   []struct {
		Platform *v1.Platform `json:"platform"`
	} `json:"references"` // an index's manifests
}

// HarborArtifact adds to e what raw, Harbor's answer to a question for its artifact,
// tells, as [Manifest] does. Harbor does not say what a signature or an SBOM is attached
// to, but for those with a tag that does; and it does not name layers, so that an
// attestation of BuildKit is of unknown kind. On an error e is as it was.
func HarborArtifact(e *event.Event, raw []byte) error {
	if e.Artifact == nil {
		return errors.New("the event is about no artifact")
	}
	var h harborAnswer
	if err := json.Unmarshal(raw, &h); err != nil {
		return fmt.Errorf("read Harbor's artifact: %w", err)
	}
	a := *e.Artifact
	if h.Digest != a.Digest {
		return fmt.Errorf("read Harbor's artifact: it has the digest %s, not the one that was asked for", adapters.Quote(h.Digest))
	}
	if a.MediaType == "" {
		a.MediaType = h.MediaType
	}
	if h.ArtifactType != h.ConfigType {
		a.ArtifactType = h.ArtifactType
	}
	bundle := strings.HasPrefix(h.ArtifactType, bundleType)
	classify(&a, firstTag(&a), h.descriptors())
	a.Kind = settle(a.Kind, h.ArtifactType, bundle, h.Annotations)
	// An image's config is that of much else, which its layers would tell.
	if a.Kind == event.KindImage || a.Kind == event.KindOther {
		a.Kind = h.kind(a.Kind)
	}
	e.Artifact = &a
	retype(e, bundle)
	return nil
}

// descriptors returns what a notification's references would be, as far as h tells.
func (h *harborAnswer) descriptors() []v1.Descriptor {
	if h.MediaType != ociIndex && h.MediaType != dockerList {
		return []v1.Descriptor{{MediaType: h.ConfigType}}
	}
	refs := make([]v1.Descriptor, min(maxDescriptors, len(h.References)))
	for i := range refs {
		refs[i].Platform = h.References[i].Platform
	}
	return refs
}

// kind returns the kind of what config and tag would have to be of kind seems.
func (h *harborAnswer) kind(seems event.Kind) event.Kind {
	if k := mediaKind(h.ArtifactType); k != event.KindUnknown {
		return k
	}
	switch h.Type {
	case "IMAGE":
		// What BuildKit attests has an image's config, for no platform.
		if h.Extra["os"] == "unknown" && h.Extra["architecture"] == "unknown" {
			return event.KindUnknown
		}
		return event.KindImage
	case "CHART":
		return event.KindChart
	case "WASM":
		return event.KindWasm
	case "CNAI":
		return event.KindModel
	case "SBOM":
		return event.KindSBOM
	}
	return seems
}
