package sidecar

import (
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
)

// Bearer is the token that a config of [Options] asks the registry for.
const Bearer = "a-token-of-the-tests"

// Options say what bellbuoy's configuration is to hold: a registry "hub" of type
// distribution, a webhook target "ci", and a rule from the one to the other.
type Options struct {
	Target string   // URL of the target
	Events []string // that the rule asks for; none = all that a rule has unasked
	Retry  []string // delays between attempts; none = bellbuoy's own
	Hold   string   // how long a failing event holds back its repository; "" = bellbuoy's own
	Rate   string   // of sends to the target; "" = any
	Digest int      // how many events may wait before they are folded; 0 = any number
	Store  string   // URL of a database; "" = a file beside the configuration
	Lookup string   // URL at which bellbuoy asks the registry; "" = it does not
}

// Config is a configuration file and what a test needs to know of it.
type Config struct {
	Path   string
	Listen string // the intake's address
	Admin  string // the admin API's address
	Store  string // the database file
	// OfRegistry: the file is the registry's own, with a section for bellbuoy.
	OfRegistry bool
}

// Write writes a configuration into dir, with free addresses and its store beside it.
func Write(dir string, o Options) (Config, error) {
	c := Config{Path: filepath.Join(dir, "bellbuoy.yml"), Store: filepath.Join(dir, "bellbuoy.db")}
	if o.Store != "" {
		c.Store = o.Store
	}
	var err error
	if c.Listen, err = loopback.Address(); err != nil {
		return Config{}, err
	}
	if c.Admin, err = loopback.Address(); err != nil {
		return Config{}, err
	}
	target := map[string]any{
		"name": "ci", "type": "webhook", "order": "repository",
		"options": map[string]any{"url": o.Target},
	}
	if len(o.Retry) > 0 {
		target["retry"] = map[string]any{"schedule": o.Retry}
	}
	if o.Hold != "" {
		target["hold"] = o.Hold
	}
	if o.Rate != "" {
		target["rate"] = o.Rate
	}
	if o.Digest > 0 {
		target["digest"] = map[string]any{"after": o.Digest}
	}
	rule := map[string]any{"name": "all", "deliver": []string{"ci"}}
	if len(o.Events) > 0 {
		rule["events"] = o.Events
	}
	registry := map[string]any{"name": "hub", "type": "distribution", "auth": map[string]any{"bearer": Bearer}}
	if o.Lookup != "" {
		registry["url"], registry["lookup"] = o.Lookup, true
	}
	b, err := yaml.Marshal(map[string]any{
		"listen":     c.Listen,
		"admin":      map[string]any{"listen": c.Admin},
		"store":      c.Store,
		"registries": []any{registry},
		"targets":    []any{target},
		"rules":      []any{rule},
	})
	if err != nil {
		return Config{}, fmt.Errorf("make a configuration: %w", err)
	}
	if err := os.WriteFile(c.Path, b, 0o600); err != nil {
		return Config{}, fmt.Errorf("write a configuration: %w", err)
	}
	return c, nil
}
