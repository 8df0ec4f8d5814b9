package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// rule is a compiled rule, but for the types of events that it takes.
type rule struct {
	name       string
	deliver    []config.Deliver
	scope      *scope
	conditions []condition // the costly ones last
}

// compiler compiles rules and collects what is wrong with them.
type compiler struct {
	path    string // of the rule
	regexes map[string]*regex
	wheres  map[string]*where
	faults  config.Faults
}

func (c *compiler) fault(path, format string, args ...any) {
	c.faults = append(c.faults, config.Faultf(c.path+"."+path, format, args...))
}

// compile compiles r, but for its types of events.
func (c *compiler) compile(r config.Rule) *rule {
	compiled := &rule{name: r.Name, scope: c.scope(r.Scope.Namespaces, r.Scope.Repositories)}
	for _, d := range r.Deliver {
		if !slices.Contains(compiled.deliver, d) {
			compiled.deliver = append(compiled.deliver, d)
		}
	}
	add := func(made condition) { compiled.conditions = append(compiled.conditions, made) }
	if len(r.Scope.Registries) > 0 {
		add(byRegistry(slices.Clone(r.Scope.Registries)))
	}
	if compiled.scope.namespaces != nil {
		add(compiled.scope.byNamespace())
	}
	if compiled.scope.include != nil || compiled.scope.exclude != nil {
		add(compiled.scope.byRepository())
	}
	if r.Kinds != nil {
		add(byKind(c.kinds(r.Kinds)))
	}
	if r.Tag != nil {
		if n, untagged := c.tag(r.Tag); n != nil {
			add(byTag(n, untagged))
		}
	}
	if r.Actors != nil {
		if n := c.names("actors", "actor", r.Actors); n != nil {
			add(byActor(n))
		}
	}
	if r.Ref != nil {
		if n := c.names("ref", "ref", r.Ref); n != nil {
			add(byRef(n))
		}
	}
	if r.Severity != "" && c.oneOf("severity", "severity", r.Severity, stringsOf(event.Severities())) {
		add(bySeverity(event.Severity(r.Severity)))
	}
	switch {
	case r.ExpiresIn < 0:
		c.fault("expires_in", "%v is less than nothing: write how long before its end an artifact is told of", r.ExpiresIn)
	case r.ExpiresIn > 0:
		add(byExpiry(time.Duration(r.ExpiresIn)))
	}
	if r.Noise != "" && c.oneOf("noise", "noise", r.Noise, []string{"quiet", "all"}) && r.Noise == "quiet" {
		add(byNoise())
	}
	if r.Where != "" {
		if w := c.where(r.Where); w != nil {
			add(byWhere(w))
		}
	}
	return compiled
}

// tag compiles a condition on tags. Without a pattern it wants any tag, or nothing.
func (c *compiler) tag(t *config.Tag) (n *names, untagged bool) {
	if t.Untagged != "" && !c.oneOf("tag.untagged", "word", t.Untagged, []string{"skip", "match"}) {
		return nil, false
	}
	bare := t.Regex == "" && t.Glob == nil && t.List == nil && t.Except == nil
	switch {
	case !bare || t.Untagged == "":
		return c.names("tag", "tag", &t.Names), t.Untagged == "match"
	case t.Untagged == "match":
		return nil, false
	}
	return &names{}, false
}

// kinds compiles a list of kinds.
func (c *compiler) kinds(list []string) []event.Kind {
	if len(list) == 0 {
		c.fault("kinds", "is an empty list, so nothing matches: name at least one, or remove the key")
	}
	kinds := make([]event.Kind, len(list))
	for i, k := range list {
		c.oneOf(fmt.Sprintf("kinds[%d]", i), "kind", k, stringsOf(event.Kinds()))
		kinds[i] = event.Kind(k)
	}
	return kinds
}

// oneOf blames word, which is a what, where it is none of words.
func (c *compiler) oneOf(path, what, word string, words []string) bool {
	if !slices.Contains(words, word) {
		c.fault(path, "unknown %s %q: %s", what, word, config.Suggest(word, words))
		return false
	}
	return true
}

// regex compiles a regex, each but once.
func (c *compiler) regex(path, source string) *regex {
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

// where compiles an expression, each but once.
func (c *compiler) where(source string) *where {
	if w, ok := c.wheres[source]; ok {
		return w
	}
	w, err := compileWhere(source)
	if err != nil {
		c.fault("where", "%v", err)
		return nil
	}
	c.wheres[source] = w
	return w
}
