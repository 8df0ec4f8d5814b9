package rules

import (
	"fmt"
	"slices"
	"strings"
)

// scope is where a rule applies, but for the registries.
type scope struct {
	namespaces []glob // nil = all
	include    []glob // nil = all
	exclude    []glob
}

// byNamespace holds for repositories in one of the scope's namespaces.
func (sc *scope) byNamespace() condition {
	wanted := quoted(sources(sc.namespaces), "or")
	return condition{
		predicate: "namespace",
		holds: func(s *subject) bool {
			return s.namespace != "" && slices.ContainsFunc(sc.namespaces, func(g glob) bool { return g.match(s.namespace) })
		},
		why: func(s *subject) string {
			switch {
			case s.namespace != "":
				return fmt.Sprintf("namespace %s does not match %s", quote(s.namespace), wanted)
			case s.full == "":
				return "the event names no repository, and the rule wants namespace " + wanted
			}
			return fmt.Sprintf("repository %s has no namespace, and the rule wants %s", quote(s.full), wanted)
		},
	}
}

// byRepository holds for repositories that are included and not excluded. An event
// about no repository is neither.
func (sc *scope) byRepository() condition {
	wanted := quoted(sources(sc.include), "or")
	return condition{
		predicate: "repository",
		holds: func(s *subject) bool {
			if s.full == "" {
				return sc.include == nil
			}
			return (sc.include == nil || sc.first(sc.include, s) != nil) && sc.first(sc.exclude, s) == nil
		},
		why: func(s *subject) string {
			switch {
			case s.full == "":
				return "the event names no repository, and the rule wants " + wanted
			case sc.include != nil && sc.first(sc.include, s) == nil:
				return fmt.Sprintf("repository %s does not match %s", quote(s.full), wanted)
			}
			return fmt.Sprintf("repository %s is excluded by %s", quote(s.full), quote(sc.first(sc.exclude, s).source))
		},
	}
}

// first returns the first of list that matches the repository: its full name, or,
// where the scope narrows the namespaces, its name within them.
func (sc *scope) first(list []glob, s *subject) *glob {
	for i := range list {
		if list[i].match(s.full) || sc.namespaces != nil && list[i].match(s.relative) {
			return &list[i]
		}
	}
	return nil
}

// scope compiles the patterns for namespaces and repositories.
func (c *compiler) scope(namespaces, repositories []string) *scope {
	sc := &scope{}
	for i, p := range namespaces {
		if g, ok := c.namespace(fmt.Sprintf("scope.namespaces[%d]", i), p); ok {
			sc.namespaces = append(sc.namespaces, g)
		}
	}
	for i, p := range repositories {
		pattern, excluded := strings.CutPrefix(strings.TrimSpace(p), "!")
		g, err := compileGlob(pattern)
		if err != nil {
			c.fault(fmt.Sprintf("scope.repositories[%d]", i), "%v", err)
			continue
		}
		g.source = p
		if excluded {
			sc.exclude = append(sc.exclude, g)
		} else {
			sc.include = append(sc.include, g)
		}
	}
	return sc
}

// namespace compiles a pattern for namespaces.
func (c *compiler) namespace(path, pattern string) (glob, bool) {
	if name, ok := strings.CutPrefix(strings.TrimSpace(pattern), "!"); ok {
		c.fault(path, "only repositories can be excluded: write %s under repositories", quote("!"+name+"/**"))
		return glob{}, false
	}
	g, err := compileGlob(pattern)
	if err != nil {
		c.fault(path, "%v", err)
		return glob{}, false
	}
	for _, a := range g.alternatives {
		if strings.Contains(a.pattern, "/") {
			c.fault(path, "%s has a slash, but a namespace is the name up to the first one: write the pattern under repositories", quote(pattern))
			return glob{}, false
		}
	}
	return g, true
}
