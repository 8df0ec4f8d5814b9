package rules

import (
	"fmt"
	"strconv"
	"strings"
)

// reason says how s fails the condition that judge named.
func (c *candidate) reason(failed predicate, s *subject) string {
	r := c.rule
	switch failed {
	case byStatus:
		if s.status == "" {
			return "the event has no status, and the rule wants " + quoted(stringsOf(c.statuses), "or")
		}
		return fmt.Sprintf("status %q is not %s", s.status, quoted(stringsOf(c.statuses), "or"))
	case byRegistry:
		return fmt.Sprintf("registry %q is not %s", s.registry, quoted(r.registries, "or"))
	case byNamespace:
		switch {
		case s.namespace != "":
			return fmt.Sprintf("namespace %s does not match %s", quote(s.namespace), quoted(sources(r.namespaces), "or"))
		case s.full == "":
			return "the event names no repository, and the rule wants namespace " + quoted(sources(r.namespaces), "or")
		}
		return fmt.Sprintf("repository %s has no namespace, and the rule wants %s", quote(s.full), quoted(sources(r.namespaces), "or"))
	case byRepository:
		if s.full == "" {
			return "the event names no repository, and the rule wants " + quoted(sources(r.include), "or")
		}
		if r.include != nil && r.first(r.include, s) == nil {
			return fmt.Sprintf("repository %s does not match %s", quote(s.full), quoted(sources(r.include), "or"))
		}
		return fmt.Sprintf("repository %s is excluded by %s", quote(s.full), quote(r.first(r.exclude, s).source))
	case byTag:
		switch len(s.tags) {
		case 0:
			return fmt.Sprintf("the event names no tag, and the rule wants one that matches regex %s", quote(r.tag.source))
		case 1:
			return fmt.Sprintf("tag %s does not match regex %s", quote(s.tags[0]), quote(r.tag.source))
		}
		return fmt.Sprintf("tags %s do not match regex %s", quoted(s.tags, "and"), quote(r.tag.source))
	}
	return ""
}

func sources(list []glob) []string {
	names := make([]string, len(list))
	for i, g := range list {
		names[i] = g.source
	}
	return names
}

// quoted lists names, the first few of many.
func quoted(names []string, and string) string {
	const most = 5
	var b strings.Builder
	for i, n := range names {
		switch {
		case i == most:
			return b.String() + fmt.Sprintf(" %s %d more", and, len(names)-most)
		case i == 0:
		case i == len(names)-1:
			b.WriteString(" " + and + " ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(quote(n))
	}
	return b.String()
}

// quote puts s in quotes and escapes what does not print; backslashes stay single,
// for regexes are full of them.
func quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r == '"' || !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return `"` + s + `"`
}
