package rules

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"pgregory.net/rapid"
)

var (
	somePatterns = []string{"a", "a/b", "a/*", "a/**", "**", "**/b", "{a, b}/c", "/b", "!a/b", "!b/**", "a/?", "aa*", "{a/b, a}*"}
	someNames    = []string{"a", "b", "a/b", "a/c", "b/c", "a/b/c", "aa/b", "ab"}
	someTags     = []string{"v1", "v2", "release-v1", "dev", "sha256-" + strings.Repeat("0a", 32)}
	someActors   = []string{"", "alice", "robot$ci", "harbor-jobservice", "harbor#proxy-cache-service", "robot$prj+x-Trivy-01234567-89ab-cdef-0123-456789abcdef"}
	someRefs     = []string{"", "refs/heads/main", "refs/tags/v1"}
)

func someOf[T any](t *rapid.T, name string, list []T) []T {
	return rapid.SliceOfN(rapid.SampledFrom(list), 0, 3).Draw(t, name)
}

// drawNames makes a condition that somebody could write on some of all names, or none.
func drawNames(t *rapid.T, name string, all []string, depth int) *config.Names {
	n := &config.Names{}
	switch rapid.IntRange(0, 3).Draw(t, name+" by") {
	case 0:
		n.Regex = rapid.SampledFrom([]string{"v.*", "v1|dev", ".*", "[^v].*", "alice", ".*main"}).Draw(t, name+" regex")
	case 1:
		n.Glob = rapid.SliceOfN(rapid.SampledFrom([]string{"*", "**", "v?", "{v1, dev}", "robot$*", "refs/**", "*/*/main"}), 1, 3).Draw(t, name+" glob")
	case 2:
		n.List = rapid.SliceOfN(rapid.SampledFrom(append([]string{"x"}, all[1:]...)), 1, 3).Draw(t, name+" list")
	case 3:
		if depth > 0 {
			return nil
		}
		n.Except = drawNames(t, name+" except", all, depth+1)
		if n.Except == nil {
			return nil
		}
	}
	if depth < 2 && n.Except == nil && rapid.Bool().Draw(t, name+" excepts") {
		n.Except = drawNames(t, name+" except", all, depth+1)
	}
	return n
}

func drawRules(t *rapid.T) []config.Rule {
	list := make([]config.Rule, rapid.IntRange(0, 8).Draw(t, "rules"))
	for i := range list {
		r := config.Rule{
			Name:        fmt.Sprintf("r%d", i),
			Description: rapid.SampledFrom([]string{"", "x"}).Draw(t, "description"),
			Enabled:     rapid.IntRange(0, 5).Draw(t, "enabled") > 0,
			Events:      someOf(t, "events", []string{"*", "artifact.*", "artifact.pushed", "scan.completed=failed", "scan.*", "blob.*", "build.failed"}),
			Deliver:     []config.Deliver{{Target: "ci"}},
		}
		// Each rule has few keys: with many it would take no event.
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			switch rapid.IntRange(0, 11).Draw(t, "key") {
			case 0:
				r.Scope.Registries = someOf(t, "registries", []string{"hub", "quay"})
			case 1:
				r.Scope.Namespaces = someOf(t, "namespaces", []string{"a", "b*", "{a, x}", "a*"})
			case 2, 3:
				r.Scope.Repositories = someOf(t, "repositories", somePatterns)
			case 4, 5:
				if n := drawNames(t, "tag", someTags, 0); n != nil {
					r.Tag = &config.Tag{Names: *n}
				} else {
					r.Tag = &config.Tag{Untagged: "skip"}
				}
				r.Tag.Untagged = rapid.SampledFrom([]string{"skip", "match"}).Draw(t, "untagged")
			case 6:
				r.Kinds = rapid.SliceOfN(rapid.SampledFrom([]string{"image", "chart", "unknown"}), 1, 2).Draw(t, "kinds")
			case 7:
				r.Actors = drawNames(t, "actors", someActors, 0)
			case 8:
				r.Ref = drawNames(t, "ref", someRefs, 0)
			case 9:
				r.Severity = rapid.SampledFrom([]string{"critical", "high", "low", "unknown"}).Draw(t, "severity")
			case 10:
				r.ExpiresIn = config.Duration(rapid.SampledFrom([]int{1, 24, 168}).Draw(t, "hours")) * config.Duration(time.Hour)
			case 11:
				r.Noise = rapid.SampledFrom([]string{"quiet", "all"}).Draw(t, "noise")
				r.Where = rapid.SampledFrom(append(slices.Sorted(maps.Keys(someWheres)), "")).Draw(t, "where")
			}
		}
		list[i] = r
	}
	return list
}

func drawEvent(t *rapid.T) *event.Event {
	e := &event.Event{
		Type: rapid.SampledFrom([]event.Type{
			event.ArtifactPushed, event.ArtifactPushed, event.ArtifactPulled, event.ChartPushed, event.ScanCompleted, event.VulnerabilityFound,
			event.BuildFailed, event.ArtifactExpiring, event.BlobPulled, event.Unknown,
		}).Draw(t, "type"),
		Status:   rapid.SampledFrom([]event.Status{"", event.Succeeded, event.Failed}).Draw(t, "status"),
		Registry: event.Registry{Name: rapid.SampledFrom([]string{"hub", "quay", "other"}).Draw(t, "registry")},
		Time:     time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if rapid.Bool().Draw(t, "about a repository") {
		e.Repository = &event.Repository{FullName: rapid.SampledFrom(someNames).Draw(t, "repository")}
	}
	if rapid.Bool().Draw(t, "about an artifact") {
		e.Artifact = &event.Artifact{
			Tags: someOf(t, "tags", someTags),
			Kind: rapid.SampledFrom([]event.Kind{"", event.KindImage, event.KindChart}).Draw(t, "kind"),
			Size: rapid.SampledFrom([]int64{0, 5, 50}).Draw(t, "size"),
		}
	}
	if rapid.Bool().Draw(t, "somebody's") {
		e.Actor = &event.Actor{Name: rapid.SampledFrom(someActors).Draw(t, "actor")}
	}
	severity := rapid.SampledFrom(append([]event.Severity{""}, event.Severities()...))
	switch rapid.IntRange(0, 4).Draw(t, "about") {
	case 0:
		e.Build = &event.Build{Commit: &event.Commit{Ref: rapid.SampledFrom(someRefs).Draw(t, "ref")}}
	case 1:
		e.Scan = &event.Scan{Severity: severity.Draw(t, "severity")}
	case 2:
		e.Vulnerability = &event.Vulnerability{Severity: severity.Draw(t, "severity")}
	case 3:
		days := float64(rapid.IntRange(-2, 16).Draw(t, "half days left")) / 2
		e.Expiry = &event.Expiry{Days: &days}
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

// mustDraw compiles drawn rules, which have no faults though they may never fire.
func mustDraw(t *rapid.T, list []config.Rule) *Set {
	s, faults := Compile(list)
	if s == nil {
		t.Fatalf("%+v: %v", list, faults)
	}
	return s
}

// What the index finds is what a judge of each rule by itself finds; what is explained
// as matched is the same; and who failed is told why.
func TestRouteAgreesWithANaiveJudge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := drawRules(t)
		s := mustDraw(t, list)
		e := drawEvent(t)
		var want, explained []string
		var uncomputed []Verdict
		for _, r := range list {
			if naive(r, e) {
				want = append(want, r.Name)
			}
		}
		for _, v := range s.Explain(e) {
			if v.Matched {
				explained = append(explained, v.Rule)
			}
			if v.Matched != (v.Predicate == "") || v.Matched != (v.Reason == "") {
				t.Fatalf("half a verdict: %+v", v)
			}
			if v.Predicate == "where" && !strings.HasPrefix(v.Reason, "where is false: ") {
				uncomputed = append(uncomputed, v)
			}
		}
		if got := s.Uncomputed(e); !slices.Equal(got, uncomputed) {
			t.Fatalf("not computed are %v, want %v", got, uncomputed)
		}
		if routed := matched(s, e); !slices.Equal(routed, want) || !slices.Equal(explained, want) {
			t.Fatalf("routed %q, explained %q, want %q", routed, explained, want)
		}
	})
}

// A set made again from its source is the same set.
func TestSourceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := mustDraw(t, drawRules(t))
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
