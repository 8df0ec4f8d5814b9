package message

import (
	"reflect"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// unknown says what is wrong where idents lead from the event to nothing that any event
// can have: a name that is misspelt would be empty for ever. It is "" where nothing is.
func unknown(idents []string) string {
	at := reflect.TypeFor[event.Event]()
	way := ""
	for _, ident := range idents {
		for at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
		switch {
		case at.Kind() == reflect.Map:
			return ""
		case at.Kind() == reflect.Slice:
			return way + " is a list, which has no fields: use range, index or join"
		case at.Kind() != reflect.Struct || at == reflect.TypeFor[time.Time]():
			return way + " is a single value, which has no fields"
		}
		next, names := within(at, ident)
		if next == nil {
			return way + "." + ident + " is in no event: " + suggest(ident, names)
		}
		at, way = next, way+"."+ident
	}
	return ""
}

// within finds the field of a struct that JSON calls name, and all such names.
func within(t reflect.Type, name string) (found reflect.Type, names []string) {
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if key == name {
			found = t.Field(i).Type
		}
		names = append(names, key)
	}
	return found, names
}

// suggest names the one of names that differs from name in its case or underscores
// only, or all of them.
func suggest(name string, names []string) string {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	for _, n := range names {
		if plain(n) == plain(name) {
			return "write " + n
		}
	}
	return "there are " + listed(names)
}

func listed(names []string) string {
	n := len(names)
	return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
}

// cutPlace takes the place of an error of text/template apart: its template, its line.
func cutPlace(where string) (string, string, bool) {
	template, rest, ok := strings.Cut(where, ":")
	line, _, _ := strings.Cut(rest, ":")
	return template, line, ok
}
