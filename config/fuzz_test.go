package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../examples/bellbuoy*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: &a [*a]\n---\n"))
	f.Add([]byte("targets: [{options: &a {<<: *a, b: [0x1, .nan, ~]}}]\n"))
	f.Add([]byte("rules: [{? [a] : b, <<: x, name: !!int a}]\n"))
	f.Add([]byte("rules: [{name: a, tag: [v*], untagged: match, actors: {except: {except: [~, 5]}}, kinds: [], ref: {list: []}, deliver: [{target: ci, template: {json: {a: [1e3]}}}]}]\ntargets: [{name: ci, type: webhook}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, faults := Parse("bb.yml", data, known)
		for _, fault := range faults {
			if fault.Message == "" || fault.Pos.File != "bb.yml" {
				t.Errorf("half a fault: %+v", fault)
			}
		}
		if _, again := Parse("bb.yml", data, known); !slices.Equal(again, faults) {
			t.Errorf("at first %v\nand then %v", faults, again)
		}
		if faults.Failed() {
			return
		}
		for _, target := range c.Targets {
			if !json.Valid(target.Options) {
				t.Errorf("options are no JSON: %s", target.Options)
			}
		}
		for _, r := range c.Rules {
			var kept Rule
			encoded, err := json.Marshal(r)
			if err == nil {
				err = json.Unmarshal(encoded, &kept)
			}
			if again, _ := json.Marshal(kept); err != nil || string(again) != string(encoded) {
				t.Errorf("rule %s became %s, %v", encoded, again, err)
			}
		}
	})
}
