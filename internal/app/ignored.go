package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// byAction are the types of event that come of a Distribution registry's actions.
var byAction = map[string][]event.Type{
	"push":   {event.ArtifactPushed, event.ChartPushed, event.ArtifactSigned, event.ArtifactAttached, event.BlobPushed},
	"pull":   {event.ArtifactPulled, event.ArtifactInspected, event.ChartPulled, event.BlobPulled},
	"mount":  {event.BlobMounted},
	"delete": {event.ArtifactDeleted, event.TagDeleted, event.ChartDeleted, event.BlobDeleted},
}

// byMediaType are those that come with a media type. A delete names none.
var byMediaType = map[string][]event.Type{
	"application/octet-stream":                                  {event.BlobPushed, event.BlobPulled, event.BlobMounted},
	"application/vnd.oci.image.manifest.v1+json":                ofManifest,
	"application/vnd.oci.image.index.v1+json":                   ofManifest,
	"application/vnd.docker.distribution.manifest.v2+json":      ofManifest,
	"application/vnd.docker.distribution.manifest.list.v2+json": ofManifest,
}

var ofManifest = []event.Type{event.ArtifactPushed, event.ArtifactPulled, event.ArtifactInspected,
	event.ChartPushed, event.ChartPulled, event.ArtifactSigned, event.ArtifactAttached}

// ignored warns of what the registry's own ignore lists keep from bellbuoy though the
// configuration asks for it by name. A wildcard takes what comes, so that it is no
// contradiction.
func ignored(c *config.Config) config.Faults {
	if c.Endpoint == nil {
		return nil
	}
	asks := asking(c)
	var faults config.Faults
	for _, i := range c.Endpoint.Ignored {
		what, types, which := i.Action, byAction[i.Action], ""
		if i.MediaType != "" {
			what, types, which = i.MediaType, byMediaType[i.MediaType], " of this media type"
		}
		for _, t := range types {
			if who := asks[t]; len(who) > 0 {
				faults = append(faults, config.Fault{Severity: config.Warning, Pos: i.Pos, Path: i.Path,
					Message: fmt.Sprintf("%q keeps %s%s from bellbuoy, which %s asks for: remove one of the two", what, t, which, and(who))})
			}
		}
	}
	return faults
}

// asking returns who names each type of event: the rules for the registry beside c, and
// c's keep.
func asking(c *config.Config) map[event.Type][]string {
	asks := map[event.Type][]string{}
	ask := func(who string, types []string) {
		for _, t := range types {
			name, _, _ := strings.Cut(t, "=")
			t := event.Type(strings.TrimSpace(name))
			asks[t] = append(asks[t], who)
		}
	}
	if !slices.Equal(c.Keep, config.Default().Keep) { // which nobody asked for
		ask("keep", c.Keep)
	}
	for _, r := range c.Rules {
		if r.Enabled && (len(r.Scope.Registries) == 0 || slices.Contains(r.Scope.Registries, c.Endpoint.Registry)) {
			ask(fmt.Sprintf("rule %q", r.Name), r.Events)
		}
	}
	return asks
}

// and names the first of names, and how many more there are.
func and(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return names[0] + " (and " + count(len(names)-1, "other", "others") + ")"
}
