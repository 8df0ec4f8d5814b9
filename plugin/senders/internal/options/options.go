// Package options reads the options of targets by a table, which is also what their JSON
// Schema is made of: all faults at once, each in the same words whatever the sender.
package options

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// Table is the options of one target type, which are read into a T.
type Table[T any] struct {
	// Of names whose options they are, and Example how the least of them are written, for
	// who gave none: "a webhook", `{url: "https://..."}`.
	Of, Example string
	Fields      []Field[T] // in the order in which they are documented
	// Groups describe, as fields do, what has fields within it, by its name.
	Groups map[string]string
	// Check finds what is wrong with several options together. It is called where each
	// is right by itself, and may complete T. May be nil.
	Check func(*T) []plugin.Fault
}

// Field is one option.
type Field[T any] struct {
	// Name is the option's key; with a dot, a key within another: "tls.ca". A group of
	// keys is written where its first one stands.
	Name        string
	Description string // for people: lower case, no full stop
	// Missing is what to do where the option is not there: "give the address to send to".
	// Where it is "" the option may be left out; so may one of a group that is not there.
	Missing string
	Secret  bool // it is never shown
	Into    func(*T) Value
}

// Value is the kind of an option and where it is kept: [Text], [URL] and so on. null is as
// if the option were not there.
type Value interface {
	schema() map[string]any
	// read keeps raw, or says what is wrong with it.
	read(raw json.RawMessage) []problem
}

// problem is a fault within a value.
type problem struct{ path, message string }

func wrong(format string, args ...any) []problem {
	return []problem{{message: fmt.Sprintf(format, args...)}}
}

// Read reads raw for a target that e is said of, and reports all that is wrong with it: T is
// nil where anything is. No fault repeats a value, which may be secret. A URL that names an
// address which e refuses is a fault; what a name stands for is found when it is dialled.
func (t Table[T]) Read(raw json.RawMessage, e plugin.Egress) (*T, []plugin.Fault) {
	into := new(T)
	faults := t.sheet(into).read(raw, e)
	if len(faults) == 0 && t.Check != nil {
		faults = t.Check(into)
	}
	if plugin.Failed(faults) {
		return nil, faults
	}
	return into, faults
}

// sheet is t for what its options are read into, without the type of that: what is done with
// it is compiled once, and not for each type of target.
func (t Table[T]) sheet(into *T) sheet {
	s := sheet{of: t.Of, example: t.Example, groups: t.Groups, rows: make([]row, len(t.Fields))}
	for i, f := range t.Fields {
		s.rows[i] = row{f.Name, f.Description, f.Missing, f.Secret, f.Into(into)} // which may set what holds where the option is left out
	}
	return s
}

// sheet is a table, and where its options are kept.
type sheet struct {
	of, example string
	groups      map[string]string
	rows        []row
}

// row is a field, and where it is kept.
type row struct {
	name, description, missing string
	secret                     bool
	value                      Value
}

// read keeps what raw has, and reports all that is wrong with it.
func (s sheet) read(raw json.RawMessage, e plugin.Egress) []plugin.Fault {
	tree, ok := object(raw)
	if !ok {
		return []plugin.Fault{{Message: fmt.Sprintf("the options of %s are an object; write at least %s", s.of, s.example)}}
	}
	faults := s.strangers(tree, "")
	for _, r := range s.rows {
		kind := r.value
		if u, ok := kind.(urlValue); ok {
			u.guard = egress.Guard{Egress: e}
			kind = u
		}
		value, found, groups := lookup(tree, r.name)
		if !groups {
			continue // strangers has said so
		}
		if !found {
			if r.missing != "" && grouped(tree, r.name) {
				faults = append(faults, plugin.Fault{Path: r.name, Message: "is missing; " + r.missing})
			}
			continue
		}
		for _, p := range kind.read(value) {
			faults = append(faults, plugin.Fault{Path: r.name + p.path, Message: p.message})
		}
	}
	return faults
}

// object reads a JSON object.
func object(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var fields map[string]json.RawMessage
	return fields, json.Unmarshal(raw, &fields) == nil && fields != nil
}

// lookup finds the value that name, which may have dots, names. groups is false where
// something on the way is no object.
func lookup(tree map[string]json.RawMessage, name string) (value json.RawMessage, found, groups bool) {
	group, rest, within := strings.Cut(name, ".")
	value, found = tree[group]
	if !found || string(value) == "null" {
		return nil, false, true
	}
	if !within {
		return value, true, true
	}
	inner, ok := object(value)
	if !ok {
		return nil, false, false
	}
	return lookup(inner, rest)
}

// grouped reports whether the group that name stands in is there.
func grouped(tree map[string]json.RawMessage, name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return true
	}
	_, found, _ := lookup(tree, name[:dot])
	return found
}

// strangers reports the keys of tree, which stands at prefix, that no field names, and
// what should be a group and is none.
func (s sheet) strangers(tree map[string]json.RawMessage, prefix string) (faults []plugin.Fault) {
	names := s.names(prefix)
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		path := prefix + shorten(key)
		switch {
		case !slices.Contains(names, key):
			faults = append(faults, plugin.Fault{Path: path, Message: fmt.Sprintf("unknown option %q; %s", path, suggestion(key, prefix, names))})
		case len(s.names(prefix+key+".")) > 0 && string(tree[key]) != "null":
			inner, ok := object(tree[key])
			if !ok {
				faults = append(faults, plugin.Fault{Path: path, Message: "is not a group of options; it has " + list(s.names(prefix+key+"."))})
				continue
			}
			faults = append(faults, s.strangers(inner, prefix+key+".")...)
		}
	}
	return faults
}

// names are the keys that there are behind prefix, in the order of the table.
func (s sheet) names(prefix string) (names []string) {
	for _, r := range s.rows {
		if rest, ok := strings.CutPrefix(r.name, prefix); ok {
			key, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, key) {
				names = append(names, key)
			}
		}
	}
	return names
}

// secrets are the options that are never shown, as [plugin.Description.Secrets] has them.
func (s sheet) secrets() (names []string) {
	for _, r := range s.rows {
		if !r.secret {
			continue
		}
		name := r.name
		switch r.value.schema()["type"] {
		case "object", "array":
			name += ".*"
		}
		names = append(names, name)
	}
	return names
}

// schema is the JSON Schema of the options.
func (s sheet) schema() json.RawMessage {
	root := s.group("")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	// Maps of texts, numbers and such always encode.
	b, _ := json.Marshal(root)
	return b
}

func (s sheet) group(prefix string) map[string]any {
	properties := map[string]any{}
	required := []string{}
	for _, r := range s.rows {
		rest, ok := strings.CutPrefix(r.name, prefix)
		if !ok {
			continue
		}
		key, _, within := strings.Cut(rest, ".")
		if within {
			if properties[key] == nil {
				inner := orNull(s.group(prefix + key + "."))
				if d := s.groups[prefix+key]; d != "" {
					inner["description"] = d
				}
				properties[key] = inner
			}
			continue
		}
		of := r.value.schema()
		of["description"] = r.description
		if r.secret {
			of["writeOnly"] = true
		}
		if r.missing != "" {
			required = append(required, key)
		} else {
			of = orNull(of)
		}
		properties[key] = of
	}
	group := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		group["required"] = required
	}
	return group
}

// orNull lets null through a schema of its own making.
func orNull(s map[string]any) map[string]any {
	if values, ok := s["enum"].([]string); ok {
		all := make([]any, 0, len(values)+1)
		for _, v := range values {
			all = append(all, v)
		}
		s["enum"] = append(all, nil)
	} else if types, ok := s["type"].([]any); ok {
		s["type"] = append(types, "null")
	} else {
		s["type"] = []any{s["type"], "null"}
	}
	return s
}
