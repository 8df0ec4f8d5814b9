package dialect_test

import (
	"maps"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// unlike lists what a registry's own notification and what bellbuoy says in its dialect
// do not have in common, by path, and why. What is below a path is meant, too.
func unlike(name string) map[string]string {
	const (
		created = "when the repository was made is not part of an event"
		policy  = "a setting of the policy, not part of an event"
		host    = "Harbor cuts the port off, so that no event has it; the host is that of the artifact's URL"
		bus     = "EventBridge's own: when and from where it posted, and whose account it is"
		old     = "Harbor 1.9 has its own form of a report, and is told in that of 1.10"
	)
	below := func(prefix string, list map[string]string) map[string]string {
		out := map[string]string{}
		for path, why := range list {
			out[prefix+"."+path] = why
		}
		return out
	}
	harbor := map[string]string{
		"repository.date_created":                    created,
		"replication.artifact_type":                  "each content has its own, so that it is lost where none was copied yet",
		"replication.execution_timestamp":            policy,
		"replication.harbor_hostname":                host,
		"replication.override_mode":                  policy,
		"replication.policy_creator":                 policy,
		"retention.harbor_hostname":                  host,
		"retention.retention_rule[].params":          policy,
		"retention.retention_rule[].scope_selectors": policy,
		"retention.retention_rule[].tag_selectors":   policy,
	}
	cloud := below("data", harbor)
	maps.Copy(cloud, map[string]string{
		"id":     "one notification may be several events, and each event is a CloudEvent with its own id",
		"source": "Harbor names a project and a policy by numbers, which no event has; bellbuoy names the registry",
	})
	return map[string]map[string]string{
		"distribution": {
			"events[].source.addr":           "the node's own address is not part of an event",
			"events[].target.references":     "config and layers tell the kind, and are not part of an event",
			"events[].target.fromRepository": "where from a blob was mounted is not part of an event",
			"events[].request.method":        "a blob that is asked for by HEAD is blob.pulled as well as by GET",
		},
		"harbor":             below("event_data", harbor),
		"harbor-cloudevents": cloud,
		"quay": {
			"trigger_metadata.commit_info.author.avatar_url":    "a picture",
			"trigger_metadata.commit_info.committer.avatar_url": "a picture",
			"trigger_metadata.commit_info.date":                 "hosts of sources write it each in its own way; here it is RFC 3339 in UTC",
			"manifest_digests":                                  "older versions put host/namespace/name@ before each digest",
			"trigger_manual":                                    "Quay's samples and older versions lack it",
			"repo":                                              "Quay's samples and older versions lack it",
			"name":                                              "one sample of Quay's manual contradicts itself",
			"pruned_image_count":                                "only Quay's test button sends it",
			"image":                                             "only Quay's test button sends it",
		},
		"tcr": {
			"event_data.repository.date_created": created,
			"event_data.resources[].digest":      "Harbor 1.x puts the digest into tag where there is none; here it is in both",
			"event_data.resources[].scan_overview.application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0": "another media type of the same report",
			"event_data.resources[].scan_overview.application/vnd.security.vulnerability.report; version=1.1":           "another media type of the same report",
			"event_data.resources[].scan_overview.image_digest":                                                         old,
			"event_data.resources[].scan_overview.scan_status":                                                          old,
			"event_data.resources[].scan_overview.severity":                                                             old,
			"event_data.resources[].scan_overview.components":                                                           "counts packages and not findings",
			"event_data.resources[].scan_overview.creation_time":                                                        "of Harbor's own record",
			"event_data.resources[].scan_overview.update_time":                                                          "of Harbor's own record",
			"event_data.resources[].scan_overview.job_id":                                                               "of Harbor's own record",
			"event_data.resources[].scan_overview.details_key":                                                          "of Harbor's own record",
		},
		"acr": {
			"subject":                    "its last part means nothing known",
			"aliyunaccountid":            bus,
			"aliyunpublishtime":          bus,
			"aliyuneventbusname":         bus,
			"aliyunpublishaddr":          bus,
			"datacontenttype":            "the vendor's pages show events with it and without",
			"time":                       "the vendor writes it in four ways; here it is RFC 3339",
			"data.ImageUpdate":           "may be older than the event",
			"data.Status":                "the key of the outcome is not documented but for builds; here it is always KindStatus",
			"data.Result":                "as data.Status",
			"data.TaskStatus":            "as data.Status",
			"data.DeliveryChainStatus":   "as data.Status",
			"data.SynchronizationStatus": "as data.Status; and CANCELED is written so always",
			"data.LowSeverity":           "of severities without a finding nothing is told",
			"data.ImageFrom.RepoName":    "stands at the top, where other events have it",
			"data.ImageFrom.ImageTag":    "stands at the top, where other events have it",
			"data.ImageTo.RepoName":      "not part of an event",
			"data.ImageTo.ImageTag":      "not part of an event",
			"data.RepoName":              "as data.ImageFrom.RepoName",
			"data.RepoNamespaceName":     "as data.ImageFrom.RepoName",
			"data.RegionId":              "as data.ImageFrom.RepoName",
			"data.Tag":                   "as data.ImageFrom.RepoName",
		},
		"acr-personal": {
			"repository.date_created": created,
			"push_data.pushed_at":     "one that cannot be read is no time",
		},
	}[name]
}

// altered is e without its id, and without what does not survive its dialect.
func altered(name string, e event.Event) event.Event {
	e.ID = ""
	if e.TimeSource == event.TimeReceived {
		e.TimeSource = event.TimeNative // the time of receipt is told as any other
	}
	a := event.Artifact{}
	if e.Artifact != nil {
		a = *e.Artifact
	}
	switch name {
	case "distribution":
		// What it is, is told by config and layers, which an event does not have; then a
		// push is no more than that.
		a.Kind, a.ArtifactType, a.Platforms = "", "", nil
		switch e.Type {
		case event.ChartPushed, event.ArtifactSigned, event.ArtifactAttached:
			e.Type, e.Status = event.ArtifactPushed, ""
		case event.ChartPulled:
			e.Type = event.ArtifactPulled
		}
	case "harbor-cloudevents":
		e.Native.ID = "" // each event is a CloudEvent with its own
	case "tcr":
		if e.Scan != nil { // Harbor 1.9's word is another than 1.10's
			s := *e.Scan
			s.Status = ""
			e.Scan = &s
		}
	case "acr":
		if r := e.Replication; r != nil && r.Status == "CANCELLED" {
			one := *r
			one.Status = "CANCELED"
			e.Replication = &one
		}
	}
	if e.Artifact != nil {
		e.Artifact = &a
	}
	return e
}
