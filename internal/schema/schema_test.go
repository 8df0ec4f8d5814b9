package schema_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/bellbuoy/bellbuoy/internal/schema"
)

// Mode is how something goes.
type Mode string

// Settings are what people write in YAML.
type Settings struct {
	Name string        `yaml:"name" jsonschema:"required"`
	Wait time.Duration `yaml:"wait"` // [Settings.Name] waits so long
	Mode Mode          `yaml:"mode"`
	// Parts come after [Settings.Wait].
	Parts  []Part       `yaml:"parts"`
	Counts map[Mode]int `yaml:"counts"`
	Hidden string       `yaml:"-"`
}

// Part is one of several.
type Part struct {
	Size int `yaml:"size"`
}

func settings(t *testing.T) *schema.Validator {
	t.Helper()
	src, err := schema.ReadSource("github.com/bellbuoy/bellbuoy/internal/schema_test", "testdata", "yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := src.Comment("Settings", "Wait"); got != "name waits so long" {
		t.Errorf("comment = %q", got)
	}
	if got := src.Comment("Settings", "Parts"); got != "parts come after wait." {
		t.Errorf("comment = %q", got)
	}
	b, err := schema.Generate(schema.Document{
		Title: "settings", Root: reflect.TypeFor[Settings](), Tag: "yaml", Written: true,
		Sources: []*schema.Source{src},
		As: func(t reflect.Type) *jsonschema.Schema {
			if t == reflect.TypeFor[time.Duration]() {
				return &jsonschema.Schema{Type: "string", Pattern: `^\d+(ms|s|m|h)$`}
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := schema.Compile(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return v
}

// What people write may lack all that is not required, and hold nothing else.
func TestWritten(t *testing.T) {
	v := settings(t)
	for _, doc := range []string{
		`{"name":"a"}`,
		`{"name":"a","wait":"5s","mode":"fast","parts":[{"size":1},{}],"counts":{"slow":2}}`,
	} {
		if err := v.Validate([]byte(doc)); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
	for _, doc := range []string{
		``, `{}`, `[]`, `{"name":1}`, `{"name":"a","wait":5}`, `{"name":"a","mode":"quick"}`,
		`{"name":"a","parts":[{"length":1}]}`, `{"name":"a","counts":{"quick":2}}`,
		`{"name":"a","Hidden":"b"}`, `{"name":"a","hidden":"b"}`,
	} {
		if err := v.Validate([]byte(doc)); err == nil {
			t.Errorf("%s is valid", doc)
		}
	}
}

func TestReadSourceOfNothing(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "there-is-none"} {
		if _, err := schema.ReadSource("example.com/a", dir, "json"); err == nil {
			t.Errorf("%s: no error", dir)
		}
	}
}

func TestCompileWhatIsNoSchema(t *testing.T) {
	for _, text := range []string{``, `{`, `{"type":"colour"}`, `{"$ref":"https://example.com/other.json"}`, `{"$ref":"#/$defs/none"}`} {
		if _, err := schema.Compile([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
