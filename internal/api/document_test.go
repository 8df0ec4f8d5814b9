package api

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/schema"
)

var update = flag.Bool("update", false, "write the descriptions of the API anew from the sources")

const module = "github.com/bellbuoy/bellbuoy/"

// sayings reads what the sources say of the types of the document, and of fields that they
// say nothing of what all of that name are.
func sayings(t *testing.T, schemas huma.Registry) map[string]map[string]string {
	t.Helper()
	sources := map[string]*schema.Source{}
	source := func(path string) *schema.Source {
		if sources[path] == nil {
			s, err := schema.ReadSource(path, "../../"+strings.TrimPrefix(path, module), "json")
			if err != nil {
				t.Fatal(err)
			}
			sources[path] = s
		}
		return sources[path]
	}
	words := map[string]string{}
	if b, err := os.ReadFile("testdata/words.json"); err != nil {
		t.Fatal(err)
	} else if err := json.Unmarshal(b, &words); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for name, s := range schemas.Map() {
		typ := schemas.TypeFromRef("#/components/schemas/" + name)
		say := map[string]string{}
		note := func(key, text string) {
			if text != "" && say[key] == "" {
				say[key] = text
			}
		}
		if text := without(source(typ.PkgPath()).Comment(typ.Name(), ""), typ.Name()); text != "" {
			note("", strings.ToUpper(text[:1])+text[1:])
		}
		fieldsOf(typ, func(of reflect.Type, f reflect.StructField) {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			note(key, without(source(of.PkgPath()).Comment(of.Name(), f.Name), key))
		})
		for field, p := range s.Properties {
			// What a field's type says of itself need not be said again.
			if p.Description == "" && p.Ref == "" && (p.Items == nil || p.Items.Ref == "") {
				note(field, words[field])
				if say[field] == "" {
					t.Errorf("nothing says what %s.%s is: write a comment at the field of %v, or a word for all of that name in testdata/words.json", name, field, typ)
				}
			}
		}
		all[name] = say
	}
	return all
}

// without takes the name of what is told off the front of a comment.
func without(text, name string) string {
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok {
		return text
	}
	for _, verb := range []string{"is ", "are "} {
		rest = strings.TrimPrefix(rest, verb)
	}
	return rest
}

// The descriptions are what the sources say now.
func TestDescriptionsAreCurrent(t *testing.T) {
	got, err := json.MarshalIndent(sayings(t, newServer(Config{}).api.OpenAPI().Components.Schemas), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile("descriptions.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(got) != string(descriptions) {
		t.Error("descriptions.json is not what the sources say: write it anew with -update")
	}
}
