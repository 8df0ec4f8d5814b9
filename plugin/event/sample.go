package event

import (
	"strings"
	"time"
)

// Sample returns an event of type t, to try templates and senders on. It is full: it has
// all that events of its type may have, so that what is not found in it is in no event of
// the type. Most real events have less.
func Sample(t Type) Event {
	at := time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC)
	family, rest, _ := strings.Cut(string(t), ".")
	e := Event{
		V: Version, ID: "9f6a3c52-6a0e-5d0b-8c7e-3f1f5f0b7a11", Type: t,
		Time: at, TimeSource: TimeNative, Received: at.Add(120 * time.Millisecond),
		Registry: Registry{
			Name: "hub", Type: "distribution", Instance: "cri-1", InstanceName: "production",
			Region: "cn-hangzhou", Host: "registry.example.com",
		},
		Actor:     &Actor{Name: "alice", Address: "192.0.2.7", UserAgent: "docker/28.0.1"},
		RequestID: "51b9a3f0-4f3d-4d0b-9a55-0d8f3c5f2b10",
		Native:    Native{ID: "8c1d8b8f-6c0c-4f4e-9b3a-0c7f5c2b9d21", Type: rest},
		Origin:    OriginNative,
	}
	if family == "bellbuoy" {
		e.Actor, e.RequestID = nil, ""
		details(&e, family, rest, at)
		if t == Digest {
			e.Digest = []string{"0d3c1c1e-7d57-5a53-8f0e-6a2f6a0d9b11", "5b7ce0d2-3a34-5c2e-9a68-1f2f8c1d4e22"}
			e.Digested = &Digested{Count: 2, Groups: []DigestGroup{
				{Registry: "hub", Repository: "prod/api", Type: BuildFailed, Status: Failed, Count: 2}}}
		}
		return e
	}
	e.Repository = &Repository{
		ID: "7", Namespace: "prod", Name: "api", FullName: "prod/api",
		URL: "https://registry.example.com/prod/api", Visibility: "private",
	}
	complete := true
	e.Artifact = &Artifact{
		Digest:       "sha256:" + strings.Repeat("5f", 32),
		MediaType:    "application/vnd.oci.image.index.v1+json",
		ArtifactType: "application/vnd.example.thing",
		Kind:         KindIndex,
		Tags:         []string{"v1.2.3", "latest"}, TagsComplete: &complete, Size: 1573,
		Platforms: []Platform{{OS: "linux", Architecture: "arm64", Variant: "v8"}},
		URL:       "https://registry.example.com/v2/prod/api/manifests/v1.2.3",
		Subject:   "sha256:" + strings.Repeat("a0", 32),
	}
	details(&e, family, rest, at)
	return e
}

// details adds what the type is about.
func details(e *Event, family, rest string, at time.Time) {
	total, fixable, seconds, fix := 32, 3, int64(42), true
	counts := map[Severity]int{
		SeverityCritical: 1, SeverityHigh: 3, SeverityMedium: 5, SeverityLow: 8,
		SeverityNegligible: 13, SeverityUnknown: 2,
	}
	switch family {
	case "artifact":
		switch rest {
		case "signed":
			e.Status = Succeeded
		case "expiring":
			days := 3.0
			e.Expiry = &Expiry{Days: &days, NotificationID: "b7d5"}
		}
	case "build":
		e.Status = Status(rest)
		e.Build = &Build{
			ID: "b-17", Name: "api", Kind: "AUTO_BUILD", Status: "SUCCESS", Tags: []string{"latest"},
			ManifestDigests: []string{e.Artifact.Digest}, ImageID: "5f5f5f", Error: "the build failed",
			URL:     "https://registry.example.com/build/b-17",
			Trigger: &Trigger{ID: "t-1", Kind: "github", Manual: true, User: "alice"},
			Commit: &Commit{
				Ref: "refs/heads/main", SHA: strings.Repeat("c0", 20), DefaultBranch: "main",
				URL: "https://git.example.com/prod/api/commit/c0c0", Message: "Serve it faster", Time: &at,
				Author: "alice", AuthorURL: "https://git.example.com/alice",
				Committer: "bob", CommitterURL: "https://git.example.com/bob", GitURL: "https://git.example.com/prod/api.git",
			},
		}
	case "scan":
		e.Status = Succeeded
		e.Scan = &Scan{
			Kind: ScanVulnerability, Severity: SeverityCritical, Counts: counts, Total: &total, Fixable: &fixable,
			Scanner:  &Scanner{Name: "Trivy", Vendor: "Aqua Security", Version: "v0.58.1"},
			ReportID: "r-9", Started: &at, Ended: &at, Seconds: &seconds,
			SBOM: "sha256:" + strings.Repeat("5b", 32), Status: "Success",
		}
	case "vulnerability":
		e.Vulnerability = &Vulnerability{
			ID: "CVE-2026-0001", Severity: SeverityCritical, NativeSeverity: "Important",
			Description: "a buffer overflow", Links: []string{"https://cve.example.com/CVE-2026-0001"}, HasFix: &fix,
			FirstScan: true, Counts: counts, Total: &total, Fixable: &fixable,
		}
	case "replication":
		e.Status = Status(rest)
		content := []ReplicatedContent{{Type: "image", Status: "succeeded", Name: "prod/api", References: []string{"v1.2.3"}}}
		e.Replication = &Replication{
			Status: "Succeed", Trigger: "event", Description: "to the edge", Succeeded: content, Failed: content,
			Source:      &ReplicationEnd{Registry: "hub", Type: "harbor", Endpoint: "https://hub.example.com", Region: "cn-hangzhou", Namespace: "prod"},
			Destination: &ReplicationEnd{Registry: "edge", Type: "harbor", Endpoint: "https://edge.example.com", Region: "cn-beijing", Namespace: "prod"},
			ExecutionID: "12", TaskID: "34", Final: &fix, Message: "done",
		}
	case "quota":
		used, limit, asked, percent, threshold := int64(900), int64(1000), int64(200), 90.5, 90.0
		e.Quota = &Quota{
			Resource: "storage", Used: &used, Limit: &limit, Asked: &asked, Percent: &percent, Threshold: &threshold,
			Message: "the quota is nearly used up", Rounded: true,
		}
	case "retention":
		e.Retention = &Retention{
			Total: 10, Retained: 7, PolicyID: "5", Result: "SUCCESS",
			Rules:   []RetentionRule{{Template: "latestPushedK"}},
			Deleted: []Retained{{Name: "prod/api:v0.9", Status: "SUCCESS"}},
		}
	case "delivery_chain":
		e.Status = Succeeded
		e.DeliveryChain = &DeliveryChain{ID: "chain-1", Name: "release", InstanceID: "run-1", Version: "3", Result: "SUCCESS"}
	case "bellbuoy":
		if rest == "target.failing" || rest == "target.disabled" || rest == "target.recovered" || rest == "expired" {
			e.Target = &Target{
				Name: "ci", Type: "webhook", Condition: "failing", Since: &at, Reason: "status 503: over capacity", Failures: 2, Deliveries: 37,
			}
		}
	case "unknown":
		e.Reason = `the action "rename" is not known`
	}
}
