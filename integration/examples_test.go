package integration_test

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/integration/distribution"
)

const beside = "../examples/distribution/"

// The registry's file, bellbuoy's and the compose file are three views of one
// thing, and nobody but this test reads all of them.
func TestExamplesAgree(t *testing.T) {
	registry, err := distribution.Load(beside + "config.yml")
	if err != nil {
		t.Fatal(err)
	}
	var own struct {
		Listen     string
		Registries []struct {
			Name, Type string
			Auth       struct{ Bearer struct{ Env string } }
		}
		Targets []struct{ Options struct{ URL string } }
	}
	load(t, beside+"bellbuoy.yml", &own)
	var compose struct {
		Services map[string]struct {
			Image       string
			Build       struct{ Context, Target string }
			NetworkMode string `yaml:"network_mode"`
			Environment map[string]string
			Ports       []string
			Volumes     []string
		}
	}
	load(t, "../docker-compose.yml", &compose)

	if n := len(registry.Notifications.Endpoints); n != 1 {
		t.Fatalf("the registry has %d endpoints, want 1", n)
	}
	e := registry.Notifications.Endpoints[0]
	u, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	hub := own.Registries[0]
	if hub.Type != "distribution" || u.Host != own.Listen || u.Path != "/in/"+hub.Name {
		t.Errorf("the registry posts to %s, bellbuoy listens on %s for %q", u, own.Listen, hub.Name)
	}
	sidecar := compose.Services["bellbuoy"]
	token := sidecar.Environment[hub.Auth.Bearer.Env]
	if got := e.Headers.Values("Authorization"); token == "" || !slices.Equal(got, []string{"Bearer " + token}) {
		t.Errorf("the registry sends %q, bellbuoy wants the bearer %q", got, token)
	}
	if e.Name != "bellbuoy" || e.Disabled || e.Timeout != 5*time.Second || e.Backoff < time.Second || e.Threshold < 1 {
		t.Errorf("endpoint %+v", e)
	}
	if !registry.Notifications.EventConfig.IncludeReferences {
		t.Error("includereferences is not set")
	}
	if !slices.Contains(e.Ignore.MediaTypes, "application/octet-stream") || !slices.Contains(e.Ignore.Actions, "pull") {
		t.Errorf("the ignore lists were not read: %+v", e.Ignore)
	}
	if registry.Storage["delete"]["enabled"] != true {
		t.Error("the registry refuses deletes")
	}

	if got, want := sidecar.NetworkMode, "service:registry"; got != want {
		t.Errorf("bellbuoy's network is %q; on another than %q the URLs do not hold", got, want)
	}
	if got := compose.Services["receiver"]; got.NetworkMode != "service:registry" || got.Build.Target != "receiver" {
		t.Errorf("receiver %+v", got)
	}
	if target := own.Targets[0].Options.URL; !strings.HasPrefix(target, "http://127.0.0.1:8080/") {
		t.Errorf("the target is %s, the receiver of the Dockerfile listens on 127.0.0.1:8080", target)
	}
	_, port, _ := strings.Cut(registry.HTTP.Addr, ":")
	if !slices.Contains(compose.Services["registry"].Ports, "127.0.0.1:5000:"+port) {
		t.Errorf("the registry listens on %s, published are %v", registry.HTTP.Addr, compose.Services["registry"].Ports)
	}
	for name, s := range compose.Services {
		for _, v := range s.Volumes {
			host, _, _ := strings.Cut(v, ":")
			if _, err := os.Stat(filepath.Join("..", host)); strings.HasPrefix(host, ".") && err != nil {
				t.Errorf("service %s mounts %s: %v", name, host, err)
			}
		}
	}
}

func load(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, v); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
}
