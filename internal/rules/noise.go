package rules

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// byNoise leaves out what is [bookkeeping].
func byNoise() condition {
	return condition{
		predicate: "noise",
		holds:     func(s *subject) bool { return bookkeeping(s.event) == "" },
		why:       func(s *subject) string { return "noise is quiet, and " + bookkeeping(s.event) },
	}
}

var (
	// indexTag is the tag under which clients list what refers to an artifact, in
	// registries that do not list it themselves. With a suffix, such as .sig, it is
	// the tag of a signature, which is no bookkeeping.
	indexTag = regexp.MustCompile(`^sha(256|512)-[0-9a-f]{64,128}$`)
	// scannerRobot is the account that Harbor makes for a scan: the prefix is another
	// in each installation, the rest of the shape is not.
	scannerRobot = regexp.MustCompile(`^robot\$[^+]+\+.+-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// The accounts with which Harbor moves content by itself.
const (
	replicationRobot = "harbor-jobservice"
	proxyCacheRobot  = "harbor#proxy-cache-service"
)

// bookkeeping says what makes e something that a machine did for itself, and that
// the event of what it was done for tells as well; "" where e is worth telling.
func bookkeeping(e *event.Event) string {
	actor := ""
	if e.Actor != nil {
		actor = e.Actor.Name
	}
	pull := e.Type == event.ArtifactPulled || e.Type == event.ArtifactInspected || e.Type == event.ChartPulled || e.Type == event.BlobPulled
	push := e.Type == event.ArtifactPushed || e.Type == event.ArtifactAttached || e.Type == event.ArtifactSigned || e.Type == event.ChartPushed
	switch a := e.Artifact; {
	case a != nil && len(a.Tags) > 0 && !slices.ContainsFunc(a.Tags, func(t string) bool { return !indexTag.MatchString(t) }):
		return fmt.Sprintf("tag %s only lists what is attached to an artifact", quote(a.Tags[0]))
	case pull && scannerRobot.MatchString(actor):
		return fmt.Sprintf("actor %s is a scanner, which pulls what it scans", quote(actor))
	case (pull || push) && actor == replicationRobot:
		return fmt.Sprintf("actor %s copies between registries, which replication.succeeded tells", quote(actor))
	case (pull || push) && actor == proxyCacheRobot:
		return fmt.Sprintf("actor %s fills the cache of what somebody pulls", quote(actor))
	case e.Type == event.ChartPushed && a != nil && len(a.Tags) == 0:
		return "a chart without a tag is the first half of helm's push, and the second has the tag"
	}
	return ""
}
