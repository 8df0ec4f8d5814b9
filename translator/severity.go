package translator

import (
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// severity puts a source's word for how bad a finding is on the one scale. The second
// result is the word where it differs from the scale's by more than its case, else
// empty. Scanners pass on the words of whoever published the finding: Red Hat, SUSE,
// Oracle, Amazon and VMware say Important and Moderate. Words on which publishers do not
// agree (None, Unimportant, Untriaged) are unknown.
func severity(word string) (event.Severity, string) {
	s := event.Severity(strings.ToLower(strings.TrimSpace(word)))
	switch s {
	case event.SeverityCritical, event.SeverityHigh, event.SeverityMedium, event.SeverityLow,
		event.SeverityNegligible, event.SeverityUnknown:
		return s, ""
	case "important":
		return event.SeverityHigh, word
	case "moderate":
		return event.SeverityMedium, word
	case "defcon1": // of old scanners: critical, and known to everybody
		return event.SeverityCritical, word
	}
	return event.SeverityUnknown, word
}
