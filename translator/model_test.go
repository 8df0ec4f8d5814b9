package translator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/schema"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// anID is one for events that get theirs only when they are taken in.
const anID = "019aa5c2-7d40-7b1e-8f3a-2c9d64e0b5f7"

// goldenEvents returns all events in golden files, by file. The other tests hold these
// to be what is translated.
func goldenEvents(t *testing.T) map[string][]event.Event {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.golden"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	all := map[string][]event.Event{}
	for _, file := range files {
		d := json.NewDecoder(strings.NewReader(read(t, file)))
		d.DisallowUnknownFields()
		for {
			var e event.Event
			if err := d.Decode(&e); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			all[file] = append(all[file], e)
		}
	}
	return all
}

// published is the schema that is given to whoever receives events.
func published(t *testing.T) *schema.Validator {
	t.Helper()
	v, err := schema.Compile([]byte(read(t, "../docs/event.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// valid fails unless the event is as the schema says; one without an id is given one.
func valid(t *testing.T, v *schema.Validator, where string, e event.Event) {
	t.Helper()
	if e.ID == "" {
		e.ID = anID
	}
	if err := v.Validate([]byte(dump(t, e))); err != nil {
		t.Errorf("%s: an event of type %s: %v", where, e.Type, err)
	}
}

func TestGoldenIsAsTheSchemaSays(t *testing.T) {
	v := published(t)
	for file, events := range goldenEvents(t) {
		for _, e := range events {
			valid(t, v, file, e)
		}
	}
}

// unfilled are the fields of the model that no translation fills, and why they are there.
var unfilled = map[string]string{
	"target":                     ownEvents,
	"target.name":                ownEvents,
	"target.type":                ownEvents,
	"target.condition":           ownEvents,
	"target.since":               ownEvents,
	"target.reason":              ownEvents,
	"target.failures":            ownEvents,
	"target.deliveries":          ownEvents,
	"digest":                     ownEvents,
	"digested":                   ownEvents,
	"digested.count":             ownEvents,
	"digested.groups":            ownEvents,
	"digested.groups.registry":   ownEvents,
	"digested.groups.repository": ownEvents,
	"digested.groups.type":       ownEvents,
	"digested.groups.status":     ownEvents,
	"digested.groups.count":      ownEvents,
}

const ownEvents = "no registry sends it: the store fills it in bellbuoy's own events"

// A field that nobody fills is a promise that nobody keeps.
func TestFieldsAreFilled(t *testing.T) {
	filled := map[string]bool{}
	for _, events := range goldenEvents(t) {
		for _, e := range events {
			var doc map[string]any
			d := json.NewDecoder(bytes.NewReader([]byte(dump(t, e))))
			if err := d.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			mark(filled, "", doc)
		}
	}
	known := map[string]bool{}
	for _, path := range fields(reflect.TypeFor[event.Event](), "") {
		known[path] = true
		if why, ok := unfilled[path]; filled[path] == ok {
			t.Errorf("%s: filled: %t, excused: %q", path, filled[path], why)
		}
	}
	for path := range unfilled {
		if !known[path] {
			t.Errorf("%s is excused, and is no field", path)
		}
	}
}

// mark notes the path of each value in doc; those in lists have the path of the list.
func mark(filled map[string]bool, path string, doc any) {
	switch doc := doc.(type) {
	case map[string]any:
		for key, v := range doc {
			mark(filled, strings.TrimPrefix(path+"."+key, "."), v)
		}
	case []any:
		for _, v := range doc {
			mark(filled, path, v)
		}
	}
	if doc != "" {
		filled[path] = true
	}
}

// fields returns the paths of all fields of a type, those too that hold others.
func fields(t reflect.Type, path string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	var list []string
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		in := strings.TrimPrefix(path+"."+key, ".")
		list = append(append(list, in), fields(f.Type, in)...)
	}
	return list
}
