package message

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// subject names what an event is about: prod/api:v1, or as much of it as there is.
func subject(e event.Event) string {
	where := repository(e)
	if e.Artifact == nil {
		return where
	}
	if len(e.Artifact.Tags) > 0 {
		return named(where, e.Artifact.Tags)
	}
	if e.Artifact.Digest != "" {
		return where + "@" + word(short(e.Artifact.Digest))
	}
	return where
}

// named is a repository with its tags: prod/api:v1 (and 2 more).
func named(where string, tags []string) string {
	first := where + ":" + word(tags[0])
	switch len(tags) {
	case 1:
		return first
	case 2:
		return first + " (and " + word(tags[1]) + ")"
	}
	return fmt.Sprintf("%s (and %d more)", first, len(tags)-1)
}

func repository(e event.Event) string {
	if e.Repository == nil {
		return "registry " + word(e.Registry.Name)
	}
	return word(or(e.Repository.FullName, e.Repository.Namespace))
}

// word is a stranger's word within a title.
func word(s string) string { return clip(Plain(clip(s, maxValue)), maxValue/2) }

// some is the first of a list.
func some(list []string) string {
	const most = 10
	shown := slices.Clone(list[:min(len(list), most)])
	if left := len(list) - len(shown); left > 0 {
		shown = append(shown, fmt.Sprintf("%d more", left))
	}
	return strings.Join(shown, ", ")
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return trunc(n, s)
}

func prose(s string) string { return clip(strings.TrimSpace(Plain(clip(s, 2*maxText))), maxText) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// counted is a number of things; many is the plural where it is not one with an s.
func counted(n float64, one string, many ...string) string {
	noun := one + "s"
	if len(many) > 0 {
		noun = many[0]
	}
	if n == 1 {
		noun = one
	}
	return strconv.FormatFloat(n, 'f', -1, 64) + " " + noun
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// size is a number of bytes for people.
func size(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), 0
	for ; f >= 1024 && unit < 5; unit++ {
		f /= 1024
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}
