package dialect

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

type harborReplication struct {
	Status       string          `json:"job_status"`
	Description  string          `json:"description,omitempty"`
	ArtifactType string          `json:"artifact_type,omitempty"`
	Trigger      string          `json:"trigger_type,omitempty"`
	Source       harborEnd       `json:"src_resource"`
	Destination  harborEnd       `json:"dest_resource"`
	Successful   []harborContent `json:"successful_artifact,omitempty"`
	Failed       []harborContent `json:"failed_artifact,omitempty"`
	ExecutionID  int64           `json:"execution_id,omitempty"`
	TaskID       int64           `json:"task_id,omitempty"`
}

type harborEnd struct {
	RegistryName string `json:"registry_name,omitempty"`
	RegistryType string `json:"registry_type,omitempty"`
	Endpoint     string `json:"endpoint,omitempty"`
	Namespace    string `json:"namespace,omitempty"`
}

type harborContent struct {
	Type       string   `json:"type,omitempty"`
	Status     string   `json:"status,omitempty"`
	NameTag    string   `json:"name_tag,omitempty"`
	References []string `json:"references"`
}

// harborReplicationOf tells one change of the state of one task. Of what is copied to
// another registry Harbor swaps the namespaces, and so is done here.
func harborReplicationOf(e *event.Event) *harborReplication {
	r := e.Replication
	h := &harborReplication{
		Description: r.Description, Trigger: strings.ToUpper(r.Trigger),
		Source: harborEndOf(r.Source), Destination: harborEndOf(r.Destination),
		Successful: harborContents(r.Succeeded), Failed: harborContents(r.Failed),
		ExecutionID: harborNumber(r.ExecutionID), TaskID: harborNumber(r.TaskID),
	}
	switch e.Type {
	case event.ReplicationStarted:
		h.Status = "Running"
	case event.ReplicationSucceeded:
		h.Status = "Success"
	case event.ReplicationFailed:
		h.Status = "Error"
	default:
		h.Status = "Stopped"
	}
	for _, c := range append(h.Successful, h.Failed...) {
		h.ArtifactType = c.Type
	}
	if h.Source.RegistryName == "" && h.Destination.RegistryName != "" {
		h.Source.Namespace, h.Destination.Namespace = h.Destination.Namespace, h.Source.Namespace
	}
	return h
}

func harborEndOf(end *event.ReplicationEnd) harborEnd {
	if end == nil {
		return harborEnd{}
	}
	return harborEnd{end.Registry, end.Type, end.Endpoint, end.Namespace}
}

func harborContents(list []event.ReplicatedContent) []harborContent {
	var out []harborContent
	for _, c := range list {
		name := c.Name
		if n := len(c.References); n > 0 {
			name = fmt.Sprintf("%s [%d item(s) in total]", name, n)
		}
		out = append(out, harborContent{c.Type, c.Status, name, c.References})
	}
	return out
}

// harborNumber is 0, which is left out, for an id that is no number.
func harborNumber(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

type harborRetention struct {
	Total    int             `json:"total"`
	Retained int             `json:"retained"`
	Project  string          `json:"project_name,omitempty"`
	PolicyID int64           `json:"retention_policy_id,omitempty"`
	Rules    []harborRule    `json:"retention_rule"`
	Result   string          `json:"result"`
	Deleted  []harborContent `json:"deleted_artifact,omitempty"`
}

type harborRule struct {
	Template string `json:"template"`
}

func harborRetentionOf(e *event.Event) *harborRetention {
	r := e.Retention
	h := &harborRetention{Total: r.Total, Retained: r.Retained, PolicyID: harborNumber(r.PolicyID), Result: r.Result, Rules: []harborRule{}}
	if e.Repository != nil {
		h.Project = e.Repository.Namespace
	}
	if h.Result == "" {
		h.Result = "SUCCESS" // Harbor's only word
	}
	for _, rule := range r.Rules {
		h.Rules = append(h.Rules, harborRule(rule))
	}
	for _, d := range r.Deleted {
		h.Deleted = append(h.Deleted, harborContent{Type: "image", Status: d.Status, NameTag: d.Name})
	}
	return h
}
