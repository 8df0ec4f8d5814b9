package translator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/acr"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// acrCompleted makes of e, which has what all of them have, what a says of the thing
// that was completed.
func acrCompleted(e event.Event, a *acr.Event, kind string) []event.Event {
	one := func(e event.Event) []event.Event { return []event.Event{e} }
	lacks := func(key string) []event.Event { return one(unknown(e, kind+"Completed without data."+key)) }
	switch {
	case a.Odd != "":
		return one(unknown(e, fmt.Sprintf("%sCompleted with data that is %s, want an object", kind, a.Odd)))
	case e.Repository == nil && kind != "DeliveryChain":
		if a.Fields["RepoName"] == "" {
			return lacks("RepoName")
		}
		return lacks("RepoNamespaceName")
	case e.Artifact == nil && (kind == "Build" || kind == "Push"):
		return lacks("Tag")
	case kind == "Push":
		classifyByTag(e.Artifact, firstTag(e.Artifact))
		return one(pushed(e, e.Artifact))
	}

	word, reason := acrOutcome(a.Fields, kind)
	var ok bool
	e.Status, ok = acrStatus(word, kind)
	switch kind {
	case "Build":
		e.Type = event.Type("build." + string(e.Status))
		e.Build = &event.Build{Kind: a.Fields["RepoBuildType"], Status: word, Tags: e.Artifact.Tags}
	case "Synchronization":
		e.Type = event.Type("replication." + string(e.Status))
		e.Replication = acrReplication(a, word)
	case "Scan":
		e.Scan = acrScan(a.Fields, word)
	case "Signing":
		e.Type = event.ArtifactSigned
	case "DeliveryChain":
		e.Type, e.DeliveryChain = event.DeliveryChainCompleted, acrChain(a, word)
	}
	switch {
	case reason != "":
		return one(unknown(e, reason))
	case !ok:
		e.Status = ""
		return one(unknown(e, fmt.Sprintf("%sCompleted with the outcome %s, which is not known", kind, adapters.Quote(word))))
	}
	if kind == "Scan" {
		return scanned(e, e.Status, e.Scan, "")
	}
	return one(e)
}

// acrOutcome returns the word for how it ended, or why there is none. Where several
// keys could hold it, Result goes before Status, which is also a word for a state.
func acrOutcome(fields map[string]string, kind string) (word, reason string) {
	var keys []string
	for key, value := range fields {
		if value != "" && (strings.HasSuffix(key, "Status") || strings.HasSuffix(key, "Result")) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	switch len(keys) {
	case 0:
		return "", kind + "Completed without a key in data that ends in Status or Result"
	case 1:
		return fields[keys[0]], ""
	}
	for _, key := range []string{kind + "Result", "Result", kind + "Status", "TaskStatus", "Status"} {
		if word := fields[key]; word != "" {
			return word, ""
		}
	}
	return "", fmt.Sprintf("%sCompleted with several keys in data that may say the outcome: %s", kind, adapters.Quote(strings.Join(keys, ", ")))
}

// acrStatus returns the status for a word, and whether what was completed can have it.
// The scanner's word for success is COMPLETE; of a delivery chain that is the state
// after the end, however it ended.
func acrStatus(word, kind string) (event.Status, bool) {
	var s event.Status
	switch strings.ToUpper(word) {
	case "SUCCESS":
		return event.Succeeded, true
	case "COMPLETE":
		return event.Succeeded, kind != "DeliveryChain"
	case "FAILED":
		return event.Failed, true
	case "CANCELED", "CANCELLED":
		s = event.Canceled
	case "DENIED":
		s = event.Denied
	default:
		return "", false
	}
	switch kind {
	case "Build", "Synchronization":
		return s, s == event.Canceled
	case "DeliveryChain":
		return s, true
	}
	return s, false
}

// acrReplication takes what the API's names for it say. That events use the same is
// likely, and not documented.
func acrReplication(a *acr.Event, word string) *event.Replication {
	return &event.Replication{
		Status:      word,
		Source:      acrEnd(a.Parts["ImageFrom"]),
		Destination: acrEnd(a.Parts["ImageTo"]),
		Message:     a.Fields["TaskIssue"],
	}
}

func acrEnd(fields map[string]string) *event.ReplicationEnd {
	end := event.ReplicationEnd{
		Registry:  fields["InstanceId"],
		Region:    fields["RegionId"],
		Namespace: fields["RepoNamespaceName"],
	}
	if end == (event.ReplicationEnd{}) {
		return nil
	}
	return &end
}

// acrScan takes the counts of the API's summary of a scan, where they are there.
func acrScan(fields map[string]string, word string) *event.Scan {
	s := &event.Scan{Kind: event.ScanVulnerability, Status: word}
	if service := fields["ScanService"]; service != "" {
		s.Scanner = &event.Scanner{Name: service}
	}
	for severity, key := range map[event.Severity]string{
		event.SeverityCritical: "CriticalSeverity",
		event.SeverityHigh:     "HighSeverity",
		event.SeverityMedium:   "MediumSeverity",
		event.SeverityLow:      "LowSeverity",
		event.SeverityUnknown:  "UnknownSeverity",
	} {
		if n, err := strconv.Atoi(fields[key]); err == nil && n > 0 {
			if s.Counts == nil {
				s.Counts = make(map[event.Severity]int)
			}
			s.Counts[severity] = n
		}
	}
	if n, err := strconv.Atoi(fields["TotalSeverity"]); err == nil && n >= 0 {
		s.Total = &n
	}
	if s.Counts != nil {
		s.Severity = worst(s.Counts)
	}
	return s
}

func acrChain(a *acr.Event, word string) *event.DeliveryChain {
	c := &event.DeliveryChain{InstanceID: a.Fields["ChainInstanceId"], Result: word}
	for _, fields := range []map[string]string{a.Fields, a.Parts["Chain"]} {
		if id := fields["ChainId"]; id != "" {
			c.ID = id
		}
		if name := fields["ChainName"]; name != "" {
			c.Name = name
		}
	}
	c.Version = a.Parts["Chain"]["Version"]
	return c
}
