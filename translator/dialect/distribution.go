package dialect

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// distributionAction: what a registry itself sees. It has no word for builds and scans.
func distributionAction(t event.Type) string {
	switch t {
	case event.ArtifactPushed, event.ChartPushed, event.ArtifactAttached, event.ArtifactSigned, event.BlobPushed:
		return "push"
	case event.ArtifactPulled, event.ArtifactInspected, event.ChartPulled, event.BlobPulled:
		return "pull"
	case event.BlobMounted:
		return "mount"
	case event.ArtifactDeleted, event.ChartDeleted, event.TagDeleted, event.RepositoryDeleted, event.BlobDeleted:
		return "delete"
	}
	return ""
}

type distributionEnvelope struct {
	Events []distributionEvent `json:"events"`
}

type distributionEvent struct {
	ID        string             `json:"id"`
	Timestamp time.Time          `json:"timestamp"`
	Action    string             `json:"action"`
	Target    distributionTarget `json:"target"`
	Request   struct {
		ID        string `json:"id"`
		Addr      string `json:"addr,omitempty"`
		Host      string `json:"host,omitempty"`
		Method    string `json:"method"`
		UserAgent string `json:"useragent"`
	} `json:"request"`
	Actor struct {
		Name string `json:"name,omitempty"`
	} `json:"actor"`
	Source struct {
		Addr       string `json:"addr,omitempty"` // never known
		InstanceID string `json:"instanceID,omitempty"`
	} `json:"source"`
}

type distributionTarget struct {
	MediaType  string `json:"mediaType"`
	Digest     string `json:"digest"`
	Size       int64  `json:"size"`
	Length     int64  `json:"length,omitempty"`
	Repository string `json:"repository"`
	URL        string `json:"url,omitempty"`
	Tag        string `json:"tag,omitempty"`
}

// distribution tells of one tag an event, as the registry does.
func distribution(e *event.Event, action string, _ json.RawMessage) (Message, error) {
	const of = "Distribution"
	switch {
	case e.Type == event.ArtifactSigned && !isPush(e):
		return Message{}, errSigned(of)
	case fullName(e) == "":
		return Message{}, lacks(of, e, "a repository")
	case e.Type != event.RepositoryDeleted && behind(e) == "":
		return Message{}, lacks(of, e, "a tag or a digest")
	}
	first := distributionEvent{ID: e.ID, Timestamp: e.Time, Action: action}
	if e.Registry.Type == "distribution" && e.Native.ID != "" && e.Origin == event.OriginNative {
		first.ID = e.Native.ID
	}
	first.Target = distributionTargetOf(e, action)
	first.Request.ID, first.Request.Host, first.Request.Method = e.RequestID, e.Registry.Host, distributionMethod(e.Type, action)
	if a := e.Actor; a != nil {
		first.Actor.Name, first.Request.Addr, first.Request.UserAgent = a.Name, a.Address, a.UserAgent
	}
	first.Source.InstanceID = e.Registry.Instance
	envelope := distributionEnvelope{[]distributionEvent{first}}
	if a := e.Artifact; a != nil && first.Target.Tag != "" {
		for _, tag := range a.Tags[1:] {
			next := first
			next.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(e.ID+"\x00"+tag)).String()
			next.Target.Tag = tag
			envelope.Events = append(envelope.Events, next)
		}
	}
	m, err := inJSON(envelope)
	m.ContentType = "application/vnd.docker.distribution.events.v2+json"
	return m, err
}

func distributionTargetOf(e *event.Event, action string) distributionTarget {
	t := distributionTarget{Repository: e.Repository.FullName}
	a := e.Artifact
	switch {
	case a == nil || e.Type == event.RepositoryDeleted:
		return t
	case action == "delete" && a.Digest != "": // and its tags go with events of their own
		t.Digest = a.Digest
		if e.Type == event.BlobDeleted {
			t.MediaType = a.MediaType
		}
		return t
	case action == "delete":
		t.Tag = tagOf(e)
		return t
	}
	t.MediaType, t.Digest, t.Size, t.Length, t.Tag = distributionMediaType(e), a.Digest, a.Size, a.Size, tagOf(e)
	t.URL = distributionURL(e)
	return t
}

// distributionMediaType is derived from the kind where the source says none.
func distributionMediaType(e *event.Event) string {
	switch {
	case e.Artifact.MediaType != "":
		return e.Artifact.MediaType
	case strings.HasPrefix(string(e.Type), "blob."):
		return "application/octet-stream"
	case e.Artifact.Kind == event.KindIndex:
		return "application/vnd.oci.image.index.v1+json"
	case e.Artifact.Kind == event.KindUnknown, e.Artifact.Kind == "":
		return ""
	}
	return "application/vnd.oci.image.manifest.v1+json"
}

// distributionURL is the manifest's or the blob's. Of another registry it is derived
// from the host; that it takes HTTPS is a guess.
func distributionURL(e *event.Event) string {
	a, what := e.Artifact, "manifests"
	if strings.HasPrefix(string(e.Type), "blob.") {
		what = "blobs"
	}
	reference := a.Digest
	if reference == "" {
		reference = tagOf(e)
	}
	switch end := "/v2/" + e.Repository.FullName + "/" + what + "/"; {
	case strings.Contains(a.URL, end):
		return a.URL
	case e.Registry.Type == "distribution": // it says where
		return a.URL
	case e.Registry.Host == "": // as of a registry with http.relativeurls
		return end + reference
	default:
		return "https://" + e.Registry.Host + end + reference
	}
}

// distributionMethod is that of the client's request.
func distributionMethod(t event.Type, action string) string {
	switch {
	case t == event.ArtifactInspected:
		return "HEAD"
	case action == "pull":
		return "GET"
	case action == "mount":
		return "POST"
	case action == "delete":
		return "DELETE"
	}
	return "PUT"
}
