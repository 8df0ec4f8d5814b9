package dialect

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// cdEventsVersion is the version of the specification, the newest that the receivers
// that there are read.
const cdEventsVersion = "0.4.1"

// cdEventsType: what has to do with artifacts and builds. Tags, scans, replications,
// quotas and blobs have no event there.
func cdEventsType(t event.Type) string {
	switch t {
	case event.ArtifactPushed, event.ChartPushed, event.ArtifactAttached:
		return "dev.cdevents.artifact.published.0.2.0"
	case event.ArtifactPulled, event.ChartPulled:
		return "dev.cdevents.artifact.downloaded.0.1.0"
	case event.ArtifactDeleted, event.ChartDeleted:
		return "dev.cdevents.artifact.deleted.0.1.0"
	case event.ArtifactSigned:
		return "dev.cdevents.artifact.signed.0.2.0"
	case event.BuildQueued:
		return "dev.cdevents.build.queued.0.2.0"
	case event.BuildStarted:
		return "dev.cdevents.build.started.0.2.0"
	case event.BuildSucceeded, event.BuildFailed, event.BuildCanceled:
		return "dev.cdevents.build.finished.0.2.0"
	}
	return ""
}

// cdEvent is a CDEvent.
type cdEvent struct {
	Context struct {
		Version   string `json:"version"`
		ID        string `json:"id"`
		Source    string `json:"source"`
		Type      string `json:"type"`
		Timestamp string `json:"timestamp"`
	} `json:"context"`
	Subject struct {
		ID      string            `json:"id"`
		Source  string            `json:"source"`
		Type    string            `json:"type"`
		Content map[string]string `json:"content"`
	} `json:"subject"`
	CustomData            json.RawMessage `json:"customData"`
	CustomDataContentType string          `json:"customDataContentType"`
}

// cdEvents has the event as its custom data. It goes as a CloudEvent in the binary form,
// which receivers know the type by.
func cdEvents(e *event.Event, word string, stored json.RawMessage) (Message, error) {
	var c cdEvent
	c.Context.Version, c.Context.Type = cdEventsVersion, word
	c.Context.ID, c.Context.Source, c.Context.Timestamp = e.ID, sourceOf(e), rfc3339(e.Time)
	c.Subject.Source = c.Context.Source
	c.CustomData, c.CustomDataContentType = stored, "application/json"
	var err error
	if strings.HasPrefix(word, "dev.cdevents.build.") {
		c.Subject.Type = "build"
		c.Subject.ID, c.Subject.Content = cdBuild(e)
	} else {
		c.Subject.Type = "artifact"
		c.Subject.ID, c.Subject.Content, err = cdArtifact(e)
	}
	if err != nil {
		return Message{}, err
	}
	if c.Subject.ID == "" {
		return Message{}, lacks("CDEvents", e, "what it is about")
	}
	m, err := inJSON(c)
	m.Headers = cloudEvent{
		SpecVersion: "1.0", ID: c.Context.ID, Source: c.Context.Source, Type: word,
		Subject: c.Subject.ID, Time: c.Context.Timestamp,
	}.headers()
	return m, err
}

// cdArtifact is the subject of an event about an artifact.
func cdArtifact(e *event.Event) (id string, content map[string]string, err error) {
	content = map[string]string{}
	if e.Type != event.ArtifactSigned {
		if name := actorOf(e); name != "" {
			content["user"] = name
		}
		return packageURL(e, digestOf(e), tagOf(e)), content, nil
	}
	switch {
	case e.Status != "" && e.Status != event.Succeeded:
		return "", nil, &NoWord{"CDEvents tells what was signed, and the event tells of signing that " + string(e.Status)}
	case !isPush(e) || digestOf(e) == "" || e.Artifact.Subject == "":
		return "", nil, lacks("CDEvents", e, "the signature and what it signs")
	}
	content["signature"] = e.Artifact.Digest
	return packageURL(e, e.Artifact.Subject, ""), content, nil
}

// cdBuild is the subject of an event about a build.
func cdBuild(e *event.Event) (id string, content map[string]string) {
	id, content = e.ID, map[string]string{} // it may be the only name that there is
	if e.Build != nil && e.Build.ID != "" {
		id = e.Build.ID
	}
	if e.Type == event.BuildSucceeded && digestOf(e) != "" {
		content["artifactId"] = packageURL(e, digestOf(e), tagOf(e))
	}
	return id, content
}

// packageURL names an artifact of a registry as CDEvents wants it: a package URL of type
// oci. It is "" where repository or artifact is not said.
func packageURL(e *event.Event, digest, tag string) string {
	full := fullName(e)
	if full == "" || digest == "" && tag == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("pkg:oci/" + escapePath(strings.ToLower(path.Base(full))))
	if digest != "" {
		b.WriteString("@" + escapePath(digest))
	}
	if whole := image(e); whole != "" {
		full = whole
	}
	b.WriteString("?repository_url=" + strings.ReplaceAll(escapePath(full), "%2F", "/"))
	if tag != "" {
		b.WriteString("&tag=" + escapePath(tag))
	}
	return b.String()
}
