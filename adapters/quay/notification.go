package quay

import "github.com/go-json-experiment/json/jsontext"

// Notification is one request of Quay: the keys of all of its events, of which each has
// a few. What is absent, or null, is the zero value.
//
// Keys that say nothing are not among them: those that repeat repository (namespace
// apart, which quota events have alone) or the numbers of a quota, pictures of people,
// and what only Quay's test button sends.
type Notification struct {
	Event   string  `json:"event"` // its name, empty where nothing names it
	NamedBy NamedBy `json:"-"`

	Repository string `json:"repository"` // namespace/name; the name may hold slashes
	Namespace  string `json:"namespace"`
	DockerURL  string `json:"docker_url"` // host/namespace/name, without a scheme
	Homepage   string `json:"homepage"`   // of the repository, build or organization

	UpdatedTags []string `json:"updated_tags"` // repo_push
	Message     string   `json:"message"`      // repo_mirror_sync_*

	// Tags are of vulnerability_found and repo_image_expiry. What has no tag is named by
	// its digest here.
	Tags            []string        `json:"tags"`
	Vulnerability   *Vulnerability  `json:"vulnerability"`
	Vulnerabilities []Vulnerability `json:"vulnerabilities"` // Quay still reads it, and nothing makes it
	// NewIndex is the string "true" where a first scan found the vulnerability.
	NewIndex jsontext.Value `json:"vulnerable_index_report_created"`

	ExpiringIn       string `json:"expiring_in"` // "7 days"
	NotificationUUID string `json:"notification_uuid"`

	ThresholdPercent *float64 `json:"threshold_percent"`
	UsagePercent     *float64 `json:"usage_percent"`
	UsageBytes       *int64   `json:"usage_bytes"`
	LimitBytes       *int64   `json:"limit_bytes"`

	BuildID         string           `json:"build_id"`
	BuildName       string           `json:"build_name"`
	DockerTags      []string         `json:"docker_tags"`
	TriggerID       string           `json:"trigger_id"`
	TriggerKind     string           `json:"trigger_kind"`
	TriggerMetadata *TriggerMetadata `json:"trigger_metadata"`
	TriggerManual   bool             `json:"trigger_manual"`
	IsManual        *bool            `json:"is_manual"`
	ManualUser      string           `json:"manual_user"`
	ManifestDigests []string         `json:"manifest_digests"` // of older versions with host/namespace/name@ in front
	ImageID         string           `json:"image_id"`
	ErrorMessage    *string          `json:"error_message"`
}

// NamedBy says what named the event of a notification.
type NamedBy string

// What can name an event; it may be nothing.
const (
	ByPath   NamedBy = "the path"
	ByHeader NamedBy = "the header " + Header
	ByBody   NamedBy = `the key "event"`
)

// Vulnerability is one finding.
type Vulnerability struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	Link        string `json:"link"`     // of a new index several, with blanks between them
	Priority    string `json:"priority"` // Quay's scale, or the scanner's own word
	HasFix      *bool  `json:"has_fix"`
}

// TriggerMetadata says what is built.
type TriggerMetadata struct {
	Ref           string      `json:"ref"`
	Commit        string      `json:"commit"`
	DefaultBranch string      `json:"default_branch"`
	GitURL        string      `json:"git_url"`
	CommitInfo    *CommitInfo `json:"commit_info"`
}

// CommitInfo is what the host of the sources says of a commit.
type CommitInfo struct {
	URL       string         `json:"url"`
	Message   string         `json:"message"`
	Date      jsontext.Value `json:"date"` // a string in the host's format, or seconds since 1970
	Author    Person         `json:"author"`
	Committer Person         `json:"committer"`
}

// Person is who wrote or made a commit.
type Person struct {
	Username string `json:"username"`
	URL      string `json:"url"`
}
