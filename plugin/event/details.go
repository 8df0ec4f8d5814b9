package event

import "time"

// Severity is how bad a finding is, on one scale for all sources.
type Severity string

// The scale, worst first.
const (
	SeverityCritical   Severity = "critical"
	SeverityHigh       Severity = "high"
	SeverityMedium     Severity = "medium"
	SeverityLow        Severity = "low"
	SeverityNegligible Severity = "negligible"
	SeverityUnknown    Severity = "unknown"
)

// Severities returns the scale, worst first.
func Severities() []Severity {
	return []Severity{SeverityCritical, SeverityHigh, SeverityMedium, SeverityLow, SeverityNegligible, SeverityUnknown}
}

// Build is a build of an image by the registry's own builder.
type Build struct {
	ID              string   `json:"id,omitempty"`
	Name            string   `json:"name,omitempty"`
	Kind            string   `json:"kind,omitempty"`   // in the source's words: AUTO_BUILD
	Status          string   `json:"status,omitempty"` // in the source's words: SUCCESS
	Tags            []string `json:"tags,omitempty"`   // those that the build is to make
	ManifestDigests []string `json:"manifest_digests,omitempty"`
	ImageID         string   `json:"image_id,omitempty"` // of registries that still name one
	Trigger         *Trigger `json:"trigger,omitempty"`  // absent where nothing is said of it
	Commit          *Commit  `json:"commit,omitempty"`
	Error           string   `json:"error,omitempty"` // of a failed build
	URL             string   `json:"url,omitempty"`   // for people
}

// Trigger is what started a build.
type Trigger struct {
	ID     string `json:"id,omitempty"`
	Kind   string `json:"kind,omitempty"`   // github, gitlab, custom-git, ...
	Manual bool   `json:"manual,omitempty"` // started by hand
	User   string `json:"user,omitempty"`   // who started it by hand
}

// Commit is what was built.
type Commit struct {
	Ref           string     `json:"ref,omitempty"` // refs/heads/main
	SHA           string     `json:"sha,omitempty"`
	DefaultBranch string     `json:"default_branch,omitempty"`
	URL           string     `json:"url,omitempty"`
	Message       string     `json:"message,omitempty"`
	Time          *time.Time `json:"time,omitempty"`
	Author        string     `json:"author,omitempty"`
	AuthorURL     string     `json:"author_url,omitempty"`
	Committer     string     `json:"committer,omitempty"` // who made it of the author's change
	CommitterURL  string     `json:"committer_url,omitempty"`
	GitURL        string     `json:"git_url,omitempty"` // where the sources are cloned from
}

// Scan is a scan of an artifact.
type Scan struct {
	Kind     ScanKind         `json:"kind,omitempty"`
	Severity Severity         `json:"severity,omitempty"` // the worst that was found
	Counts   map[Severity]int `json:"counts,omitempty"`   // findings; only those above 0
	Total    *int             `json:"total,omitempty"`    // findings
	Fixable  *int             `json:"fixable,omitempty"`  // findings with a fix
	Scanner  *Scanner         `json:"scanner,omitempty"`
	ReportID string           `json:"report_id,omitempty"`
	Started  *time.Time       `json:"started,omitempty"`
	Ended    *time.Time       `json:"ended,omitempty"`
	Seconds  *int64           `json:"seconds,omitempty"`     // as the source says; not computed
	SBOM     string           `json:"sbom_digest,omitempty"` // digest of the SBOM that was made
	Status   string           `json:"status,omitempty"`      // in the source's words
}

// ScanKind is what a scan looked for.
type ScanKind string

const (
	ScanVulnerability ScanKind = "vulnerability"
	ScanSBOM          ScanKind = "sbom"
)

// Scanner is the program that scanned.
type Scanner struct {
	Name    string `json:"name,omitempty"`
	Vendor  string `json:"vendor,omitempty"`
	Version string `json:"version,omitempty"`
}

// Vulnerability is one finding, or the sum of a scan's: then it has Counts and no ID.
type Vulnerability struct {
	ID             string   `json:"id,omitempty"` // CVE-...
	Severity       Severity `json:"severity"`
	NativeSeverity string   `json:"native_severity,omitempty"` // in the source's words, where they differ
	Description    string   `json:"description,omitempty"`
	Links          []string `json:"links,omitempty"`
	HasFix         *bool    `json:"has_fix,omitempty"`
	// FirstScan says that the first scan of the artifact found it, and not news about a
	// vulnerability in what had been scanned before.
	FirstScan bool             `json:"first_scan,omitempty"`
	Counts    map[Severity]int `json:"counts,omitempty"`  // of a scan: findings by severity
	Total     *int             `json:"total,omitempty"`   // of a scan: findings
	Fixable   *int             `json:"fixable,omitempty"` // of a scan: findings with a fix
}

// Replication is the copying of artifacts between registries.
type Replication struct {
	Status      string              `json:"status,omitempty"`      // in the source's words
	Trigger     string              `json:"trigger,omitempty"`     // manual, schedule, event
	Description string              `json:"description,omitempty"` // of the policy, in its author's words
	Source      *ReplicationEnd     `json:"source,omitempty"`
	Destination *ReplicationEnd     `json:"destination,omitempty"`
	Succeeded   []ReplicatedContent `json:"succeeded,omitempty"`
	Failed      []ReplicatedContent `json:"failed,omitempty"`
	ExecutionID string              `json:"execution_id,omitempty"`
	TaskID      string              `json:"task_id,omitempty"`
	// Final is false where the registry may still try again after what this tells.
	Final   *bool  `json:"final,omitempty"`
	Message string `json:"message,omitempty"`
}

// ReplicationEnd is where content comes from or goes to.
type ReplicationEnd struct {
	Registry  string `json:"registry,omitempty"` // the name that the source gives it; absent for itself
	Type      string `json:"type,omitempty"`
	Endpoint  string `json:"endpoint,omitempty"`
	Region    string `json:"region,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// ReplicatedContent is what was copied, or was not.
type ReplicatedContent struct {
	Type       string   `json:"type,omitempty"`
	Status     string   `json:"status,omitempty"`
	Name       string   `json:"name,omitempty"`
	References []string `json:"references,omitempty"` // tags or digests
}

// Quota is how full a project or namespace is.
type Quota struct {
	Resource  string   `json:"resource,omitempty"` // storage
	Used      *int64   `json:"used_bytes,omitempty"`
	Limit     *int64   `json:"limit_bytes,omitempty"`
	Asked     *int64   `json:"asked_bytes,omitempty"`       // what was refused, beyond [Quota.Used]
	Percent   *float64 `json:"percent,omitempty"`           // in use
	Threshold *float64 `json:"threshold_percent,omitempty"` // that was crossed
	Message   string   `json:"message,omitempty"`           // the source's prose
	// Rounded says that the numbers were read out of prose, which rounds them.
	Rounded bool `json:"rounded,omitempty"`
}

// Retention is one run of a tag retention policy on a repository.
type Retention struct {
	Total    int             `json:"total"`    // artifacts that were there
	Retained int             `json:"retained"` // those of them that stay
	PolicyID string          `json:"policy_id,omitempty"`
	Result   string          `json:"result,omitempty"` // in the source's words
	Rules    []RetentionRule `json:"rules,omitempty"`
	Deleted  []Retained      `json:"deleted,omitempty"`
}

// RetentionRule is one rule of a retention policy, as the source has it.
type RetentionRule struct {
	Template string `json:"template,omitempty"`
}

// Retained is one artifact that a retention policy deleted.
type Retained struct {
	Name   string `json:"name,omitempty"`
	Status string `json:"status,omitempty"`
}

// Expiry says when an artifact will go.
type Expiry struct {
	Days           *float64 `json:"days,omitempty"`            // until then, as the source says
	NotificationID string   `json:"notification_id,omitempty"` // of the notification in Quay that asked for it
}

// DeliveryChain is a run of ACR's delivery chain: build, scan, sign, distribute.
type DeliveryChain struct {
	ID         string `json:"id,omitempty"`
	Name       string `json:"name,omitempty"`
	InstanceID string `json:"instance_id,omitempty"` // of the run
	Version    string `json:"version,omitempty"`
	Result     string `json:"result,omitempty"` // in the source's words
}

// Target is the target of bellbuoy's own that an event of its own is about.
type Target struct {
	Name       string     `json:"name"` // as in bellbuoy's config
	Type       string     `json:"type,omitempty"`
	Condition  string     `json:"condition"`            // healthy, failing, paused or disabled
	Since      *time.Time `json:"since,omitempty"`      // when that began, where it is not healthy
	Reason     string     `json:"reason,omitempty"`     // for that, in the words of the last answer or of who decided it
	Failures   int        `json:"failures,omitempty"`   // deliveries in a row that came to nothing
	Deliveries int        `json:"deliveries,omitempty"` // of bellbuoy.expired: how many expired
}

// Digested is what the events are, counted, that a [Digest] tells of.
type Digested struct {
	Count  int           `json:"count"`
	Groups []DigestGroup `json:"groups"` // the largest first
}

// DigestGroup is those of a digest's events that are about the same repository, if they
// are about any, and of the same kind.
type DigestGroup struct {
	Registry   string `json:"registry"`             // its name
	Repository string `json:"repository,omitempty"` // its full name
	Type       Type   `json:"type"`
	Status     Status `json:"status,omitempty"`
	Count      int    `json:"count"`
}
