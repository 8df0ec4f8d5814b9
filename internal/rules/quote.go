package rules

import (
	"fmt"
	"strconv"
	"strings"
)

func sources(list []glob) []string {
	names := make([]string, len(list))
	for i, g := range list {
		names[i] = g.source
	}
	return names
}

// quoted lists names in quotes, the first few of many.
func quoted(names []string, word string) string {
	const most = 5
	list := make([]string, min(len(names), most), most+1)
	for i := range list {
		list[i] = quote(names[i])
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s %s %d more", strings.Join(list, ", "), word, more)
	}
	return and(list, word)
}

// and lists words, with word before the last.
func and(words []string, word string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + word + " " + words[last]
}

// quote puts s in quotes, what is long is cut, and escapes what does not print;
// backslashes stay single, for regexes are full of them.
func quote(s string) string {
	s = bounded(s)
	if strings.ContainsFunc(s, func(r rune) bool { return r == '"' || !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return `"` + s + `"`
}

// maxShown is how many letters of a name, an expression or an error are shown.
const maxShown = 200

// bounded cuts s where it is longer than reasons are.
func bounded(s string) string {
	letters := 0
	for i := range s {
		if letters == maxShown {
			return s[:i] + "…"
		}
		letters++
	}
	return s
}
