package message

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func (b *brief) scan(what string) {
	s := b.e.Scan
	kind := "scan of "
	if s != nil && s.Kind == event.ScanSBOM {
		kind = "SBOM of "
	}
	b.ended(kind + what)
	if s == nil {
		return
	}
	if b.e.Status == event.Succeeded && s.Kind != event.ScanSBOM {
		b.title(worst(s.Severity), "%s scanned: %s", what, findings(s.Counts, s.Total))
	}
	b.counts(s.Counts, s.Total, s.Fixable)
	if s.Scanner != nil {
		b.fact("Scanner", strings.TrimSpace(s.Scanner.Name+" "+s.Scanner.Version))
	}
}

// worst is the level of a finding.
func worst(s event.Severity) Level {
	switch s {
	case event.SeverityCritical, event.SeverityHigh:
		return Bad
	case event.SeverityMedium, event.SeverityLow:
		return Warning
	}
	return Info
}

func (b *brief) vulnerability(what string) {
	v := b.e.Vulnerability
	switch {
	case v == nil:
		b.title(Warning, "a vulnerability was found in %s", what)
		return
	case v.ID == "":
		b.title(worst(v.Severity), "%s: %s", what, findings(v.Counts, v.Total))
	default:
		b.title(worst(v.Severity), "%s in %s, severity %s", word(v.ID), what, word(string(v.Severity)))
	}
	b.counts(v.Counts, v.Total, v.Fixable)
	if v.HasFix != nil {
		b.fact("Fix", map[bool]string{true: "there is one", false: "there is none yet"}[*v.HasFix])
	}
	b.Text = prose(v.Description)
	b.link(v.Links...)
}

// findings says how many there are, the worst first.
func findings(counts map[event.Severity]int, total *int) string {
	var parts []string
	for _, s := range event.Severities() {
		if n := counts[s]; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if total != nil {
		sum = *total
	}
	switch {
	case len(parts) > 0:
		return fmt.Sprintf("%s of %s", strings.Join(parts, ", "), counted(float64(sum), "finding"))
	case total != nil || counts != nil:
		return counted(float64(sum), "finding")
	}
	return "findings"
}

func (b *brief) counts(counts map[event.Severity]int, total, fixable *int) {
	var parts []string
	for _, s := range event.Severities() {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	b.fact("Findings", strings.Join(parts, ", "))
	if len(parts) == 0 && total != nil {
		b.fact("Findings", strconv.Itoa(*total))
	}
	if fixable != nil {
		b.fact("With a fix", strconv.Itoa(*fixable))
	}
}
