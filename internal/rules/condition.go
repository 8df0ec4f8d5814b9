package rules

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// condition is one key of a rule, compiled. A rule takes an event if all of its
// conditions hold; a key that is not set makes none.
type condition struct {
	predicate string // as [Verdict] names it
	holds     func(*subject) bool
	// why says how the condition does not hold. It is asked only then.
	why func(*subject) string
	// uncomputed reports whether it does not hold because it could not be computed. It
	// is nil where it always can.
	uncomputed func(*subject) bool
}

// failed returns the first of list that does not hold, or nil.
func failed(list []condition, s *subject) *condition {
	for i := range list {
		if !list[i].holds(s) {
			return &list[i]
		}
	}
	return nil
}

// byStatus holds for events with one of statuses.
func byStatus(statuses []event.Status) condition {
	wanted := quoted(stringsOf(statuses), "or")
	return condition{
		predicate: "status",
		holds:     func(s *subject) bool { return slices.Contains(statuses, s.event.Status) },
		why: func(s *subject) string {
			if s.event.Status == "" {
				return "the event has no status, and the rule wants " + wanted
			}
			return fmt.Sprintf("status %s is not %s", quote(string(s.event.Status)), wanted)
		},
	}
}

// byRegistry holds for events of one of the registries with these names.
func byRegistry(names []string) condition {
	return condition{
		predicate: "registry",
		holds:     func(s *subject) bool { return slices.Contains(names, s.event.Registry.Name) },
		why: func(s *subject) string {
			return fmt.Sprintf("registry %s is not %s", quote(s.event.Registry.Name), quoted(names, "or"))
		},
	}
}

// byKind holds for events about an artifact of one of kinds. One that does not say
// what its artifact is has kind unknown.
func byKind(kinds []event.Kind) condition {
	kindOf := func(s *subject) event.Kind {
		if s.event.Artifact == nil {
			return ""
		}
		return cmp.Or(s.event.Artifact.Kind, event.KindUnknown)
	}
	wanted := quoted(stringsOf(kinds), "or")
	return condition{
		predicate: "kind",
		holds:     func(s *subject) bool { return slices.Contains(kinds, kindOf(s)) },
		why: func(s *subject) string {
			if kind := kindOf(s); kind != "" {
				return fmt.Sprintf("kind %s is not %s", quote(string(kind)), wanted)
			}
			return "the event is about no artifact, and the rule wants kind " + wanted
		},
	}
}

// byActor holds for events made by those whom n takes. Nobody is excepted from n
// who is not named.
func byActor(n *names) condition {
	return byName("actor", n, func(e *event.Event) string {
		if e.Actor == nil {
			return ""
		}
		return e.Actor.Name
	})
}

// byRef holds for builds of a ref that n takes.
func byRef(n *names) condition {
	return byName("ref", n, func(e *event.Event) string {
		if e.Build == nil || e.Build.Commit == nil {
			return ""
		}
		return e.Build.Commit.Ref
	})
}

// byName is a condition on the one name that an event has of what, or has not.
func byName(what string, n *names, of func(*event.Event) string) condition {
	return condition{
		predicate: what,
		holds: func(s *subject) bool {
			if name := of(s.event); name != "" {
				return n.take(name)
			}
			return n.all()
		},
		why: func(s *subject) string {
			if name := of(s.event); name != "" {
				return n.why(what, []string{name})
			}
			return fmt.Sprintf("the event names no %s, and the rule wants %s", what, n.wanted())
		},
	}
}

// byTag holds for events with a tag that n takes, and where untagged is true for
// those with none.
func byTag(n *names, untagged bool) condition {
	return condition{
		predicate: "tag",
		holds: func(s *subject) bool {
			if len(s.tags) == 0 {
				return untagged
			}
			return slices.ContainsFunc(s.tags, n.take)
		},
		why: func(s *subject) string {
			if len(s.tags) == 0 {
				return "the event names no tag, and the rule wants " + n.wanted()
			}
			return n.why("tag", s.tags)
		},
	}
}

// bySeverity holds for scans and findings that are as bad as least, or worse.
func bySeverity(least event.Severity) condition {
	severityOf := func(e *event.Event) event.Severity {
		switch {
		case e.Vulnerability != nil:
			return e.Vulnerability.Severity
		case e.Scan != nil:
			return e.Scan.Severity
		}
		return ""
	}
	rank := func(s event.Severity) int { return slices.Index(event.Severities(), s) }
	most := rank(least)
	return condition{
		predicate: "severity",
		holds: func(s *subject) bool {
			r := rank(severityOf(s.event))
			return r >= 0 && r <= most
		},
		why: func(s *subject) string {
			if severity := severityOf(s.event); severity != "" {
				return fmt.Sprintf("severity %s is below %s", quote(string(severity)), quote(string(least)))
			}
			return fmt.Sprintf("the event has no severity, and the rule wants %s or worse", quote(string(least)))
		},
	}
}
