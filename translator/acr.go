package translator

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/acr"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// ACR translates one event of an ACR Enterprise instance, the Native of which is an
// [*acr.Event], into one event, and one more for a scan that found something.
//
// The vendor says which keys the data has for BuildCompleted only. The others are read
// by a rule: the repository and the tag by the keys that a build has or the API's names
// for the same, the outcome by the one key that ends in Status or Result. Where that
// does not do, the event is unknown, with what it does say.
//
// A bare data becomes what path or header call it; without them it is a build if it
// says BuildStatus, and else unknown. It has no native id.
//
// Dropped: subject, the last part of which means nothing known; aliyunpublishtime, which
// has a wrong zone; aliyunaccountid, which is the owner and not who did it;
// aliyuneventbusname and aliyunpublishaddr, which are EventBridge's own; the source,
// which is always acs.cr; ImageUpdate, which may be older than the event; of a
// synchronization's ImageTo repository and tag; and keys of the data that the vendor does
// not document.
func ACR(src Source, n adapters.Notification) []event.Event {
	a, ok := n.Native.(*acr.Event)
	if !ok {
		return foreign(src, n, "event of ACR")
	}
	return acrEvents(src, n, a)
}

// region is how regions are called; an extension may hold anything.
var region = regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)+$`)

// acrCloudEvent is for ACR's events that were posted to a registry of type cloudevents.
func acrCloudEvent(src Source, n adapters.Notification, c *cloudevents.Event) []event.Event {
	n.Native = acr.FromCloudEvent(c)
	return ACR(src, n)
}

const acrArtifact = "cr:Artifact:"

func acrEvents(src Source, n adapters.Notification, a *acr.Event) []event.Event {
	at, _ := acrTime(a.Envelope.Time)
	e := src.event(event.Native{ID: a.Envelope.ID, Type: cmp.Or(a.Envelope.Type, a.NamedBy)}, at, 0)
	e.ID = src.derivedID(n.ID, 0)
	e.Registry.Instance = a.Fields["InstanceId"]
	e.Registry.InstanceName = a.Fields["InstanceName"]
	e.Registry.Region = a.Fields["RegionId"]
	if r := a.Envelope.Extensions["aliyunregionid"]; e.Registry.Region == "" && region.MatchString(r) {
		e.Registry.Region = r
	}

	kind, reason := acrKind(a, e.Native.Type)
	place := a.Fields
	if kind == "Synchronization" && acrRepository(place) == nil {
		place = a.Parts["ImageFrom"]
	}
	e.Repository = acrRepository(place)
	if tag := acrTag(place); tag != "" {
		e.Artifact = &event.Artifact{Tags: []string{tag}}
	}
	if d := a.Fields["Digest"]; isDigest(d) {
		if e.Artifact == nil {
			e.Artifact = new(event.Artifact)
		}
		e.Artifact.Digest = d
	}
	if reason != "" {
		return []event.Event{unknown(e, reason)}
	}
	events := acrCompleted(e, a, kind)
	for i := range events {
		events[i].ID = src.derivedID(n.ID, i)
	}
	return events
}

// acrKind returns what was completed, as in cr:Artifact:BuildCompleted, or why that is
// not known. What path or header call an event may lack the prefix.
func acrKind(a *acr.Event, name string) (kind, reason string) {
	_, saysBuild := a.Fields["BuildStatus"]
	switch {
	case a.Odd != "" && a.Envelope.Type == "" && a.Envelope.Data == nil:
		return "", fmt.Sprintf("the body is %s and not an event: let the target of EventBridge's rule post the complete event", a.Odd)
	case name == "" && saysBuild:
		return "Build", ""
	case name == "" && a.Envelope.SpecVersion != "":
		return "", "the event says no type"
	case name == "":
		return "", "the body does not say which event it is: let the target of EventBridge's rule post the complete event, or one rule's to a path that ends in the event's name, as in /ScanCompleted"
	case strings.HasPrefix(name, "cr:ActionTrail:"):
		return "", fmt.Sprintf("type %s is a record of ActionTrail's audit, which is not translated", adapters.Quote(name))
	}
	full := name
	if a.Envelope.Type == "" && !strings.HasPrefix(name, "cr:") {
		full = acrArtifact + name
	}
	switch full {
	case "cr:Artifact:BuildCompleted", "cr:Artifact:SynchronizationCompleted", "cr:Artifact:ScanCompleted",
		"cr:Artifact:SigningCompleted", "cr:Artifact:DeliveryChainCompleted", "cr:Artifact:PushCompleted":
		return strings.TrimSuffix(strings.TrimPrefix(full, acrArtifact), "Completed"), ""
	}
	return "", fmt.Sprintf("type %s is not known", adapters.Quote(name))
}

// acrRepository returns the repository that fields name; nil if they name none.
func acrRepository(fields map[string]string) *event.Repository {
	namespace, name := cmp.Or(fields["RepoNamespaceName"], fields["Namespace"]), fields["RepoName"]
	if namespace == "" || name == "" {
		return nil
	}
	return &event.Repository{
		ID:        fields["RepoId"],
		Namespace: namespace,
		Name:      name,
		FullName:  namespace + "/" + name,
	}
}

func acrTag(fields map[string]string) string {
	return cmp.Or(fields["Tag"], fields["ImageTag"])
}

// acrTime reads a time as ACR and EventBridge write it. One without a zone is China's
// wall clock.
func acrTime(s string) (time.Time, bool) {
	if t, ok := cloudevents.ParseTime(s); ok {
		return t, true
	}
	return cloudevents.ParseTime(s + "+08:00")
}
