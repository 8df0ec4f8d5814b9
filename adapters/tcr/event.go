package tcr

import "github.com/bellbuoy/bellbuoy/adapters/harbor"

// Event is a whole body. What it does not say is zero.
type Event struct {
	Type     string `json:"type"`
	OccurAt  int64  `json:"occur_at"` // seconds since 1970
	Operator string `json:"operator"` // TCR: an account's number
	Data     Data   `json:"event_data"`
}

// Data is what the event is about.
type Data struct {
	Resources  []Resource        `json:"resources"` // null where something was pulled by digest
	Repository Repository        `json:"repository"`
	Custom     map[string]string `json:"custom_attributes"` // from Harbor 1.10 on
}

// Resource is an image's tag or a chart's version.
type Resource struct {
	Digest string              `json:"digest"`
	Tag    string              `json:"tag"`
	URL    string              `json:"resource_url"` // a chart's with a scheme, an image's without
	Scan   harbor.ScanOverview `json:"scan_overview"`
}

// Repository is the repository or chart.
type Repository struct {
	DateCreated int64  `json:"date_created"`
	Name        string `json:"name"`
	Namespace   string `json:"namespace"`
	FullName    string `json:"repo_full_name"`
	Type        string `json:"repo_type"` // public or private
}
