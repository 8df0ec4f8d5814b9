package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// rule is a compiled rule, but for the types of events that it takes.
type rule struct {
	name       string
	deliver    []config.Deliver
	registries []string
	namespaces []glob
	include    []glob
	exclude    []glob
	tag        *tagRegex
}

// candidate is a rule for one type of event.
type candidate struct {
	rule     *rule
	statuses []event.Status // nil = any
}

// predicate is a condition of a rule, or none.
type predicate int

const (
	passed predicate = iota
	byStatus
	byRegistry
	byNamespace
	byRepository
	byTag
)

func (p predicate) String() string {
	return [...]string{"", "status", "registry", "namespace", "repository", "tag"}[p]
}

// subject is what rules look at in an event.
type subject struct {
	status    event.Status
	registry  string
	namespace string
	full      string // name of the repository, empty where the event is about none
	relative  string // its part behind the namespace
	tags      []string
}

func subjectOf(e *event.Event) subject {
	s := subject{status: e.Status, registry: e.Registry.Name}
	if r := e.Repository; r != nil {
		s.full = strings.TrimPrefix(r.FullName, "/")
		if namespace, name, ok := strings.Cut(s.full, "/"); ok {
			s.namespace, s.relative = namespace, name
		} else {
			s.namespace, s.relative = r.Namespace, s.full
		}
	}
	if e.Artifact != nil {
		s.tags = e.Artifact.Tags
	}
	return s
}

// judge returns the first of the rule's conditions that s does not meet.
func (c *candidate) judge(s *subject) predicate {
	r := c.rule
	switch {
	case c.statuses != nil && !slices.Contains(c.statuses, s.status):
		return byStatus
	case r.registries != nil && !slices.Contains(r.registries, s.registry):
		return byRegistry
	case r.namespaces != nil && !anyMatch(r.namespaces, s.namespace):
		return byNamespace
	case !r.takesRepository(s):
		return byRepository
	case r.tag != nil && !slices.ContainsFunc(s.tags, r.tag.match):
		return byTag
	}
	return passed
}

// takesRepository reports whether the repository is included and not excluded. An
// event about no repository is neither.
func (r *rule) takesRepository(s *subject) bool {
	if s.full == "" {
		return r.include == nil
	}
	if r.include != nil && r.first(r.include, s) == nil {
		return false
	}
	return r.first(r.exclude, s) == nil
}

// first returns the first of list that matches the repository: its full name, or,
// where the rule narrows the namespaces, its name within them.
func (r *rule) first(list []glob, s *subject) *glob {
	for i := range list {
		if list[i].match(s.full) || r.namespaces != nil && list[i].match(s.relative) {
			return &list[i]
		}
	}
	return nil
}

func anyMatch(list []glob, name string) bool {
	return name != "" && slices.ContainsFunc(list, func(g glob) bool { return g.match(name) })
}

// compiler compiles rules and collects what is wrong with them.
type compiler struct {
	path    string // of the rule
	regexes map[string]*tagRegex
	faults  config.Faults
}

func (c *compiler) fault(path, format string, args ...any) {
	c.faults = append(c.faults, config.Faultf(c.path+"."+path, format, args...))
}

func (c *compiler) compile(r config.Rule) (*rule, map[event.Type][]event.Status) {
	compiled := &rule{name: r.Name}
	for _, d := range r.Deliver {
		if !slices.Contains(compiled.deliver, d) {
			compiled.deliver = append(compiled.deliver, d)
		}
	}
	if len(r.Scope.Registries) > 0 {
		compiled.registries = slices.Clone(r.Scope.Registries)
	}
	for i, p := range r.Scope.Namespaces {
		if g, ok := c.namespace(fmt.Sprintf("scope.namespaces[%d]", i), p); ok {
			compiled.namespaces = append(compiled.namespaces, g)
		}
	}
	for i, p := range r.Scope.Repositories {
		pattern, excluded := strings.CutPrefix(strings.TrimSpace(p), "!")
		g, err := compileGlob(pattern)
		if err != nil {
			c.fault(fmt.Sprintf("scope.repositories[%d]", i), "%v", err)
			continue
		}
		g.source = p
		if excluded {
			compiled.exclude = append(compiled.exclude, g)
		} else {
			compiled.include = append(compiled.include, g)
		}
	}
	if r.Tag != nil {
		compiled.tag = c.regex("tag.regex", r.Tag.Regex)
	}
	return compiled, c.eventTypes(r.Events)
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

// regex compiles a regex, each but once.
func (c *compiler) regex(path, source string) *tagRegex {
	if r, ok := c.regexes[source]; ok {
		return r
	}
	r, err := compileRegex(source)
	if err != nil {
		c.fault(path, "%v", err)
		return nil
	}
	c.regexes[source] = r
	return r
}
