package connect

import (
	"os"
	"path/filepath"
	"testing"
)

// Whatever a file holds: the endpoint is in it and all else as it was, or it is left alone.
func FuzzRegistryFile(f *testing.F) {
	golden, err := filepath.Glob("testdata/distribution-*.golden")
	if err != nil || len(golden) == 0 {
		f.Fatal(err)
	}
	for _, g := range golden {
		b, err := os.ReadFile(g)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("a: |\n  b\nnotifications:\n  endpoints:\n  - name: ci\n    headers: {X: [y]}\n  -\n    name: bellbuoy\n    timeout: 1\n    disabled: true")
	f.Add("? notifications\n: events: &e {includereferences: yes}\n  endpoints:\n   - &x\n     name: bellbuoy\n     url: >\n      x\n")
	f.Add("\ufeffnotifications:\r\n  endpoints: ~ # none\r\n\"notifications2\": [\r\n]\r\n")
	f.Add("notifications:\n  endpoints:\n  - {name: bellbuoy}\n  - name: é\n    url: ü # ö\n  - é: {name: bellbuoy\n}\n")
	want := endpointWant{name: "bellbuoy", url: "http://bb/in/hub", headers: []endpointHeader{{"Authorization", "Bearer s3cret"}}}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := readRegistryText(text)
		if err != nil {
			return
		}
		edits, changes, err := file.plan(want)
		if err != nil {
			return
		}
		if len(edits) == 0 {
			if len(changes) > 0 {
				t.Errorf("changes nothing, and says %q", changes)
			}
			return
		}
		_ = diff("f", file.lines, edits)
		made := apply(file.lines, edits)
		if file.proved(text, made, want, false) != nil {
			return
		}
		again, err := readRegistryText(made)
		if err != nil {
			t.Fatal(err)
		}
		edits, err = again.remove(want.name)
		if err != nil {
			return
		}
		if len(edits) == 0 {
			t.Errorf("%q has no endpoint", made)
		}
		_ = diff("f", again.lines, edits)
		_ = again.proved(made, apply(again.lines, edits), want, true)
	})
}
