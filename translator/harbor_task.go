package translator

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// harborReplication tells one change of the state of one task. An error is not the last
// word: the same task is tried again, and runs and may succeed afterwards.
func harborReplication(e event.Event, t *harbor.ReplicationTask) event.Event {
	if t == nil {
		return unknown(e, e.Native.Type+" without replication")
	}
	r := &event.Replication{
		Status:      t.Status,
		Trigger:     harborTrigger(t.Trigger),
		Description: t.Description,
		Succeeded:   harborContents(t.Successful),
		Failed:      harborContents(t.Failed),
		ExecutionID: number(t.ExecutionID),
		TaskID:      number(t.TaskID),
	}
	r.Source, r.Destination = harborEnds(t)
	e.Replication = r
	// A task's words, and those of Harbor's API for the same.
	switch t.Status {
	case "Running", "InProgress":
		e.Type, e.Status = event.ReplicationStarted, event.Started
	case "Success", "Succeed":
		e.Type, e.Status = event.ReplicationSucceeded, event.Succeeded
	case "Error", "Failed":
		e.Type, e.Status = event.ReplicationFailed, event.Failed
		r.Final = new(false)
	case "Stopped":
		e.Type, e.Status = event.ReplicationCanceled, event.Canceled
	case "":
		return unknown(e, e.Native.Type+" without replication.job_status")
	default:
		return unknown(e, fmt.Sprintf("replication.job_status %s is not known", adapters.Quote(t.Status)))
	}
	return e
}

// harborEnds returns source and destination. When Harbor pushes to another registry it
// swaps their namespaces, which is put right here. Which of the two is Harbor itself,
// and so whether it pushes, is known by its having no name; where both or neither have
// one, no namespace can be trusted, and none is told.
func harborEnds(t *harbor.ReplicationTask) (source, destination *event.ReplicationEnd) {
	source, destination = harborEnd(t.Source), harborEnd(t.Destination)
	push, pull := t.Source.RegistryName == "", t.Destination.RegistryName == ""
	switch {
	case push == pull:
		source.Namespace, destination.Namespace = "", ""
	case push:
		source.Namespace, destination.Namespace = destination.Namespace, source.Namespace
	}
	if *source == (event.ReplicationEnd{}) {
		source = nil
	}
	if *destination == (event.ReplicationEnd{}) {
		destination = nil
	}
	return source, destination
}

func harborEnd(r harbor.ReplicationEnd) *event.ReplicationEnd {
	return &event.ReplicationEnd{Registry: r.RegistryName, Type: r.RegistryType, Endpoint: r.Endpoint, Namespace: r.Namespace}
}

func harborTrigger(s string) string {
	switch s {
	case "MANUAL", "SCHEDULE", "EVENT":
		return strings.ToLower(s)
	}
	return s
}

// itemCount is the prose behind the name of what was replicated.
var itemCount = regexp.MustCompile(` \[\d+ item\(s\) in total\]$`)

func harborContents(list []harbor.Content) []event.ReplicatedContent {
	var out []event.ReplicatedContent
	for _, c := range list {
		out = append(out, event.ReplicatedContent{
			Type:       c.Type,
			Status:     c.Status,
			Name:       itemCount.ReplaceAllString(c.NameTag, ""),
			References: c.References,
		})
	}
	return out
}

// harborRetention tells one run of a policy on one repository. There is no word of a run
// that deleted nothing, and each deletion is told by an event of its own, too. The
// repository is that of what was deleted, in the project that is named.
func harborRetention(e event.Event, t *harbor.Retention) event.Event {
	if t == nil {
		return unknown(e, e.Native.Type+" without retention")
	}
	r := &event.Retention{
		Total:    t.Total,
		Retained: t.Retained,
		PolicyID: number(t.PolicyID),
		Result:   t.Result,
	}
	for _, rule := range t.Rules {
		r.Rules = append(r.Rules, event.RetentionRule{Template: rule.Template})
	}
	for _, d := range t.Deleted {
		r.Deleted = append(r.Deleted, event.Retained{Name: d.NameTag, Status: d.Status})
	}
	if name := harborDeletedFrom(t.Deleted); e.Repository == nil && t.Project != "" && name != "" {
		e.Repository = &event.Repository{Namespace: t.Project, Name: name, FullName: t.Project + "/" + name}
	}
	e.Type, e.Retention = event.RetentionCompleted, r
	return e
}

// harborDeletedFrom returns the repository, without its project, that all of list are
// of: their names are app:v3 or app@sha256:… . It is empty if they are not of one.
func harborDeletedFrom(list []harbor.Content) string {
	var repo string
	for i, d := range list {
		name, _, ok := strings.Cut(d.NameTag, "@")
		if !ok {
			name, _, _ = strings.Cut(name, ":")
		}
		if i > 0 && name != repo {
			return ""
		}
		repo = name
	}
	return repo
}

// number spells an id; 0 is none.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
