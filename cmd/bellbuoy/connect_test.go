package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// connectTo runs connect with a config, in a folder without another.
func connectTo(t *testing.T, config string, args ...string) result {
	t.Helper()
	t.Chdir(t.TempDir())
	if config != "" {
		if err := os.WriteFile("bellbuoy.yml", []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return bellbuoy(t, "", append([]string{"connect"}, args...)...)
}

// The URL is where the config listens, unless it is named; the registry is the one of
// that type.
func TestConnect(t *testing.T) {
	const one = "registries: [{name: hub, type: distribution, auth: {bearer: s3cret}}]\n"
	for _, tt := range []struct {
		name, config, args, want string
	}{
		{"no config", "", "distribution", "url: http://127.0.0.1:5080/in/distribution\n"},
		{"no config, Harbor", "", "harbor --default-format", "Endpoint URL    http://127.0.0.1:5080/in/harbor\n"},
		{"no config, Quay", "", "quay --template --url https://bb", "https://bb/in/quay\n"},
		{"config", one, "distribution", "url: http://127.0.0.1:5080/in/hub\n"},
		{"secret", one, "distribution", "Authorization: [Bearer SECRET]\n"},
		{"secret shown", one, "distribution --show-secrets", "Authorization: [Bearer s3cret]\n"},
		{"another port", "listen: '[::1]:80'\n" + one, "distribution", `url: "http://[::1]:80/in/hub"` + "\n"},
		{"all addresses", "listen: ':80'\n" + one, "distribution", "url: http://bellbuoy:80/in/hub\n"},
		{"every address", "listen: 0.0.0.0:80\n" + one, "distribution", "url: http://bellbuoy:80/in/hub\n"},
		{"URL", one, "distribution --url http://bb:1/", "url: http://bb:1/in/hub\n"},
		{"by name", "registries: [{name: a, type: distribution}, {name: b, type: distribution}]\n", "distribution --registry b", "url: http://127.0.0.1:5080/in/b\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := connectTo(t, tt.config, strings.Fields(tt.args)...)
			if got.status != exitDone || got.stderr != "" || !strings.Contains(got.stdout, tt.want) {
				t.Errorf("want %q in %+v", tt.want, got)
			}
		})
	}
}

func TestConnectFaults(t *testing.T) {
	const two = "registries: [{name: hub, type: distribution}, {name: b, type: distribution}]\n"
	for _, tt := range []struct {
		name, config, args, want string
	}{
		{"which", two, "distribution", "bellbuoy: the config has 2 registries of type distribution: name one with --registry, hub or b\nSee 'bellbuoy connect distribution --help'.\n"},
		{"misspelt", two, "distribution --registry hup", "bellbuoy: the config has no registry \"hup\" of type distribution: did you mean \"hub\"?\nSee 'bellbuoy connect distribution --help'.\n"},
		{"none", two, "quay", "bellbuoy: bellbuoy.yml has no registry of type quay: add one, such as {name: quay, type: quay}\nSee 'bellbuoy connect quay --help'.\n"},
		{"bad config", "stroe: x\n", "quay", "bellbuoy: the configuration cannot be used:\nbellbuoy.yml:1: stroe: unknown key: did you mean \"store\"?\n"},
		{"no config there", "", "quay --config none.yml", "bellbuoy: the configuration cannot be used:\nnone.yml: there is no such file: correct the path, or write the file\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := connectTo(t, tt.config, strings.Fields(tt.args)...); got != (result{exitUsage, "", tt.want}) {
				t.Errorf("got %+v, want %q", got, tt.want)
			}
		})
	}
}

// The check of a registry's file says what the registry passes over, and that alone.
func TestCheckRegistryConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yml")
	const text = `storage: {inmemory: {}, delete: {enabled: true}}
notifications:
  events: {includereferences: true}
  endpoints:
  - {name: ci, url: "http://127.0.0.1:5080/in/hub", timeout: 500}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	got := bellbuoy(t, "", "check", "--registry-config", file, "--endpoint", "ci")
	want := result{exitUsage,
		file + ":5: notifications.endpoints[0].timeout: 500 has no unit, and the registry takes it for nanoseconds without a word: write it with one, such as 5s\n",
		"bellbuoy: the configuration cannot be used: 1 fault\n"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
