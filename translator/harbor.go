package translator

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// maxRequestID is how much is kept of a request's id, which clients choose.
const maxRequestID = 128

// Harbor translates one notification of Harbor, the Native of which is a
// [*harbor.Event], into an event for each artifact that it names, and one more for a
// scan that found something.
//
// What Harbor does not tell apart stays so. It never says what an artifact is: a chart,
// an index, the child of an index and an image are all pushed alike, and only the tags
// that cosign makes tell a signature, an attestation or an SBOM. One that is attached by
// its subject is told as a push. So is a copy, by whatever number of tags it has but
// one. A replicated delete looks like a replicated copy.
//
// Dropped: the repository's date_created, name and namespace (the full name has both);
// of scans complete_percent, sbom_repository (where the artifact is) and the media type
// of the report; of replications artifact_type (each content has its own),
// authentication_type, override_mode, policy_creator and execution_timestamp, which
// describe the policy; of retentions the type and references of what was deleted
// (always image, always null) and the rules' params and selectors; harbor_hostname,
// since its port is cut off (the host is taken from an artifact's URL); the source of a
// CloudEvent, which has no host.
func Harbor(src Source, n adapters.Notification) []event.Event {
	h, ok := n.Native.(*harbor.Event)
	if !ok {
		return foreign(src, n, "event of Harbor")
	}
	e := src.event(event.Native{ID: h.ID, Type: h.Type}, h.Time, 0)
	e.ID = src.derivedID(n.ID, 0)
	e.RequestID = head(h.RequestID, maxRequestID)
	if h.Operator != "" {
		e.Actor = &event.Actor{Name: h.Operator}
	}
	e.Repository = harborRepository(h.Data.Repository)

	events := harborEvents(e, h)
	for i := range events {
		events[i].ID = src.derivedID(n.ID, i)
	}
	return events
}

// harborEvents makes of e, which has what all of them have, the events that h tells.
func harborEvents(e event.Event, h *harbor.Event) []event.Event {
	one := func(e event.Event) []event.Event { return []event.Event{e} }
	switch h.Kind {
	case harbor.Unknown:
		if h.Type == "" {
			return one(unknown(e, "the event says no type"))
		}
		return one(unknown(e, fmt.Sprintf("type %s is not known", adapters.Quote(h.Type))))
	case harbor.Replication:
		return one(harborReplication(e, h.Data.Replication))
	case harbor.TagRetention:
		return one(harborRetention(e, h.Data.Retention))
	}
	if e.Repository == nil {
		return one(unknown(e, h.Type+" without repository.repo_full_name"))
	}
	if h.Kind == harbor.QuotaExceed || h.Kind == harbor.QuotaWarning || h.Kind == harbor.ProjectQuota {
		return one(harborQuota(e, h))
	}
	if len(h.Data.Resources) == 0 {
		if h.Type == "pullImage" { // 1.x does not say what was pulled by its digest
			e.Type = event.ArtifactPulled
			return one(e)
		}
		return one(unknown(e, h.Type+" without resources"))
	}
	var events []event.Event
	for i := range h.Data.Resources {
		events = append(events, harborResource(e, h, i)...)
	}
	return events
}

// harborResource tells what happened to the artifact at index i.
func harborResource(e event.Event, h *harbor.Event, i int) []event.Event {
	r := &h.Data.Resources[i]
	e.Artifact = harborArtifact(r)
	e.Registry.Host = harborHost(r.ResourceURL, e.Repository.FullName)
	switch h.Kind {
	case harbor.ChartUpload, harbor.ChartDownload, harbor.ChartDelete:
		return []event.Event{harborChart(e, h, i)}
	}
	if e.Artifact == nil || e.Artifact.Digest == "" {
		return []event.Event{unknown(e, fmt.Sprintf("%s without resources[%d].digest", h.Type, i))}
	}
	switch h.Kind {
	case harbor.Push:
		e.Type = pushType(e.Artifact, false)
		if e.Type == event.ArtifactSigned {
			e.Status = event.Succeeded
		}
	case harbor.Pull:
		e.Type = event.ArtifactPulled
	case harbor.Delete:
		e.Type = event.ArtifactDeleted
		if len(e.Artifact.Tags) > 0 && h.Type != "deleteImage" {
			// All tags of the digest are gone, and any one of them is named. Harbor 1.x names
			// each that goes.
			e.Artifact.TagsComplete = new(false)
		}
	default:
		return harborScan(e, h, r)
	}
	return []event.Event{e}
}

// harborChart is of versions before 2.8, which keep charts apart from artifacts: a
// version is a tag, and there is no digest.
func harborChart(e event.Event, h *harbor.Event, i int) event.Event {
	if e.Artifact == nil || len(e.Artifact.Tags) == 0 {
		return unknown(e, fmt.Sprintf("%s without resources[%d].tag", h.Type, i))
	}
	e.Artifact.Kind = event.KindChart
	switch h.Kind {
	case harbor.ChartUpload:
		e.Type = event.ChartPushed
	case harbor.ChartDownload:
		e.Type = event.ChartPulled
	default:
		e.Type = event.ChartDeleted
	}
	return e
}

// harborArtifact returns what r says of the artifact; nil if nothing. In place of a tag
// that there is not stands the digest.
func harborArtifact(r *harbor.Resource) *event.Artifact {
	if r.Digest == "" && r.Tag == "" && r.ResourceURL == "" {
		return nil
	}
	a := named(r.Digest, r.Tag)
	a.URL = r.ResourceURL
	classifyByTag(a, firstTag(a))
	return a
}

// harborHost returns the host, and the port if it has one, in a resource's URL, which has
// no scheme; empty for the URL of a chart's file.
func harborHost(url, repository string) string {
	host, path, _ := strings.Cut(url, "/")
	rest, ok := strings.CutPrefix(path, repository)
	if !ok || rest == "" || rest[0] != ':' && rest[0] != '@' {
		return ""
	}
	return host
}

// harborRepository: the namespace is the project, and ends at the first slash. What is
// called the repository's type is the project's visibility.
func harborRepository(r harbor.Repository) *event.Repository {
	repo := repository(r.FullName)
	if repo != nil && (r.Type == "public" || r.Type == "private") {
		repo.Visibility = r.Type
	}
	return repo
}

// head returns at most the first n bytes of s, of whole characters.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
