package quay

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// rule is the rule of a notification, with the keys that rules have in the configuration.
type rule struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Events      []string   `json:"events"`
	Scope       scope      `json:"scope"`
	Tag         *tagged    `json:"tag,omitempty"`
	Ref         *pattern   `json:"ref,omitempty"`
	Severity    string     `json:"severity,omitempty"`
	ExpiresIn   string     `json:"expires_in,omitempty"`
	Deliver     []delivery `json:"deliver"`
}

type (
	scope struct {
		Namespaces   []string `json:"namespaces,omitempty"`
		Repositories []string `json:"repositories,omitempty"`
	}
	tagged struct {
		Untagged string `json:"untagged"`
	}
	pattern struct {
		Regex string `json:"regex"`
	}
	delivery struct {
		Target string `json:"target"`
	}
)

// happening is an event of Quay's.
type happening struct {
	types []event.Type // of ours
	// narrow adds to a rule what the eventConfig asks for; nil = nothing.
	narrow func(r *rule, config map[string]json.RawMessage) error
	// shape makes of an event that has all that its type may have the one that Quay tries a
	// notification with.
	shape func(e *event.Event, config map[string]json.RawMessage)
	// quota says that it is an event of a namespace, and not of a repository.
	quota bool
}

// happenings are Quay's events.
func happenings() map[string]happening {
	build := func(t event.Type) happening {
		return happening{types: []event.Type{t}, narrow: byRef, shape: buildSample}
	}
	mirror := func(t event.Type) happening { return happening{types: []event.Type{t}, shape: mirrorSample} }
	quota := func(t event.Type) happening { return happening{types: []event.Type{t}, quota: true} }
	return map[string]happening{
		"repo_push":                {types: []event.Type{event.ArtifactPushed, event.ChartPushed}, narrow: byTag, shape: pushSample},
		"build_queued":             build(event.BuildQueued),
		"build_start":              build(event.BuildStarted),
		"build_success":            build(event.BuildSucceeded),
		"build_failure":            build(event.BuildFailed),
		"build_cancelled":          build(event.BuildCanceled),
		"vulnerability_found":      {types: []event.Type{event.VulnerabilityFound}, narrow: byLevel, shape: vulnerabilitySample},
		"repo_image_expiry":        {types: []event.Type{event.ArtifactExpiring}, narrow: byDays, shape: expirySample},
		"repo_mirror_sync_started": mirror(event.ReplicationStarted),
		"repo_mirror_sync_success": mirror(event.ReplicationSucceeded),
		"repo_mirror_sync_failed":  mirror(event.ReplicationFailed),
		"quota_warning":            quota(event.QuotaWarning),
		"quota_error":              quota(event.QuotaExceeded),
	}
}

// byTag: Quay tells of tags only.
func byTag(r *rule, _ map[string]json.RawMessage) error {
	r.Tag = &tagged{"skip"}
	return nil
}

// byRef narrows a rule to builds of some Git refs. Quay's regex is to match at the
// beginning of the ref, ours the whole of it.
func byRef(r *rule, config map[string]json.RawMessage) error {
	var expr string
	switch raw := config["ref-regex"]; {
	case falsy(raw):
		return nil
	case json.Unmarshal(raw, &expr) != nil:
		return invalid("eventConfig.ref-regex: write a regex, as text")
	}
	if _, err := regexp.Compile(expr); err != nil {
		return invalid("eventConfig.ref-regex is no regex that can be used here: %v", err)
	}
	r.Ref = &pattern{"(?:" + expr + ")(?s:.*)"}
	return nil
}

// levels are Quay's, the worst first: the level of a notification is a place in this list.
func levels() []string { return []string{"critical", "high", "medium", "low", "negligible", "unknown"} }

// byLevel narrows a rule to findings of a level or worse.
func byLevel(r *rule, config map[string]json.RawMessage) error {
	raw, ok := config["level"]
	if !ok || string(raw) == "null" {
		return nil
	}
	level, ok := levelOf(raw)
	if !ok {
		return invalid(`eventConfig.level: write "0" (critical), "1" (high), "2" (medium), "3" (low), "4" (negligible) or "5" (unknown)`)
	}
	r.Severity = level
	return nil
}

// levelOf reads a level: the text of its number, the number, or, which Quay takes and then
// trips over, its name.
func levelOf(raw json.RawMessage) (string, bool) {
	text := strings.ToLower(strings.Trim(string(raw), `"`))
	for i, name := range levels() {
		if text == strconv.Itoa(i) || text == name {
			return name, true
		}
	}
	return "", false
}

// maxDays bounds how long before its end an image's expiry may be told.
const maxDays = 3650

// byDays narrows a rule to what expires within some days.
func byDays(r *rule, config map[string]json.RawMessage) error {
	days, ok := daysOf(config)
	if !ok {
		return invalid("eventConfig.days: write within how many days the image expires, a number above 0 and at most %d", maxDays)
	}
	r.ExpiresIn = time.Duration(days * float64(24*time.Hour)).Round(time.Minute).String()
	return nil
}

func daysOf(config map[string]json.RawMessage) (float64, bool) {
	days, err := strconv.ParseFloat(strings.Trim(string(config["days"]), `"`), 64)
	return days, err == nil && days >= 1.0/24/60 && days <= maxDays
}

// The samples that Quay tries notifications with.

func pushSample(e *event.Event, _ map[string]json.RawMessage) { onImage(e, "latest") }

func onImage(e *event.Event, tags ...string) {
	e.Artifact.Kind, e.Artifact.Tags = event.KindImage, tags
}

func buildSample(e *event.Event, _ map[string]json.RawMessage) {
	onImage(e, "latest", "foo", "bar")
	e.Build.Commit.Ref, e.Build.Tags = "refs/heads/somebranch", e.Artifact.Tags
}

func vulnerabilitySample(e *event.Event, config map[string]json.RawMessage) {
	onImage(e, "latest", "prod", "foo", "bar", "baz")
	level, ok := levelOf(config["level"])
	if !ok {
		level = "critical"
	}
	v := e.Vulnerability
	v.ID, v.Description, v.Links = "CVE-FAKE-CVE", "A futurist vulnerability", []string{"https://security-tracker.debian.org/tracker/CVE-FAKE-CVE"}
	v.Severity, v.NativeSeverity, v.FirstScan = event.Severity(level), strings.ToUpper(level[:1])+level[1:], false
}

func expirySample(e *event.Event, config map[string]json.RawMessage) {
	onImage(e, "latest", "v1")
	e.Expiry.NotificationID = ""
	if days, ok := daysOf(config); ok {
		e.Expiry.Days = &days
	}
}

func mirrorSample(e *event.Event, _ map[string]json.RawMessage) {
	e.Replication.Message = "TEST NOTIFICATION"
}
