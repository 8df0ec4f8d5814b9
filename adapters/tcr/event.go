package tcr

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
)

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
	Digest string `json:"digest"`
	Tag    string `json:"tag"`
	URL    string `json:"resource_url"` // a chart's with a scheme, an image's without
	Scan   *Scan  `json:"scan_overview"`
}

// Repository is the repository or chart.
type Repository struct {
	DateCreated int64  `json:"date_created"`
	Name        string `json:"name"`
	Namespace   string `json:"namespace"`
	FullName    string `json:"repo_full_name"`
	Type        string `json:"repo_type"` // public or private
}

// Scan is a resource's scan_overview: Harbor 1.9's single overview, or 1.10's reports.
type Scan struct {
	Overview *Overview
	Reports  harbor.ScanOverview
}

// Overview is the scan_overview of Harbor 1.9.
type Overview struct {
	Digest   string `json:"image_digest"`
	Status   string `json:"scan_status"`
	Severity int64  `json:"severity"` // 1 none, 2 unknown, 3 low, 4 medium, 5 high
}

// UnmarshalJSONFrom tells the two forms apart: the keys of 1.10's are media types, and
// hold a slash.
func (s *Scan) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind != '{' {
		return adapters.Unreadablef("%s where an object belongs", adapters.KindName(kind))
	}
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	var legacy struct {
		Status     jsontext.Value `json:"scan_status"`
		Components jsontext.Value `json:"components"`
		Digest     jsontext.Value `json:"image_digest"`
	}
	if err := json.Unmarshal(value, &legacy); err != nil {
		return adapters.DecodeFault(err)
	}
	if legacy.Status != nil || legacy.Components != nil || legacy.Digest != nil {
		s.Overview = new(Overview)
		err = json.Unmarshal(value, s.Overview)
	} else {
		err = json.Unmarshal(value, &s.Reports)
	}
	if err != nil {
		return adapters.DecodeFault(err)
	}
	return nil
}
