package rules

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"pgregory.net/rapid"
)

var (
	someStatuses = []event.Status{"", event.Succeeded, event.Failed}
	somePatterns = []string{"a", "a/b", "a/*", "a/**", "**", "**/b", "{a, b}/c", "/b", "!a/b", "!b/**", "a/?"}
	someNames    = []string{"a", "b", "a/b", "a/c", "b/c", "a/b/c"}
	someTags     = []string{"v1", "v2", "release-v1", "dev"}
)

func someOf[T any](t *rapid.T, name string, list []T) []T {
	return rapid.SliceOfN(rapid.SampledFrom(list), 0, 3).Draw(t, name)
}

func drawRules(t *rapid.T) []config.Rule {
	list := make([]config.Rule, rapid.IntRange(0, 8).Draw(t, "rules"))
	for i := range list {
		list[i] = config.Rule{
			Name:        fmt.Sprintf("r%d", i),
			Description: rapid.SampledFrom([]string{"", "x"}).Draw(t, "description"),
			Enabled:     rapid.Bool().Draw(t, "enabled"),
			Events:      someOf(t, "events", []string{"*", "artifact.*", "artifact.pushed", "scan.completed=failed", "scan.*", "blob.*"}),
			Scope: config.Scope{
				Registries:   someOf(t, "registries", []string{"hub", "quay"}),
				Namespaces:   someOf(t, "namespaces", []string{"a", "b*", "{a, x}"}),
				Repositories: someOf(t, "repositories", somePatterns),
			},
			Deliver: []config.Deliver{{Target: "ci"}},
		}
		if rapid.Bool().Draw(t, "tagged") {
			list[i].Tag = &config.Tag{Names: config.Names{Regex: rapid.SampledFrom([]string{"v.*", "v1|dev", ".*", "dev"}).Draw(t, "regex")}}
		}
	}
	return list
}

func drawEvent(t *rapid.T) *event.Event {
	e := &event.Event{
		Type:     rapid.SampledFrom([]event.Type{event.ArtifactPushed, event.ScanCompleted, event.BlobPulled, event.Unknown}).Draw(t, "type"),
		Status:   rapid.SampledFrom(someStatuses).Draw(t, "status"),
		Registry: event.Registry{Name: rapid.SampledFrom([]string{"hub", "quay", "other"}).Draw(t, "registry")},
	}
	if rapid.Bool().Draw(t, "about a repository") {
		e.Repository = &event.Repository{FullName: rapid.SampledFrom(someNames).Draw(t, "repository")}
	}
	if rapid.Bool().Draw(t, "about an artifact") {
		e.Artifact = &event.Artifact{Tags: someOf(t, "tags", someTags)}
	}
	return e
}

func matched(s *Set, e *event.Event) []string {
	var names []string
	for _, m := range s.Route(e) {
		names = append(names, m.Rule)
	}
	return names
}

// What is explained as matched is what is routed, and who failed is told why.
func TestExplainAgreesWithRoute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, faults := Compile(drawRules(t))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		e := drawEvent(t)
		var explained []string
		for _, v := range s.Explain(e) {
			if v.Matched {
				explained = append(explained, v.Rule)
			}
			if v.Matched != (v.Predicate == "") || v.Matched != (v.Reason == "") {
				t.Fatalf("half a verdict: %+v", v)
			}
		}
		if routed := matched(s, e); !reflect.DeepEqual(explained, routed) {
			t.Fatalf("explained %q, routed %q", explained, routed)
		}
	})
}

// A set made again from its source is the same set.
func TestSourceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _ := Compile(drawRules(t))
		again, err := FromSource(s.Source())
		if err != nil {
			t.Fatal(err)
		}
		if again.Hash() != s.Hash() || !bytes.Equal(again.Source(), s.Source()) {
			t.Fatalf("source %s became %s", s.Source(), again.Source())
		}
		e := drawEvent(t)
		if a, b := s.Explain(e), again.Explain(e); !reflect.DeepEqual(a, b) {
			t.Fatalf("verdicts %v became %v", a, b)
		}
	})
}
