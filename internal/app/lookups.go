package app

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/bellbuoy/bellbuoy/internal/lookup"
	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// lookups are what asks the registries that may be asked, by their names.
type lookups map[string]asked

// asked is what asks one registry, and what it was made of.
type asked struct {
	source *lookup.Source
	typ    string
	of     lookup.Options
}

// lookups makes them, or takes from old those that would be the same: what they keep of
// the answers stays.
func (s settings) lookups(old lookups, version string, log *slog.Logger) (lookups, error) {
	all := lookups{}
	table := registryTypes()
	made := map[string]bool{}
	for _, m := range s.made {
		if m.kind() == objects.Registry && m.inactive == "" {
			made[m.Name] = true
		}
	}
	for _, r := range s.config.Registries {
		if !r.Lookup {
			continue
		}
		o := lookup.Options{Registry: r.Name, URL: r.URL, Version: version, Log: log}
		if made[r.Name] {
			o.Guard = s.guard
		}
		if r.Credentials != nil {
			o.Username, o.Password = r.Credentials.Username, r.Credentials.Password.Reveal()
		}
		if was, ok := old[r.Name]; ok && was.typ == r.Type && was.of == o {
			all[r.Name] = was
			continue
		}
		source, err := table[r.Type].lookup(o)
		if err != nil {
			all.without(old).close()
			return nil, fmt.Errorf("prepare to ask registry %s: %w", r.Name, err)
		}
		all[r.Name] = asked{source: source, typ: r.Type, of: o}
	}
	return all, nil
}

// without returns those of l that are not of others.
func (l lookups) without(others lookups) lookups {
	left := maps.Clone(l)
	maps.DeleteFunc(left, func(name string, a asked) bool { return others[name].source == a.source })
	return left
}

func (l lookups) close() {
	for _, a := range l {
		a.source.Close()
	}
}

// lookupTypes are the types of registries that can be asked.
func lookupTypes() []string {
	types := registryTypes()
	maps.DeleteFunc(types, func(_ string, t registryType) bool { return t.lookup == nil })
	return slices.Sorted(maps.Keys(types))
}
