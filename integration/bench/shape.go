//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// shape is how much there is in a configuration of bellbuoy. However many rules and
// targets there are, each event matches one rule, and that rule names one target.
type shape struct{ rules, targets int }

// one is the least that delivers.
var one = shape{rules: 1, targets: 1}

// write writes the configuration into dir, with free addresses and the store beside
// it. All targets are the same sink.
func (s shape) write(dir, sink string) (sidecar.Config, error) {
	c := sidecar.Config{Path: filepath.Join(dir, "bellbuoy.yml"), Store: filepath.Join(dir, "bellbuoy.db")}
	var err error
	if c.Listen, err = loopback.Address(); err != nil {
		return c, err
	}
	if c.Admin, err = loopback.Address(); err != nil {
		return c, err
	}
	var b bytes.Buffer
	// As large as the test needs, so that what was put into the store stays there.
	fmt.Fprintf(&b, "listen: %s\nadmin: {listen: %q}\nstore: %s\nretention: {size: 32GiB}\n", c.Listen, c.Admin, c.Store)
	fmt.Fprintf(&b, "registries:\n- {name: hub, type: distribution, auth: {bearer: %s}}\ntargets:\n", sidecar.Bearer)
	for i := range s.targets {
		fmt.Fprintf(&b, "- {name: %s, type: webhook, options: {url: %q}}\n", target(i), sink)
	}
	b.WriteString("rules:\n")
	for i := range s.rules {
		fmt.Fprintf(&b, "- {name: rule-%d, %s, deliver: [%s]}\n", i, s.condition(i), target(i%s.targets))
	}
	if err := os.WriteFile(c.Path, b.Bytes(), 0o600); err != nil {
		return c, fmt.Errorf("write a configuration: %w", err)
	}
	return c, nil
}

func target(i int) string { return fmt.Sprintf("target-%d", i) }

// condition is what rule i matches: its share of the repositories, said in one of the
// ways in which people say it.
func (s shape) condition(i int) string {
	switch {
	case s.rules == 1:
		return `scope: {repositories: ["**"]}`
	case s.rules <= apps/100:
		return fmt.Sprintf(`scope: {repositories: ["team-%02d/**"]}`, i)
	}
	team, app := i/100, i%100
	switch i % 4 {
	case 0:
		return fmt.Sprintf(`scope: {repositories: [team-%02d/app-%02d]}`, team, app)
	case 1:
		return fmt.Sprintf(`scope: {namespaces: [team-%02d], repositories: [app-%02d]}`, team, app)
	case 2:
		return fmt.Sprintf(`events: [artifact.pushed], scope: {repositories: [team-%02d/app-%02d]}, tag: {glob: "v*"}`, team, app)
	default:
		return fmt.Sprintf(`scope: {registries: [hub], repositories: [team-%02d/app-%02d]}, tag: {regex: "v[0-9.]+"}`, team, app)
	}
}
