package translator

import (
	"maps"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// harborScan tells how the scan of r ended and, beside it, that it found something.
// Neither the reason for a failure nor the findings are in a notification, only their
// number.
func harborScan(e event.Event, h *harbor.Event, r *harbor.Resource) []event.Event {
	e.Type = event.ScanCompleted
	switch h.Kind {
	case harbor.ScanFailed:
		e.Status = event.Failed
	case harbor.ScanStopped:
		e.Status = event.Stopped
	default:
		e.Status = event.Succeeded
	}
	scan := &event.Scan{Kind: harborScanKind(h, r)}
	report := harborReport(scan.Kind, r)
	if report != nil {
		fillScan(scan, report)
	}
	e.Scan = scan
	events := []event.Event{e}
	if e.Status == event.Succeeded && scan.Kind == event.ScanVulnerability && report != nil {
		if v := harborFindings(scan, report); v != nil {
			found := e
			found.Type, found.Status, found.Scan, found.Vulnerability = event.VulnerabilityFound, "", nil, v
			found.Artifact = new(*e.Artifact)
			found.Origin = event.OriginDerived
			events = append(events, found)
		}
	}
	return events
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

// harborReport returns the report of the scan, if there is one. A scanner may have made
// it in the generic form and in an older one, to the same effect.
func harborReport(kind event.ScanKind, r *harbor.Resource) *harbor.Report {
	if kind == event.ScanSBOM {
		return r.SBOMOverview
	}
	var best string
	var report *harbor.Report
	for name, o := range r.ScanOverview {
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

func fillScan(s *event.Scan, r *harbor.Report) {
	s.Status = r.Status
	s.ReportID = r.ID
	s.SBOM = r.SBOMDigest
	s.Seconds = r.Seconds
	s.Started, s.Ended = harborTime(r.Start), harborTime(r.End)
	if r.Scanner != nil && *r.Scanner != (harbor.Scanner{}) {
		s.Scanner = &event.Scanner{Name: r.Scanner.Name, Vendor: r.Scanner.Vendor, Version: r.Scanner.Version}
	}
	s.Severity, _ = harborSeverity(r.Severity)
	if r.Summary == nil {
		return
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
}

// harborFindings returns the sum of what the scan found; nil if that is nothing.
func harborFindings(s *event.Scan, r *harbor.Report) *event.Vulnerability {
	if len(s.Counts) == 0 && (s.Total == nil || *s.Total <= 0) {
		return nil
	}
	v := &event.Vulnerability{Counts: maps.Clone(s.Counts), Total: s.Total, Fixable: s.Fixable}
	if v.Severity, v.NativeSeverity = harborSeverity(r.Severity); v.Severity == "" {
		v.Severity = worst(s.Counts)
	}
	return v
}

// worst returns the worst severity of which there is one; unknown if there is none.
func worst(counts map[event.Severity]int) event.Severity {
	for _, s := range []event.Severity{
		event.SeverityCritical, event.SeverityHigh, event.SeverityMedium, event.SeverityLow, event.SeverityNegligible,
	} {
		if counts[s] > 0 {
			return s
		}
	}
	return event.SeverityUnknown
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
