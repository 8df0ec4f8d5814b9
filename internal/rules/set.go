// Package rules decides which targets hear of an event, and says why the others
// do not. It is pure: what a [Set] made of an event can be computed again at any
// time, by the same set or by one made again from its [Set.Source].
package rules

import (
	"fmt"
	"slices"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Set is a compiled list of rules. It does not change, and may be used by many
// goroutines at the same time.
type Set struct {
	// byType are the rules that take events of a type, in the config's order.
	byType map[event.Type]*index
	source []byte
	hash   string
	rules  map[string]*compiled // by their JSON; for the set that comes after this one
}

// Match is a rule that takes an event.
type Match struct {
	Rule    string
	Deliver []config.Deliver // in the config's order, none twice; not to be changed
}

// Verdict is what one rule made of an event. Its JSON is part of the API.
type Verdict struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	// Predicate is the condition that failed: status, registry, namespace,
	// repository, kind, tag, actor, ref, severity, expires_in, noise or where; they
	// are asked in this order. Reason says how. Both are empty where the rule matched.
	Predicate string `json:"predicate"`
	Reason    string `json:"reason"`
}

// FromConfig is [Compile] of c's rules, each fault on its line of c's file.
func FromConfig(c *config.Config) (*Set, config.Faults) {
	set, faults := Compile(c.Rules)
	return set, c.Locate(faults)
}

// Compile makes a set of list, or says all that is wrong with the rules' conditions;
// then the set is nil. With a set there may be warnings, of rules that never fire.
// The paths of its faults begin with "rules[i]". That names are unique and that
// registries and targets exist is package config's to check.
func Compile(list []config.Rule) (*Set, config.Faults) { return (*Set)(nil).Next(list) }

// Next is [Compile] where most of the rules are those of s, which may be nil: what is the
// same there is not compiled again, and not warned of again.
func (s *Set) Next(list []config.Rule) (*Set, config.Faults) {
	c := compiler{regexes: map[string]*regex{}, wheres: map[string]*where{}}
	next := &Set{rules: make(map[string]*compiled, len(list))}
	byType := map[event.Type][]*candidate{}
	var encoded []string
	for i, r := range list {
		key := encode(r)
		if r.Enabled {
			encoded = append(encoded, key)
		}
		var made *compiled
		if s != nil {
			made = s.rules[key]
		}
		if made == nil {
			c.path = fmt.Sprintf("rules[%d]", i)
			before := len(c.faults)
			made = c.whole(r)
			if c.faults[before:].Failed() {
				continue
			}
		}
		next.rules[key] = made
		if r.Enabled {
			for t, candidate := range made.byType {
				byType[t] = append(byType[t], candidate)
			}
		}
	}
	if c.faults.Failed() {
		return nil, c.faults
	}
	next.byType = indexes(byType)
	next.source, next.hash = join(encoded)
	return next, c.faults
}

// compiled is all that a set needs to know of one rule.
type compiled struct{ byType map[event.Type]*candidate }

// whole compiles r, and warns of it where it is enabled.
func (c *compiler) whole(r config.Rule) *compiled {
	rule, types := c.compile(r), c.eventTypes(r.Events)
	made := &compiled{make(map[event.Type]*candidate, len(types))}
	if r.Enabled {
		c.warn(r, types)
	}
	all := newCandidate(rule, rule.conditions)
	for t, statuses := range types {
		made.byType[t] = all
		if statuses != nil {
			made.byType[t] = newCandidate(rule, append([]condition{byStatus(statuses)}, rule.conditions...))
		}
	}
	return made
}

// Route returns the rules that take e, in the config's order.
func (s *Set) Route(e *event.Event) []Match {
	x := s.byType[e.Type]
	if x == nil {
		return nil
	}
	about := subjectOf(e)
	var places []int32
	for place := range x.near(about) {
		if failed(x.all[place].conditions, about) == nil {
			places = append(places, place)
		}
	}
	slices.Sort(places)
	var matches []Match
	for _, place := range places {
		matches = append(matches, Match{x.all[place].name, x.all[place].deliver})
	}
	return matches
}

// Explain returns what each rule makes of e, in the config's order: exactly those
// that [Set.Route] returns are matched. Rules that take no events of e's type, and
// disabled ones, are left out. The list is never nil.
func (s *Set) Explain(e *event.Event) []Verdict {
	x := s.byType[e.Type]
	if x == nil {
		return []Verdict{}
	}
	about := subjectOf(e)
	verdicts := make([]Verdict, len(x.all))
	for i, c := range x.all {
		verdicts[i] = c.verdict(about)
	}
	return verdicts
}

func (c candidate) verdict(about *subject) Verdict {
	if lacking := failed(c.conditions, about); lacking != nil {
		return Verdict{Rule: c.name, Predicate: lacking.predicate, Reason: lacking.why(about)}
	}
	return Verdict{Rule: c.name, Matched: true}
}

// Uncomputed returns those verdicts of [Set.Explain] that say that an expression could
// not be computed for e.
func (s *Set) Uncomputed(e *event.Event) []Verdict {
	x := s.byType[e.Type]
	if x == nil {
		return nil
	}
	var verdicts []Verdict
	about := subjectOf(e)
	for _, c := range x.all {
		lacking := failed(c.conditions, about)
		if lacking != nil && lacking.uncomputed != nil && lacking.uncomputed(about) {
			verdicts = append(verdicts, Verdict{Rule: c.name, Predicate: lacking.predicate, Reason: lacking.why(about)})
		}
	}
	return verdicts
}

// Wants reports whether some enabled rule takes events of type t. Of types that are
// [event.Type.OnRequest] only those need be stored that a rule wants.
func (s *Set) Wants(t event.Type) bool { return s.byType[t] != nil }

// Hash identifies what the set decides: the SHA-256 of [Set.Source], in hex.
// Descriptions and disabled rules do not count.
func (s *Set) Hash() string { return s.hash }

// Source returns the set in a form that [FromSource] makes it of again. It is not
// to be changed.
func (s *Set) Source() []byte { return s.source }

// ExplainOne returns what one rule makes of e, as [Set.Explain] does; false where it has no
// enabled rule of that name, or that takes no events of e's type.
func (s *Set) ExplainOne(name string, e *event.Event) (Verdict, bool) {
	x := s.byType[e.Type]
	if x == nil {
		return Verdict{}, false
	}
	for _, c := range x.all {
		if c.name == name {
			return c.verdict(subjectOf(e)), true
		}
	}
	return Verdict{}, false
}
