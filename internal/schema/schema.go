// Package schema writes JSON Schema of Go types, and checks documents against it. Only
// tests import it: they keep the written schemas in step with the types, and the program
// needs neither the reflection nor the validator.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"
)

// Document is what a schema is made of.
type Document struct {
	ID          string // a URL that names the schema; nothing need be there
	Title       string
	Description string
	Root        reflect.Type
	// Tag names the struct tag that says how a field is written: json, yaml.
	Tag string
	// Written is true of what people write: they may leave out all but the fields with
	// the tag jsonschema:"required". In what the program writes, only fields with
	// omitempty or omitzero may be missing.
	Written bool
	// Sources give descriptions, and to each type of string with constants the list of
	// its values.
	Sources []*Source
	// As returns how a type is written that is not written as it is declared, a duration
	// say; nil for all others. May be nil.
	As func(reflect.Type) *jsonschema.Schema
	// Finish adds what types cannot say. May be nil.
	Finish func(root *jsonschema.Schema)
}

// Generate writes the schema, indented. It is closed: a field that the types do not have
// is a fault.
func Generate(d Document) ([]byte, error) {
	r := &jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		FieldNameTag:               d.Tag,
		RequiredFromJSONSchemaTags: d.Written,
		Mapper:                     d.as,
		LookupComment:              d.comment,
	}
	root := r.ReflectFromType(d.Root)
	root.ID, root.Title = jsonschema.ID(d.ID), d.Title
	if d.Description != "" {
		root.Description = d.Description
	}
	if d.Finish != nil {
		d.Finish(root)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("write the schema of %v: %w", d.Root, err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, b.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("write the schema of %v: %w", d.Root, err)
	}
	return indented.Bytes(), nil
}

// as returns the schema of a type that is not the one of its declaration.
func (d Document) as(t reflect.Type) *jsonschema.Schema {
	if d.As != nil {
		if s := d.As(t); s != nil {
			return s
		}
	}
	switch t.Kind() {
	case reflect.String:
		if list := d.values(t); list != nil {
			return &jsonschema.Schema{Type: "string", Enum: list}
		}
	case reflect.Map:
		// The reflection of maps does not look at the type of the keys.
		if list := d.values(t.Key()); list != nil && t.Elem().Kind() == reflect.Int {
			return &jsonschema.Schema{
				Type:                 "object",
				PropertyNames:        &jsonschema.Schema{Enum: list},
				AdditionalProperties: &jsonschema.Schema{Type: "integer"},
			}
		}
	}
	return nil
}

// values returns the constants of type t, nil if there are none.
func (d Document) values(t reflect.Type) []any {
	src := d.source(t)
	if src == nil {
		return nil
	}
	var list []any
	for _, v := range src.Constants(t.Name()) {
		list = append(list, v)
	}
	return list
}

// comment describes a type, or a field of it: by what stands at the field, else by
// what stands at the type of its values.
func (d Document) comment(t reflect.Type, field string) string {
	src := d.source(t)
	if src == nil {
		return ""
	}
	if text := src.Comment(t.Name(), field); text != "" || field == "" {
		return text
	}
	f, ok := t.FieldByName(field)
	if !ok {
		return ""
	}
	of := f.Type
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() == reflect.Struct { // described where it is defined
		return ""
	}
	if src = d.source(of); src == nil {
		return ""
	}
	return src.Comment(of.Name(), "")
}

func (d Document) source(t reflect.Type) *Source {
	for _, s := range d.Sources {
		if t.Name() != "" && s.path == t.PkgPath() {
			return s
		}
	}
	return nil
}
