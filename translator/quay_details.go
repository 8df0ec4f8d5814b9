package translator

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/quay"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// quayBuild returns what q says of a build.
func quayBuild(q *quay.Notification) *event.Build {
	b := &event.Build{
		ID:      q.BuildID,
		Name:    q.BuildName,
		Tags:    q.DockerTags,
		ImageID: q.ImageID,
		URL:     q.Homepage,
	}
	for _, d := range q.ManifestDigests {
		b.ManifestDigests = append(b.ManifestDigests, bareDigest(d))
	}
	if q.ErrorMessage != nil {
		b.Error = *q.ErrorMessage
	}
	t := event.Trigger{
		ID:     q.TriggerID,
		Kind:   q.TriggerKind,
		Manual: q.TriggerManual || q.IsManual != nil && *q.IsManual,
		User:   q.ManualUser,
	}
	if t != (event.Trigger{}) {
		b.Trigger = &t
	}
	if m := q.TriggerMetadata; m != nil {
		b.Commit = quayCommit(m)
	}
	return b
}

// quayCommit returns what a build's trigger says of the commit; nil if nothing.
func quayCommit(m *quay.TriggerMetadata) *event.Commit {
	c := event.Commit{
		Ref:           m.Ref,
		SHA:           m.Commit,
		DefaultBranch: m.DefaultBranch,
		GitURL:        m.GitURL,
	}
	if i := m.CommitInfo; i != nil {
		c.URL, c.Message, c.Time = i.URL, i.Message, quayDate(i.Date)
		c.Author, c.AuthorURL = i.Author.Username, i.Author.URL
		c.Committer, c.CommitterURL = i.Committer.Username, i.Committer.URL
	}
	if c == (event.Commit{}) {
		return nil
	}
	return &c
}

// quayBuilt returns the artifact of a build: the tags that it makes and, once there is
// one manifest and no more, its digest. Nil if neither is said.
func quayBuilt(q *quay.Notification) *event.Artifact {
	a := event.Artifact{Tags: q.DockerTags}
	if len(q.ManifestDigests) == 1 {
		if d := bareDigest(q.ManifestDigests[0]); isDigest(d) {
			a.Digest = d
		}
	}
	if a.Digest == "" && len(a.Tags) == 0 {
		return nil
	}
	return &a
}

// bareDigest returns the digest of "host/namespace/name@digest", which older versions of
// Quay send, and anything else as it is.
func bareDigest(s string) string {
	if d := s[strings.LastIndexByte(s, '@')+1:]; isDigest(d) {
		return d
	}
	return s
}

// quayDate reads the date of a commit. Hosts of sources write it each in its own way,
// and Quay's test button as seconds since 1970. What has no zone says no time.
func quayDate(date []byte) *time.Time {
	var at time.Time
	var v any
	if json.Unmarshal(date, &v) != nil {
		return nil
	}
	switch v := v.(type) {
	case string:
		for _, layout := range []string{
			time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700",
			"Mon, 02 Jan 2006 15:04:05 GMT",
		} {
			var err error
			if at, err = time.Parse(layout, v); err == nil {
				break
			}
		}
	case float64:
		const year1, year10000 = -62135596800, 253402300800
		if v > year1 && v < year10000 {
			at = time.UnixMilli(int64(v * 1000))
		}
	}
	at = at.UTC()
	if y := at.Year(); at.IsZero() || y < 1 || y > 9999 { // RFC 3339 cannot express it
		return nil
	}
	return &at
}

// quayVulnerabilities returns one event for each vulnerability and artifact.
func quayVulnerabilities(e event.Event, q *quay.Notification) []event.Event {
	var events []event.Event
	add := func(v *quay.Vulnerability, key string) {
		if v.ID == "" {
			events = append(events, without(e, key+".id"))
			return
		}
		found := e
		found.Type, found.Vulnerability = event.VulnerabilityFound, quayVulnerability(v, q)
		events = append(events, forEach(found, q.Tags)...)
	}
	if q.Vulnerability != nil {
		add(q.Vulnerability, "vulnerability")
	}
	for i := range q.Vulnerabilities {
		add(&q.Vulnerabilities[i], fmt.Sprintf("vulnerabilities[%d]", i))
	}
	if events == nil {
		return []event.Event{without(e, "vulnerability")}
	}
	return events
}

func quayVulnerability(v *quay.Vulnerability, q *quay.Notification) *event.Vulnerability {
	found := &event.Vulnerability{
		ID:          v.ID,
		Description: v.Description,
		Links:       strings.Fields(v.Link),
		HasFix:      v.HasFix,
	}
	found.Severity, found.NativeSeverity = severity(v.Priority)
	switch string(q.NewIndex) {
	case `"true"`, `true`:
		found.FirstScan = true
	}
	return found
}

// forEach returns e for each artifact that tags names; without any, e alone.
func forEach(e event.Event, tags []string) []event.Event {
	artifacts := quayArtifacts(tags)
	if len(artifacts) == 0 {
		return []event.Event{e}
	}
	events := make([]event.Event, len(artifacts))
	for i, a := range artifacts {
		events[i], events[i].Artifact = e, a
	}
	return events
}

// quayDays is how Quay says when a tag expires.
var quayDays = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,9})?) days?$`)

// quayExpiries returns one event for all tags that expire, and one for each digest.
func quayExpiries(e event.Event, q *quay.Notification) []event.Event {
	artifacts := quayArtifacts(q.Tags)
	switch {
	case q.ExpiringIn == "":
		return []event.Event{without(e, "expiring_in")}
	case len(artifacts) == 0:
		return []event.Event{without(e, "tags")}
	}
	m := quayDays.FindStringSubmatch(q.ExpiringIn)
	if m == nil {
		return []event.Event{unknown(e, fmt.Sprintf(`expiring_in %s is not "N days"`, adapters.Quote(q.ExpiringIn)))}
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return []event.Event{unknown(e, fmt.Sprintf("expiring_in: %v", err))}
	}
	e.Type, e.Expiry = event.ArtifactExpiring, &event.Expiry{Days: &n, NotificationID: q.NotificationUUID}
	return forEach(e, q.Tags)
}

// saysQuota reports whether q has the numbers of a quota.
func saysQuota(q *quay.Notification) bool {
	return q.ThresholdPercent != nil || q.UsagePercent != nil || q.UsageBytes != nil || q.LimitBytes != nil
}

func quayQuota(q *quay.Notification) *event.Quota {
	return &event.Quota{
		Used:      q.UsageBytes,
		Limit:     q.LimitBytes,
		Percent:   q.UsagePercent,
		Threshold: q.ThresholdPercent,
	}
}
