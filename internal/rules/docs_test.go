package rules

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
)

// examples returns the rules that docs/rules.md shows, as one list.
func examples(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for i, part := range strings.Split(string(text), "```") {
		if example, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 {
			list.WriteString(example)
		}
	}
	return list.String()
}

// The examples of the documentation are right, none is dead, and they are of every
// key that there is.
func TestDocumentation(t *testing.T) {
	list := examples(t)
	faults, _ := readRules(t, list)
	if len(faults) > 0 {
		t.Error(faults)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[config.Rule](), reflect.TypeFor[config.Scope](), reflect.TypeFor[config.Names](), reflect.TypeFor[config.Tag]()} {
		for i := range of.NumField() {
			key := of.Field(i).Tag.Get("yaml")
			if key != "-" && key != ",inline" && !strings.Contains(list, key+": ") && !strings.Contains(list, key+":\n") {
				t.Errorf("there is no example of %s, a key of %s", key, of.Name())
			}
		}
	}
}

// The functions that the documentation lists are those that there are.
func TestDocumentedFunctions(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "* The functions are ")
	listed, _, _ := strings.Cut(rest, ". There is no clock")
	want := make([]string, len(functions))
	for i, f := range functions {
		want[i] = "`" + f + "`"
	}
	if got := oneLine(listed); got != and(want, "and") {
		t.Errorf("listed are %s\nthere are  %s", got, and(want, "and"))
	}
}
