package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("../examples/*.yml")
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
	f.Fuzz(func(t *testing.T, data []byte) {
		c, faults := Parse("bb.yml", data, known)
		for _, fault := range faults {
			if fault.Message == "" || fault.Pos.File != "bb.yml" {
				t.Errorf("half a fault: %+v", fault)
			}
		}
		if faults.Failed() {
			return
		}
		for _, target := range c.Targets {
			if !json.Valid(target.Options) {
				t.Errorf("options are no JSON: %s", target.Options)
			}
		}
	})
}
