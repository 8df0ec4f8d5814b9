package translator

import (
	"regexp"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// digestPattern is that of the OCI specification, within bounds.
var digestPattern = regexp.MustCompile(`^[a-z0-9]+(?:[+._-][a-z0-9]+){0,4}:[A-Za-z0-9=_-]{1,256}$`)

// isDigest reports whether s is a digest, and so no tag, which holds no colon.
func isDigest(s string) bool { return digestPattern.MatchString(s) }

// named returns the artifact with this digest, where it is said, and this name, which
// is a tag or, of what has none, the digest.
func named(digest, name string) *event.Artifact {
	a := &event.Artifact{Digest: digest}
	switch {
	case isDigest(name):
		if digest == "" {
			a.Digest = name
		}
	case name != "":
		a.Tags = []string{name}
	}
	return a
}

// firstTag returns the tag by which a was named; it is empty if it was not.
func firstTag(a *event.Artifact) string {
	if len(a.Tags) == 0 {
		return ""
	}
	return a.Tags[0]
}
