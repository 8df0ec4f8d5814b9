package app

import (
	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/api"
	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// JSONOf is what a file says that has a registry, a target or a rule in it, YAML or JSON, as
// JSON.
func JSONOf(document []byte) ([]byte, error) { return config.JSONOf(document) }

// written is what a file has under a name, its secrets masked; false where none has.
func (r *running) written(kind objects.Kind, name string) (api.Written, bool) {
	now := r.now.Load()
	body, pos := now.files.config.Written(string(kind), name)
	if body == nil {
		return api.Written{}, false
	}
	if kind == objects.Target {
		now.maskOptions(body, name)
	}
	text, err := objects.Write(body)
	if err != nil {
		return api.Written{}, false // it is made of what was read from JSON and YAML
	}
	return api.Written{Body: text, Source: source(pos)}, true
}

// maskOptions masks the secrets of a target of the files: what was written as {env: X} or
// {file: P}, what its type says is secret, and addresses with a password or a query. Of a
// type that does not answer all is masked.
func (l *live) maskOptions(body map[string]any, name string) {
	patterns := []string{"options.*", "options.*.*", "options.*.*.*"}
	for _, t := range l.files.config.Targets {
		d, known := l.types[t.Type]
		if t.Name != name || !known {
			continue
		}
		patterns = nil
		for _, p := range append(append([]string{}, t.SecretPaths...), d.Secrets...) {
			patterns = append(patterns, "options."+p)
		}
	}
	objects.Hide(body, append(objects.Places(body, patterns), objects.Bearing(body, "options")...))
}
