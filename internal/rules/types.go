package rules

import (
	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// TypesOf returns the types of event that r takes, in the order of [event.Types]; what
// is wrong in its list is left out.
func TypesOf(r config.Rule) []event.Type { return TypesNamed(r.Events) }

// TypesNamed is [TypesOf] a rule whose list of events is patterns.
func TypesNamed(patterns []string) []event.Type {
	var c compiler
	taken := c.eventTypes(patterns)
	var list []event.Type
	for _, t := range event.Types() {
		if _, ok := taken[t]; ok {
			list = append(list, t)
		}
	}
	return list
}
