package dialect

import (
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// isPush reports whether e tells of a manifest that was pushed. Of a signature it does
// so only where it is about the signature: ACR tells of what was signed.
func isPush(e *event.Event) bool {
	switch e.Type {
	case event.ArtifactPushed, event.ChartPushed, event.ArtifactAttached:
		return true
	case event.ArtifactSigned:
		return e.Artifact != nil && e.Artifact.Kind == event.KindSignature
	}
	return false
}

// errSigned is the error of dialects that tell of a signature by its push.
func errSigned(of string) error {
	return &NoWord{of + " tells that a signature was pushed, and the event tells of what was signed"}
}

func fullName(e *event.Event) string {
	if e.Repository == nil {
		return ""
	}
	return e.Repository.FullName
}

func digestOf(e *event.Event) string {
	if e.Artifact == nil {
		return ""
	}
	return e.Artifact.Digest
}

// tagOf is the first tag of e, which has one at most unless it is about several.
func tagOf(e *event.Event) string {
	if e.Artifact == nil || len(e.Artifact.Tags) == 0 {
		return ""
	}
	return e.Artifact.Tags[0]
}

// tagsOf are all names of e's artifact: its tags, else its digest.
func tagsOf(e *event.Event) []string {
	switch {
	case e.Artifact == nil:
		return nil
	case len(e.Artifact.Tags) > 0:
		return e.Artifact.Tags
	case e.Artifact.Digest != "":
		return []string{e.Artifact.Digest}
	}
	return nil
}

// image is host/repository, or "" where one of them is not said.
func image(e *event.Event) string {
	if e.Registry.Host == "" || fullName(e) == "" {
		return ""
	}
	return e.Registry.Host + "/" + fullName(e)
}

// behind is ":tag", else "@digest", else "".
func behind(e *event.Event) string {
	if tag := tagOf(e); tag != "" {
		return ":" + tag
	}
	if digest := digestOf(e); digest != "" {
		return "@" + digest
	}
	return ""
}

func actorOf(e *event.Event) string {
	if e.Actor == nil {
		return ""
	}
	return e.Actor.Name
}

// title writes the first letter of a word of ours in a capital.
func title(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// sourceOf is the source of CloudEvents: the registry, as bellbuoy's config names it.
func sourceOf(e *event.Event) string {
	return "/registries/" + escapePath(e.Registry.Name)
}

// escapePath makes of s one segment of a path, in which nothing needs to be escaped
// any more.
func escapePath(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
