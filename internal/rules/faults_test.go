package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// All that is wrong with the patterns of a file's rules is found at once, each on
// its line.
func TestFaults(t *testing.T) {
	const file = `
registries:
  - {name: hub, type: distribution}
targets:
  - {name: ci, type: webhook}
rules:
  - name: types
    events:
      - artifact.pushd
      - "biuld.*"
      - scan.completed=faild
      - "nothing.like*this"
      - "artifact.pushe?"
    deliver: [ci]
  - name: scopes
    scope:
      namespaces:
        - prod/eu
        - "!dev"
        - "{a"
      repositories:
        - "prod/{api"
        - "!"
        - "prod/"
    tag:
      regex: "v("
    deliver: [ci]
  - &bad
    name: off
    enabled: false
    tag: {regex: "v)"}
    deliver: [ci]
`
	c, faults := config.Parse("bellbuoy.yml", []byte(file), config.Known{})
	if len(faults) > 0 {
		t.Fatalf("config: %v", faults)
	}
	set, faults := FromConfig(c)
	if set != nil {
		t.Error("a set was made of bad rules")
	}
	faults.Sort()
	want := []string{
		`bellbuoy.yml:9: rules[0].events[0]: unknown event type "artifact.pushd": did you mean "artifact.pushed"?`,
		`bellbuoy.yml:10: rules[0].events[1]: unknown event type "biuld.*": did you mean "build.*"?`,
		`bellbuoy.yml:11: rules[0].events[2]: unknown status "faild": did you mean "failed"?`,
		`bellbuoy.yml:12: rules[0].events[3]: unknown event type "nothing.like*this": there are artifact.*, tag.*, repository.*, chart.*, build.*, scan.*, vulnerability.*, replication.*, delivery_chain.*, quota.*, retention.*, blob.* and bellbuoy.*`,
		`bellbuoy.yml:13: rules[0].events[4]: unknown event type "artifact.pushe?": did you mean "artifact.pushed"?`,
		`bellbuoy.yml:18: rules[1].scope.namespaces[0]: "prod/eu" has a slash, but a namespace is the name up to the first one: write the pattern under repositories`,
		`bellbuoy.yml:19: rules[1].scope.namespaces[1]: only repositories can be excluded: write "!dev/**" under repositories`,
		`bellbuoy.yml:20: rules[1].scope.namespaces[2]: "{a" is no pattern: close each { and [, and put a backslash before those that are meant as letters`,
		`bellbuoy.yml:22: rules[1].scope.repositories[0]: "prod/{api" is no pattern: close each { and [, and put a backslash before those that are meant as letters`,
		`bellbuoy.yml:23: rules[1].scope.repositories[1]: is empty, or a part of it is, so it matches nothing: write a name, or ** for all`,
		`bellbuoy.yml:24: rules[1].scope.repositories[2]: "prod/" ends with a slash, which no name does: write "prod/**" for all below it`,
		`bellbuoy.yml:26: rules[1].tag.regex: is no RE2 regex: missing closing ) in "v(": correct it (RE2 has no look-around and no back-references)`,
		`bellbuoy.yml:31: rules[2].tag.regex: is no RE2 regex: unexpected ) in "v)": correct it (RE2 has no look-around and no back-references)`,
	}
	compare(t, faults, want)
}

// What is wrong with the other conditions of rules.
func TestFaultsOfConditions(t *testing.T) {
	tests := []struct{ keys, want string }{
		{`tag: {}`, "tag: is empty: remove it to take every tag, or give it regex, glob, list or except"},
		{`tag: {regex: v, glob: w}`, "tag: has regex and glob: keep one of them, or make a rule of each"},
		{`tag: {regex: v, glob: w, list: [x]}`, "tag: has regex, glob and list: keep one of them, or make a rule of each"},
		{`tag: {list: []}`, "tag.list: is an empty list, so nothing matches: name at least one, or remove the key"},
		{`tag: {glob: []}`, "tag.glob: is an empty list, so nothing matches: name at least one, or remove the key"},
		{`tag: {glob: [ok, "{a"]}`, `tag.glob[1]: "{a" is no pattern: close each { and [, and put a backslash before those that are meant as letters`},
		{`tag: {except: {}}`, "tag.except: is empty: remove it to take every tag, or give it regex, glob, list or except"},
		{`tag: {except: {except: [a]}}`, "tag.except: has but exceptions of its own: give it regex, glob or list, or write what is wanted without except"},
		{`tag: {except: {regex: "("}}`, `tag.except.regex: is no RE2 regex: missing closing ) in "(": correct it (RE2 has no look-around and no back-references)`},
		{`untagged: mach`, `untagged: unknown word "mach": did you mean "match"?`},
		{`tag: {glob: v*, untagged: mach}`, `tag.untagged: unknown word "mach": did you mean "match"?`},
		{`kinds: []`, "kinds: is an empty list, so nothing matches: name at least one, or remove the key"},
		{`kinds: [image, imgae]`, `kinds[1]: unknown kind "imgae": did you mean "image"?`},
		{`actors: {}`, "actors: is empty: remove it to take every actor, or give it regex, glob, list or except"},
		{`ref: {regex: "a)"}`, `ref.regex: is no RE2 regex: unexpected ) in "a)": correct it (RE2 has no look-around and no back-references)`},
		{`severity: hihg`, `severity: unknown severity "hihg": did you mean "high"?`},
		{`severity: terrible`, `severity: unknown severity "terrible": there are critical, high, medium, low, negligible and unknown`},
		{`noise: quite`, `noise: unknown noise "quite": did you mean "quiet"?`},
		{`where: event.artifact.siz > 1`, `where: event.artifact has no "siz": did you mean "size"?`},
		{`where: evnt.artifact.size > 1`, "where: is no condition: unknown name evnt, at letter 1: correct it"},
		{`where: event.artifact.size`, "where: is no condition: expected bool, but got int: correct it"},
		{`where: event.status == 5`, "where: is no condition: invalid operation: == (mismatched types string and int), at letter 14: correct it"},
		{`where: now() > date("2026-01-02T03:04:05Z")`, "where: there is no function now in rules, whose answer must be quick and always the same: there are all, any, none, one, filter, map, count, find, findIndex, len, first, last, sum, min, max, mean, abs, ceil, floor, round and others"},
		{`where: lowr(event.status) == "x"`, `where: there is no function lowr in rules, whose answer must be quick and always the same: did you mean "lower"?`},
		{`where: let x = 5; x > 4`, "where: is more than one condition: write it without let and semicolons"},
		{`where: event.status matches event.type`, "where: matches needs its regex written out, in quotes"},
		{`where: event.status matches "("`, `where: its regex is no RE2 regex: missing closing ) in "(": correct it (RE2 has no look-around and no back-references)`},
		{`where: event.artifact.size in 1..1000000000`, "where: has a range: write x >= 1 and x <= 5 instead of x in 1..5"},
		{`where: any(event.artifact.tags, any(event.artifact.tags, any(event.artifact.tags, true)))`, "where: goes through lists within lists, more than 2 deep: ask less at once"},
		{`where: date(event.time).Local().Hour() > 5`, "where: there is no method Local: there are UTC, Unix, Year, YearDay, Day, Hour, Minute, Hours, Minutes and Seconds"},
		{`where: "` + strings.Repeat("a", 1025) + `"`, "where: is 1025 bytes long: write at most 1024, or make several rules of it"},
		{`where: ` + strings.Repeat("-", 300) + `1 > 0`, "where: has more than 200 parts: make several rules of it"},
	}
	for _, tt := range tests {
		t.Run(tt.keys[:min(60, len(tt.keys))], func(t *testing.T) {
			c, faults := config.Parse("b.yml", []byte("targets: [{name: ci, type: webhook}]\nrules:\n"+ruleText(tt.keys)), config.Known{})
			_, more := FromConfig(c)
			compare(t, faults.Merge(more), []string{"b.yml:5: rules[0]." + tt.want})
		})
	}
}

// A rule that can never fire is told of when it is loaded.
func TestRulesThatNeverFire(t *testing.T) {
	tests := []struct{ keys, want string }{
		{"events: [artifact.pushed]\nexpires_in: 168h", "expires_in: warning: no event that the rule takes has an end, as artifact.expiring has, so the rule never fires: name other events, or remove the key"},
		{"events: [artifact.*]\nexpires_in: 168h", ""},
		{"expires_in: 168h", ""},
		{"events: [build.*]\nseverity: high", "severity: warning: no event that the rule takes has a severity, as scan.completed and vulnerability.found have, so the rule never fires: name other events, or remove the key"},
		{"events: [artifact.pushed]\nref: main", "ref: warning: no event that the rule takes has a ref, as build.* have, so the rule never fires: name other events, or remove the key"},
		{"events: [artifact.pushed]\nref: {except: main}", ""},
		{"events: [repository.deleted]\nkinds: [image]", "kinds: warning: no event that the rule takes has an artifact, so the rule never fires: name other events, or remove the key"},
		{"events: [repository.deleted]\ntag: v*", "tag: warning: no event that the rule takes has tags, so the rule never fires: name other events, or remove the key"},
		{"events: [repository.deleted]\ntag: {glob: v*, untagged: match}", ""},
		{"events: [artifact.pushed, vulnerability.found, build.*=failed]\nseverity: high", strings.Join([]string{
			`events[0]: warning: no event of "artifact.pushed" has a severity, as scan.completed and vulnerability.found have, so by severity the rule takes none: name it in a rule of its own`,
			`events[2]: warning: no event of "build.*=failed" has a severity, as scan.completed and vulnerability.found have, so by severity the rule takes none: name it in a rule of its own`,
		}, "\n")},
		{"events: [bellbuoy.*]\nactors: alice", "actors: warning: no event that the rule takes has an actor, so the rule never fires: name other events, or remove the key"},
		{"events: [artifact.pushed=failed]", "events: warning: no event that the rule takes has a status, so the rule never fires: leave out what follows the equals sign"},
		{"events: [artifact.pushed=failed, scan.completed=failed]", ""},
		{"enabled: false\nevents: [artifact.pushed]\nexpires_in: 168h", ""},
	}
	for _, tt := range tests {
		t.Run(tt.keys, func(t *testing.T) {
			faults, _ := readRules(t, ruleText(tt.keys))
			var got []string
			for _, f := range faults {
				_, message, _ := strings.Cut(f.String(), "rules[0].")
				got = append(got, message)
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// What a bellbuoy without a configuration keeps is all that it keeps on request.
func TestDefaultKeepsEverything(t *testing.T) {
	var want []string
	for _, typ := range event.Types() {
		if typ.OnRequest() {
			want = append(want, string(typ))
		}
	}
	if got := config.Default().Keep; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("keeps %q, want %q", got, want)
	}
}

// What the reader of the file has blamed is not blamed again by the rules.
func TestFaultsAreFoundOnce(t *testing.T) {
	const file = `
targets: [{name: ci, type: webhook}]
rules:
  - {name: a, deliver: [ci], events: [5, artifact.pushd], scope: {namespaces: [""], repositories: [~, "a/"]}}
  - {name: b, deliver: [ci], tag: {}}
  - {name: c, deliver: [ci], tag: {regx: v}}
  - {name: d, deliver: [ci], tag: [{}]}
  - {name: e, deliver: [ci], tag: {regex: 5}}
`
	c, faults := config.Parse("bb.yml", []byte(file), config.Known{})
	_, more := FromConfig(c)
	want := []string{
		`bb.yml:4: rules[0].events[0]: wants text, found the number 5: put it in quotes, "5"`,
		`bb.yml:4: rules[0].scope.namespaces[0]: is empty: give it a value or remove the key`,
		`bb.yml:4: rules[0].scope.repositories[0]: is empty: give it a value or remove the key`,
		`bb.yml:4: rules[0].scope.repositories[1]: "a/" ends with a slash, which no name does: write "a/**" for all below it`,
		`bb.yml:4: rules[0].events[1]: unknown event type "artifact.pushd": did you mean "artifact.pushed"?`,
		`bb.yml:5: rules[1].tag: is empty: remove it to take every tag, or give it regex, glob, list or except`,
		`bb.yml:6: rules[2].tag.regx: unknown key: did you mean "regex"?`,
		`bb.yml:7: rules[3].tag[0]: wants text, found keys and values: write one value`,
		`bb.yml:8: rules[4].tag.regex: wants text, found the number 5: put it in quotes, "5"`,
	}
	compare(t, faults.Merge(more), want)
}

// compare compares faults, as they are printed.
func compare(t *testing.T, faults config.Faults, want []string) {
	t.Helper()
	for i := range max(len(faults), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(faults) {
			g = faults[i].String()
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("fault %d:\n got %s\nwant %s", i, g, w)
		}
	}
}
