package translator

import (
	"fmt"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/quay"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Quay translates one request of Quay, the Native of which is a [*quay.Notification]:
// a push into one event for each tag, a list of vulnerabilities into one for each, and
// all else into one. Tags that are digests name other artifacts than the tags do, so
// that each of them has an event, too.
//
// Quay says neither when nor who, and no id: the time is that of receipt, and IDs are
// empty. An event that nothing names is inferred where a key belongs to no other event.
// Events of a quota are about a namespace and have a repository with that alone. Those
// of a build have its tags, so that rules can ask for them; it is not said that these
// exist yet.
//
// Dropped are: name, repo and the path in docker_url, which repeat repository;
// usage_bytes_formatted and limit_bytes_formatted, which round the bytes; avatar_url of
// author and committer, which are pictures; pruned_image_count and image, which only the
// test button sends; is_manual and trigger_manual where they are false.
func Quay(src Source, n adapters.Notification) []event.Event {
	q, ok := n.Native.(*quay.Notification)
	if !ok {
		return foreign(src, n, "notification of Quay")
	}
	name, reason := q.Event, ""
	if name == "" {
		name, reason = inferQuay(src.Registry.Name, q)
	}
	e := src.event(event.Native{ID: n.ID, Type: name}, time.Time{}, 0)
	e.Registry.Host = quayHost(q.DockerURL)
	e.Repository = quayRepository(q)
	if name == "" {
		return []event.Event{unknown(quayUnnamed(e, q), reason)}
	}
	return quayEvents(e, q)
}

// quayEvents makes of e, which has what all events have, those that q tells.
func quayEvents(e event.Event, q *quay.Notification) []event.Event {
	switch t, s := quayType(e.Native.Type); {
	case t == event.Unknown:
		return []event.Event{unknown(e, fmt.Sprintf("event %s, named by %s, is none of Quay's; name it as Quay does, such as build_start",
			adapters.Quote(e.Native.Type), q.NamedBy))}
	case t == event.QuotaWarning || t == event.QuotaExceeded:
		if e.Repository == nil {
			return []event.Event{without(e, "namespace")}
		}
		e.Type, e.Quota = t, quayQuota(q)
		return []event.Event{e}
	case q.Repository == "":
		return []event.Event{without(e, "repository")}
	case t == event.ArtifactPushed:
		return quayPushes(e, q)
	case t == event.VulnerabilityFound:
		return quayVulnerabilities(e, q)
	case t == event.ArtifactExpiring:
		return quayExpiries(e, q)
	case q.BuildID == "" && strings.HasPrefix(string(t), "build."):
		return []event.Event{without(e, "build_id")}
	case strings.HasPrefix(string(t), "build."):
		e.Type, e.Status = t, s
		e.Build, e.Artifact = quayBuild(q), quayBuilt(q)
		return []event.Event{e}
	default:
		e.Type, e.Status = t, s
		e.Replication = &event.Replication{Message: q.Message}
		return []event.Event{e}
	}
}

// quayUnnamed gives e what q tells of an event though it is not known which.
func quayUnnamed(e event.Event, q *quay.Notification) event.Event {
	switch {
	case q.BuildID != "":
		e.Build, e.Artifact = quayBuild(q), quayBuilt(q)
	case saysQuota(q):
		e.Quota = quayQuota(q)
	case q.Message != "":
		e.Replication = &event.Replication{Message: q.Message}
	}
	return e
}

// quayType is the closed list of Quay's events. A push's type depends on its tag.
func quayType(name string) (event.Type, event.Status) {
	switch name {
	case "repo_push":
		return event.ArtifactPushed, ""
	case "vulnerability_found":
		return event.VulnerabilityFound, ""
	case "repo_image_expiry":
		return event.ArtifactExpiring, ""
	case "build_queued":
		return event.BuildQueued, event.Queued
	case "build_start":
		return event.BuildStarted, event.Started
	case "build_success":
		return event.BuildSucceeded, event.Succeeded
	case "build_failure":
		return event.BuildFailed, event.Failed
	case "build_cancelled":
		return event.BuildCanceled, event.Canceled
	case "repo_mirror_sync_started":
		return event.ReplicationStarted, event.Started
	case "repo_mirror_sync_success":
		return event.ReplicationSucceeded, event.Succeeded
	case "repo_mirror_sync_failed":
		return event.ReplicationFailed, event.Failed
	case "quota_warning":
		return event.QuotaWarning, ""
	case "quota_error":
		return event.QuotaExceeded, ""
	}
	return event.Unknown, ""
}

// inferQuay names the event that nobody named, or says why it cannot. It goes by keys
// that are those of one event only.
func inferQuay(registry string, q *quay.Notification) (name, reason string) {
	var can []string
	if q.UpdatedTags != nil {
		can = append(can, "repo_push")
	}
	if q.Vulnerability != nil || q.Vulnerabilities != nil {
		can = append(can, "vulnerability_found")
	}
	if q.ExpiringIn != "" {
		can = append(can, "repo_image_expiry")
	}
	if q.BuildID != "" {
		can = append(can, inferBuild(q)...)
	}
	if saysQuota(q) {
		can = append(can, "quota_warning", "quota_error")
	}
	if len(can) == 0 && q.Message != "" {
		can = []string{"repo_mirror_sync_started", "repo_mirror_sync_success", "repo_mirror_sync_failed"}
	}
	switch len(can) {
	case 1:
		return can[0], ""
	case 0:
		reason = "the event is not named, and has no key that is one of Quay's events' only"
	default:
		reason = "the event is not named, and its keys do not tell which it is of " + strings.Join(can, ", ")
	}
	return "", fmt.Sprintf(`%s: let Quay post to /in/%s/EVENT, or send the header %s, or put a constant "event" into its POST template`,
		reason, registry, quay.Header)
}

// inferBuild returns the events that a build's notification can be. A test of one that
// was cancelled has an image_id as one that succeeded has, so that it tells nothing.
func inferBuild(q *quay.Notification) []string {
	var can []string
	if q.IsManual != nil || q.ManualUser != "" {
		can = append(can, "build_queued")
	}
	if q.ErrorMessage != nil {
		can = append(can, "build_failure")
	}
	if q.ManifestDigests != nil {
		can = append(can, "build_success")
	}
	if can == nil {
		return []string{"build_queued", "build_start", "build_success", "build_failure", "build_cancelled"}
	}
	return can
}

// quayHost returns the host of a docker_url, which is "host/namespace/name".
func quayHost(dockerURL string) string {
	if _, rest, ok := strings.Cut(dockerURL, "://"); ok {
		dockerURL = rest
	}
	host, _, ok := strings.Cut(dockerURL, "/")
	if !ok {
		return ""
	}
	return host
}

// quayRepository returns the repository, or the namespace where Quay names no more. Its
// page is the homepage, but for builds, where that is a page below it.
func quayRepository(q *quay.Notification) *event.Repository {
	r := repository(q.Repository)
	if r == nil {
		if q.Namespace == "" {
			return nil
		}
		r = &event.Repository{Namespace: q.Namespace}
	}
	r.URL = q.Homepage
	if q.BuildID != "" {
		var below bool
		if r.URL, below = strings.CutSuffix(q.Homepage, "/build/"+q.BuildID); !below {
			r.URL = ""
		}
	}
	return r
}

// quayPushes returns one event for each tag that was pushed.
func quayPushes(e event.Event, q *quay.Notification) []event.Event {
	var events []event.Event
	for _, a := range quayArtifacts(q.UpdatedTags) {
		for _, tag := range a.Tags {
			one := &event.Artifact{Tags: []string{tag}}
			classifyByTag(one, tag)
			events = append(events, pushed(e, one))
		}
		if a.Digest != "" {
			classify(a, "", nil)
			events = append(events, pushed(e, a))
		}
	}
	if events == nil {
		return []event.Event{without(e, "updated_tags")}
	}
	return events
}

// pushed returns e as the push of a.
func pushed(e event.Event, a *event.Artifact) event.Event {
	e.Artifact = a
	e.Type = pushType(a, false)
	if e.Type == event.ArtifactSigned {
		e.Status = event.Succeeded
	}
	return e
}

// quayArtifacts returns what a list of tags names: an artifact with all of the tags,
// since Quay does not say which of them are one, and one for each digest among them.
func quayArtifacts(tags []string) []*event.Artifact {
	tagged := &event.Artifact{}
	list := []*event.Artifact{tagged}
	for _, t := range tags {
		switch {
		case t == "":
		case isDigest(t):
			list = append(list, &event.Artifact{Digest: t})
		default:
			tagged.Tags = append(tagged.Tags, t)
		}
	}
	if tagged.Tags == nil {
		return list[1:]
	}
	return list
}

// without makes e unknown for the lack of a key.
func without(e event.Event, key string) event.Event {
	return unknown(e, e.Native.Type+" without "+key)
}
