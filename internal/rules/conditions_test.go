package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Each key of a rule, the events that it takes, and why it does not take others.
func TestConditions(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	num := func(f float64) *float64 { return &f }
	index := "sha256-" + strings.Repeat("0a", 32)
	const scanner = "robot$library+4dd92a3a-Trivy-01234567-89ab-cdef-0123-456789abcdef"
	type made = event.Event
	by := func(name string) *event.Actor { return &event.Actor{Name: name} }
	tagged := func(tags ...string) *event.Artifact { return &event.Artifact{Tags: tags} }
	kind := func(k event.Kind) *event.Artifact { return &event.Artifact{Kind: k} }
	build := func(ref string) *event.Build { return &event.Build{Commit: &event.Commit{Ref: ref}} }

	tests := []struct {
		rule      string // in YAML
		event     made
		predicate string // empty = taken
		reason    string
	}{
		{`tag: {glob: "1.*"}`, made{Artifact: tagged("1.10")}, "", ""},
		{`tag: {glob: "1.*"}`, made{Artifact: tagged("2.0")}, "tag", `tag "2.0" does not match "1.*"`},
		{`tag: {list: [latest, stable]}`, made{Artifact: tagged("stable")}, "", ""},
		{`tag: {list: [latest, stable]}`, made{Artifact: tagged("latest2")}, "tag", `tag "latest2" is not "latest" or "stable"`},
		{`tag: {list: [latest, stable]}`, made{Artifact: tagged("a", "b")}, "tag", `tags "a" and "b" are not "latest" or "stable"`},
		{`tag: {list: [latest]}`, made{Artifact: tagged()}, "tag", `the event names no tag, and the rule wants "latest"`},
		{`tag: {except: "*-rc?"}`, made{Artifact: tagged("v1")}, "", ""},
		{`tag: {except: "*-rc?"}`, made{Artifact: tagged("v1-rc1")}, "tag", `tag "v1-rc1" is excluded by "*-rc?"`},
		{`tag: {except: "*-rc?"}`, made{Artifact: tagged("v1-rc1", "v1")}, "", ""},
		{`tag: {except: "*-rc?"}`, made{}, "tag", "the event names no tag, and the rule wants one"},
		{`tag: {regex: "v.*", except: {regex: ".*-rc.", except: {list: [v2-rc1]}}}`, made{Artifact: tagged("v2-rc1")}, "", ""},
		{`tag: {regex: "v.*", except: {regex: ".*-rc.", except: {list: [v2-rc1]}}}`, made{Artifact: tagged("dev", "v1-rc1", "v1-rc2")}, "tag",
			`tag "dev" does not match regex "v.*", and tags "v1-rc1" and "v1-rc2" are excluded by regex ".*-rc."`},
		{`tag: {except: [latest, "dev-*"]}`, made{Artifact: tagged("dev-1", "latest")}, "tag", `tag "dev-1" is excluded by "dev-*", and tag "latest" is excluded by "latest"`},
		{`tag: {regex: "v.*", untagged: match}`, made{Artifact: tagged()}, "", ""},
		{`tag: {regex: "v.*", untagged: match}`, made{Artifact: tagged("x")}, "tag", `tag "x" does not match regex "v.*"`},
		{`tag: {regex: "v.*", untagged: skip}`, made{Artifact: tagged()}, "tag", `the event names no tag, and the rule wants one that matches regex "v.*"`},
		{`untagged: skip`, made{Artifact: tagged("any")}, "", ""},
		{`untagged: skip`, made{Artifact: tagged()}, "tag", "the event names no tag, and the rule wants one"},
		{`untagged: match`, made{Artifact: tagged()}, "", ""},

		{`kinds: [image, index]`, made{Artifact: kind(event.KindIndex)}, "", ""},
		{`kinds: [image, index]`, made{Artifact: kind(event.KindChart)}, "kind", `kind "chart" is not "image" or "index"`},
		{`kinds: [image]`, made{Artifact: kind("")}, "kind", `kind "unknown" is not "image"`},
		{`kinds: [unknown]`, made{Artifact: kind("")}, "", ""},
		{`kinds: [image, unknown]`, made{}, "kind", `the event is about no artifact, and the rule wants kind "image" or "unknown"`},

		{`actors: "robot$*"`, made{Actor: by("robot$ci")}, "", ""},
		{`actors: {except: ["robot$*"]}`, made{Actor: by("robot$x")}, "actor", `actor "robot$x" is excluded by "robot$*"`},
		{`actors: {except: ["robot$*"]}`, made{Actor: by("alice")}, "", ""},
		{`actors: {except: ["robot$*"]}`, made{}, "", ""},
		{`actors: {list: [alice]}`, made{}, "actor", `the event names no actor, and the rule wants "alice"`},
		{`actors: {list: [alice]}`, made{Actor: &event.Actor{Address: "10.0.0.1"}}, "actor", `the event names no actor, and the rule wants "alice"`},
		{`actors: {regex: "team-.*"}`, made{Actor: by("a@b\n")}, "actor", `actor "a@b\n" does not match regex "team-.*"`},

		{`ref: refs/heads/*`, made{Build: build("refs/heads/main")}, "", ""},
		{`ref: {regex: refs/heads/main}`, made{Build: build("refs/heads/main2")}, "ref", `ref "refs/heads/main2" does not match regex "refs/heads/main"`},
		{`ref: {regex: refs/heads/main}`, made{Build: &event.Build{}}, "ref", `the event names no ref, and the rule wants one that matches regex "refs/heads/main"`},

		{`severity: high`, made{Vulnerability: &event.Vulnerability{Severity: "critical"}}, "", ""},
		{`severity: high`, made{Vulnerability: &event.Vulnerability{Severity: "low"}}, "severity", `severity "low" is below "high"`},
		{`severity: high`, made{Scan: &event.Scan{Severity: "high"}}, "", ""},
		{`severity: high`, made{Scan: &event.Scan{Severity: "medium"}}, "severity", `severity "medium" is below "high"`},
		{`severity: negligible`, made{Scan: &event.Scan{Severity: "unknown"}}, "severity", `severity "unknown" is below "negligible"`},
		{`severity: high`, made{Scan: &event.Scan{}}, "severity", `the event has no severity, and the rule wants "high" or worse`},
		{`severity: unknown`, made{}, "severity", `the event has no severity, and the rule wants "unknown" or worse`},

		{`expires_in: 168h`, made{Expiry: &event.Expiry{Days: num(7)}}, "", ""},
		{`expires_in: 168h`, made{Expiry: &event.Expiry{Days: num(10)}}, "expires_in", "the artifact expires in 10 days, and the rule wants that within 7 days"},
		{`expires_in: 168h`, made{Expiry: &event.Expiry{Days: num(-0.5)}}, "", ""},
		{`expires_in: 24h`, made{Expiry: &event.Expiry{Days: num(1)}}, "", ""},
		{`expires_in: 24h`, made{Expiry: &event.Expiry{Days: num(1.25)}}, "expires_in", "the artifact expires in 30h0m, and the rule wants that within 1 day"},
		{`expires_in: 24h`, made{Expiry: &event.Expiry{Days: num(1e300)}}, "expires_in", "the artifact expires in 106752.0 days, and the rule wants that within 1 day"},
		{`expires_in: 24h`, made{Expiry: &event.Expiry{}}, "expires_in", "the event does not say when the artifact expires, and the rule wants that within 1 day"},
		{`expires_in: 24h`, made{}, "expires_in", "the event is about no expiry, and the rule wants one within 1 day"},

		{`noise: quiet`, made{Type: event.ArtifactPushed, Artifact: tagged("v1")}, "", ""},
		{`noise: quiet`, made{Type: event.ArtifactAttached, Artifact: tagged(index)}, "noise", `noise is quiet, and tag "` + index + `" only lists what is attached to an artifact`},
		{`noise: all`, made{Type: event.ArtifactAttached, Artifact: tagged(index)}, "", ""},
		{`enabled: true`, made{Type: event.ArtifactAttached, Artifact: tagged(index)}, "", ""},
		{`noise: quiet`, made{Type: event.ArtifactSigned, Artifact: tagged(index + ".sig")}, "", ""},
		{`noise: quiet`, made{Type: event.ArtifactPushed, Artifact: tagged(index, "v1")}, "", ""},
		{"events: [artifact.*]\nnoise: quiet", made{Type: event.ArtifactPulled, Actor: by(scanner)}, "noise", `noise is quiet, and actor "` + scanner + `" is a scanner, which pulls what it scans`},
		{"events: [artifact.*]\nnoise: quiet", made{Type: event.ArtifactPulled, Actor: by("robot$library+ci")}, "", ""},
		{"events: [artifact.*]\nnoise: quiet", made{Type: event.ArtifactPushed, Actor: by(scanner)}, "", ""},
		{`noise: quiet`, made{Type: event.ArtifactPushed, Actor: by("harbor-jobservice")}, "noise", `noise is quiet, and actor "harbor-jobservice" copies between registries, which replication.succeeded tells`},
		{`noise: quiet`, made{Type: event.ArtifactDeleted, Actor: by("harbor-jobservice")}, "", ""},
		{`noise: quiet`, made{Type: event.ScanCompleted, Actor: by("harbor-jobservice")}, "", ""},
		{`noise: quiet`, made{Type: event.ArtifactPushed, Actor: by("harbor#proxy-cache-service")}, "noise", `noise is quiet, and actor "harbor#proxy-cache-service" fills the cache of what somebody pulls`},
		{`noise: quiet`, made{Type: event.ChartPushed, Artifact: kind(event.KindChart)}, "noise", "noise is quiet, and a chart without a tag is the first half of helm's push, and the second has the tag"},
		{`noise: quiet`, made{Type: event.ChartPushed, Artifact: tagged("1.0.0")}, "", ""},

		{`where: event.artifact.size > 1e9`, made{Artifact: &event.Artifact{Size: 2e9}}, "", ""},
		{`where: event.artifact.size > 1e9`, made{Artifact: &event.Artifact{Size: 5242}}, "where", "where is false: event.artifact.size > 1e9 (artifact.size is 5242)"},
		{`where: event.artifact.size > 1e9`, made{Artifact: tagged("v1")}, "where", "the event has no artifact.size, so where cannot be computed: event.artifact.size > 1e9"},
		{`where: event.artifact.size > 1e9`, made{}, "where", "the event has no artifact, so where cannot be computed: event.artifact.size > 1e9"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			if tt.event.Type == "" {
				tt.event.Type = event.ArtifactPushed
			}
			tt.event.Time = at
			_, set := readRules(t, ruleText(tt.rule))
			want := Verdict{"r", tt.predicate == "", tt.predicate, tt.reason}
			if got := set.Explain(&tt.event); len(got) != 1 || got[0] != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if got := set.Route(&tt.event); (len(got) == 1) != want.Matched {
				t.Errorf("routed to %v, matched is %v", got, want.Matched)
			}
		})
	}
}

// ruleText is a rule named r with more keys, a line each.
func ruleText(keys string) string {
	return "- name: r\n  deliver: [ci]\n  " + strings.ReplaceAll(keys, "\n", "\n  ") + "\n"
}

// readRules reads a list of rules, as the file has it, for a registry hub and the
// targets ci and ops. Nothing but warnings may be found in them.
func readRules(t testing.TB, list string) (config.Faults, *Set) {
	t.Helper()
	text := "registries: [{name: hub, type: distribution}]\ntargets: [{name: ci, type: webhook}, {name: ops, type: webhook}]\nrules:\n" + list
	c, faults := config.Parse("bellbuoy.yml", []byte(text), config.Known{})
	set, more := FromConfig(c)
	faults = faults.Merge(more)
	if faults.Failed() {
		t.Fatalf("%s: %v", list, faults)
	}
	return faults, set
}
