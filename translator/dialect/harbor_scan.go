package dialect

import (
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// harborReportType is the media type of the reports that Harbor asks scanners for.
const harborReportType = "application/vnd.security.vulnerability.report; version=1.1"

type harborScanType struct {
	Type string `json:"scan_type"`
}

type harborReport struct {
	ReportID string         `json:"report_id,omitempty"`
	Status   string         `json:"scan_status"`
	Severity string         `json:"severity"`
	Duration *int64         `json:"duration,omitempty"`
	Summary  *harborSummary `json:"summary"`
	Start    string         `json:"start_time,omitempty"`
	End      string         `json:"end_time,omitempty"`
	Scanner  *harborScanner `json:"scanner,omitempty"`
	Percent  int            `json:"complete_percent"`
}

type harborSBOM struct {
	Duration   *int64         `json:"duration,omitempty"`
	End        string         `json:"end_time,omitempty"`
	Digest     string         `json:"sbom_digest,omitempty"`
	Repository string         `json:"sbom_repository,omitempty"`
	Status     string         `json:"scan_status"`
	Scanner    *harborScanner `json:"scanner,omitempty"`
	Start      string         `json:"start_time,omitempty"`
}

type harborSummary struct {
	Total      *int           `json:"total,omitempty"`
	Fixable    *int           `json:"fixable,omitempty"`
	BySeverity map[string]int `json:"summary"`
}

type harborScanner struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor"`
	Version string `json:"version"`
}

// harborScanOf is the type and the resource of the end of a scan.
func harborScanOf(e *event.Event) (name string, r harborResource) {
	s := e.Scan
	name, status := "SCANNING_COMPLETED", "Success"
	switch e.Status {
	case event.Failed:
		name, status = "SCANNING_FAILED", "Error"
	case event.Stopped:
		name, status = "SCANNING_STOPPED", "Stopped"
	}
	r = harborResource{Digest: digestOf(e), Tag: tagOf(e)}
	var scanner *harborScanner
	if s.Scanner != nil {
		scanner = &harborScanner{s.Scanner.Name, s.Scanner.Vendor, s.Scanner.Version}
	}
	if s.Kind == event.ScanSBOM {
		r.SBOMOverview = &harborSBOM{
			Duration: s.Seconds, Start: harborTime(s.Started), End: harborTime(s.Ended), Status: status, Scanner: scanner, Digest: s.SBOM,
		}
		if s.SBOM != "" {
			r.SBOMOverview.Repository = fullName(e)
		}
		return name, r
	}
	report := &harborReport{
		ReportID: s.ReportID, Status: status, Severity: title(string(s.Severity)), Duration: s.Seconds, Summary: harborSummaryOf(s),
		Start: harborTime(s.Started), End: harborTime(s.Ended), Scanner: scanner,
	}
	if e.Status == event.Succeeded {
		report.Percent = 100
		if s.Severity == "" && s.Total != nil && *s.Total == 0 {
			report.Severity = "None"
		}
	}
	r.ScanOverview = map[string]*harborReport{harborReportType: report}
	return name, r
}

func harborScanTypeOf(e *event.Event) *harborScanType {
	if e.Scan.Kind == "" {
		return nil
	}
	return &harborScanType{string(e.Scan.Kind)}
}

func harborSummaryOf(s *event.Scan) *harborSummary {
	if s.Total == nil && s.Counts == nil {
		return nil
	}
	sum := &harborSummary{Total: s.Total, Fixable: s.Fixable, BySeverity: map[string]int{}}
	all := 0
	for severity, n := range s.Counts {
		sum.BySeverity[title(string(severity))] = n
		all += n
	}
	if sum.Total == nil {
		sum.Total = &all
	}
	return sum
}

func harborTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return rfc3339(*t)
}
