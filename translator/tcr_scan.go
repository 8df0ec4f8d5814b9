package translator

import (
	"maps"

	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/adapters/tcr"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// tcrScan completes e, which tells of a scan, and adds what a completed one has found.
// Harbor 1.9 says of that no more than how bad the worst is.
func tcrScan(e event.Event, s *tcr.Scan) []event.Event {
	scan := &event.Scan{Kind: event.ScanVulnerability} // 1.x knows no other
	e.Scan = scan
	if s != nil && s.Overview != nil {
		scan.Status = s.Overview.Status
		scan.Severity = legacySeverity(s.Overview.Severity)
	} else if s != nil {
		r := &harbor.Resource{ScanOverview: s.Reports}
		if report := harborReport(scan.Kind, r); report != nil {
			fillScan(scan, report)
		}
	}
	events := []event.Event{e}
	if e.Status == event.Succeeded && hasFindings(scan) {
		events = append(events, finding(e))
	}
	return events
}

func hasFindings(s *event.Scan) bool {
	if s.Total == nil && s.Counts == nil {
		return s.Severity != ""
	}
	return len(s.Counts) > 0 || s.Total != nil && *s.Total > 0
}

// finding derives vulnerability.found from a scan that found something.
func finding(e event.Event) event.Event {
	scan := e.Scan
	v := &event.Vulnerability{Severity: scan.Severity, Counts: maps.Clone(scan.Counts), Total: scan.Total, Fixable: scan.Fixable}
	if v.Severity == "" {
		v.Severity = worst(scan.Counts)
	}
	e.Type, e.Status, e.Scan, e.Vulnerability = event.VulnerabilityFound, "", nil, v
	if e.Artifact != nil {
		e.Artifact = new(*e.Artifact)
	}
	e.Origin = event.OriginDerived
	return e
}

// legacySeverity is the scale of Harbor 1.9, where 0 is not set and 1 is nothing found.
func legacySeverity(n int64) event.Severity {
	switch n {
	case 2:
		return event.SeverityUnknown
	case 3:
		return event.SeverityLow
	case 4:
		return event.SeverityMedium
	case 5:
		return event.SeverityHigh
	}
	return ""
}
