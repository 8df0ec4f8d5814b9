package rules

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bmatcuk/doublestar/v4"
)

// naive says whether r takes e, read word by word from the documentation: without an
// index, without anything compiled, and without a line of what it is compared with.
func naive(r config.Rule, e *event.Event) bool {
	if !r.Enabled || !naiveEvents(r.Events, e) || len(r.Scope.Registries) > 0 && !slices.Contains(r.Scope.Registries, e.Registry.Name) {
		return false
	}
	var a event.Artifact
	if e.Artifact != nil {
		a = *e.Artifact
	}
	return naiveScope(r.Scope, e.Repository) &&
		(r.Kinds == nil || e.Artifact != nil && (slices.Contains(r.Kinds, string(a.Kind)) || a.Kind == "" && slices.Contains(r.Kinds, "unknown"))) &&
		naiveTag(r.Tag, a.Tags) &&
		naiveName(r.Actors, func() string { return e.Actor.Name }) &&
		naiveName(r.Ref, func() string { return e.Build.Commit.Ref }) &&
		(r.Severity == "" || naiveSeverity(r.Severity, e)) &&
		(r.ExpiresIn == 0 || e.Expiry != nil && *e.Expiry.Days*24 <= time.Duration(r.ExpiresIn).Hours()) &&
		(r.Noise != "quiet" || !naiveNoise(e, a.Tags)) &&
		(r.Where == "" || someWheres[r.Where](e))
}

func naiveEvents(patterns []string, e *event.Event) bool {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	typ := string(e.Type)
	return slices.ContainsFunc(patterns, func(p string) bool {
		name, status, narrowed := strings.Cut(p, "=")
		if narrowed && status != string(e.Status) {
			return false
		}
		if name == "*" {
			return e.Type != event.Unknown && !strings.HasPrefix(typ, "blob.") && !strings.HasSuffix(typ, ".pulled")
		}
		family, any := strings.CutSuffix(name, "*")
		return name == typ || any && strings.HasPrefix(typ, family)
	})
}

func naiveScope(s config.Scope, r *event.Repository) bool {
	if r == nil {
		return len(s.Namespaces) == 0 && !slices.ContainsFunc(s.Repositories, func(p string) bool { return !strings.HasPrefix(p, "!") })
	}
	namespace, relative, ok := strings.Cut(r.FullName, "/")
	if !ok {
		namespace, relative = "", r.FullName
	}
	if len(s.Namespaces) > 0 && (namespace == "" || !slices.ContainsFunc(s.Namespaces, func(p string) bool { return naiveGlob(p, namespace) })) {
		return false
	}
	includes, included := false, false
	for _, p := range s.Repositories {
		p, excludes := strings.CutPrefix(p, "!")
		matches := naiveGlob(p, r.FullName) || len(s.Namespaces) > 0 && naiveGlob(p, relative)
		if excludes && matches {
			return false
		}
		includes, included = includes || !excludes, included || !excludes && matches
	}
	return included || !includes
}

func naiveGlob(pattern, name string) bool {
	ok, err := doublestar.Match(strings.TrimPrefix(strings.ReplaceAll(pattern, ", ", ","), "/"), name)
	return ok && err == nil
}

func naiveTag(t *config.Tag, tags []string) bool {
	switch {
	case t == nil:
		return true
	case len(tags) == 0:
		return t.Untagged == "match"
	}
	return slices.ContainsFunc(tags, func(tag string) bool { return naiveNames(&t.Names, tag) })
}

func naiveNames(n *config.Names, name string) bool {
	if n.Except != nil && naiveNames(n.Except, name) {
		return false
	}
	switch {
	case n.Regex != "":
		return regexp.MustCompile("^(" + n.Regex + ")$").MatchString(name)
	case n.Glob != nil:
		return slices.ContainsFunc(n.Glob, func(p string) bool { return naiveGlob(p, name) })
	case n.List != nil:
		return slices.Contains(n.List, name)
	}
	return true
}

// naiveName takes name, or the lack of it where n only has exceptions.
func naiveName(n *config.Names, name func() string) (ok bool) {
	if n == nil {
		return true
	}
	found := func() (s string) {
		defer func() { _ = recover() }() // a part of the event on the way is nil
		return name()
	}()
	if found == "" {
		return n.Regex == "" && n.Glob == nil && n.List == nil
	}
	return naiveNames(n, found)
}

func naiveSeverity(least string, e *event.Event) bool {
	const scale = "unknown negligible low medium high critical"
	var is event.Severity
	if e.Scan != nil {
		is = e.Scan.Severity
	}
	if e.Vulnerability != nil {
		is = e.Vulnerability.Severity
	}
	return is != "" && strings.Index(scale, string(is)) >= strings.Index(scale, least)
}

func naiveNoise(e *event.Event, tags []string) bool {
	actor := ""
	if e.Actor != nil {
		actor = e.Actor.Name
	}
	switch {
	case len(tags) > 0 && !slices.ContainsFunc(tags, func(t string) bool { return !strings.HasPrefix(t, "sha256-") || len(t) != 71 }):
		return true
	case e.Type == event.ChartPushed:
		return e.Artifact != nil && len(tags) == 0 || strings.HasPrefix(actor, "harbor")
	case e.Type == event.ArtifactPulled:
		return strings.HasPrefix(actor, "harbor") || strings.Contains(actor, "Trivy")
	}
	return e.Type == event.ArtifactPushed && strings.HasPrefix(actor, "harbor")
}

// someWheres are expressions, with what they mean.
var someWheres = map[string]func(*event.Event) bool{
	`event.artifact.size > 10`: func(e *event.Event) bool { return e.Artifact != nil && e.Artifact.Size > 10 },
	`event.actor?.name startsWith "robot" or event.status == "failed"`: func(e *event.Event) bool {
		return e.Actor != nil && strings.HasPrefix(e.Actor.Name, "robot") || e.Status == event.Failed
	},
	`event.actor == nil`: func(e *event.Event) bool { return e.Actor == nil },
	`"dev" in event.artifact.tags`: func(e *event.Event) bool {
		return e.Artifact != nil && slices.Contains(e.Artifact.Tags, "dev")
	},
}
