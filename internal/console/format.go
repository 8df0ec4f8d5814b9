package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/internal/client"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
)

// functions are those of the pages.
func functions() template.FuncMap {
	return template.FuncMap{
		"iso":        func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"utc":        func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"exact":      func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") },
		"plain":      plain,
		"clip":       func(n int, s string) string { return clip(plain(s), n) },
		"title":      func(e event.Event) string { return plain(message.BriefOf(e).Title) },
		"brief":      func(e event.Event) message.Brief { return message.BriefOf(e) },
		"join":       func(sep string, s []string) string { return plain(strings.Join(s, sep)) },
		"pretty":     pretty,
		"size":       size,
		"many":       many,
		"mark":       mark,
		"plus":       func(a, b int) int { return a + b },
		"tab":        newTab,
		"in":         slices.Contains[[]string],
		"tagWays":    tagWays,
		"severities": severities,
		"again":      func(state string) bool { return slices.Contains(redeliverable(), state) },
		"about":      aboutEntry,
		"logState":   logState,
		"linkTo":     linkTo,
	}
}

// tab is an entry of the menu.
type tab struct {
	Path, Name string
	Here       bool
}

func newTab(section, path, name string) tab { return tab{path, name, section == path} }

// plain makes text that anybody may have written fit to be shown in a line: characters that
// are not to be seen, or that turn the line around, are shown as what they are.
func plain(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if hidden(r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return r != ' ' && !unicode.IsPrint(r)
}

// clip cuts s to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// pretty lays out JSON for people; what is none stays as it is.
func pretty(raw any) string {
	var b []byte
	switch v := raw.(type) {
	case json.RawMessage:
		b = v
	case string:
		b = []byte(v)
	default:
		b, _ = json.Marshal(v) // what cannot be encoded is not shown
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return lines(string(b))
	}
	return lines(out.String())
}

// lines is plain for what may have several.
func lines(s string) string {
	parts := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(plain(strings.ReplaceAll(p, "\t", "    ")), "\r", "")
	}
	return strings.Join(parts, "\n")
}

// size is a number of bytes for people.
func size(n int64) string {
	for _, unit := range [...]string{"B", "KiB", "MiB"} {
		if n < 1024 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%d GiB", n)
}

// many is "1 event" or "5 events".
func many(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// aboutEntry is what the event of a log's entry is about.
func aboutEntry(e client.LogEntry) string {
	s := e.Repository
	switch {
	case len(e.Tags) > 0:
		s += ":" + strings.Join(e.Tags, ", ")
	case e.Digest != "":
		algorithm, hex, _ := strings.Cut(e.Digest, ":")
		s += "@" + algorithm + ":" + hex[:min(12, len(hex))]
	}
	return cmp.Or(s, e.Action)
}

// logState is the state of an entry's delivery, or what its log calls one of none.
func logState(e client.LogEntry) string { return cmp.Or(e.State, e.Status) }

// redeliverable are the states of deliveries that can be made again.
func redeliverable() []string {
	return []string{"delivered", "dead", "expired", "cancelled", "skipped", "shadowed"}
}

// mark is the sign of a state, for who does not see its colour.
func mark(state string) string {
	switch state {
	case "delivered", "healthy", "up", "matched":
		return "✓"
	case "dead", "expired", "permanent", "disabled", "down", "halted":
		return "✕"
	case "retry", "failing", "throttled", "paused":
		return "!"
	case "waiting", "starting", "held":
		return "…"
	case "parked":
		return "‖"
	}
	return "·"
}
