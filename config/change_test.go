package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/schema"
)

// values are put in the place of others.
var values = []string{
	`""`, `" "`, `"x"`, `"X"`, `"-x"`, `"a b"`, `"http://x"`, `"HTTPS://x/"`, `"x://y"`, `"1.2.3.4:5"`, `"{}"`, `"[1"`, `"*"`, `"!x"`, `"a*=b"`,
	`"build.*"`, `" *.pushed "`, `"scan.completed = failed"`, `"artifact.pushed"`, `"ci"`, `"hub"`, `"none"`, `"high"`, `"all"`, `"skip"`, `"native"`, `"PUT"`, `"quay"`,
	`"0"`, `"5"`, `"5s"`, `"+5s"`, `"-5s"`, `"1.5h30m"`, `".5d"`, `"1d0"`, `"1d-1h"`, `"1d+1h"`, `"d"`, `"0d"`, `"00"`, `"+0"`, `"1d2d"`, `"1h1d"`, `"5 s"`, `"1µs"`,
	`0`, `1`, `-1`, `4`, `1000`, `1001`, `1.5`, `0.0`, `1e3`, `0x10`, `true`, `False`, `yes`, `null`, `2026-01-01`, `!!binary aGk=`, `!!str 5`,
	`[]`, `[null]`, `[""]`, `["x"]`, `["ci", "ci"]`, `["5s"]`, `[5]`, `[{}]`, `[["x"]]`, `[{"target": "ci"}]`, `[{"bearer": {"env": "CI_TOKEN"}}]`,
	`{}`, `{"x": "y"}`, `{"env": "CI_TOKEN"}`, `{"env": 5}`, `{"file": ""}`, `{"env": "CI_TOKEN", "file": "x"}`, `{"env": {}}`,
	`{"regex": "x"}`, `{"glob": "x", "regex": "y"}`, `{"list": []}`, `{"except": "x"}`, `{"except": {"except": "x"}}`, `{"untagged": "match"}`,
	`{"target": "ci"}`, `{"target": "ci", "format": "x"}`, `{"json": "{}"}`, `{"text": "x"}`, `{"json": [], "text": "x"}`, `{"listen": "localhost:1"}`,
	`{"bearer": {"env": "CI_TOKEN"}}`, `{"bearer": {"env": "CI_TOKEN"}, "path": "x"}`, `{"url": "http://x"}`, `{"method": "GET", "url": "http://x"}`,
	`{"schedule": []}`, `{"schedule": ["0s", "1s"]}`, `{"username": "x", "password": "y"}`, `{"cert": "a", "key": "b"}`,
}

// Whatever the command takes, the schema takes too: a configuration with every key is
// changed in one place.
func TestSchemaTakesWhatIsTaken(t *testing.T) {
	tokens(t)
	v := validator(t)
	var root yaml.Node
	if err := yaml.Unmarshal(read(t, fullExample), &root); err != nil {
		t.Fatal(err)
	}
	all := changes(t, root.Content[0], "")
	taken, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		for _, c := range rapid.SliceOfN(rapid.SampledFrom(all), 5, 5).Draw(rt, "changes") {
			undo := c.do()
			text, err := yaml.Marshal(&root)
			undo()
			if err != nil {
				rt.Fatalf("%s: %v", c.what, err)
			}
			problem := valid(v, text)
			if problem == nil {
				taken++
				continue
			}
			refused++
			if _, err := check(t, text); err == nil {
				rt.Errorf("%s: the command takes it, the schema does not: %v", c.what, problem)
			}
		}
	})
	if taken < 10 || refused < 100 {
		t.Errorf("the schema takes %d and refuses %d, which tests nothing", taken, refused)
	}
}

// change is something that is done to a configuration.
type change struct {
	what string
	do   func() (undo func())
}

func (c change) String() string { return c.what }

// changes are each node below n replaced by each of the values, each key removed, and
// a key too many.
func changes(t *testing.T, n *yaml.Node, path string) []change {
	t.Helper()
	var list []change
	content := func(what string, other []*yaml.Node) {
		list = append(list, change{path + what, func() func() {
			kept := n.Content
			n.Content = other
			return func() { n.Content = kept }
		}})
	}
	for i, below := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			key := n.Content[i-1].Value
			at = strings.TrimPrefix(path+"."+key, ".")
			content(" without "+key, slices.Concat(n.Content[:i-1], n.Content[i+1:]))
		}
		list = append(list, changes(t, below, at)...)
		for _, text := range values {
			var other yaml.Node
			if err := yaml.Unmarshal([]byte(text), &other); err != nil {
				t.Fatal(err)
			}
			list = append(list, change{at + " = " + text, func() func() {
				old := *below
				*below = *other.Content[0]
				return func() { *below = old }
			}})
		}
	}
	if n.Kind == yaml.MappingNode {
		content(" with a colour", slices.Concat(n.Content, []*yaml.Node{{Kind: yaml.ScalarNode, Value: "colour"}, {Kind: yaml.ScalarNode, Value: "red"}}))
	}
	return list
}

var commentedOut = regexp.MustCompile(`(?m)^( *)#(\S)`)

// The full example has each key of the schema, some behind a "#" without a blank.
func TestFullExampleIsFull(t *testing.T) {
	text := commentedOut.ReplaceAllString(string(read(t, fullExample)), "$1$2")
	doc, err := toJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := validator(t).Validate(doc); err != nil {
		t.Error(err)
	}
	var value any
	if err := json.Unmarshal(doc, &value); err != nil {
		t.Fatal(err)
	}
	root := parsed(t)
	has, all := map[string]bool{}, map[string]bool{}
	visit(root, "", root, value, has)
	keys("", root, func(at string, _ map[string]any) { all[at] = true })
	maps.DeleteFunc(all, func(at string, _ bool) bool { return has[at] })
	if len(all) > 0 || len(has) < 50 {
		t.Errorf("the full example has %d keys, and lacks %q", len(has), slices.Sorted(maps.Keys(all)))
	}
}

func parsed(t *testing.T) map[string]any {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(config.Schema()), &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// visit notes which keys of schema s, which stands at a place of root, value has.
func visit(root map[string]any, at string, s, value any, has map[string]bool) {
	of, _ := s.(map[string]any)
	if ref, ok := of["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		visit(root, "/$defs/"+name, root["$defs"].(map[string]any)[name], value, has)
	}
	for _, way := range []string{"anyOf", "allOf"} {
		list, _ := of[way].([]any)
		for i, s := range list {
			visit(root, fmt.Sprintf("%s/%s/%d", at, way, i), s, value, has)
		}
	}
	if then, ok := of["then"]; ok {
		visit(root, at+"/then", then, value, has)
	}
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			visit(root, at+"/items", of["items"], v, has)
		}
	case map[string]any:
		properties, _ := of["properties"].(map[string]any)
		for key, v := range value {
			if p, ok := properties[key]; ok {
				has[at+"/properties/"+key] = true
				visit(root, at+"/properties/"+key, p, v, has)
			} else {
				visit(root, at+"/additionalProperties", of["additionalProperties"], v, has)
			}
		}
	}
}

// keys calls found with each key of schema s, and of those within it.
func keys(at string, s any, found func(at string, key map[string]any)) {
	switch s := s.(type) {
	case []any:
		for i, s := range s {
			keys(fmt.Sprintf("%s/%d", at, i), s, found)
		}
	case map[string]any:
		for word, within := range s {
			switch word {
			case "if", "not", "default", "examples", "enum", "const":
			case "properties":
				for key, s := range within.(map[string]any) {
					p, _ := s.(map[string]any)
					found(at+"/properties/"+key, p)
					keys(at+"/properties/"+key, s, found)
				}
			default:
				keys(at+"/"+word, within, found)
			}
		}
	}
}

var again = regexp.MustCompile(`/then/properties/(targets/items/properties/)?\w+$`)

// Every key is explained, and what is given as its default or as an example is right.
func TestKeysAreExplained(t *testing.T) {
	root := parsed(t)
	shown := 0
	keys("", root, func(at string, key map[string]any) {
		// What stands within a then is explained where it stands first.
		if key["description"] == nil && !again.MatchString(at) {
			t.Errorf("%s has no description", at)
		}
		alone := maps.Clone(key)
		alone["$defs"] = root["$defs"]
		text, err := json.Marshal(alone)
		if err != nil {
			t.Fatal(err)
		}
		v, err := schema.Compile(text)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		list, _ := key["examples"].([]any)
		if d, ok := key["default"]; ok {
			list = append(slices.Clip(list), d)
		}
		for _, value := range list {
			shown++
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Validate(text); err != nil {
				t.Errorf("%s shows %s: %v", at, text, err)
			}
		}
	})
	if shown < 50 {
		t.Errorf("%d values are shown", shown)
	}
}
