package dialect

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// quayHeader names the event, which Quay's body does not. Quay sends no such header, and
// receivers that do not know it do without, as they do with Quay.
const quayHeader = "X-Bellbuoy-Event"

// quayEvent: what Quay tells. Pulls, deletes, and scans that find nothing have no word
// there.
func quayEvent(t event.Type) string {
	switch t {
	case event.ArtifactPushed, event.ChartPushed, event.ArtifactAttached, event.ArtifactSigned:
		return "repo_push"
	case event.VulnerabilityFound:
		return "vulnerability_found"
	case event.ArtifactExpiring:
		return "repo_image_expiry"
	case event.BuildQueued:
		return "build_queued"
	case event.BuildStarted:
		return "build_start"
	case event.BuildSucceeded:
		return "build_success"
	case event.BuildFailed:
		return "build_failure"
	case event.BuildCanceled:
		return "build_cancelled"
	case event.ReplicationStarted:
		return "repo_mirror_sync_started"
	case event.ReplicationSucceeded:
		return "repo_mirror_sync_success"
	case event.ReplicationFailed:
		return "repo_mirror_sync_failed"
	case event.QuotaWarning:
		return "quota_warning"
	case event.QuotaExceeded:
		return "quota_error"
	}
	return ""
}

// quayRepository is what all events have, but those of quotas.
type quayRepository struct {
	Repository string `json:"repository,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name,omitempty"`
	DockerURL  string `json:"docker_url,omitempty"`
	Homepage   string `json:"homepage,omitempty"`
}

type quayPush struct {
	quayRepository
	UpdatedTags []string `json:"updated_tags"`
}

type quayFound struct {
	quayRepository
	Tags          []string          `json:"tags"`
	NewIndex      string            `json:"vulnerable_index_report_created,omitempty"`
	Vulnerability quayVulnerability `json:"vulnerability"`
}

type quayVulnerability struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	Link        string `json:"link"`
	Priority    string `json:"priority"`
	HasFix      *bool  `json:"has_fix,omitempty"`
}

type quayExpiry struct {
	quayRepository
	NotificationUUID string   `json:"notification_uuid,omitempty"`
	Tags             []string `json:"tags"`
	ExpiringIn       string   `json:"expiring_in"`
}

type quayMirror struct {
	quayRepository
	Message string `json:"message"`
}

type quayQuota struct {
	Namespace      string   `json:"namespace"`
	Homepage       string   `json:"homepage,omitempty"`
	Threshold      *float64 `json:"threshold_percent,omitempty"`
	UsageBytes     *int64   `json:"usage_bytes,omitempty"`
	LimitBytes     *int64   `json:"limit_bytes,omitempty"`
	UsagePercent   *float64 `json:"usage_percent,omitempty"`
	UsageFormatted string   `json:"usage_bytes_formatted,omitempty"`
	LimitFormatted string   `json:"limit_bytes_formatted,omitempty"`
}

func quay(e *event.Event, word string, _ json.RawMessage) (Message, error) {
	v, err := quayBody(e)
	if err != nil {
		return Message{}, err
	}
	m, err := inJSON(v)
	m.Headers = map[string]string{quayHeader: word}
	return m, err
}

func quayBody(e *event.Event) (any, error) {
	const of = "Quay"
	switch {
	case e.Quota != nil:
		if e.Repository == nil || e.Repository.Namespace == "" {
			return nil, lacks(of, e, "a namespace")
		}
		return quayQuotaOf(e), nil
	case fullName(e) == "":
		return nil, lacks(of, e, "a repository")
	case e.Build != nil:
		return quayBuildOf(e), nil
	case e.Replication != nil:
		return quayMirror{quayRepositoryOf(e), quayMessage(e)}, nil
	case e.Vulnerability != nil:
		if e.Vulnerability.ID == "" {
			return nil, &NoWord{"Quay tells of each vulnerability, and the event counts them"}
		}
		return quayFoundOf(e), nil
	case e.Expiry != nil:
		if e.Expiry.Days == nil || len(tagsOf(e)) == 0 {
			return nil, lacks(of, e, "its days and tags")
		}
		days := strconv.FormatFloat(*e.Expiry.Days, 'f', -1, 64)
		return quayExpiry{quayRepositoryOf(e), e.Expiry.NotificationID, tagsOf(e), days + " days"}, nil
	case e.Type == event.ArtifactSigned && !isPush(e):
		return nil, errSigned(of)
	case !isPush(e):
		return nil, lacks(of, e, "its details")
	case tagOf(e) == "":
		return nil, lacks(of, e, "a tag")
	}
	return quayPush{quayRepositoryOf(e), e.Artifact.Tags}, nil
}

func quayRepositoryOf(e *event.Event) quayRepository {
	r := e.Repository
	return quayRepository{r.FullName, r.Namespace, r.Name, image(e), r.URL}
}

func quayFoundOf(e *event.Event) quayFound {
	v := e.Vulnerability
	f := quayFound{quayRepository: quayRepositoryOf(e), Tags: tagsOf(e)}
	if f.Tags == nil {
		f.Tags = []string{}
	}
	f.Vulnerability = quayVulnerability{v.ID, v.Description, strings.Join(v.Links, " "), v.NativeSeverity, v.HasFix}
	if v.NativeSeverity == "" {
		f.Vulnerability.Priority = title(string(v.Severity))
	}
	if v.FirstScan {
		f.NewIndex = "true"
	}
	return f
}

// quayMessage is the source's prose, else where from it is copied.
func quayMessage(e *event.Event) string {
	r := e.Replication
	from := ""
	if s := r.Source; s != nil {
		for _, part := range []string{s.Endpoint, s.Registry, s.Namespace} {
			if part != "" {
				from = part
				break
			}
		}
	}
	switch {
	case r.Message != "":
		return r.Message
	case from != "":
		return fmt.Sprintf("'%s'", from)
	}
	return r.Description
}

func quayQuotaOf(e *event.Event) quayQuota {
	q := e.Quota
	out := quayQuota{
		Namespace: e.Repository.Namespace, Homepage: e.Repository.URL,
		Threshold: q.Threshold, UsageBytes: q.Used, LimitBytes: q.Limit, UsagePercent: q.Percent,
	}
	if q.Used != nil {
		out.UsageFormatted = quaySize(*q.Used)
	}
	if q.Limit != nil {
		out.LimitFormatted = quaySize(*q.Limit)
	}
	return out
}

// quaySize writes a number of bytes as Quay does.
func quaySize(n int64) string {
	v, unit := float64(n), "Bytes"
	for _, u := range []string{"KB", "MB", "GB", "TB", "PB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	return fmt.Sprintf("%.2f %s", v, unit)
}
