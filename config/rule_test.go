package config

import (
	"reflect"
	"testing"
)

func rulesOf(t *testing.T, text string) []Rule {
	t.Helper()
	c, faults := Parse("b.yml", []byte("targets: [{name: ci, type: webhook}, {name: two, type: webhook}]\nrules:\n"+text), known)
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	for i := range c.Rules {
		c.Rules[i].Pos = Pos{}
	}
	return c.Rules
}

func TestConditionsOfARule(t *testing.T) {
	for text, want := range map[string]Rule{
		`tag: "v*"`:                               {Tag: &Tag{Names: Names{Glob: Strings{"v*"}}}},
		`tag: [v*, latest]`:                       {Tag: &Tag{Names: Names{Glob: Strings{"v*", "latest"}}}},
		`tag: {glob: "v*", untagged: match}`:      {Tag: &Tag{Names: Names{Glob: Strings{"v*"}}, Untagged: "match"}},
		`tag: {list: [a, b], except: {regex: x}}`: {Tag: &Tag{Names: Names{List: Strings{"a", "b"}, Except: &Names{Regex: "x"}}}},
		`untagged: skip`:                          {Tag: &Tag{Untagged: "skip"}},
		"tag: v*\n    untagged: match":            {Tag: &Tag{Names: Names{Glob: Strings{"v*"}}, Untagged: "match"}},
		`actors: {except: ["robot$*"]}`:           {Actors: &Names{Except: &Names{Glob: Strings{"robot$*"}}}},
		`ref: {regex: refs/heads/main}`:           {Ref: &Names{Regex: "refs/heads/main"}},
		`kinds: [image, chart]`:                   {Kinds: []string{"image", "chart"}},
		`where: 'event.artifact.size > 1e9'`:      {Where: "event.artifact.size > 1e9"},
	} {
		t.Run(text, func(t *testing.T) {
			want.Name, want.Enabled, want.Deliver = "r", true, []Deliver{{Target: "ci"}}
			if got := rulesOf(t, "  - name: r\n    deliver: [ci]\n    "+text+"\n"); !reflect.DeepEqual(got, []Rule{want}) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestDeliveriesOfARule(t *testing.T) {
	got := rulesOf(t, `
  - name: r
    deliver:
      - ci
      - {target: ci, format: tcr}
      - {target: two, title: "{{.Type}}", template: {json: {text: "pushed ${artifact.tags[0]}", n: 0x10}}}
      - {target: two, template: {json: '{"a": [1.50]}'}}
      - {target: two, template: {text: "hello"}}
`)[0].Deliver
	want := []Deliver{
		{Target: "ci"},
		{Target: "ci", Message: Rendering{Format: "tcr"}},
		{Target: "two", Message: Rendering{Title: "{{.Type}}", Template: Template{JSON: `{"text":"pushed ${artifact.tags[0]}","n":16}`}}},
		{Target: "two", Message: Rendering{Template: Template{JSON: `{"a": [1.50]}`}}},
		{Target: "two", Message: Rendering{Template: Template{Text: "hello"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestUntaggedIsSaidTwice(t *testing.T) {
	_, faults := Parse("b.yml", []byte(`
targets: [{name: ci, type: webhook}]
rules:
  - {name: r, deliver: [ci], untagged: skip, tag: {untagged: match}}
`), known)
	const want = `b.yml:4: rules[0].untagged: is "skip", and tag.untagged is "match": remove one of the two`
	if len(faults) != 1 || faults[0].String() != want {
		t.Errorf("got %v, want %s", faults, want)
	}
}
