package rules

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// maxAlternatives is how many patterns one with braces may stand for.
const maxAlternatives = 256

// glob is a pattern for names with slashes: "*" is any run of characters within a
// segment, "**" as a whole segment any number of them (none, too: "prod/**" takes
// "prod"), "?" one character, "[a-z]" a class, "{a, b}" alternatives with blanks
// allowed. A leading slash means nothing.
type glob struct {
	source string
	// The braces are written out when the rules are loaded, since the matcher
	// tries their combinations one by one: this way there is no more than one pass
	// over the name for each alternative, and most are plain names.
	alternatives []alternative
}

// alternative is a pattern without braces.
type alternative struct {
	pattern string
	prefix  string // that every match begins with
	suffix  string // that every match ends with
	plain   bool   // pattern matches itself only
}

func (g *glob) match(name string) bool {
	for i := range g.alternatives {
		a := &g.alternatives[i]
		if a.plain {
			if a.pattern == name {
				return true
			}
		} else if strings.HasPrefix(name, a.prefix) && strings.HasSuffix(name, a.suffix) && doublestar.MatchUnvalidated(a.pattern, name) {
			return true
		}
	}
	return false
}

// compileGlob compiles source.
func compileGlob(source string) (glob, error) {
	if len(source) > maxPattern {
		return glob{}, fmt.Errorf("is %d bytes long: write at most %d, or make several patterns of it", len(source), maxPattern)
	}
	pattern := withoutBlanks(strings.TrimSpace(source))
	if !doublestar.ValidatePattern(pattern) {
		return glob{}, fmt.Errorf("%s is no pattern: close each { and [, and put a backslash before those that are meant as letters", quote(source))
	}
	list, ok := expand(pattern, maxAlternatives)
	if !ok {
		return glob{}, fmt.Errorf("stands for more than %d patterns when its braces are written out: use * instead, or make several patterns of it", maxAlternatives)
	}
	g := glob{source: source}
	for i := 0; i < len(list); i++ {
		p := strings.TrimPrefix(list[i], "/")
		for strings.HasSuffix(p, "/**/**") {
			p = strings.TrimSuffix(p, "/**")
		}
		switch {
		case p == "":
			return glob{}, errors.New("is empty, or a part of it is, so it matches nothing: write a name, or ** for all")
		case strings.HasSuffix(p, "/"):
			return glob{}, fmt.Errorf("%s ends with a slash, which no name does: write %s for all below it", quote(source), quote(p+"**"))
		}
		a := alternative{pattern: p}
		if meta := strings.IndexAny(p, `*?[\`); meta < 0 {
			a.plain = true
		} else {
			// Not the slash before a "**", which may stand for nothing.
			a.prefix = strings.TrimSuffix(p[:meta], "/")
			if !strings.ContainsAny(p, `[\`) {
				a.suffix = strings.TrimPrefix(p[strings.LastIndexAny(p, "*?")+1:], "/")
			}
		}
		if above, ok := strings.CutSuffix(p, "/**"); ok && !a.plain && strings.ContainsAny(above, `*?[\`) {
			// The matcher lets the end stand for nothing behind letters only.
			list = append(list, above)
		}
		g.alternatives = append(g.alternatives, a)
	}
	return g, nil
}

// withoutBlanks takes away the blanks that stand beside the braces and commas of
// alternatives.
func withoutBlanks(p string) string {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(p); {
		n := unit(p[i:])
		switch p[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ' ', '\t':
			rest := strings.TrimLeft(p[i:], " \t")
			before := strings.HasSuffix(b.String(), "{") || strings.HasSuffix(b.String(), ",")
			after := strings.HasPrefix(rest, ",") || strings.HasPrefix(rest, "}")
			if depth > 0 && (before || after) {
				i = len(p) - len(rest)
				continue
			}
		}
		b.WriteString(p[i : i+n])
		i += n
	}
	return b.String()
}

// unit returns how many bytes of p, which is not empty, belong together at its
// beginning: an escaped character, a class, else one byte.
func unit(p string) int {
	switch p[0] {
	case '\\':
		return min(2, len(p))
	case '[':
		for i := 1; i < len(p); i++ {
			switch {
			case p[i] == '\\':
				i++
			case p[i] == ']' && i > 1:
				return i + 1
			}
		}
	}
	return 1
}

// expand writes the braces of p out; false where that makes more than most.
func expand(p string, most int) ([]string, bool) {
	start, parts, end := braces(p)
	if parts == nil {
		return []string{p}, most > 0
	}
	var list []string
	for _, part := range parts {
		more, ok := expand(p[:start]+part+p[end:], most-len(list))
		if !ok {
			return nil, false
		}
		list = append(list, more...)
	}
	return list, true
}

// braces finds the first braces of p, from start to end, and the parts within.
func braces(p string) (start int, parts []string, end int) {
	depth, from := 0, 0
	for i := 0; i < len(p); i += unit(p[i:]) {
		switch p[i] {
		case '{':
			if depth++; depth == 1 {
				start, from = i, i+1
			}
		case ',':
			if depth == 1 {
				parts, from = append(parts, p[from:i]), i+1
			}
		case '}':
			if depth--; depth == 0 {
				return start, append(parts, p[from:i]), i + 1
			}
		}
	}
	return 0, nil, 0
}
