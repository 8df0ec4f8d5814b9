package dialect

import (
	"encoding/json"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// tcrType: what TCR tells, and beside it what Harbor 1.x does whose form TCR has. A tag
// that is deleted is an image that is, since Harbor 1.x deletes by the tag.
func tcrType(t event.Type) string {
	switch t {
	case event.ArtifactPushed, event.ArtifactAttached, event.ArtifactSigned:
		return "pushImage"
	case event.ArtifactPulled:
		return "pullImage"
	case event.ArtifactDeleted, event.TagDeleted:
		return "deleteImage"
	case event.ChartPushed:
		return "uploadChart"
	case event.ChartPulled:
		return "downloadChart"
	case event.ChartDeleted:
		return "deleteChart"
	case event.ScanCompleted:
		return "scanningCompleted"
	case event.QuotaWarning, event.QuotaExceeded:
		return "projectQuota"
	}
	return ""
}

type tcrEvent struct {
	Type     string  `json:"type"`
	OccurAt  int64   `json:"occur_at"`
	Data     tcrData `json:"event_data"`
	Operator string  `json:"operator"`
}

type tcrData struct {
	Resources  []tcrResource     `json:"resources"`
	Repository *harborRepository `json:"repository,omitempty"`
	Custom     map[string]string `json:"custom_attributes,omitempty"`
}

type tcrResource struct {
	Digest       string                   `json:"digest,omitempty"`
	Tag          string                   `json:"tag"`
	ResourceURL  string                   `json:"resource_url,omitempty"`
	ScanOverview map[string]*harborReport `json:"scan_overview,omitempty"`
}

// tcr tells of one tag a resource.
func tcr(e *event.Event, word string, _ json.RawMessage) (Message, error) {
	const of = "TCR"
	t := tcrEvent{Type: word, OccurAt: e.Time.Unix(), Operator: actorOf(e)}
	t.Data.Repository = harborRepositoryOf(e)
	switch {
	case e.Quota != nil && behind(e) == "": // Harbor 1.x tells of the push that was too much
		return Message{}, lacks(of, e, "a tag or a digest")
	case e.Quota != nil:
		t.Data.Custom = map[string]string{"Details": harborDetails(e)}
		t.Data.Resources = []tcrResource{{Digest: digestOf(e), Tag: tagOf(e)}}
		return inJSON(t)
	case e.Type == event.ArtifactSigned && !isPush(e):
		return Message{}, errSigned(of)
	case fullName(e) == "":
		return Message{}, lacks(of, e, "a repository")
	case e.Type == event.ArtifactPulled && behind(e) == "": // TCR does not say what, either
		return inJSON(t)
	case behind(e) == "":
		return Message{}, lacks(of, e, "a tag or a digest")
	case strings.HasPrefix(string(e.Type), "chart.") && tagOf(e) == "":
		return Message{}, lacks(of, e, "a tag")
	case e.Scan != nil && (e.Status == event.Stopped || e.Scan.Kind == event.ScanSBOM):
		return Message{}, &NoWord{"TCR has no word for a scan that was stopped or made an SBOM"}
	case e.Scan != nil:
		return tcrScan(e, t)
	}
	for _, tag := range tagsOf(e) {
		t.Data.Resources = append(t.Data.Resources, tcrResource{Digest: digestOf(e), Tag: tag, ResourceURL: tcrURL(e, tag)})
	}
	return inJSON(t)
}

func tcrScan(e *event.Event, t tcrEvent) (Message, error) {
	name, r := harborScanOf(e)
	t.Type = "scanningCompleted"
	if name == "SCANNING_FAILED" {
		t.Type = "scanningFailed"
	}
	t.Data.Resources = []tcrResource{{Digest: r.Digest, Tag: r.Tag, ResourceURL: harborURL(e), ScanOverview: r.ScanOverview}}
	return inJSON(t)
}

// tcrURL is Harbor's, but that of a chart is that of its file, with a scheme, where it
// comes so. What the event says is that of its only tag.
func tcrURL(e *event.Event, tag string) string {
	switch url := e.Artifact.URL; {
	case len(e.Artifact.Tags) > 1 && image(e) == "":
		return ""
	case len(e.Artifact.Tags) > 1:
		return image(e) + ":" + tag
	case strings.Contains(url, "/chartrepo/"):
		return url
	}
	return harborURL(e)
}
