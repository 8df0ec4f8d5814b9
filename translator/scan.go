package translator

import (
	"maps"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// scanned makes e tell how scan ended and, beside it, that it has found something.
// word is how its source calls the worst of that, where it differs from the scale.
func scanned(e event.Event, status event.Status, scan *event.Scan, word string) []event.Event {
	e.Type, e.Status, e.Scan = event.ScanCompleted, status, scan
	if status != event.Succeeded || scan.Kind != event.ScanVulnerability || !hasFindings(scan) {
		return []event.Event{e}
	}
	v := &event.Vulnerability{
		Severity:       scan.Severity,
		NativeSeverity: word,
		Counts:         maps.Clone(scan.Counts),
		Total:          scan.Total,
		Fixable:        scan.Fixable,
	}
	if v.Severity == "" {
		v.Severity = worst(scan.Counts)
	}
	found := e
	found.Type, found.Status, found.Scan, found.Vulnerability = event.VulnerabilityFound, "", nil, v
	if e.Artifact != nil {
		found.Artifact = new(*e.Artifact)
	}
	found.Origin = event.OriginDerived
	return []event.Event{e, found}
}

// hasFindings goes by what is counted, and only where nothing is by the worst.
func hasFindings(s *event.Scan) bool {
	if s.Total == nil && s.Counts == nil {
		return s.Severity != ""
	}
	return len(s.Counts) > 0 || s.Total != nil && *s.Total > 0
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
