package config_test

import (
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/schema"
)

var update = flag.Bool("update", false, "write the schema anew")

const (
	module     = "github.com/bellbuoy/bellbuoy/"
	schemaFile = "bellbuoy.schema.json"
)

func source(t *testing.T, path, dir, tag string) *schema.Source {
	t.Helper()
	s, err := schema.ReadSource(module+path, dir, tag)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generate makes the schema of the types as they are now.
func generate(t *testing.T) []byte {
	t.Helper()
	s := shaper{
		events:  source(t, "plugin/event", "../plugin/event", "json"),
		options: optionSchemas(t),
	}
	b, err := schema.Generate(schema.Document{
		ID:    "https://" + module + "config/" + schemaFile,
		Title: "bellbuoy configuration",
		Description: "What bellbuoy takes, decides and delivers. Unknown keys are refused. Lengths of time have a " +
			"unit: 500ms, 5s, 10m, 72h, 3d. A secret is {env: NAME}, {file: PATH} or, with a warning, the text itself.",
		Root:    reflect.TypeFor[config.Config](),
		Tag:     "yaml",
		Written: true,
		Sources: []*schema.Source{source(t, "config", ".", "yaml")},
		As:      as,
		Finish:  s.finish,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// as says how types are written that are not written as they are declared.
func as(t reflect.Type) *jsonschema.Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[config.Duration](), reflect.TypeFor[config.Size](), reflect.TypeFor[config.Rate](), reflect.TypeFor[config.Secret]():
		return ref(t.Name())
	case reflect.TypeFor[config.File](), reflect.TypeFor[config.CA](), reflect.TypeFor[config.Htpasswd](), reflect.TypeFor[string]():
		return text()
	case reflect.TypeFor[config.Strings]():
		s := text()
		s.Items = text()
		return oneOfTypes(s, "string", "array")
	case reflect.TypeFor[config.JSON]():
		return oneOfTypes(text(), "string", "object", "array")
	}
	return nil
}

// The schema that is published is that of the types.
func TestSchemaIsCurrent(t *testing.T) {
	got := generate(t)
	if *update {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not that of the types: write it anew with -update", schemaFile)
	}
	if !*update && config.Schema() != string(want) {
		t.Error("what is embedded is another")
	}
}
