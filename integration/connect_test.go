package integration_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"

	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// registryHead is what stands before the notifications in a registry's config.yml.
const registryHead = "version: 0.1\nstorage: {inmemory: {}, delete: {enabled: true}}\n"

// A registry that is given what `connect` prints posts to the bellbuoy whose config it
// was printed from, and `check` finds nothing wrong with it.
func TestConnectDistribution(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	printed, err := s.sidecar.Command(s.ctx, "connect", "distribution", "--config", s.config.Path, "--show-secrets")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(file, append([]byte(registryHead), printed...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(s.ctx, program(t), "check", "--registry-config", file, s.config.Path).CombinedOutput()
	if want := s.config.Path + " and " + file + ": good: 1 registry, 1 target, 1 rule\n"; err != nil || !bytes.HasSuffix(out, []byte(want)) {
		t.Errorf("check says %s, %v", out, err)
	}
	reg := s.registryOf(file)
	digest, err := reg.Push(s.ctx, "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) > 0 })
	if got, want := say(read(t, s.rec.Arrivals()[0])), "artifact.pushed v1 "+digest; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
}

// Whatever a registry must show, it reads it out of what is printed.
func TestRegistryReadsWhatConnectPrints(t *testing.T) {
	const local, far = "http://127.0.0.1:5080/in/hub", "https://bellbuoy.example.com/bb/in/hub"
	const hard = `it's "$HOME" \ : # & 100%`
	for name, want := range map[string]configuration.Endpoint{
		"open":         {URL: local},
		"bearer":       {URL: local, Headers: http.Header{"Authorization": {"Bearer SECRET"}}},
		"bearer-shown": {URL: local, Headers: http.Header{"Authorization": {"Bearer s3cret"}}},
		"basic":        {URL: far, Headers: http.Header{"Authorization": {"Basic SECRET"}}},
		"header-shown": {URL: far, Headers: http.Header{"X-Registry-Token": {hard}}},
		"path-shown":   {URL: local + "/-/p4th:"},
		"all-shown":    {URL: local + "/-/p4th:", Headers: http.Header{"X-Registry-Token": {hard}, "Authorization": {"Basic aHViOnMzY3JldA=="}}},
	} {
		printed, err := os.ReadFile("../internal/connect/testdata/distribution-" + name + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		c, err := configuration.Parse(bytes.NewReader(append([]byte(registryHead), printed...)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n := c.Notifications
		if len(n.Endpoints) != 1 || !n.EventConfig.IncludeReferences {
			t.Fatalf("%s: the registry reads %+v", name, n)
		}
		e := n.Endpoints[0]
		if e.Name != "bellbuoy" || e.Timeout != 5*time.Second || e.Threshold != 5 || e.Backoff != time.Second || e.Disabled {
			t.Errorf("%s: the registry reads %+v", name, e)
		}
		if e.URL != want.URL || len(e.Headers) != len(want.Headers) {
			t.Errorf("%s: the registry posts to %s with %v, want %s with %v", name, e.URL, e.Headers, want.URL, want.Headers)
		}
		for key, values := range want.Headers {
			if got := e.Headers[key]; len(got) != 1 || got[0] != values[0] {
				t.Errorf("%s: the registry sends %s %q, want %q", name, key, got, values)
			}
		}
	}
}

// The same where `connect` puts it into the registry's file by itself.
func TestConnectDistributionFile(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	file := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(file, []byte(registryHead), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"made", "unchanged"} {
		out, err := s.sidecar.Command(s.ctx, "connect", "distribution", "--config", s.config.Path, "--file", file)
		if err != nil || !bytes.Contains(out, []byte("endpoint bellbuoy: "+want+"\n")) {
			t.Fatalf("connect says %s, %v", out, err)
		}
	}
	out, err := exec.CommandContext(s.ctx, program(t), "check", "--registry-config", file, s.config.Path).CombinedOutput()
	if want := s.config.Path + " and " + file + ": good: 1 registry, 1 target, 1 rule\n"; err != nil || !bytes.HasSuffix(out, []byte(want)) {
		t.Errorf("check says %s, %v", out, err)
	}
	reg := s.registryOf(file)
	digest, err := reg.Push(s.ctx, "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) > 0 })
	if got, want := say(read(t, s.rec.Arrivals()[0])), "artifact.pushed v1 "+digest; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
}

// A watch goes on until it is told to stop, and ends well then.
func TestConnectWatchEndsWell(t *testing.T) {
	made := make(chan string, 10)
	harbor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			made <- r.URL.Path
			w.WriteHeader(http.StatusCreated)
		case r.URL.Path == "/api/v2.0/projects":
			_, _ = io.WriteString(w, `[{"name":"a"}]`)
		case strings.HasSuffix(r.URL.Path, "/webhook/events"):
			_, _ = io.WriteString(w, `{"event_type":["PUSH_ARTIFACT"]}`)
		default:
			_, _ = io.WriteString(w, `[]`)
		}
	}))
	defer harbor.Close()
	cmd := exec.CommandContext(t.Context(), program(t), "connect", "harbor", "--api", harbor.URL, "--url", "http://bb:5080",
		"--username", "me", "--all", "--watch", "--every", "1s", "-o", "json")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "BELLBUOY_HARBOR_PASSWORD=pa55word")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is not there the second time either, for this Harbor keeps nothing
		select {
		case path := <-made:
			if path != "/api/v2.0/projects/a/webhook/policies" {
				t.Errorf("posts to %s", path)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("nothing is made")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, problems.String())
	}
	if !strings.HasPrefix(out.String(), `{"place":"a","what":"bellbuoy","action":"made"}`+"\n") || strings.Contains(out.String()+problems.String(), "pa55word") {
		t.Errorf("prints %s and %s", out.String(), problems.String())
	}
}
