package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const registryFile = `version: 0.1
storage: {inmemory: {}, delete: {enabled: true}}
notifications:
  events: {includereferences: true}
  endpoints:
  - name: bellbuoy
    url: http://127.0.0.1:5080/in/hub
    headers: {Authorization: [Bearer s3cret]}
    ignore:
      mediatypes: [application/octet-stream, application/vnd.oci.image.index.v1+json]
      actions: [pull, delete]
`

// checkBeside checks a registry's file in an empty folder, with bellbuoy's own where
// own is not "".
func checkBeside(t *testing.T, registry, own string) (string, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	files := Files{Registry: "reg.yml"}
	if err := os.WriteFile("reg.yml", []byte(registry), 0o600); err != nil {
		t.Fatal(err)
	}
	if own != "" {
		files.Config = "bb.yml"
		if err := os.WriteFile("bb.yml", []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	err := Check(t.Context(), files, &out)
	return out.String(), err
}

func TestCheckRegistryFile(t *testing.T) {
	out, err := checkBeside(t, registryFile, "")
	if want := "reg.yml: good: 1 registry, 0 targets, 0 rules\n"; out != want || err != nil {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

// What every part of the program finds wrong in the section stands on its line of the
// registry's file.
func TestCheckSection(t *testing.T) {
	out, err := checkBeside(t, registryFile+`bellbuoy:
  targets:
  - {name: ci, type: webhook, options: {url: ftp://ci, headers: {X-A: b}}}
  rules:
  - {name: a, events: [artifact.pusht], tag: {regex: "("}, deliver: [ci]}
`, "")
	want := `reg.yml:14: bellbuoy.targets[0].options.url: is neither http nor https; write it as https://host/path
reg.yml:14: bellbuoy.targets[0].options.headers.X-A: warning: what may be a secret stands in this file, for all who can read it: if it is one, write {env: NAME} or {file: PATH} instead
reg.yml:16: bellbuoy.rules[0].tag.regex: is no RE2 regex: missing closing ) in "(": correct it (RE2 has no look-around and no back-references)
reg.yml:16: bellbuoy.rules[0].events[0]: unknown event type "artifact.pusht": did you mean "artifact.pushed"?
`
	if d := cmp.Diff(want, out); d != "" || err == nil || err.Error() != "the configuration cannot be used: 3 faults" {
		t.Errorf("%v, (-want +got):\n%s", err, d)
	}
}

// A rule that asks for what the registry keeps to itself never fires.
func TestCheckIgnored(t *testing.T) {
	out, err := checkBeside(t, registryFile, `
keep: [blob.pushed]
targets: [{name: ci, type: webhook, options: {url: "https://ci.example.com/hook"}}]
rules:
- {name: pulls, events: [artifact.pulled], deliver: [ci]}
- {name: more, events: [artifact.pulled, "artifact.*", artifact.signed=succeeded], deliver: [ci]}
- {name: any, deliver: [ci]}
- {name: other, events: [tag.deleted], scope: {registries: [two]}, deliver: [ci]}
- {name: "off", enabled: false, events: [tag.deleted], deliver: [ci]}
- {name: mine, events: [artifact.deleted], scope: {registries: [hub]}, deliver: [ci]}
registries: [{name: two, type: distribution}]
`)
	want := `reg.yml:10: notifications.endpoints[0].ignore.mediatypes[0]: warning: "application/octet-stream" keeps blob.pushed of this media type from bellbuoy, which keep asks for: remove one of the two
reg.yml:10: notifications.endpoints[0].ignore.mediatypes[1]: warning: "application/vnd.oci.image.index.v1+json" keeps artifact.pulled of this media type from bellbuoy, which rule "pulls" (and 1 other) asks for: remove one of the two
reg.yml:10: notifications.endpoints[0].ignore.mediatypes[1]: warning: "application/vnd.oci.image.index.v1+json" keeps artifact.signed of this media type from bellbuoy, which rule "more" asks for: remove one of the two
reg.yml:11: notifications.endpoints[0].ignore.actions[0]: warning: "pull" keeps artifact.pulled from bellbuoy, which rule "pulls" (and 1 other) asks for: remove one of the two
reg.yml:11: notifications.endpoints[0].ignore.actions[1]: warning: "delete" keeps artifact.deleted from bellbuoy, which rule "mine" asks for: remove one of the two
bb.yml and reg.yml: good: 2 registries, 1 target, 6 rules
`
	if d := cmp.Diff(want, out); d != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, d)
	}
}

// The default file is bellbuoy's own beside a registry's, too.
func TestRegistryFileAndDefaultFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"reg.yml": strings.Replace(registryFile, ", application/vnd.oci.image.index.v1+json", "", 1), DefaultFile: strings.TrimPrefix(good, "\nregistries: [{name: hub, type: distribution}]")} {
		if err := os.WriteFile(filepath.Clean(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, faults, err := load(t.Context(), Files{Registry: "reg.yml"}, "test")
	if err != nil || len(faults) > 0 || s.file != "bellbuoy.yml and reg.yml" {
		t.Fatalf("%q, %v, %v", s.file, faults, err)
	}
	if c := s.config; len(c.Targets) != 1 || len(c.Registries) != 1 || c.Registries[0].Auth[0].Bearer.Reveal() != "s3cret" {
		t.Errorf("got %+v", c)
	}
}
