package message

import (
	"fmt"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func (b *brief) digest() {
	d := b.e.Digested
	if d == nil {
		b.title(Info, "%s", counted(float64(len(b.e.Digest)), "more event"))
		return
	}
	var parts []string
	rest := d.Count
	var last event.Type
	for i, g := range d.Groups {
		one, many, in := nouns(g.Type)
		where := or(g.Repository, g.Registry)
		if i < maxGroups {
			b.fact(word(where), counted(float64(g.Count), one, many))
		}
		if i >= maxNames {
			continue
		}
		rest -= g.Count
		switch {
		case g.Type == last:
			parts = append(parts, fmt.Sprintf("%d %s %s", g.Count, in, word(where)))
		case last == "":
			parts = append(parts, counted(float64(g.Count), "more "+one, "more "+many)+" "+in+" "+word(where))
		default:
			parts = append(parts, counted(float64(g.Count), one, many)+" "+in+" "+word(where))
		}
		last = g.Type
	}
	if left := len(d.Groups) - maxGroups; left > 0 {
		b.fact("And", counted(float64(left), "more group"))
	}
	if rest > 0 {
		parts = append(parts, counted(float64(rest), "other event"))
	}
	level := Info
	for _, g := range d.Groups {
		if l := levelOf(g); worse(l, level) {
			level = l
		}
	}
	b.title(level, "%s", strings.Join(parts, ", "))
}

// levelOf is the level of each event of a group.
func levelOf(g event.DigestGroup) Level {
	return BriefOf(event.Event{Type: g.Type, Status: g.Status}).Level
}

// worse reports whether a is more to worry about than b.
func worse(a, b Level) bool {
	rank := map[Level]int{Warning: 1, Bad: 2}
	return rank[a] > rank[b]
}

// nouns are what one and many events of a type are called, and how they stand to their
// repository.
func nouns(t event.Type) (one, many, in string) {
	switch t {
	case event.ArtifactPushed:
		return "push", "pushes", "to"
	case event.ChartPushed:
		return "chart push", "chart pushes", "to"
	case event.ArtifactPulled, event.ChartPulled:
		return "pull", "pulls", "from"
	case event.ArtifactDeleted, event.ChartDeleted:
		return "deletion", "deletions", "in"
	case event.TagDeleted:
		return "deleted tag", "deleted tags", "in"
	case event.ArtifactSigned:
		return "signature", "signatures", "in"
	case event.ArtifactAttached:
		return "attachment", "attachments", "in"
	case event.BuildQueued:
		return "queued build", "queued builds", "of"
	case event.BuildStarted:
		return "started build", "started builds", "of"
	case event.BuildSucceeded:
		return "build", "builds", "of"
	case event.BuildFailed:
		return "failed build", "failed builds", "of"
	case event.BuildCanceled:
		return "canceled build", "canceled builds", "of"
	case event.ScanCompleted:
		return "scan", "scans", "of"
	case event.VulnerabilityFound:
		return "finding", "findings", "in"
	case event.ReplicationFailed:
		return "failed replication", "failed replications", "of"
	case event.ReplicationSucceeded:
		return "replication", "replications", "of"
	}
	name := word(string(t))
	return name + " event", name + " events", "of"
}
