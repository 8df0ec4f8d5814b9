package plugintest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// schema is a JSON Schema, as far as options need one. What it does not know it takes for
// true, so that it finds fault only where there is some.
type schema map[string]any

func parseSchema(raw json.RawMessage) (schema, error) {
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("the schema is not a JSON object: %w", err)
	}
	if s == nil {
		return nil, fmt.Errorf("the schema is null")
	}
	return s, s.sound("the schema")
}

// sound says what is wrong with the schema itself.
func (s schema) sound(where string) error {
	known := []string{"object", "array", "string", "number", "integer", "boolean", "null"}
	types, ok := s.types()
	if !ok {
		return fmt.Errorf("%s: type is neither a name nor a list of names", where)
	}
	for _, t := range types {
		if !slices.Contains(known, t) {
			return fmt.Errorf("%s: there is no type %q", where, t)
		}
	}
	for name, want := range map[string]any{
		"properties": map[string]any{}, "required": []any{}, "enum": []any{}, "pattern": "", "description": "",
		"minLength": 0.0, "maxLength": 0.0, "minimum": 0.0, "maximum": 0.0, "minItems": 0.0, "maxItems": 0.0,
		"anyOf": []any{}, "oneOf": []any{}, "allOf": []any{},
	} {
		if got, ok := s[name]; ok && reflect.TypeOf(got) != reflect.TypeOf(want) {
			return fmt.Errorf("%s: %s is a %T", where, name, got)
		}
	}
	if pattern, ok := s["pattern"].(string); ok {
		if _, err := regexp.Compile(pattern); err != nil {
			return fmt.Errorf("%s: pattern: %w", where, err)
		}
	}
	properties := s.properties()
	for _, r := range list(s["required"]) {
		name, ok := r.(string)
		if _, there := properties[name]; !ok || !there && s["additionalProperties"] == false {
			return fmt.Errorf("%s: %v is required and no property", where, r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if err := within(properties[name], where+"."+name); err != nil {
			return err
		}
	}
	for _, name := range []string{"items", "additionalProperties", "not"} {
		if sub, ok := s[name]; ok {
			if err := within(sub, where+"."+name); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"anyOf", "oneOf", "allOf"} {
		for i, sub := range list(s[name]) {
			if err := within(sub, fmt.Sprintf("%s.%s[%d]", where, name, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// within checks a schema within another: true and false are schemas too.
func within(sub any, where string) error {
	switch sub := sub.(type) {
	case bool:
		return nil
	case map[string]any:
		return schema(sub).sound(where)
	}
	return fmt.Errorf("%s is no schema but a %T", where, sub)
}

func (s schema) properties() map[string]any {
	m, _ := s["properties"].(map[string]any)
	return m
}

func (s schema) types() ([]string, bool) {
	switch t := s["type"].(type) {
	case nil:
		return nil, true
	case string:
		return []string{t}, true
	case []any:
		var all []string
		for _, v := range t {
			name, ok := v.(string)
			if !ok {
				return nil, false
			}
			all = append(all, name)
		}
		return all, true
	}
	return nil, false
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// allows says whether v, as encoding/json reads it, is as the schema has it; where it is
// not, path says what is wrong.
func allows(sub, v any, path string) (wrong string, ok bool) {
	if b, is := sub.(bool); is {
		return path, b
	}
	m, _ := sub.(map[string]any)
	return schema(m).allows(v, path)
}

func (s schema) allows(v any, path string) (wrong string, ok bool) {
	if types, _ := s.types(); len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return is(v, t) }) {
		return path, false
	}
	if enum := list(s["enum"]); enum != nil && !slices.ContainsFunc(enum, func(e any) bool { return reflect.DeepEqual(e, v) }) {
		return path, false
	}
	if c, there := s["const"]; there && !reflect.DeepEqual(c, v) {
		return path, false
	}
	switch v := v.(type) {
	case string:
		n := float64(utf8.RuneCountInString(v))
		if !s.between(n, "minLength", "maxLength") {
			return path, false
		}
		if p, there := s["pattern"].(string); there && !regexp.MustCompile(p).MatchString(v) {
			return path, false
		}
	case float64:
		if !s.between(v, "minimum", "maximum") {
			return path, false
		}
	case []any:
		if !s.between(float64(len(v)), "minItems", "maxItems") {
			return path, false
		}
		if items, there := s["items"]; there {
			for i, item := range v {
				if wrong, ok := allows(items, item, join(path, strconv.Itoa(i))); !ok {
					return wrong, false
				}
			}
		}
	case map[string]any:
		if wrong, ok := s.allowsObject(v, path); !ok {
			return wrong, false
		}
	}
	return path, s.combined(v, path)
}

func (s schema) allowsObject(v map[string]any, path string) (wrong string, ok bool) {
	for _, r := range list(s["required"]) {
		if _, there := v[fmt.Sprint(r)]; !there {
			return join(path, fmt.Sprint(r)), false
		}
	}
	properties := s.properties()
	for _, key := range slices.Sorted(maps.Keys(v)) {
		sub, there := properties[key]
		if !there {
			if sub, there = s["additionalProperties"]; !there {
				continue
			}
		}
		if wrong, ok := allows(sub, v[key], join(path, key)); !ok {
			return wrong, false
		}
	}
	return path, true
}

// combined checks anyOf, oneOf and allOf.
func (s schema) combined(v any, path string) bool {
	count := func(all []any) (n int) {
		for _, sub := range all {
			if _, ok := allows(sub, v, path); ok {
				n++
			}
		}
		return n
	}
	if all := list(s["anyOf"]); len(all) > 0 && count(all) == 0 {
		return false
	}
	if all := list(s["oneOf"]); len(all) > 0 && count(all) != 1 {
		return false
	}
	all := list(s["allOf"])
	return count(all) == len(all)
}

func (s schema) between(n float64, least, most string) bool {
	if b, ok := s[least].(float64); ok && n < b {
		return false
	}
	b, ok := s[most].(float64)
	return !ok || n <= b
}

func is(v any, typ string) bool {
	switch v := v.(type) {
	case nil:
		return typ == "null"
	case bool:
		return typ == "boolean"
	case string:
		return typ == "string"
	case float64:
		return typ == "number" || typ == "integer" && v == math.Trunc(v)
	case []any:
		return typ == "array"
	case map[string]any:
		return typ == "object"
	}
	return false
}

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }
