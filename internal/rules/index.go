package rules

import (
	"iter"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// candidate is a rule for some types of events.
type candidate struct {
	name       string
	deliver    []config.Deliver
	conditions []condition

	// What every namespace begins with that it takes, or every repository, as [beginningsOf]
	// says it.
	beginnings  []string
	byNamespace bool
}

func newCandidate(r *rule, conditions []condition) *candidate {
	c := &candidate{name: r.name, deliver: r.deliver, conditions: conditions}
	patterns := r.scope.include
	if r.scope.namespaces != nil {
		// Its repositories may be relative to the namespace, and say less.
		patterns, c.byNamespace = r.scope.namespaces, true
	}
	c.beginnings = beginningsOf(patterns)
	return c
}

// indexes makes the indexes of lists. Types that the same rules take, as most do, share one.
func indexes(lists map[event.Type][]*candidate) map[event.Type]*index {
	byType := make(map[event.Type]*index, len(lists))
	var made []*index
	for t, list := range lists {
		i := slices.IndexFunc(made, func(x *index) bool { return slices.Equal(x.all, list) })
		if i < 0 {
			x := &index{all: list}
			for place, c := range list {
				x.add(int32(place), c)
			}
			i, made = len(made), append(made, x)
		}
		byType[t] = made[i]
	}
	return byType
}

// index is the rules that take events of one type. It finds those that an event may
// meet by the letters with which their patterns begin, so that the rules of other
// namespaces and repositories cost nothing.
type index struct {
	all []*candidate // in the config's order; the rest are places in it

	anywhere     []int32
	byNamespace  prefixes
	byRepository prefixes
}

func (x *index) add(place int32, c *candidate) {
	by := &x.byRepository
	if c.byNamespace {
		by = &x.byNamespace
	}
	if c.beginnings == nil {
		x.anywhere = append(x.anywhere, place)
	}
	for _, b := range c.beginnings {
		by.add(b, place)
	}
}

// near yields the places of the rules that may take s, each once, in no order: all
// but those that want another namespace or repository.
func (x *index) near(s *subject) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, place := range x.anywhere {
			if !yield(place) {
				return
			}
		}
		if x.byNamespace.of(s.namespace, yield) {
			x.byRepository.of(s.full, yield)
		}
	}
}

// beginningsOf returns strings one of which every match of patterns begins with, none
// the beginning of another, or nil where a match may begin with anything.
func beginningsOf(patterns []glob) []string {
	var list []string
	for _, g := range patterns {
		for _, a := range g.alternatives {
			begins := a.prefix
			if a.plain {
				begins = a.pattern
			}
			if begins == "" {
				return nil
			}
			list = append(list, begins)
		}
	}
	slices.Sort(list)
	kept := list[:0]
	for _, b := range list {
		if n := len(kept); n == 0 || !strings.HasPrefix(b, kept[n-1]) {
			kept = append(kept, b)
		}
	}
	return kept
}

// prefixes are rules by what the names that they want begin with.
type prefixes struct {
	rules   map[string][]int32
	lengths []int // of the keys, each once
}

func (p *prefixes) add(prefix string, place int32) {
	if p.rules == nil {
		p.rules = map[string][]int32{}
	}
	if !slices.Contains(p.lengths, len(prefix)) {
		p.lengths = append(p.lengths, len(prefix))
	}
	p.rules[prefix] = append(p.rules[prefix], place)
}

// of yields the rules for name, until yield has enough: then it is false.
func (p *prefixes) of(name string, yield func(int32) bool) bool {
	for _, n := range p.lengths {
		if n > len(name) {
			continue
		}
		for _, place := range p.rules[name[:n]] {
			if !yield(place) {
				return false
			}
		}
	}
	return true
}
