package translator

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// maxDescriptors is how many of a manifest's layers, or an index's manifests, are
// looked at. A manifest may hold tens of thousands.
const maxDescriptors = 200

// manifest is a manifest or an index, as far as it says what it is of. The structs of
// Distribution have neither artifact type nor subject, so it is read here.
type manifest struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType"`
	Config       *v1.Descriptor    `json:"config"`
	Layers       []v1.Descriptor   `json:"layers"`
	Manifests    []v1.Descriptor   `json:"manifests"`
	Subject      *v1.Descriptor    `json:"subject"`
	Annotations  map[string]string `json:"annotations"`
}

// Incomplete reports whether the registry's own word on e's artifact would tell more
// than e does: its kind, what it is attached to, an index's platforms. It does not for
// what was deleted, as that cannot be read any more.
func Incomplete(e *event.Event) bool {
	a := e.Artifact
	if a == nil || a.Digest == "" || e.Repository == nil || e.Origin != event.OriginNative {
		return false
	}
	switch e.Type {
	case event.ArtifactPushed, event.ArtifactPulled, event.ArtifactInspected, event.ArtifactSigned, event.ArtifactAttached:
	default:
		return false
	}
	switch a.Kind {
	case "", event.KindUnknown, event.KindOther:
		return true
	case event.KindSignature, event.KindAttestation, event.KindSBOM:
		return a.Subject == ""
	case event.KindIndex:
		return a.Subject == "" && len(a.Platforms) == 0
	}
	return false
}

// Manifest adds to e what raw, the manifest with the digest of its artifact, tells:
// kind, artifact type, subject, an index's platforms, and with them the type of e. What
// e said before stays, but for kinds that said nothing; the id does too. That raw has
// the digest is for the caller to have checked.
//
// Keys count in their exact case only. On an error e is as it was.
func Manifest(e *event.Event, raw []byte) error {
	if e.Artifact == nil {
		return errors.New("the event is about no artifact")
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	a := *e.Artifact
	if a.MediaType == "" {
		a.MediaType = m.MediaType
	}
	var refs []v1.Descriptor
	switch isIndex := a.MediaType == ociIndex || a.MediaType == dockerList; {
	case isIndex:
		refs = m.Manifests
	case m.Config != nil:
		refs = append([]v1.Descriptor{*m.Config}, m.Layers...)
	default:
		return errors.New("read the manifest: it has no config")
	}
	refs = refs[:min(maxDescriptors, len(refs))]
	classify(&a, firstTag(&a), refs)
	if m.ArtifactType != "" {
		a.ArtifactType = m.ArtifactType
	}
	if a.Subject == "" && m.Subject != nil && isDigest(string(m.Subject.Digest)) {
		a.Subject = string(m.Subject.Digest)
	}
	a.Kind = settle(a.Kind, a.ArtifactType, isBundle(refs), m.Annotations)
	e.Artifact = &a
	retype(e, isBundle(refs))
	return nil
}

// settle returns the kind of what was read whole, where config and layers told kind.
func settle(kind event.Kind, artifactType string, bundle bool, annotations map[string]string) event.Kind {
	if kind != event.KindUnknown && kind != event.KindOther {
		return kind
	}
	if bundle {
		return bundleKind(annotations)
	}
	if k := mediaKind(artifactType); k != event.KindUnknown {
		return k
	}
	return event.KindOther
}

// bundleKind tells a signature from an attestation in sigstore's format, which clients
// use for both.
func bundleKind(annotations map[string]string) event.Kind {
	const signs = "https://sigstore.dev/cosign/sign/v1"
	switch predicate := annotations["dev.sigstore.bundle.predicateType"]; {
	case predicate == signs:
		return event.KindSignature
	case predicate != "":
		return event.KindAttestation
	case annotations["dev.sigstore.bundle.content"] == "message-signature":
		return event.KindSignature // it states nothing about what it signs
	}
	return event.KindUnknown
}

// retype gives e the type that its artifact's kind and subject call for.
func retype(e *event.Event, bundle bool) {
	switch e.Type {
	case event.ArtifactPushed:
		e.Type = pushType(e.Artifact, bundle)
	case event.ArtifactAttached:
		if e.Artifact.Kind == event.KindSignature {
			e.Type = event.ArtifactSigned
		}
	case event.ArtifactPulled:
		e.Type = pullType(e.Artifact, "")
	}
	if e.Type == event.ArtifactSigned && e.Status == "" {
		e.Status = event.Succeeded
	}
}
