package translator

import (
	"fmt"
	"strings"

	"github.com/distribution/distribution/v3/notifications"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Distribution translates one event of a CNCF Distribution registry, the Native of
// which is a [*notifications.Event], into one event.
//
// What the registry does not tell apart stays so. A delete by digest is
// artifact.deleted though it may have been a blob's: the two notifications are the
// same. A pull is one whatever came of it, and most are no person's: a request with
// HEAD is artifact.inspected, a blob's is blob.pulled either way. helm pushes a chart
// twice, without and with its tag, and both are told.
func Distribution(src Source, n adapters.Notification) []event.Event {
	d, ok := n.Native.(*notifications.Event)
	if !ok {
		return foreign(src, n, "event of Distribution")
	}
	e := src.event(event.Native{ID: d.ID, Type: d.Action}, d.Timestamp, 0)
	e.Registry.Instance = d.Source.InstanceID
	e.Registry.Host = d.Request.Host
	e.RequestID = d.Request.ID
	e.Repository = repository(d.Target.Repository)
	e.Artifact = distributionArtifact(d)
	if a := (event.Actor{Name: d.Actor.Name, Address: d.Request.Addr, UserAgent: d.Request.UserAgent}); a != (event.Actor{}) {
		e.Actor = &a
	}
	return []event.Event{distributionType(e, d)}
}

// distributionArtifact returns what d says of the artifact; nil if nothing.
func distributionArtifact(d *notifications.Event) *event.Artifact {
	t := &d.Target
	if t.Digest == "" && t.Tag == "" && t.MediaType == "" {
		return nil
	}
	a := &event.Artifact{
		Digest:    t.Digest.String(),
		MediaType: t.MediaType,
		Size:      t.Size,
		URL:       t.URL,
	}
	if t.Size == 0 {
		a.Size = t.Length
	}
	if t.Tag != "" {
		a.Tags = []string{t.Tag}
	}
	if isManifest(d) {
		classify(a, t.Tag, t.References)
	}
	return a
}

// distributionType gives e the type that d has. e is otherwise complete.
func distributionType(e event.Event, d *notifications.Event) event.Event {
	t := &d.Target
	switch d.Action {
	case notifications.EventActionPush, notifications.EventActionPull, notifications.EventActionMount, notifications.EventActionDelete:
	case "":
		return unknown(e, "the event says no action")
	default:
		return unknown(e, fmt.Sprintf("action %s is not known", adapters.Quote(d.Action)))
	}
	if t.Repository == "" {
		return unknown(e, d.Action+" without target.repository")
	}
	if d.Action == notifications.EventActionDelete {
		e.Type = deleteType(d)
		return e
	}
	if t.Digest == "" {
		return unknown(e, d.Action+" without target.digest")
	}
	switch {
	case d.Action == notifications.EventActionMount:
		e.Type = event.BlobMounted
	case isManifest(d) && d.Action == notifications.EventActionPush:
		e.Type = pushType(e.Artifact, isBundle(t.References))
		if e.Type == event.ArtifactSigned {
			e.Status = event.Succeeded
		}
	case isManifest(d):
		e.Type = pullType(e.Artifact, d.Request.Method)
	case isBlob(d) && d.Action == notifications.EventActionPush:
		e.Type = event.BlobPushed
	case isBlob(d):
		e.Type = event.BlobPulled
	default:
		return unknown(e, fmt.Sprintf("target.mediaType %s is neither a manifest's nor a blob's", adapters.Quote(t.MediaType)))
	}
	return e
}

// deleteType: the registry names a tag, or a digest, or (in no release so far, though
// its code provides for it) neither, when a repository goes.
func deleteType(d *notifications.Event) event.Type {
	switch t := &d.Target; {
	case t.Digest != "" && isBlob(d):
		return event.BlobDeleted
	case t.Digest != "":
		return event.ArtifactDeleted
	case t.Tag != "":
		return event.TagDeleted
	}
	return event.RepositoryDeleted
}

func pushType(a *event.Artifact, bundle bool) event.Type {
	switch {
	case a.Kind == event.KindChart:
		return event.ChartPushed
	case a.Kind == event.KindSignature:
		return event.ArtifactSigned
	case a.Kind == event.KindAttestation, a.Kind == event.KindSBOM, a.Subject != "", a.Kind == event.KindUnknown && bundle:
		return event.ArtifactAttached
	}
	return event.ArtifactPushed
}

func pullType(a *event.Artifact, method string) event.Type {
	switch {
	case method == "HEAD":
		return event.ArtifactInspected
	case a.Kind == event.KindChart:
		return event.ChartPulled
	}
	return event.ArtifactPulled
}

// isManifest goes by the media type; one that is not known (of an older or newer
// registry) is a manifest's if the URL says so.
func isManifest(d *notifications.Event) bool {
	switch d.Target.MediaType {
	case ociManifest, ociIndex, dockerManifest, dockerList, dockerManifest1, dockerManifest1Signed:
		return true
	case octetStream:
		return false
	}
	return urlNames(d.Target.URL, "manifests")
}

func isBlob(d *notifications.Event) bool {
	return d.Target.MediaType == octetStream || !isManifest(d) && urlNames(d.Target.URL, "blobs")
}

// urlNames reports whether url ends in /what/REFERENCE.
func urlNames(url, what string) bool {
	end := strings.LastIndexByte(url, '/')
	return end > 0 && strings.HasSuffix(url[:end], "/"+what)
}

// unknown makes e say why it maps to no type.
func unknown(e event.Event, reason string) event.Event {
	e.Type, e.Reason = event.Unknown, reason
	return e
}
