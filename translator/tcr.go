package translator

import (
	"fmt"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/adapters/tcr"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// TCR translates one notification of TCR or Harbor 1.x, the Native of which is a
// [*tcr.Event], into an event for each of its resources: a delete names every tag that
// goes, each with its digest. A completed scan with findings is followed by
// vulnerability.found. There are no native ids.
//
// Who pulls by digest is told without saying what: that is artifact.pulled without an
// artifact. projectQuota says in prose only whether it is a warning.
//
// Dropped: repository.date_created, which is when the repository was made; of a scan by
// Harbor 1.9 components, which counts packages and not findings, job_id, details_key
// and both times, which are those of Harbor's own records; of custom attributes all
// but Details, which no release sends.
func TCR(src Source, n adapters.Notification) []event.Event {
	d, ok := n.Native.(*tcr.Event)
	if !ok {
		return foreign(src, n, "event of TCR")
	}
	var at time.Time
	if d.OccurAt != 0 {
		at = time.Unix(d.OccurAt, 0)
	}
	base := src.event(event.Native{Type: d.Type}, at, 0)
	base.Repository = repository(d.Data.Repository.FullName)
	if base.Repository != nil {
		base.Repository.Visibility = visibility(d.Data.Repository.Type)
	}
	if d.Operator != "" {
		base.Actor = &event.Actor{Name: d.Operator}
	}
	if len(d.Data.Resources) == 0 {
		return []event.Event{tcrNoResource(base, d)}
	}
	var events []event.Event
	for i := range d.Data.Resources {
		events = append(events, tcrResource(base, d, i)...)
	}
	return events
}

// tcrNoResource completes the event of a body without resources.
func tcrNoResource(e event.Event, d *tcr.Event) event.Event {
	if reason := tcrUnknown(d); reason != "" {
		return unknown(e, reason)
	}
	if d.Type == "pullImage" {
		e.Type = event.ArtifactPulled
		return e
	}
	return without(e, "event_data.resources")
}

// tcrUnknown says why d maps to no type, whatever its resources; it is empty if it does.
func tcrUnknown(d *tcr.Event) string {
	switch d.Type {
	case "pushImage", "pullImage", "deleteImage", "uploadChart", "downloadChart", "deleteChart",
		"scanningCompleted", "scanningFailed", "projectQuota":
	case "":
		return "the body says no type"
	default:
		return fmt.Sprintf("type %s is not known", adapters.Quote(d.Type))
	}
	if d.Data.Repository.FullName == "" {
		return d.Type + " without event_data.repository.repo_full_name"
	}
	return ""
}

// tcrResource completes the event of the resource at index i, and adds what is derived
// from it.
func tcrResource(e event.Event, d *tcr.Event, i int) []event.Event {
	r := &d.Data.Resources[i]
	e.Registry.Host = resourceHost(r.URL, d.Data.Repository.FullName)
	e.Artifact = tcrArtifact(r)
	if reason := tcrUnknown(d); reason != "" {
		return []event.Event{unknown(e, reason)}
	}
	if e.Artifact == nil || e.Artifact.Digest == "" && len(e.Artifact.Tags) == 0 {
		return []event.Event{unknown(e, fmt.Sprintf("%s without tag and digest in event_data.resources[%d]", d.Type, i))}
	}
	a := e.Artifact
	switch d.Type {
	case "pushImage":
		classifyByTag(a, firstTag(a))
		e = pushed(e, a)
	case "pullImage":
		classifyByTag(a, firstTag(a))
		e.Type = event.ArtifactPulled
	case "deleteImage":
		classifyByTag(a, firstTag(a))
		e.Type = event.ArtifactDeleted
	case "uploadChart":
		a.Kind, e.Type = event.KindChart, event.ChartPushed
	case "downloadChart":
		a.Kind, e.Type = event.KindChart, event.ChartPulled
	case "deleteChart":
		a.Kind, e.Type = event.KindChart, event.ChartDeleted
	case "scanningCompleted":
		return tcrScan(e, event.Succeeded, r.Scan)
	case "scanningFailed":
		return tcrScan(e, event.Failed, r.Scan)
	case "projectQuota":
		e = tcrQuota(e, d.Data.Custom["Details"])
	}
	return []event.Event{e}
}

// tcrArtifact returns what r says of the artifact; nil if nothing.
func tcrArtifact(r *tcr.Resource) *event.Artifact {
	digest := r.Digest
	if old := r.Scan[""]; digest == "" && old != nil {
		digest = old.ImageDigest
	}
	a := named(digest, r.Tag)
	a.URL = r.URL
	if a.Digest == "" && a.Tags == nil && a.URL == "" {
		return nil
	}
	return a
}

// tcrScan tells how a scan ended, and what it has found. Harbor 1.9 says of that no more
// than how bad the worst is.
func tcrScan(e event.Event, status event.Status, reports harbor.ScanOverview) []event.Event {
	scan := &event.Scan{Kind: event.ScanVulnerability} // 1.x knows no other
	return scanned(e, status, scan, fillScan(scan, harborReport(reports)))
}

// tcrQuota tells that a project is full, or nearly, which the prose says and not the
// type. It is Harbor's prose; some releases say no more than that a quota was exceeded.
func tcrQuota(e event.Event, prose string) event.Event {
	q := harbor.Event{Type: e.Native.Type, Kind: harbor.ProjectQuota, Data: &harbor.Data{}}
	q.Data.CustomAttributes.Details = prose
	if strings.Contains(prose, "exceed") {
		q.Kind = harbor.QuotaExceed
	}
	return harborQuota(e, &q)
}

// resourceHost returns the host in a resource's URL: host/repository:tag of an image,
// scheme://host/chartrepo/... of a chart. It is empty if the URL has neither form.
func resourceHost(url, repository string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return harborHost(url, repository)
	}
	host, path, _ := strings.Cut(rest, "/")
	if !strings.HasPrefix(path, "chartrepo/") {
		return ""
	}
	return host
}

// visibility returns what a repo_type says, which is no type: public or private.
func visibility(repoType string) string {
	switch repoType {
	case "public", "PUBLIC":
		return "public"
	case "private", "PRIVATE":
		return "private"
	}
	return ""
}
