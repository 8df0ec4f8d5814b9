package translator

import (
	"encoding/json"
	"fmt"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// zotImage is the data of zot's events of images. Its event of a new repository has the
// name only.
type zotImage struct {
	Name      string          `json:"name"`
	Reference string          `json:"reference"` // a tag, or the digest
	Digest    string          `json:"digest"`
	MediaType string          `json:"mediaType"`
	Manifest  json.RawMessage `json:"manifest"` // a string that holds it; not of deletes
}

// zotCloudEvent translates an event of zot, which sends the manifest along. A delete by
// tag takes the tag only. There is no type here for a push that zot's lint refused, nor
// for a new repository, and zot has no events of pulls. Dropped: the extension channel,
// and of the manifest what does not tell its kind.
func zotCloudEvent(src Source, n adapters.Notification, c *cloudevents.Event) []event.Event {
	e := src.cloudEvent(n, c)
	one := func(e event.Event) []event.Event { return []event.Event{e} }
	name := strings.TrimPrefix(c.Type, "zotregistry.")
	switch name {
	case "image.updated", "image.deleted", "image.lint_failed", "repository.created":
	default:
		return one(unknown(e, fmt.Sprintf("type %s is not known", adapters.Quote(c.Type))))
	}
	var d zotImage
	if c.Data != nil {
		if err := jsonv2.Unmarshal(c.Data, &d); err != nil {
			return one(unknown(e, c.Type+": data does not have the form that zot gives it"))
		}
	}
	e.Repository = repository(d.Name)
	tag := ""
	if name != "repository.created" {
		e.Artifact, tag = zotArtifact(&d)
	}
	switch {
	case e.Repository == nil:
		return one(unknown(e, c.Type+" without data.name"))
	case name == "image.lint_failed":
		return one(unknown(e, c.Type+": there is no type of event for a push that is refused"))
	case name == "repository.created":
		return one(unknown(e, c.Type+": there is no type of event for a repository that is new"))
	case name == "image.deleted" && tag != "":
		e.Type = event.TagDeleted
	case e.Artifact == nil || e.Artifact.Digest == "":
		return one(unknown(e, c.Type+" without data.digest"))
	case name == "image.deleted":
		e.Type = event.ArtifactDeleted
	default:
		classify(e.Artifact, tag, nil)
		e = pushed(e, e.Artifact)
		_ = Manifest(&e, d.manifest()) // one that cannot be read tells nothing
	}
	return one(e)
}

// manifest returns the manifest that came along; empty if none did.
func (d *zotImage) manifest() []byte {
	var text string
	if jsonv2.Unmarshal(d.Manifest, &text) == nil {
		return []byte(text)
	}
	return d.Manifest
}

// zotArtifact returns what d says of the artifact, nil if nothing, and its tag.
func zotArtifact(d *zotImage) (a *event.Artifact, tag string) {
	if d.Digest == "" && d.Reference == "" && d.MediaType == "" {
		return nil, ""
	}
	a = named(d.Digest, d.Reference)
	a.MediaType = d.MediaType
	return a, firstTag(a)
}
