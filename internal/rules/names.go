package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
)

// names is a compiled [config.Names]: a regex, globs or a list, or none of these and
// then every name matches. Of what matches, except is not taken.
type names struct {
	regex  *regex
	globs  []glob
	list   []string
	except *names
}

// take reports whether name matches and is not excepted.
func (n *names) take(name string) bool {
	return n.match(name) && (n.except == nil || !n.except.take(name))
}

// all reports whether every name matches, so that only except decides.
func (n *names) all() bool { return n.regex == nil && n.globs == nil && n.list == nil }

func (n *names) match(name string) bool {
	switch {
	case n.regex != nil:
		return n.regex.match(name)
	case n.globs != nil:
		return slices.ContainsFunc(n.globs, func(g glob) bool { return g.match(name) })
	case n.list != nil:
		return slices.Contains(n.list, name)
	}
	return true
}

// why says of what, such as "tag", why none of list, which is not empty, is taken.
func (n *names) why(what string, list []string) string {
	var unmatched []string
	excluded := map[string][]string{}
	var by []string // the keys of excluded, in the order of list
	for _, name := range list {
		if !n.match(name) {
			unmatched = append(unmatched, name)
			continue
		}
		x := n.except.that(name)
		if excluded[x] == nil {
			by = append(by, x)
		}
		excluded[x] = append(excluded[x], name)
	}
	var parts []string
	if unmatched != nil {
		is, are := "does not match", "do not match"
		if n.list != nil {
			is, are = "is not", "are not"
		}
		parts = append(parts, sentence(what, unmatched, is, are)+" "+n.source())
	}
	for _, x := range by {
		parts = append(parts, sentence(what, excluded[x], "is excluded by", "are excluded by")+" "+x)
	}
	return strings.Join(parts, ", and ")
}

// sentence begins one about names of what.
func sentence(what string, names []string, is, are string) string {
	if len(names) == 1 {
		return fmt.Sprintf("%s %s %s", what, quote(names[0]), is)
	}
	return fmt.Sprintf("%ss %s %s", what, quoted(names, "and"), are)
}

// that returns what of n matches name.
func (n *names) that(name string) string {
	switch {
	case n.globs != nil:
		i := slices.IndexFunc(n.globs, func(g glob) bool { return g.match(name) })
		return quote(n.globs[i].source)
	case n.list != nil:
		return quote(name)
	}
	return n.source()
}

// source writes n without its exceptions.
func (n *names) source() string {
	switch {
	case n.regex != nil:
		return "regex " + quote(n.regex.source)
	case n.globs != nil:
		return quoted(sources(n.globs), "or")
	case n.list != nil:
		return quoted(n.list, "or")
	}
	return "any"
}

// wanted says what is missing where there is no name at all.
func (n *names) wanted() string {
	switch {
	case n.regex != nil || n.globs != nil:
		return "one that matches " + n.source()
	case n.list != nil:
		return n.source()
	}
	return "one"
}

// names compiles n, which stands at path and is a condition on what; nil where it is
// faulty.
func (c *compiler) names(path, what string, n *config.Names) *names {
	var ways []string
	for _, way := range []struct {
		name string
		set  bool
	}{{"regex", n.Regex != ""}, {"glob", n.Glob != nil}, {"list", n.List != nil}} {
		if way.set {
			ways = append(ways, way.name)
		}
	}
	switch {
	case len(ways) > 1:
		c.fault(path, "has %s: keep one of them, or make a rule of each", and(ways, "and"))
		return nil
	case len(ways) == 0 && n.Except == nil:
		c.fault(path, "is empty: remove it to take every %s, or give it regex, glob, list or except", what)
		return nil
	}
	before := len(c.faults)
	compiled := &names{}
	if n.Regex != "" {
		compiled.regex = c.regex(path+".regex", n.Regex)
	}
	if n.Glob != nil {
		compiled.globs = c.globs(path+".glob", n.Glob)
	}
	if n.List != nil {
		compiled.list = c.list(path+".list", n.List)
	}
	if x := n.Except; x != nil {
		at := path + ".except"
		if x.Except != nil && x.Regex == "" && x.Glob == nil && x.List == nil {
			c.fault(at, "has but exceptions of its own: give it regex, glob or list, or write what is wanted without except")
			return nil
		}
		compiled.except = c.names(at, what, x)
	}
	if len(c.faults) > before {
		return nil
	}
	return compiled
}

// globs compiles patterns, which are one or a list of them.
func (c *compiler) globs(path string, patterns []string) []glob {
	var list []glob
	for i, p := range c.list(path, patterns) {
		at := path
		if len(patterns) > 1 {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		g, err := compileGlob(p)
		if err != nil {
			c.fault(at, "%v", err)
			continue
		}
		list = append(list, g)
	}
	return list
}

// list is a copy of names, which is not to be empty.
func (c *compiler) list(path string, names []string) []string {
	if len(names) == 0 {
		c.fault(path, "is an empty list, so nothing matches: name at least one, or remove the key")
	}
	for i, n := range names {
		if n == "" {
			c.fault(fmt.Sprintf("%s[%d]", path, i), "is empty: give it a value or remove it")
		}
	}
	return slices.Clone(names)
}
