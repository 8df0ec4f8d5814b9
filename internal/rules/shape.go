package rules

import (
	"reflect"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/expr-lang/expr/types"
)

// What an expression sees of the lists and texts of an event, so that no event makes
// it slow, even where it compares each item with each other.
const (
	maxItems = 256
	maxText  = 4096 // bytes
)

// shape is what expressions know of events before they see one: the keys of their
// JSON, and what stands there.
var shape = typeOf(reflect.TypeFor[event.Event]()).(types.Map)

func typeOf(t reflect.Type) types.Type {
	switch t.Kind() {
	case reflect.Pointer:
		return typeOf(t.Elem())
	case reflect.Slice:
		return types.Array(typeOf(t.Elem()))
	case reflect.Map: // there are but counts by severity
		counts := types.Map{}
		for _, s := range event.Severities() {
			counts[string(s)] = types.Int
		}
		return counts
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return types.String
		}
		fields := types.Map{}
		for i := range t.NumField() {
			name, _ := jsonName(t.Field(i))
			fields[name] = typeOf(t.Field(i).Type)
		}
		return fields
	case reflect.Bool:
		return types.Bool
	case reflect.Int, reflect.Int64:
		return types.Int
	case reflect.Float64:
		return types.Float64
	}
	return types.String
}

// jsonName returns the key of f in JSON, and whether it is left out when empty.
func jsonName(f reflect.StructField) (name string, omitted bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
}

// viewOf returns e as expressions see it. A text and a list that e's JSON has not are
// empty, so that one can compare with them; a number, a moment and an object that it
// has not are nil.
func viewOf(e *event.Event) map[string]any {
	return view(reflect.ValueOf(*e)).(map[string]any)
}

func view(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return view(v.Elem())
	case reflect.Slice:
		list := make([]any, min(v.Len(), maxItems))
		for i := range list {
			list[i] = view(v.Index(i))
		}
		return list
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		counts := make(map[string]any, 6)
		for _, s := range event.Severities() {
			counts[string(s)] = 0
		}
		for i := v.MapRange(); i.Next(); {
			counts[i.Key().String()] = int(i.Value().Int())
		}
		return counts
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return t.Format(time.RFC3339Nano)
		}
		fields := make(map[string]any, v.NumField())
		for i := range v.NumField() {
			name, omitted := jsonName(v.Type().Field(i))
			f := v.Field(i)
			if omitted && f.CanInt() && f.IsZero() {
				fields[name] = nil
			} else {
				fields[name] = view(f)
			}
		}
		return fields
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int64:
		return int(v.Int())
	case reflect.Float64:
		return v.Float()
	}
	s := v.String()
	return s[:min(len(s), maxText)]
}
