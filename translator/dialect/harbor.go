package dialect

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// harborType: what Harbor 2.x tells. A tag and a repository that go, what is found by a
// scan and what is read without being pulled have no word there.
func harborType(t event.Type) string {
	switch t {
	case event.ArtifactPushed, event.ChartPushed, event.ArtifactAttached, event.ArtifactSigned:
		return "PUSH_ARTIFACT"
	case event.ArtifactPulled, event.ChartPulled:
		return "PULL_ARTIFACT"
	case event.ArtifactDeleted, event.ChartDeleted:
		return "DELETE_ARTIFACT"
	case event.ScanCompleted:
		return "SCANNING_COMPLETED"
	case event.QuotaWarning:
		return "QUOTA_WARNING"
	case event.QuotaExceeded:
		return "QUOTA_EXCEED"
	case event.ReplicationStarted, event.ReplicationSucceeded, event.ReplicationFailed, event.ReplicationCanceled:
		return "REPLICATION"
	case event.RetentionCompleted:
		return "TAG_RETENTION"
	}
	return ""
}

// harborCloudEventsType is the same in the other of Harbor's formats.
func harborCloudEventsType(t event.Type) string { return harborDotted(harborType(t)) }

func harborDotted(name string) string {
	switch name {
	case "PUSH_ARTIFACT":
		return "harbor.artifact.pushed"
	case "PULL_ARTIFACT":
		return "harbor.artifact.pulled"
	case "DELETE_ARTIFACT":
		return "harbor.artifact.deleted"
	case "SCANNING_COMPLETED":
		return "harbor.scan.completed"
	case "SCANNING_FAILED":
		return "harbor.scan.failed"
	case "SCANNING_STOPPED":
		return "harbor.scan.stopped"
	case "QUOTA_WARNING":
		return "harbor.quota.warned"
	case "QUOTA_EXCEED":
		return "harbor.quota.exceeded"
	case "REPLICATION":
		return "harbor.replication.status.changed"
	case "TAG_RETENTION":
		return "harbor.tag_retention.finished"
	}
	return ""
}

type harborEvent struct {
	Type     string     `json:"type"`
	OccurAt  int64      `json:"occur_at"`
	Operator string     `json:"operator"`
	Data     harborData `json:"event_data"`
}

type harborCloudEvent struct {
	cloudEvent
	Operator  string `json:"operator"`
	RequestID string `json:"requestid,omitempty"`
}

type harborData struct {
	Resources   []harborResource   `json:"resources,omitempty"`
	Repository  *harborRepository  `json:"repository,omitempty"`
	Replication *harborReplication `json:"replication,omitempty"`
	Retention   *harborRetention   `json:"retention,omitempty"`
	Scan        *harborScanType    `json:"scan,omitempty"`
	Custom      map[string]string  `json:"custom_attributes,omitempty"`
}

type harborResource struct {
	Digest       string                   `json:"digest,omitempty"`
	Tag          string                   `json:"tag,omitempty"`
	ResourceURL  string                   `json:"resource_url,omitempty"`
	ScanOverview map[string]*harborReport `json:"scan_overview,omitempty"`
	SBOMOverview *harborSBOM              `json:"sbom_overview,omitempty"`
}

type harborRepository struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	FullName  string `json:"repo_full_name,omitempty"`
	Type      string `json:"repo_type,omitempty"`
}

// harborDefault is Harbor's format Default.
func harborDefault(e *event.Event, word string, _ json.RawMessage) (Message, error) {
	h, err := newHarborEvent(e, word)
	if err != nil {
		return Message{}, err
	}
	return inJSON(h)
}

// harborCloudEvents is Harbor's format CloudEvents, the source apart: it names bellbuoy's
// registry where Harbor names a project and a policy by numbers.
func harborCloudEvents(e *event.Event, _ string, _ json.RawMessage) (Message, error) {
	h, err := newHarborEvent(e, harborType(e.Type))
	if err != nil {
		return Message{}, err
	}
	data, err := encode(h.Data)
	if err != nil {
		return Message{}, err
	}
	c := harborCloudEvent{newCloudEvent(e, harborDotted(h.Type), data), h.Operator, e.RequestID}
	c.Subject = "" // Harbor has none
	return inCloudEvents(c)
}

func newHarborEvent(e *event.Event, word string) (harborEvent, error) {
	const of = "Harbor"
	h := harborEvent{Type: word, OccurAt: e.Time.Unix(), Operator: actorOf(e)}
	h.Data.Repository = harborRepositoryOf(e)
	if e.Replication != nil || e.Retention != nil {
		h.Data.Repository = nil
	}
	switch {
	case e.Replication != nil:
		h.Data.Replication = harborReplicationOf(e)
	case e.Retention != nil:
		h.Data.Retention = harborRetentionOf(e)
	case e.Quota != nil:
		h.Data.Custom = map[string]string{"Details": harborDetails(e)}
		if r := harborNamed(e); r != (harborNames{}) {
			h.Data.Resources = []harborResource{{Digest: r.digest, Tag: r.tag}}
		}
	case e.Type == event.ArtifactSigned && !isPush(e):
		return h, errSigned(of)
	case fullName(e) == "":
		return h, lacks(of, e, "a repository")
	case behind(e) == "":
		return h, lacks(of, e, "a tag or a digest")
	case word == "DELETE_ARTIFACT" && digestOf(e) == "": // what goes there is a digest with all its tags
		return h, lacks(of, e, "a digest")
	case e.Scan == nil:
		r := harborNamed(e)
		if r.tag == "" {
			r.tag = r.digest // Harbor's way to say that there is none
		}
		h.Data.Resources = []harborResource{{Digest: r.digest, Tag: r.tag, ResourceURL: harborURL(e)}}
	default:
		var r harborResource
		h.Type, r = harborScanOf(e)
		r.ResourceURL = harborURL(e)
		h.Data.Resources = []harborResource{r}
		h.Data.Scan = harborScanTypeOf(e)
	}
	return h, nil
}

type harborNames struct{ digest, tag string }

func harborNamed(e *event.Event) harborNames { return harborNames{digestOf(e), tagOf(e)} }

func harborRepositoryOf(e *event.Event) *harborRepository {
	r := e.Repository
	if r == nil {
		return nil
	}
	return &harborRepository{r.Name, r.Namespace, r.FullName, r.Visibility}
}

// harborURL is host/repository:tag, or @digest, without a scheme.
func harborURL(e *event.Event) string {
	if url := e.Artifact.URL; url != "" && !strings.Contains(url, "://") {
		return url
	}
	if image(e) == "" {
		return ""
	}
	return image(e) + behind(e)
}

// harborDetails is the sentence in which Harbor tells of a quota, made of the numbers
// where the event has none.
func harborDetails(e *event.Event) string {
	q := e.Quota
	if q.Message != "" {
		return q.Message
	}
	resource := q.Resource
	if resource == "" {
		resource = "storage"
	}
	threshold := q.Threshold
	if threshold == nil {
		threshold = q.Percent
	}
	switch {
	case q.Used == nil || q.Limit == nil:
		return ""
	case e.Type == event.QuotaExceeded && q.Asked != nil:
		return fmt.Sprintf("adding %s of %s resource, which when updated to current usage of %s will exceed the configured upper limit of %s.",
			byteSize(*q.Asked), resource, byteSize(*q.Used), byteSize(*q.Limit))
	case e.Type == event.QuotaExceeded:
		return fmt.Sprintf("current usage of %s of %s resource exceeds the configured upper limit of %s.",
			byteSize(*q.Used), resource, byteSize(*q.Limit))
	case threshold == nil:
		return fmt.Sprintf("resource %s used %s of %s", resource, byteSize(*q.Used), byteSize(*q.Limit))
	}
	return fmt.Sprintf("quota usage reach %.0f%%: resource %s used %s of %s", *threshold, resource, byteSize(*q.Used), byteSize(*q.Limit))
}

// byteSize writes a number of bytes as Harbor does, rounded.
func byteSize(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
