package event_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/bellbuoy/bellbuoy/internal/schema"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

var update = flag.Bool("update", false, "write the schema anew")

const (
	importPath = "github.com/bellbuoy/bellbuoy/plugin/event"
	file       = "../../docs/event.schema.json"
)

func source(t *testing.T) *schema.Source {
	t.Helper()
	s, err := schema.ReadSource(importPath, ".", "json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generate makes the schema of the types as they are now.
func generate(t *testing.T) []byte {
	t.Helper()
	b, err := schema.Generate(schema.Document{
		ID:    "https://github.com/bellbuoy/bellbuoy/docs/event.schema.json",
		Title: "bellbuoy event, version 1",
		Description: "One thing that happened in a registry, or in bellbuoy itself. This is what the release " +
			"that it comes with writes, and nothing else. Later releases only add fields: to check what " +
			"they write, take their schema.",
		Root:    reflect.TypeFor[event.Event](),
		Tag:     "json",
		Sources: []*schema.Source{source(t)},
		Finish:  finish,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// about says which types of event have which details. One that is unknown may have any.
var about = map[string]string{
	"build":          "build.",
	"scan":           "scan.completed",
	"vulnerability":  "vulnerability.found",
	"replication":    "replication.",
	"quota":          "quota.",
	"retention":      "retention.completed",
	"expiry":         "artifact.expiring",
	"delivery_chain": "delivery_chain.completed",
	"target":         "bellbuoy.",
	"digest":         "bellbuoy.digest",
	"digested":       "bellbuoy.digest",
}

// withStatus are the types that have a status, by their beginnings.
var withStatus = []string{"build.", "scan.", "replication.", "artifact.signed", "delivery_chain."}

// finish adds what the types cannot say: which fields go with which type of event.
func finish(root *jsonschema.Schema) {
	set := func(key string, change func(*jsonschema.Schema)) {
		p, _ := root.Properties.Get(key)
		change(p)
	}
	set("v", func(s *jsonschema.Schema) { s.Type, s.Const = "", event.Version })
	set("id", func(s *jsonschema.Schema) { s.Format = "uuid" })

	unknown := only(event.Unknown)
	root.AllOf = []*jsonschema.Schema{
		{If: unknown, Then: has("reason"), Else: hasNot("reason")},
		{If: only(beginning(withStatus...)...), Then: has("status"), Else: hasNot("status")},
	}
	root.DependentSchemas = map[string]*jsonschema.Schema{}
	for key, start := range about {
		root.DependentSchemas[key] = only(append(beginning(start), event.Unknown)...)
	}
}

func beginning(starts ...string) []event.Type {
	return slices.DeleteFunc(event.Types(), func(t event.Type) bool {
		return !slices.ContainsFunc(starts, func(s string) bool { return strings.HasPrefix(string(t), s) })
	})
}

// only is true of events of these types.
func only(types ...event.Type) *jsonschema.Schema {
	var list []any
	for _, t := range types {
		list = append(list, t)
	}
	return properties("type", &jsonschema.Schema{Enum: list})
}

func has(key string) *jsonschema.Schema    { return &jsonschema.Schema{Required: []string{key}} }
func hasNot(key string) *jsonschema.Schema { return properties(key, jsonschema.FalseSchema) }

func properties(key string, s *jsonschema.Schema) *jsonschema.Schema {
	p := jsonschema.NewProperties()
	p.Set(key, s)
	return &jsonschema.Schema{Properties: p}
}

// The schema that is published is that of the types.
func TestSchemaIsCurrent(t *testing.T) {
	got := generate(t)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not that of the types: write it anew with -update", file)
	}
}

// The lists that the program goes by have each constant once.
func TestLists(t *testing.T) {
	src := source(t)
	for typ, list := range map[string]any{"Type": event.Types(), "Status": event.Statuses()} {
		var got []string
		v := reflect.ValueOf(list)
		for i := range v.Len() {
			got = append(got, v.Index(i).String())
		}
		want := slices.Clone(src.Constants(typ))
		slices.Sort(got)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("the list of %s is %q, the constants are %q", typ, got, want)
		}
	}
}

// sample is a valid event with the given keys changed; null takes one away.
func sample(t *testing.T, changes string) []byte {
	t.Helper()
	at := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	b, err := json.Marshal(event.Event{
		V: event.Version, ID: "0193a2a4-6a38-7c3e-9d5b-3f1f5a0c2b11", Type: event.ArtifactPushed,
		Time: at, TimeSource: event.TimeNative, Received: at,
		Registry:   event.Registry{Name: "hub", Type: "distribution"},
		Repository: &event.Repository{FullName: "prod/api"},
		Artifact:   &event.Artifact{Kind: event.KindImage},
		Origin:     event.OriginNative,
	})
	if err != nil {
		t.Fatal(err)
	}
	var e, change map[string]any
	for text, to := range map[string]*map[string]any{string(b): &e, changes: &change} {
		if err := json.Unmarshal([]byte(text), to); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	maps.Copy(e, change)
	maps.DeleteFunc(e, func(_ string, v any) bool { return v == nil })
	if b, err = json.Marshal(e); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSchema(t *testing.T) {
	v, err := schema.Compile(generate(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, changes := range []string{
		`{}`,
		`{"type":"unknown","reason":"what","quota":{}}`,
		`{"type":"artifact.signed","status":"failed"}`,
		`{"type":"scan.completed","status":"succeeded","scan":{"counts":{"high":2}}}`,
		`{"time":"2026-11-21T09:30:00.123456789Z"}`,
		`{"repository":null,"artifact":null,"type":"bellbuoy.test","origin":"test"}`,
	} {
		if err := v.Validate(sample(t, changes)); err != nil {
			t.Errorf("changed by %s: %v", changes, err)
		}
	}
	for name, changes := range map[string]string{
		"a field that there is not":        `{"colour":"red"}`,
		"one inside":                       `{"artifact":{"colour":"red"}}`,
		"a type that there is not":         `{"type":"artifact.pusht"}`,
		"no type":                          `{"type":null}`,
		"no id":                            `{"id":null}`,
		"an id that is none":               `{"id":""}`,
		"a time without a zone":            `{"time":"2026-11-21T09:30:00"}`,
		"a time that is a number":          `{"time":1795253400}`,
		"another clock":                    `{"time_source":"guessed"}`,
		"another origin":                   `{"origin":"invented"}`,
		"another kind":                     `{"artifact":{"kind":"Image"}}`,
		"another status":                   `{"type":"artifact.signed","status":"ok"}`,
		"another severity":                 `{"type":"scan.completed","status":"failed","scan":{"severity":"Critical"}}`,
		"counts of another severity":       `{"type":"scan.completed","status":"failed","scan":{"counts":{"Critical":1}}}`,
		"another version":                  `{"v":2}`,
		"a status of what is not going on": `{"status":"succeeded"}`,
		"no status of what is":             `{"type":"build.queued"}`,
		"a reason, though it is known":     `{"reason":"what"}`,
		"no reason, though it is unknown":  `{"type":"unknown"}`,
		"details of another type":          `{"scan":{}}`,
		"tags that are a text":             `{"artifact":{"tags":"v1"}}`,
		"a null":                           `{"artifact":{"tags":null}}`,
	} {
		if err := v.Validate(sample(t, changes)); err == nil {
			t.Errorf("%s: %s is valid", name, changes)
		}
	}
}
