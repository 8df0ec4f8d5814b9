package rules

import (
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
)

// The form in which sets are kept is in users' stores: it may only grow.
func TestSource(t *testing.T) {
	s := mustCompile(t, config.Rule{
		Name:        "releases",
		Description: "not kept",
		Events:      []string{"artifact.pushed"},
		Scope:       config.Scope{Registries: []string{"hub"}, Namespaces: []string{"prod"}, Repositories: []string{"**"}},
		Tag:         &config.Tag{Names: config.Names{Regex: "v.*"}},
		Deliver:     []config.Deliver{{Target: "ci"}},
	}, config.Rule{Name: "all", Deliver: []config.Deliver{{Target: "ci"}}})
	want := `{"v":1,"rules":[` +
		`{"name":"releases","enabled":true,"events":["artifact.pushed"],"scope":{"registries":["hub"],"namespaces":["prod"],"repositories":["**"]},"tag":{"regex":"v.*"},"deliver":[{"target":"ci"}]},` +
		`{"name":"all","enabled":true,"deliver":[{"target":"ci"}]}]}`
	if got := string(s.Source()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if want := "2385111e26cbc988ad2115e4961fff4f897f885802b7741ebd51eb927bdd8f71"; s.Hash() != want {
		t.Errorf("hash %s, want %s", s.Hash(), want)
	}
}

func TestSourceOfEveryKey(t *testing.T) {
	_, set := readRules(t, `
- name: r
  events: ["*"]
  tag: {glob: "1.*", except: {list: [latest], except: {regex: x}}}
  untagged: match
  kinds: [image]
  actors: {except: ["robot$*"]}
  severity: high
  ref: [refs/heads/*]
  expires_in: 168h
  where: event.artifact.size > 1e9
  noise: quiet
  deliver: [{target: ci, format: tcr}]
`)
	want := `{"v":1,"rules":[{"name":"r","enabled":true,"events":["*"],` +
		`"tag":{"glob":["1.*"],"except":{"list":["latest"],"except":{"regex":"x"}},"untagged":"match"},` +
		`"kinds":["image"],"actors":{"except":{"glob":["robot$*"]}},"severity":"high","ref":{"glob":["refs/heads/*"]},` +
		`"expires_in":604800000000000,"where":"event.artifact.size \u003e 1e9","noise":"quiet",` +
		`"deliver":[{"target":"ci","message":{"format":"tcr"}}]}]}`
	if got := string(set.Source()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	again, err := FromSource(set.Source())
	if err != nil || again.Hash() != set.Hash() {
		t.Errorf("made again it is %v, %v", again, err)
	}
}

func TestHash(t *testing.T) {
	hash := func(list ...config.Rule) string {
		s, faults := Compile(list)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return s.Hash()
	}
	on := config.Rule{Name: "a", Enabled: true}
	described := on
	described.Description = "x"
	off := config.Rule{Name: "b"}
	if hash(on) != hash(described) || hash(on) != hash(on, off) {
		t.Error("what decides nothing changes the hash")
	}
	other := on
	other.Deliver = []config.Deliver{{Target: "ci"}}
	second := config.Rule{Name: "b", Enabled: true}
	for _, list := range [][]config.Rule{{other}, {on, second}, {second, on}, {}} {
		if hash(list...) == hash(on) {
			t.Errorf("%v has the hash of another set", list)
		}
	}
	if hash(on, second) == hash(second, on) {
		t.Error("the order of the rules does not change the hash")
	}
}

func TestFromSourceFaults(t *testing.T) {
	tests := []struct{ source, want string }{
		{`{`, `decode rule set: unexpected EOF`},
		{`{"v":2,"rules":[]}`, `decode rule set: it has version 2, this bellbuoy reads 1`},
		{`{"v":1,"rules":[{"name":"a","enabled":true,"moon":"full"}]}`, `decode rule set: json: unknown field "moon"`},
		{`{"v":1,"rules":[{"name":"a","enabled":true,"events":["x"]}]}`, `compile rule set: rules[0].events[0]: unknown event type "x": there are artifact.pushed, artifact.pulled, artifact.inspected, artifact.deleted, tag.deleted, repository.deleted, chart.pushed, chart.pulled, chart.deleted, artifact.signed, artifact.attached, build.queued, build.started, build.succeeded, build.failed, build.canceled, scan.completed, vulnerability.found, replication.started, replication.succeeded and others`},
	}
	for _, tt := range tests {
		if _, err := FromSource([]byte(tt.source)); err == nil || err.Error() != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.source, err, tt.want)
		}
	}
}
