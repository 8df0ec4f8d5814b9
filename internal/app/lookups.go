package app

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/bellbuoy/bellbuoy/internal/lookup"
)

// lookups are what asks the registries that may be asked, by their names.
type lookups map[string]*lookup.Source

func (s settings) lookups(version string, log *slog.Logger) (lookups, error) {
	all := lookups{}
	table := registryTypes()
	for _, r := range s.config.Registries {
		if !r.Lookup {
			continue
		}
		o := lookup.Options{Registry: r.Name, URL: r.URL, Version: version, Log: log}
		if r.Credentials != nil {
			o.Username, o.Password = r.Credentials.Username, r.Credentials.Password.Reveal()
		}
		source, err := table[r.Type].lookup(o)
		if err != nil {
			all.close()
			return nil, fmt.Errorf("prepare to ask registry %s: %w", r.Name, err)
		}
		all[r.Name] = source
	}
	return all, nil
}

func (l lookups) close() {
	for _, source := range l {
		source.Close()
	}
}

// lookupTypes are the types of registries that can be asked.
func lookupTypes() []string {
	types := registryTypes()
	maps.DeleteFunc(types, func(_ string, t registryType) bool { return t.lookup == nil })
	return slices.Sorted(maps.Keys(types))
}
