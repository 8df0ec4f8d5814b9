package integration_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// oneFile is a registry's config.yml that configures bellbuoy too. It takes where
// bellbuoy listens, its admin API and store, and the receiver's URL.
const oneFile = `version: 0.1
log: {level: warn}
storage:
  inmemory: {}
  delete: {enabled: true}
http: {addr: "127.0.0.1:0"}
notifications:
  events: {includereferences: true}
  endpoints:
    - name: bellbuoy
      url: http://%s/in/shop
      headers:
        Authorization: [Bearer only-here]
        X-Registry-Token: [and here]
      timeout: 5s
      threshold: 1
      backoff: 100ms
      ignore:
        mediatypes: [application/octet-stream]
        actions: [pull]
bellbuoy:
  admin: {listen: "%s"}
  store: %q
  targets:
    - {name: ci, type: webhook, options: {url: %q}}
  rules:
    - {name: all, deliver: [ci]}
`

// One file configures a real registry, which reads it itself, and bellbuoy.
func TestOneFileForBoth(t *testing.T) {
	dir := t.TempDir()
	c := sidecar.Config{Path: filepath.Join(dir, "config.yml"), Store: filepath.Join(dir, "bellbuoy.db"), OfRegistry: true}
	var err error
	if c.Listen, err = loopback.Address(); err != nil {
		t.Fatal(err)
	}
	if c.Admin, err = loopback.Address(); err != nil {
		t.Fatal(err)
	}
	s := newStageWith(t, func(target string) (sidecar.Config, error) {
		text := fmt.Sprintf(oneFile, c.Listen, c.Admin, c.Store, target)
		return c, os.WriteFile(c.Path, []byte(text), 0o600)
	})

	reg := s.registryOf(c.Path)
	digest, err := reg.Push(s.ctx, "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(t, all)) > 0 })
	e := read(t, s.rec.Arrivals()[0])
	if got, want := say(e), "artifact.pushed v1 "+digest; got != want {
		t.Errorf("delivered %q, want %q", got, want)
	}
	if e.Registry.Name != "shop" || e.Registry.Type != "distribution" {
		t.Errorf("registry %+v", e.Registry)
	}

	// Nobody else gets in, and who has only a part of what the registry sends does not.
	p := s.poster()
	p.URL = "http://" + c.Listen + "/in/shop"
	body, err := poster.Envelope("1", "team/app", "v2", time.Now().UTC())
	if err != nil {
		t.Fatal(err)
	}
	for _, p.Bearer = range []string{"another", "only-here"} {
		if status, err := p.Post(s.ctx, body); err != nil || status != http.StatusUnauthorized {
			t.Errorf("a stranger with bearer %s is answered %d, %v; want 401", p.Bearer, status, err)
		}
	}
}
