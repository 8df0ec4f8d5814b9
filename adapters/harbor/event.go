// Package harbor reads what Harbor posts to a webhook: its own format, called Default,
// and CloudEvents. Harbor 1.x is read as well, as are its namesakes that others sell.
package harbor

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Event is one notification, whichever format it came in.
type Event struct {
	// ID is the CloudEvent's; the Default format has none. It is the same in all of
	// Harbor's attempts to deliver, but each of its policies makes another.
	ID   string
	Type string // as sent: PUSH_ARTIFACT, pushImage, harbor.artifact.pushed
	Kind Kind   // which of the known types that is
	// Time is in whole seconds, so that it does not tell which of two came first. The
	// zero time: it is not said.
	Time      time.Time
	Operator  string // empty if anonymous
	RequestID string // the CloudEvent's only; clients may choose it
	// Data is never nil. It is empty where Kind is [Unknown], which may hold anything.
	Data *Data
}

// Kind is a type of event, of which Harbor has spelled most in three ways.
type Kind int

// What is known. Harbor 2.8 and later have no events of charts in charts' own
// repositories; ProjectQuota is Harbor 1.10's for all that it says of quotas.
const (
	Unknown Kind = iota
	Push
	Pull
	Delete
	ChartUpload
	ChartDownload
	ChartDelete
	ScanCompleted
	ScanFailed
	ScanStopped
	QuotaExceed
	QuotaWarning
	ProjectQuota
	Replication
	TagRetention
)

// KindOf tells the kind of a type as any version spells it: in capitals since 2.0, in
// camel case before, with dots in CloudEvents.
func KindOf(name string) Kind {
	switch name {
	case "PUSH_ARTIFACT", "harbor.artifact.pushed", "pushImage":
		return Push
	case "PULL_ARTIFACT", "harbor.artifact.pulled", "pullImage":
		return Pull
	case "DELETE_ARTIFACT", "harbor.artifact.deleted", "deleteImage":
		return Delete
	case "UPLOAD_CHART", "uploadChart":
		return ChartUpload
	case "DOWNLOAD_CHART", "downloadChart":
		return ChartDownload
	case "DELETE_CHART", "deleteChart":
		return ChartDelete
	case "SCANNING_COMPLETED", "harbor.scan.completed", "scanningCompleted":
		return ScanCompleted
	case "SCANNING_FAILED", "harbor.scan.failed", "scanningFailed":
		return ScanFailed
	case "SCANNING_STOPPED", "harbor.scan.stopped":
		return ScanStopped
	case "QUOTA_EXCEED", "harbor.quota.exceeded":
		return QuotaExceed
	case "QUOTA_WARNING", "harbor.quota.warned":
		return QuotaWarning
	case "projectQuota":
		return ProjectQuota
	case "REPLICATION", "harbor.replication.status.changed":
		return Replication
	case "TAG_RETENTION", "harbor.tag_retention.finished":
		return TagRetention
	}
	return Unknown
}

// Data is event_data, the CloudEvent's data: the same in both formats.
type Data struct {
	Resources   []Resource       `json:"resources"`
	Repository  Repository       `json:"repository"`
	Replication *ReplicationTask `json:"replication"`
	Retention   *Retention       `json:"retention"`
	Scan        struct {
		Type string `json:"scan_type"` // vulnerability, sbom; since 2.11
	} `json:"scan"`
	CustomAttributes struct {
		Details string `json:"Details"` // of quotas: English prose
	} `json:"custom_attributes"`
}

// Resource is one artifact. Harbor 2 names one, 1.x also several.
type Resource struct {
	Digest       string       `json:"digest"`
	Tag          string       `json:"tag"` // the digest, where there is no tag
	ResourceURL  string       `json:"resource_url"`
	ScanOverview ScanOverview `json:"scan_overview"`
	SBOMOverview *Report      `json:"sbom_overview"`
}

// Repository is where the artifacts are.
type Repository struct {
	FullName string `json:"repo_full_name"`
	Type     string `json:"repo_type"` // the project's visibility: public, private
}

// ScanOverview are the reports of one scan by the media type of the report. Harbor 1.9
// has no such types, and one report, under the empty one.
type ScanOverview map[string]*Report

// Report is the outcome of a scan.
type Report struct {
	ID         string   `json:"report_id"`
	Status     string   `json:"scan_status"` // Success, Error, Stopped
	Severity   string   `json:"severity"`    // empty if there was none to find, or no scan
	Seconds    *int64   `json:"duration"`
	Start      string   `json:"start_time"`
	End        string   `json:"end_time"`
	Summary    *Summary `json:"summary"` // nil after a scan that failed
	Scanner    *Scanner `json:"scanner"`
	SBOMDigest string   `json:"sbom_digest"`
	// ImageDigest is what was scanned, where Harbor 1.9 says it.
	ImageDigest string `json:"-"`
}

// Summary counts what a scan found.
type Summary struct {
	Total      *int           `json:"total"`
	Fixable    *int           `json:"fixable"`
	BySeverity map[string]int `json:"summary"` // those above 0
}

// Scanner is the program that scanned.
type Scanner struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor"`
	Version string `json:"version"`
}

// ReplicationTask is one change of the state of one task.
type ReplicationTask struct {
	Status      string         `json:"job_status"`  // Running, Success, Error, Stopped
	Description string         `json:"description"` // the policy's
	Trigger     string         `json:"trigger_type"`
	Source      ReplicationEnd `json:"src_resource"`
	Destination ReplicationEnd `json:"dest_resource"`
	Successful  []Content      `json:"successful_artifact"`
	Failed      []Content      `json:"failed_artifact"`
	ExecutionID int64          `json:"execution_id"` // this and the next: since 2.13
	TaskID      int64          `json:"task_id"`
}

// ReplicationEnd is one of the two registries. Harbor itself has no RegistryName. In
// push mode each of them has the other's Namespace.
type ReplicationEnd struct {
	RegistryName string `json:"registry_name"`
	RegistryType string `json:"registry_type"`
	Endpoint     string `json:"endpoint"`
	Namespace    string `json:"namespace"`
}

// Content is what was copied, or deleted.
type Content struct {
	Type       string   `json:"type"`
	Status     string   `json:"status"`
	NameTag    string   `json:"name_tag"` // without the project; may hold prose
	References []string `json:"references"`
}

// Retention is one run of a project's policy on one repository.
type Retention struct {
	Total    int    `json:"total"`
	Retained int    `json:"retained"`
	Project  string `json:"project_name"`
	PolicyID int64  `json:"retention_policy_id"`
	Result   string `json:"result"` // SUCCESS, always
	Rules    []struct {
		Template string `json:"template"`
	} `json:"retention_rule"`
	Deleted []Content `json:"deleted_artifact"`
}

// legacyOverview is the scan_overview of Harbor 1.9. It counts packages, not findings.
type legacyOverview struct {
	Digest   string `json:"image_digest"`
	Status   string `json:"scan_status"`
	Severity int64  `json:"severity"`
}

// UnmarshalJSON tells Harbor 1.9's form from the map of later ones, the keys of which
// are media types, and hold a slash.
func (o *ScanOverview) UnmarshalJSON(value []byte) error {
	var keys struct {
		Status     jsontext.Value `json:"scan_status"`
		Components jsontext.Value `json:"components"`
		Digest     jsontext.Value `json:"image_digest"`
	}
	if err := json.Unmarshal(value, &keys); err != nil {
		return err
	}
	if keys.Status == nil && keys.Components == nil && keys.Digest == nil {
		return json.Unmarshal(value, (*map[string]*Report)(o))
	}
	var old legacyOverview
	if err := json.Unmarshal(value, &old); err != nil {
		return err
	}
	*o = ScanOverview{"": {ImageDigest: old.Digest, Status: old.Status, Severity: legacySeverity(old.Severity)}}
	return nil
}

// legacySeverity is a severity of Harbor 1.9 in the words of later ones. 0 is not set.
func legacySeverity(n int64) string {
	switch n {
	case 1:
		return "None"
	case 2:
		return "Unknown"
	case 3:
		return "Low"
	case 4:
		return "Medium"
	case 5:
		return "High"
	}
	return ""
}
