package connect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// edit replaces lines of a text: those from at on, counted from 0, so many.
type edit struct {
	at, remove int
	add        []string
}

// lines splits text; each line but perhaps the last has its end.
func lines(text string) []string { return slices.Collect(strings.Lines(text)) }

// apply makes the edits, which are in order and do not overlap.
func apply(old []string, edits []edit) string {
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(strings.Join(old[at:e.at], ""))
		b.WriteString(strings.Join(e.add, ""))
		at = e.at + e.remove
	}
	b.WriteString(strings.Join(old[at:], ""))
	return b.String()
}

// around is how many lines of a diff stand before and behind what changes.
const around = 3

// diff shows the edits as diff -u does.
func diff(name string, old []string, edits []edit) string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", name, name)
	grown := 0
	for i := 0; i < len(edits); {
		j := i + 1
		for j < len(edits) && edits[j].at-(edits[j-1].at+edits[j-1].remove) <= 2*around {
			j++
		}
		hunk := edits[i:j]
		i = j
		from := max(0, hunk[0].at-around)
		last := hunk[len(hunk)-1]
		to := min(len(old), last.at+last.remove+around)
		added := 0
		for _, e := range hunk {
			added += len(e.add) - e.remove
		}
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", span(from, to-from), span(from+grown, to-from+added))
		grown += added
		at := from
		for _, e := range hunk {
			mark(&b, ' ', old[at:e.at])
			mark(&b, '-', old[e.at:e.at+e.remove])
			mark(&b, '+', e.add)
			at = e.at + e.remove
		}
		mark(&b, ' ', old[at:to])
	}
	return b.String()
}

func span(from, n int) string {
	if n == 0 {
		return fmt.Sprintf("%d,0", from)
	}
	return fmt.Sprintf("%d,%d", from+1, n)
}

func mark(b *strings.Builder, with byte, list []string) {
	for _, l := range list {
		b.WriteByte(with)
		b.WriteString(l)
		if !strings.HasSuffix(l, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// inOrder sorts edits by their place; those at the same one stay as they are. Where one
// adds behind the last line, and nothing ends that, it is ended first.
func inOrder(old []string, eol string, edits []edit) []edit {
	slices.SortStableFunc(edits, func(a, b edit) int {
		return cmp.Or(a.at-b.at, min(a.remove, 1)-min(b.remove, 1)) // what is added there comes before
	})
	n := len(old)
	if len(edits) == 0 || n == 0 || strings.HasSuffix(old[n-1], "\n") {
		return edits
	}
	i := slices.IndexFunc(edits, func(e edit) bool { return e.at == n })
	if i < 0 || i > 0 && edits[i-1].at+edits[i-1].remove == n && edits[i-1].remove > 0 {
		return edits
	}
	edits[i] = edit{n - 1, 1, append([]string{old[n-1] + eol}, edits[i].add...)}
	return edits
}
