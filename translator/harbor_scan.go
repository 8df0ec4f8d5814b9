package translator

import (
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// harborScan tells how the scan of r ended and, beside it, that it found something.
// Neither the reason for a failure nor the findings are in a notification, only their
// number.
func harborScan(e event.Event, h *harbor.Event, r *harbor.Resource) []event.Event {
	status := event.Succeeded
	switch h.Kind {
	case harbor.ScanFailed:
		status = event.Failed
	case harbor.ScanStopped:
		status = event.Stopped
	}
	scan := &event.Scan{Kind: harborScanKind(h, r)}
	report := harborReport(r.ScanOverview)
	if scan.Kind == event.ScanSBOM {
		report = r.SBOMOverview
	}
	return scanned(e, status, scan, fillScan(scan, report))
}

// harborScanKind returns what the scan looked for. Before 2.11 it is not said, and the
// overview that is there tells.
func harborScanKind(h *harbor.Event, r *harbor.Resource) event.ScanKind {
	switch t := h.Data.Scan.Type; {
	case t == string(event.ScanVulnerability), t == "" && len(r.ScanOverview) > 0:
		return event.ScanVulnerability
	case t == string(event.ScanSBOM), t == "" && r.SBOMOverview != nil:
		return event.ScanSBOM
	}
	return ""
}

// harborReport returns one of the reports of a scan, if there is any. A scanner may have
// made it in the generic form and in an older one, to the same effect.
func harborReport(reports harbor.ScanOverview) *harbor.Report {
	var best string
	var report *harbor.Report
	for name, o := range reports {
		if o != nil && (report == nil || reportRank(name)+name < reportRank(best)+best) {
			best, report = name, o
		}
	}
	return report
}

func reportRank(mediaType string) string {
	if strings.HasPrefix(mediaType, "application/vnd.security.vulnerability.report") {
		return "0"
	}
	return "1"
}

// fillScan adds to s what r says, if there is one, and returns r's word for the worst
// severity where it is another than the scale's.
func fillScan(s *event.Scan, r *harbor.Report) (word string) {
	if r == nil {
		return ""
	}
	s.Status = r.Status
	s.ReportID = r.ID
	s.SBOM = r.SBOMDigest
	s.Seconds = r.Seconds
	s.Started, s.Ended = harborTime(r.Start), harborTime(r.End)
	if r.Scanner != nil && *r.Scanner != (harbor.Scanner{}) {
		s.Scanner = &event.Scanner{Name: r.Scanner.Name, Vendor: r.Scanner.Vendor, Version: r.Scanner.Version}
	}
	s.Severity, word = harborSeverity(r.Severity)
	if r.Summary == nil {
		return word
	}
	s.Total, s.Fixable = r.Summary.Total, r.Summary.Fixable
	for word, n := range r.Summary.BySeverity {
		if n <= 0 {
			continue
		}
		rank, _ := severity(word)
		if s.Counts == nil {
			s.Counts = make(map[event.Severity]int)
		}
		s.Counts[rank] += n
	}
	return word
}

// harborSeverity returns Harbor's word on the common scale, and the word where it is
// another. None means that nothing was found.
func harborSeverity(word string) (event.Severity, string) {
	if word == "" || strings.EqualFold(word, "none") {
		return "", ""
	}
	return severity(word)
}

// harborTime returns the time that s says; nil if it is none.
func harborTime(s string) *time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.IsZero() {
		return nil
	}
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return nil
	}
	return &t
}
