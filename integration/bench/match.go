//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// manyRules is a configuration of n rules and as many targets, of the kinds that
// people write: of whole repositories, of trees and namespaces, of tags anywhere.
func manyRules(n int) []byte {
	var b strings.Builder
	b.WriteString("registries: [{name: hub, type: distribution}]\ntargets:\n")
	for i := range n {
		fmt.Fprintf(&b, "- {name: target-%d, type: webhook, options: {url: \"https://example.com/%d\"}}\n", i, i)
	}
	b.WriteString("rules:\n")
	for i := range n {
		fmt.Fprintf(&b, "- name: rule-%d\n  deliver: [target-%d]\n", i, i)
		switch i % 8 {
		case 0, 1:
			fmt.Fprintf(&b, "  events: [artifact.pushed, \"build.*\"]\n  scope: {repositories: [team-%d/app-%d/api]}\n", i%1000, i)
		case 2, 3:
			fmt.Fprintf(&b, "  scope: {repositories: [\"team-%d/{api, web}/**\", \"!**/tmp/**\"]}\n  tag: {glob: \"%d.*\", except: {list: [latest]}}\n", i%1000, i%10)
		case 4, 5:
			fmt.Fprintf(&b, "  scope: {registries: [hub], namespaces: [team-%d], repositories: [\"api*\"]}\n  tag: {regex: \"release-v%d.*\"}\n  kinds: [image, index]\n", i%1000, i)
		case 6:
			fmt.Fprintf(&b, "  scope: {repositories: [\"**/api\"]}\n  tag: {regex: \"release-%d-.*\"}\n  actors: {except: [\"robot$*\"]}\n", i)
		case 7:
			fmt.Fprintf(&b, "  scope: {namespaces: [team-%d]}\n  where: event.artifact.size > %d\n  noise: quiet\n", i%1000, i)
		}
	}
	return []byte(b.String())
}

// matching returns how many milliseconds it takes to find the rules that match an
// event, for the 99th of a hundred, with n rules and n targets.
func matching(n int) (p99 float64, err error) {
	known := config.Known{RegistryTypes: []string{"distribution"}, TargetTypes: []string{"webhook"}}
	for _, t := range event.Types() {
		known.EventTypes = append(known.EventTypes, string(t))
	}
	c, faults := config.Parse("bench.yml", manyRules(n), known)
	if faults.Failed() {
		return 0, faults.Err()
	}
	set, faults := rules.FromConfig(c)
	if faults.Failed() {
		return 0, faults.Err()
	}
	const events, times = 1000, 20
	took := make([]time.Duration, 0, events*times)
	matched := 0
	for i := range events * times {
		team := i % events
		name := []string{"api", "web/app", fmt.Sprintf("app-%d/api", team)}[i%3]
		e := event.Event{
			Type:       event.ArtifactPushed,
			Registry:   event.Registry{Name: "hub", Type: "distribution"},
			Repository: &event.Repository{FullName: fmt.Sprintf("team-%d/%s", team, name), Namespace: fmt.Sprintf("team-%d", team), Name: name},
			Artifact:   &event.Artifact{Kind: event.KindImage, Size: 5000, Tags: []string{"release-6-rc1", fmt.Sprintf("%d.1", i%10)}},
			Actor:      &event.Actor{Name: "alice"},
		}
		start := time.Now()
		matched += len(set.Route(&e))
		took = append(took, time.Since(start))
	}
	if matched == 0 {
		return 0, fmt.Errorf("no rule of %d matches", n)
	}
	_, p99 = quantiles(took)
	return p99, nil
}
