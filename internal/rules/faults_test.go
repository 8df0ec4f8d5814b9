package rules

import (
	"slices"
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
