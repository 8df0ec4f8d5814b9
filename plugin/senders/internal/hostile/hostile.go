// Package hostile is what strangers may choose as names, for the tests of senders: texts
// that some medium takes for more than text, and events that hold them.
//
// A sender's test makes its message of each event of each text, reads the message as the
// target would, and finds in it no mention, no link but the sender's own, no control
// character, no element, header or field that the text has brought along.
package hostile

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Text is one text that a stranger chose.
type Text struct {
	Name string // unique: "slack 3"
	Text string // not always UTF-8
}

// Texts returns all of them.
func Texts() []Text {
	var all []Text
	for _, group := range corpus() {
		for i, s := range group.texts {
			all = append(all, Text{fmt.Sprintf("%s %d", group.after, i+1), s})
		}
	}
	return all
}

// Place is what stands before the text where an event has an address, in [Events].
const Place = "https://registry.example.com/"

// Events returns an event of every type that has s as each of its texts: as its names,
// tags, digests, messages, and at the end of its addresses, which begin with [Place].
// What comes from a closed list is right for the type. The last of them is a push that has
// s for all of these too.
func Events(s string) []event.Event {
	types := event.Types()
	events := make([]event.Event, 0, len(types)+1)
	for _, t := range types {
		e := event.Event{V: event.Version}
		f := filler{text: s, typ: t}
		f.fill(reflect.ValueOf(&e).Elem(), "")
		events = append(events, e)
	}
	e := event.Event{V: event.Version}
	f := filler{text: s, typ: event.ArtifactPushed, all: true}
	f.fill(reflect.ValueOf(&e).Elem(), "")
	e.Type = f.typ
	return append(events, e)
}

// filler puts a text into an event.
type filler struct {
	text string
	typ  event.Type
	all  bool // also where a closed list or an address belongs
}

// fill sets all of v, which is the field name of something.
func (f filler) fill(v reflect.Value, name string) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), name)
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i), name)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key, name)
		f.fill(value, name)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(f.string(v.Type(), name))
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Float64:
		v.SetFloat(90.5)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// string is what a text of a type and name is filled with.
func (f filler) string(t reflect.Type, name string) string {
	if f.all {
		return f.text
	}
	switch t {
	case reflect.TypeFor[event.Type]():
		return string(f.typ)
	case reflect.TypeFor[event.Status]():
		if _, rest, _ := strings.Cut(string(f.typ), "."); slices.Contains(event.Statuses(), event.Status(rest)) {
			return rest
		}
		return string(event.Succeeded)
	case reflect.TypeFor[event.TimeSource]():
		return string(event.TimeNative)
	case reflect.TypeFor[event.Origin]():
		return string(event.OriginNative)
	case reflect.TypeFor[event.Kind]():
		return string(event.KindImage)
	case reflect.TypeFor[event.Severity]():
		return string(event.SeverityCritical)
	case reflect.TypeFor[event.ScanKind]():
		return string(event.ScanVulnerability)
	}
	if strings.HasSuffix(name, "URL") || name == "Links" || name == "Endpoint" {
		return Place + f.text
	}
	return f.text
}
