package rules

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// no is an event that a rule does not take, and why.
type no struct {
	event  *event.Event
	reason string
}

// The examples of other products' documentation, as rules of ours. Where a page
// contradicts itself, docs/rules.md says what was decided.
func TestExamplesOfOtherProducts(t *testing.T) {
	push := func(repository string, tags ...string) *event.Event { return pushed("hub", repository, tags...) }
	ended := func(typ event.Type, status event.Status, repository, tag string) *event.Event {
		e := push(repository, tag)
		e.Type, e.Status = typ, status
		return e
	}
	from := func(registry string, e *event.Event) *event.Event {
		e.Registry.Name = registry
		return e
	}
	expiring := func(days float64) *event.Event {
		e := ended(event.ArtifactExpiring, "", "sample_org/busybox", "latest")
		e.Expiry = &event.Expiry{Days: &days}
		return e
	}
	found := func(s event.Severity) *event.Event {
		e := ended(event.VulnerabilityFound, "", "dgangaia/repository", "latest")
		e.Vulnerability = &event.Vulnerability{ID: "CVE-1234-5678", Severity: s}
		return e
	}
	built := func(typ event.Type, ref string) *event.Event {
		e := ended(typ, "", "dgangaia/test", "master")
		e.Build = &event.Build{Commit: &event.Commit{Ref: ref}}
		return e
	}

	tests := []struct {
		page, example string
		rule          string
		yes           []*event.Event
		no            []no
	}{
		{
			page: "ACR's event rules", example: "ScanCompleted, then Scanned; scope instance",
			rule: "events: [scan.completed=succeeded]\nscope: {registries: [hub]}\ntag: {regex: \".*\"}",
			yes:  []*event.Event{ended(event.ScanCompleted, event.Succeeded, "scan/mix-vuls", "mix-vuls")},
			no: []no{
				{ended(event.ScanCompleted, event.Failed, "scan/mix-vuls", "mix-vuls"), `status "failed" is not "succeeded"`},
				{from("other", ended(event.ScanCompleted, event.Succeeded, "scan/mix-vuls", "x")), `registry "other" is not "hub"`},
			},
		},
		{
			page: "ACR's event rules", example: "SynchronizationCompleted: succeeds, fails, or is canceled",
			rule: "events: [replication.succeeded, replication.failed, replication.canceled]",
			yes:  []*event.Event{ended(event.ReplicationCanceled, event.Canceled, "a/b", "1"), ended(event.ReplicationSucceeded, event.Succeeded, "a/b", "1")},
		},
		{
			page: "ACR's event rules", example: "BuildCompleted; scope namespace, tags by regular expression",
			rule: "events: [build.succeeded, build.failed, build.canceled]\nscope: {namespaces: [scan]}\ntag: {regex: \"release-v.*\"}",
			yes:  []*event.Event{ended(event.BuildSucceeded, event.Succeeded, "scan/mix-vuls", "release-v1")},
			no: []no{
				{ended(event.BuildFailed, event.Failed, "other/mix-vuls", "release-v1"), `namespace "other" does not match "scan"`},
				{ended(event.BuildFailed, event.Failed, "scan/mix-vuls", "mix-vuls"), `tag "mix-vuls" does not match regex "release-v.*"`},
			},
		},
		{
			page: "ACR's event rules", example: "DeliveryChainCompleted is denied; scope repository",
			rule: "events: [delivery_chain.completed=denied]\nscope: {namespaces: [scan], repositories: [mix-vuls]}",
			yes:  []*event.Event{ended(event.DeliveryChainCompleted, event.Denied, "scan/mix-vuls", "1")},
			no: []no{
				{ended(event.DeliveryChainCompleted, event.Denied, "scan/other", "1"), `repository "scan/other" does not match "mix-vuls"`},
				{ended(event.DeliveryChainCompleted, event.Canceled, "scan/mix-vuls", "1"), `status "canceled" is not "denied"`},
			},
		},
		{
			// Of 2024: "Image tagging succeeds or fails". Of 2026: "Image signing".
			page: "ACR's event rules", example: "SigningCompleted",
			rule: "events: [artifact.signed]",
			yes:  []*event.Event{ended(event.ArtifactSigned, event.Succeeded, "a/b", "1"), ended(event.ArtifactSigned, event.Failed, "a/b", "1")},
		},

		{
			page: "the webhook page of ACR's personal edition", example: `by expression: "release-v.*", only tags that begin with release-v`,
			rule: "events: [artifact.pushed]\ntag: {regex: \"release-v.*\"}",
			yes:  []*event.Event{push("namespace/repoTest", "release-v1"), push("namespace/repoTest", "release-v")},
			no: []no{ // its access log has "not triggered" for these
				{push("namespace/repoTest", "latest"), `tag "latest" does not match regex "release-v.*"`},
				{push("namespace/repoTest", "my-release-v1"), `tag "my-release-v1" does not match regex "release-v.*"`},
			},
		},
		{
			page: "the webhook page of ACR's personal edition", example: "by tag: those of a list",
			rule: "events: [artifact.pushed]\ntag: {list: [latest, \"1.0\", a, b, c, d, e, f, g, h, i]}",
			yes:  []*event.Event{push("namespace/repoTest", "latest"), push("namespace/repoTest", "i")},
			no: []no{
				{push("namespace/repoTest", "1.0.1"), `tag "1.0.1" is not "latest", "1.0", "a", "b", "c" or 6 more`},
				{push("namespace/repoTest"), `the event names no tag, and the rule wants "latest", "1.0", "a", "b", "c" or 6 more`},
			},
		},
		{
			page: "the webhook page of ACR's personal edition", example: "no condition: all are triggered",
			rule: "events: [artifact.pushed]",
			yes:  []*event.Event{push("namespace/repoTest", "latest"), push("namespace/repoTest")},
		},

		{
			page: "TCR's trigger page", example: "push and delete of images, upload and delete of charts",
			rule: "events: [artifact.pushed, artifact.deleted, chart.pushed, chart.deleted]",
			yes:  []*event.Event{push("public/nginx", "v1.10.0"), ended(event.ChartDeleted, "", "public/nginx", "1.0.0")},
		},
		{
			page: "TCR's trigger page", example: "all repositories of the namespace: **, or nothing",
			rule: "scope: {namespaces: [public], repositories: [\"**\"]}",
			yes:  []*event.Event{push("public/nginx", "1"), push("public/a/b/c", "1")},
			no:   []no{{push("private/nginx", "1"), `namespace "private" does not match "public"`}},
		},
		{
			page: "TCR's trigger page", example: "first-level repositories that begin with path: /path*",
			rule: "scope: {namespaces: [public], repositories: [\"/path*\"]}",
			yes:  []*event.Event{push("public/path1", "1"), push("public/path", "1")},
			no:   []no{{push("public/path1/a", "1"), `repository "public/path1/a" does not match "/path*"`}, {push("public/a/path1", "1"), `repository "public/a/path1" does not match "/path*"`}},
		},
		{
			page: "TCR's trigger page", example: "/path** is /path*",
			rule: "scope: {namespaces: [public], repositories: [\"/path**\"]}",
			yes:  []*event.Event{push("public/path1", "1")},
			no:   []no{{push("public/path1/a", "1"), `repository "public/path1/a" does not match "/path**"`}},
		},
		{
			page: "TCR's trigger page", example: "all repositories below path: /path/**",
			rule: "scope: {namespaces: [public], repositories: [\"/path/**\"]}",
			yes:  []*event.Event{push("public/path/a", "1"), push("public/path/a/b", "1")},
			no:   []no{{push("public/path1/a", "1"), `repository "public/path1/a" does not match "/path/**"`}},
		},
		{
			page: "TCR's trigger page", example: "all repositories that begin with path: /path*/**",
			rule: "scope: {namespaces: [public], repositories: [\"/path*/**\"]}",
			yes:  []*event.Event{push("public/path1/a", "1"), push("public/path", "1")},
			no:   []no{{push("public/a/path", "1"), `repository "public/a/path" does not match "/path*/**"`}},
		},
		{
			page: "TCR's trigger page", example: "/{path1, path2}*",
			rule: "scope: {namespaces: [public], repositories: [\"/{path1, path2}*\"]}",
			yes:  []*event.Event{push("public/path1", "1"), push("public/path2-x", "1")},
			no:   []no{{push("public/path2/x", "1"), `repository "public/path2/x" does not match "/{path1, path2}*"`}},
		},
		{
			page: "TCR's trigger page", example: "/{path1, path2}/**",
			rule: "scope: {namespaces: [public], repositories: [\"/{path1, path2}/**\"]}",
			yes:  []*event.Event{push("public/path1/x", "1"), push("public/path2/x/y", "1")},
			no:   []no{{push("public/path3/x", "1"), `repository "public/path3/x" does not match "/{path1, path2}/**"`}},
		},
		{
			page: "TCR's trigger page", example: "/{path1, path2}*/**",
			rule: "scope: {namespaces: [public], repositories: [\"/{path1, path2}*/**\"]}",
			yes:  []*event.Event{push("public/path1a/x", "1"), push("public/path2", "1")},
			no:   []no{{push("public/path3", "1"), `repository "public/path3" does not match "/{path1, path2}*/**"`}},
		},
		{
			page: "TCR's trigger page", example: "1.? is said to be all tags 1.x, and ? one character",
			rule: "tag: {glob: \"1.?\"}",
			yes:  []*event.Event{push("public/nginx", "1.2")},
			no:   []no{{push("public/nginx", "1.10"), `tag "1.10" does not match "1.?"`}, {push("public/nginx", "1."), `tag "1." does not match "1.?"`}},
		},
		{
			page: "TCR's trigger page", example: "what 1.? is said to be",
			rule: "tag: {glob: \"1.*\"}",
			yes:  []*event.Event{push("public/nginx", "1.2"), push("public/nginx", "1.10"), push("public/nginx", "1.10.3")},
			no:   []no{{push("public/nginx", "10.2"), `tag "10.2" does not match "1.*"`}, {push("public/nginx", "v1.10.0"), `tag "v1.10.0" does not match "1.*"`}},
		},
		{
			page: "TCR's trigger page", example: "{env1, env2} is said to be a beginning, and by the rules is the whole",
			rule: "tag: {glob: \"{env1, env2}\"}",
			yes:  []*event.Event{push("public/nginx", "env1"), push("public/nginx", "env2")},
			no:   []no{{push("public/nginx", "env1-42"), `tag "env1-42" does not match "{env1, env2}"`}},
		},
		{
			page: "TCR's trigger page", example: "what {env1, env2} is said to be",
			rule: "tag: {glob: \"{env1, env2}*\"}",
			yes:  []*event.Event{push("public/nginx", "env1-42"), push("public/nginx", "env2")},
			no:   []no{{push("public/nginx", "env3"), `tag "env3" does not match "{env1, env2}*"`}},
		},

		{
			page: "Quay's notifications", example: "push to repository",
			rule: "events: [artifact.pushed]\nscope: {repositories: [dgangaia/test]}",
			yes:  []*event.Event{push("dgangaia/test", "latest")},
			no:   []no{{push("dgangaia/other", "latest"), `repository "dgangaia/other" does not match "dgangaia/test"`}},
		},
		{
			page: "Quay's notifications", example: "image expiry trigger, 1 day before",
			rule: "events: [artifact.expiring]\nscope: {repositories: [sample_org/busybox]}\nexpires_in: 24h",
			yes:  []*event.Event{expiring(1), expiring(0)},
			no:   []no{{expiring(2), "the artifact expires in 2 days, and the rule wants that within 1 day"}},
		},
		{
			page: "Quay's notifications", example: "builds, by ref",
			rule: "events: [\"build.*\"]\nref: {regex: refs/heads/master}",
			yes:  []*event.Event{built(event.BuildQueued, "refs/heads/master"), built(event.BuildCanceled, "refs/heads/master")},
			no: []no{
				{built(event.BuildFailed, "refs/heads/master-2"), `ref "refs/heads/master-2" does not match regex "refs/heads/master"`},
				{ended(event.BuildStarted, "", "dgangaia/test", "master"), `the event names no ref, and the rule wants one that matches regex "refs/heads/master"`},
			},
		},
		{
			page: "Quay's notifications", example: "vulnerability detected, by its priority",
			rule: "events: [vulnerability.found]\nseverity: high",
			yes:  []*event.Event{found(event.SeverityCritical), found(event.SeverityHigh)},
			no:   []no{{found(event.SeverityMedium), `severity "medium" is below "high"`}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.page+"/"+tt.example, func(t *testing.T) {
			faults, set := readRules(t, ruleText(tt.rule))
			if len(faults) > 0 {
				t.Error(faults)
			}
			for _, e := range tt.yes {
				if got := set.Explain(e); len(got) != 1 || !got[0].Matched {
					t.Errorf("%s %s %v is not taken: %+v", e.Type, e.Repository.FullName, e.Artifact.Tags, got)
				}
			}
			for _, n := range tt.no {
				if got := set.Explain(n.event); len(got) != 1 || got[0].Reason != n.reason {
					t.Errorf("%s %s %v is judged %+v, want %s", n.event.Type, n.event.Repository.FullName, n.event.Artifact.Tags, got, n.reason)
				}
			}
		})
	}
}
