package rules

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// mustCompile compiles rules that are meant to be right; each is enabled and named.
func mustCompile(t testing.TB, list ...config.Rule) *Set {
	t.Helper()
	for i := range list {
		list[i].Enabled = true
		if list[i].Name == "" {
			list[i].Name = "r"
		}
	}
	s, faults := Compile(list)
	if len(faults) > 0 {
		t.Fatalf("compile: %v", faults)
	}
	return s
}

func pushed(registry, repository string, tags ...string) *event.Event {
	return &event.Event{
		Type:       event.ArtifactPushed,
		Registry:   event.Registry{Name: registry},
		Repository: &event.Repository{FullName: repository},
		Artifact:   &event.Artifact{Tags: tags},
	}
}

func TestVerdicts(t *testing.T) {
	regex := func(re string) *config.Tag { return &config.Tag{Names: config.Names{Regex: re}} }
	repositories := func(patterns ...string) config.Scope { return config.Scope{Repositories: patterns} }
	inProd := func(patterns ...string) config.Scope {
		return config.Scope{Namespaces: []string{"prod"}, Repositories: patterns}
	}
	scanned := func(s event.Status) *event.Event { return &event.Event{Type: event.ScanCompleted, Status: s} }
	tests := []struct {
		name      string
		rule      config.Rule
		event     *event.Event
		predicate string // empty = matched
		reason    string
	}{
		{"nothing said", config.Rule{}, pushed("hub", "a/b"), "", ""},
		{"no tag condition takes the untagged", config.Rule{Scope: repositories("a/*")}, pushed("hub", "a/b"), "", ""},

		{"status", config.Rule{Events: []string{"scan.completed=failed"}}, scanned(event.Failed), "", ""},
		{"other status", config.Rule{Events: []string{"scan.completed=failed", "scan.completed = stopped"}}, scanned(event.Succeeded), "status", `status "succeeded" is not "failed" or "stopped"`},
		{"no status", config.Rule{Events: []string{"scan.completed=failed"}}, scanned(""), "status", `the event has no status, and the rule wants "failed"`},
		{"any status beside one", config.Rule{Events: []string{"scan.completed=failed", "scan.*"}}, scanned(event.Succeeded), "", ""},
		{"one status beside any", config.Rule{Events: []string{"scan.*", "scan.completed=failed"}}, scanned(event.Succeeded), "", ""},

		{"registry", config.Rule{Scope: config.Scope{Registries: []string{"hub", "quay"}}}, pushed("quay", "a/b"), "", ""},
		{"other registry", config.Rule{Scope: config.Scope{Registries: []string{"hub"}}}, pushed("quay", "a/b"), "registry", `registry "quay" is not "hub"`},

		{"namespace", config.Rule{Scope: inProd()}, pushed("hub", "prod/a/b"), "", ""},
		{"namespace glob", config.Rule{Scope: config.Scope{Namespaces: []string{"{dev, prod}*"}}}, pushed("hub", "prod-eu/a"), "", ""},
		{"other namespace", config.Rule{Scope: config.Scope{Namespaces: []string{"prod", "stage-*"}}}, pushed("hub", "dev/a"), "namespace", `namespace "dev" does not match "prod" or "stage-*"`},
		{"no namespace", config.Rule{Scope: config.Scope{Namespaces: []string{"*"}}}, pushed("hub", "alpine"), "namespace", `repository "alpine" has no namespace, and the rule wants "*"`},
		{"no repository, namespace", config.Rule{Events: []string{"scan.*"}, Scope: inProd()}, scanned(event.Failed), "namespace", `the event names no repository, and the rule wants namespace "prod"`},

		{"repository", config.Rule{Scope: repositories("x/y", "prod/{api, web}/**")}, pushed("hub", "prod/web/a"), "", ""},
		{"leading slash in the pattern", config.Rule{Scope: repositories("/prod/*")}, pushed("hub", "prod/a"), "", ""},
		{"leading slash in the name", config.Rule{Scope: repositories("prod/*")}, pushed("hub", "/prod/a"), "", ""},
		{"other repository", config.Rule{Scope: repositories("prod/**", "!prod/x")}, pushed("hub", "dev/x"), "repository", `repository "dev/x" does not match "prod/**"`},
		{"excluded", config.Rule{Scope: repositories("prod/**", "!prod/x")}, pushed("hub", "prod/x"), "repository", `repository "prod/x" is excluded by "!prod/x"`},
		{"an exclusion counts wherever it stands", config.Rule{Scope: repositories("! /prod/x", "prod/**")}, pushed("hub", "prod/x"), "repository", `repository "prod/x" is excluded by "! /prod/x"`},
		{"only exclusions", config.Rule{Scope: repositories("!dev/**")}, pushed("hub", "prod/x"), "", ""},
		{"only exclusions, excluded", config.Rule{Scope: repositories("!dev/**")}, pushed("hub", "dev/x"), "repository", `repository "dev/x" is excluded by "!dev/**"`},
		{"only exclusions, no repository", config.Rule{Events: []string{"scan.*"}, Scope: repositories("!dev/**")}, scanned(event.Failed), "", ""},
		{"no repository", config.Rule{Events: []string{"scan.*"}, Scope: repositories("**")}, scanned(event.Failed), "repository", `the event names no repository, and the rule wants "**"`},
		{"relative to the namespace", config.Rule{Scope: inProd("/path*")}, pushed("hub", "prod/path1"), "", ""},
		{"full name beside the namespace", config.Rule{Scope: inProd("prod/path*")}, pushed("hub", "prod/path1"), "", ""},
		{"relative exclusion", config.Rule{Scope: inProd("!tmp/**")}, pushed("hub", "prod/tmp/x"), "repository", `repository "prod/tmp/x" is excluded by "!tmp/**"`},
		{"not relative without a namespace", config.Rule{Scope: repositories("path*")}, pushed("hub", "prod/path1"), "repository", `repository "prod/path1" does not match "path*"`},

		{"tag", config.Rule{Tag: regex("release-v.*")}, pushed("hub", "a/b", "release-v1"), "", ""},
		{"any tag", config.Rule{Tag: regex("release-v.*")}, pushed("hub", "a/b", "dev", "release-v1"), "", ""},
		{"other tag", config.Rule{Tag: regex("release-v.*")}, pushed("hub", "a/b", "dev-1"), "tag", `tag "dev-1" does not match regex "release-v.*"`},
		{"part of a tag", config.Rule{Tag: regex("release-v.*")}, pushed("hub", "a/b", "my-release-v1"), "tag", `tag "my-release-v1" does not match regex "release-v.*"`},
		{"other tags", config.Rule{Tag: regex(`v\d`)}, pushed("hub", "a/b", "a", "b", "c"), "tag", `tags "a", "b" and "c" do not match regex "v\d"`},
		{"many tags", config.Rule{Tag: regex("v1")}, pushed("hub", "a/b", "a", "b", "c", "d", "e", "f", "g"), "tag", `tags "a", "b", "c", "d", "e" and 2 more do not match regex "v1"`},
		{"untagged", config.Rule{Tag: regex(".*")}, pushed("hub", "a/b"), "tag", `the event names no tag, and the rule wants one that matches regex ".*"`},
		{"no artifact", config.Rule{Events: []string{"scan.*"}, Tag: regex(".*")}, scanned(event.Failed), "tag", `the event names no tag, and the rule wants one that matches regex ".*"`},
		{"a tag that does not print", config.Rule{Tag: regex("v1")}, pushed("hub", "a/b", "x\u202ey"), "tag", `tag "x\u202ey" does not match regex "v1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustCompile(t, tt.rule)
			want := Verdict{"r", tt.predicate == "", tt.predicate, tt.reason}
			if got := s.Explain(tt.event); len(got) != 1 || got[0] != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if got := s.Route(tt.event); (len(got) == 1) != want.Matched {
				t.Errorf("routed to %v, matched is %v", got, want.Matched)
			}
		})
	}
}

func TestEventTypes(t *testing.T) {
	tests := []struct {
		events   []string
		yes, not []event.Type
	}{
		{nil, []event.Type{event.ArtifactPushed, event.ScanCompleted, event.TagDeleted}, []event.Type{event.ArtifactPulled, event.BlobPushed, event.Unknown, event.Test}},
		{[]string{"*"}, []event.Type{event.ArtifactPushed, event.QuotaExceeded}, []event.Type{event.ArtifactInspected, event.ChartPulled, event.Unknown, event.TargetFailing}},
		{[]string{"*", "artifact.pulled"}, []event.Type{event.ArtifactPushed, event.ArtifactPulled}, []event.Type{event.ChartPulled}},
		{[]string{"artifact.pushed"}, []event.Type{event.ArtifactPushed}, []event.Type{event.ArtifactDeleted, event.ChartPushed}},
		{[]string{"build.*"}, []event.Type{event.BuildQueued, event.BuildCanceled}, []event.Type{event.ScanCompleted}},
		{[]string{"blob.*"}, []event.Type{event.BlobPulled, event.BlobDeleted}, []event.Type{event.ArtifactPulled}},
		{[]string{"*.failed"}, []event.Type{event.BuildFailed, event.ReplicationFailed}, []event.Type{event.BuildSucceeded}},
		{[]string{"bellbuoy.*"}, []event.Type{event.Test, event.TargetFailing}, []event.Type{event.ArtifactPushed}},
		{[]string{"unknown"}, []event.Type{event.Unknown}, []event.Type{event.ArtifactPushed}},
	}
	for _, tt := range tests {
		s := mustCompile(t, config.Rule{Events: tt.events})
		for _, typ := range tt.yes {
			if !s.Wants(typ) || len(s.Route(&event.Event{Type: typ})) != 1 {
				t.Errorf("%q does not take %s", tt.events, typ)
			}
		}
		for _, typ := range tt.not {
			e := &event.Event{Type: typ}
			if s.Wants(typ) || len(s.Route(e)) != 0 || len(s.Explain(e)) != 0 {
				t.Errorf("%q takes %s", tt.events, typ)
			}
		}
	}
}

func TestOrderAndDeliver(t *testing.T) {
	s := mustCompile(t,
		config.Rule{Name: "z", Deliver: []config.Deliver{{Target: "b"}, {Target: "a"}, {Target: "b"}}},
		config.Rule{Name: "no", Tag: &config.Tag{Names: config.Names{Regex: "x"}}},
		config.Rule{Name: "a", Deliver: []config.Deliver{{Target: "b"}}},
	)
	got := s.Route(pushed("hub", "a/b"))
	if len(got) != 2 || got[0].Rule != "z" || got[1].Rule != "a" {
		t.Fatalf("routed to %v, want z and a", got)
	}
	if want := []config.Deliver{{Target: "b"}, {Target: "a"}}; !slices.Equal(got[0].Deliver, want) {
		t.Errorf("z delivers to %v, want %v", got[0].Deliver, want)
	}
}

func TestDisabledRules(t *testing.T) {
	s, faults := Compile([]config.Rule{{Name: "off", Events: []string{"artifact.pulled"}}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	e := &event.Event{Type: event.ArtifactPulled}
	if s.Wants(e.Type) || len(s.Route(e)) > 0 || len(s.Explain(e)) > 0 {
		t.Error("a disabled rule takes part")
	}
	if b, err := json.Marshal(s.Explain(e)); err != nil || string(b) != "[]" {
		t.Errorf("no verdicts are %s, %v", b, err)
	}
	if _, faults := Compile([]config.Rule{{Name: "off", Events: []string{"pushed"}}}); !faults.Failed() {
		t.Error("a disabled rule is not checked")
	}
}

func TestVerdictJSON(t *testing.T) {
	s := mustCompile(t,
		config.Rule{Name: "releases", Tag: &config.Tag{Names: config.Names{Regex: "release-v.*"}}},
		config.Rule{Name: "all"},
	)
	got, err := json.Marshal(s.Explain(pushed("hub", "a/b", "dev-1")))
	want := `[{"rule":"releases","matched":false,"predicate":"tag","reason":"tag \"dev-1\" does not match regex \"release-v.*\""},` +
		`{"rule":"all","matched":true,"predicate":"","reason":""}]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// One rule is explained as it is among all of them.
func TestExplainOne(t *testing.T) {
	set, faults := Compile([]config.Rule{
		{Name: "pushes", Enabled: true, Events: []string{"artifact.pushed"}},
		{Name: "of prod", Enabled: true, Scope: config.Scope{Namespaces: []string{"prod"}}},
		{Name: "asleep"},
	})
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	e := event.Event{Type: event.ArtifactPushed, Repository: &event.Repository{Namespace: "dev", FullName: "dev/api"}}
	for _, want := range set.Explain(&e) {
		if got, ok := set.ExplainOne(want.Rule, &e); !ok || got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	e.Type = event.TagDeleted
	for name, want := range map[string]bool{"pushes": false, "of prod": true, "asleep": false, "none": false} {
		if got, ok := set.ExplainOne(name, &e); ok != want {
			t.Errorf("%s: %v %+v", name, ok, got)
		}
	}
}
