package dialect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// TestAcross says what each registry tells in the dialects of all others, and has it read
// by the translator of the other: it is an event of the same type about the same artifact.
func TestAcross(t *testing.T) {
	for _, to := range tongues() {
		t.Run(to.dialect, func(t *testing.T) {
			said := map[string]int{}
			for _, from := range tongues() {
				if from.registry == to.registry {
					continue
				}
				for _, n := range notifications(t, from.registry) {
					for _, e := range from.events(t, n.r, n.body) {
						m, err := write(t, named(t, to.dialect), e)
						if err != nil {
							continue
						}
						said[from.registry]++
						back := to.events(t, request(m), m.Body)
						if len(back) == 0 {
							t.Errorf("%s: %s: nothing came back", n.file, e.Type)
							continue
						}
						if why := differ(to.dialect, e, back[0]); why != "" {
							t.Errorf("%s of %s: %s: %s\n%s", n.file, from.registry, e.Type, why, m.Body)
						}
					}
				}
			}
			if len(said) == 0 {
				t.Error("nothing was said")
			}
		})
	}
}

// differ says in what came differs from sent, in what makes them the same event.
func differ(name string, sent, came event.Event) string {
	digest := sent.Artifact != nil && sent.Artifact.Digest != ""
	switch {
	case came.Type == event.Unknown && !digest && strings.Contains(came.Reason, "digest"):
		return "" // Quay and ACR name tags: what is said is said of the tag alone
	case came.Type == event.Unknown && sent.Quota != nil && sent.Repository.FullName == "" && strings.Contains(came.Reason, "repo_full_name"):
		return "" // Quay's quotas are those of a namespace
	case came.Type == event.Unknown:
		return "unknown: " + came.Reason
	case name == "tcr" && sent.Type == event.TagDeleted && came.Type == event.ArtifactDeleted:
		return "" // Harbor 1.x deletes by the tag
	case name == "distribution" && sent.Type == event.ChartDeleted && !digest && came.Type == event.TagDeleted:
		return "" // and of charts' versions Harbor 1.x has no digest
	case kindless(sent.Type) != kindless(came.Type):
		return "came as " + string(came.Type)
	case sent.Status != came.Status && !strings.HasPrefix(string(sent.Type), "artifact."):
		return "came with the status " + string(came.Status)
	case came.Repository != nil && came.Repository.FullName != "" && came.Repository.FullName != sent.Repository.FullName:
		return "came from " + came.Repository.FullName
	}
	if a, b := sent.Artifact, came.Artifact; a != nil && b != nil {
		if b.Digest != "" && b.Digest != a.Digest {
			return "came with the digest " + b.Digest
		}
		for _, tag := range b.Tags {
			if !slices.Contains(a.Tags, tag) {
				return "came with the tag " + tag
			}
		}
	}
	return ""
}

// kindless is the type without what only config and layers tell.
func kindless(t event.Type) event.Type {
	switch t {
	case event.ChartPushed, event.ArtifactSigned, event.ArtifactAttached:
		return event.ArtifactPushed
	case event.ChartPulled:
		return event.ArtifactPulled
	case event.ChartDeleted:
		return event.ArtifactDeleted
	}
	return t
}
