package dialect_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator/dialect"
)

const page = "../../docs/dialects.md"

// TestPage compares the tables of the page with what the dialects do.
func TestPage(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, d := range dialect.All() {
		begin, end := "<!-- table of "+d.Name+" -->\n", "<!-- end of "+d.Name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Errorf("the page has no %s%s", begin, end)
			continue
		}
		text = before + begin + table(t, d) + end + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text != string(b) {
		t.Error("the tables are not what the dialects do: write them anew with -update, and look at the difference")
	}
}

// table is what becomes of the events of each type that d has a word for.
func table(t *testing.T, d dialect.Dialect) string {
	whole := d.Name == "cdevents" // the event is in it
	var out strings.Builder
	if strings.HasPrefix(d.Name, "cloudevents") {
		for _, typ := range event.Types() {
			if word := d.Word(typ); strings.TrimPrefix(word, "bellbuoy.") != strings.TrimPrefix(string(typ), "bellbuoy.") {
				t.Errorf("%s has the word %s for %s", d.Name, word, typ)
			}
		}
		return "Every event has a word: its type behind `bellbuoy.`, as `bellbuoy.artifact.pushed`; those of bellbuoy itself\nbegin so already. All of the event is kept.\n"
	}
	out.WriteString("| event | word | kept | derived | absent |\n|---|---|---|---|---|\n")
	if whole {
		out.Reset()
		out.WriteString("| event | word |\n|---|---|\n")
	}
	var rows []string
	types := map[string][]string{} // by row
	none := families(d)
	for _, typ := range event.Types() {
		word := d.Word(typ)
		if word == "" {
			continue
		}
		row := " | `" + word + "` |\n"
		if !whole {
			kept, derived, absent := fates(t, d, typ)
			row = fmt.Sprintf(" | `%s` | %s | %s | %s |\n", word, kept, derived, absent)
		}
		if types[row] == nil {
			rows = append(rows, row)
		}
		types[row] = append(types[row], "`"+string(typ)+"`")
	}
	for _, row := range rows {
		out.WriteString("| " + strings.Join(types[row], ", ") + row)
	}
	if none != nil {
		out.WriteString("\nNo word: " + strings.Join(none, ", ") + ".\n")
	}
	return out.String()
}

// families names the types of which none has a word by what they begin with.
func families(d dialect.Dialect) []string {
	speaks := map[string]bool{}
	family := func(t event.Type) string {
		f, _, _ := strings.Cut(string(t), ".")
		return f
	}
	several := map[string]int{}
	for _, t := range event.Types() {
		several[family(t)]++
		if d.Word(t) != "" {
			speaks[family(t)] = true
		}
	}
	var list []string
	for _, t := range event.Types() {
		if d.Word(t) != "" {
			continue
		}
		name := "`" + string(t) + "`"
		if f := family(t); !speaks[f] && several[f] > 1 {
			name = "`" + f + ".*`"
		}
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// fates says of the fields of an event of a type which are in the message as they are,
// which have a part in it, and which are not in it: what changes when one is taken away
// or, being a text, made another.
func fates(t *testing.T, d dialect.Dialect, typ event.Type) (kept, derived, absent string) {
	t.Helper()
	stored, err := json.Marshal(sample(typ))
	if err != nil {
		t.Fatal(err)
	}
	said := sayings(t, d, stored)
	fate := map[string]string{} // by path
	for _, f := range fields(t, stored) {
		less, value := without(t, stored, f, false)
		path := strings.Join(slices.DeleteFunc(slices.Clone(f), func(s string) bool { return strings.HasPrefix(s, "#") }), ".")
		then := sayings(t, d, less)
		if other, _ := without(t, stored, f, true); maps.Equal(said, then) {
			if said := sayings(t, d, other); said != nil { // else it can be no other
				then = said
			}
		}
		switch {
		case fate[path] == "kept" || maps.Equal(said, then) && fate[path] != "":
		case maps.Equal(said, then):
			fate[path] = "absent"
		case said[value]:
			fate[path] = "kept"
		default:
			fate[path] = "derived"
		}
	}
	of := func(what string) string {
		var list []string
		for _, path := range slices.Sorted(maps.Keys(fate)) {
			// The longest way up on which all have the same fate.
			name := path
			for parent, _, ok := cutLast(name); ok && all(fate, parent, what); parent, _, ok = cutLast(name) {
				name = parent
			}
			if fate[path] == what && !slices.Contains(list, "`"+name+"`") {
				list = append(list, "`"+name+"`")
			}
		}
		return strings.Join(list, ", ")
	}
	return of("kept"), of("derived"), of("absent")
}

func cutLast(path string) (parent, name string, ok bool) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}

func all(fate map[string]string, parent, what string) bool {
	for path, is := range fate {
		if strings.HasPrefix(path, parent+".") && is != what {
			return false
		}
	}
	return true
}

// sayings are the values in the message, and those with their names, without a dialect's
// word for it. An event without a message has none.
func sayings(t *testing.T, d dialect.Dialect, stored []byte) map[string]bool {
	t.Helper()
	m, err := d.Write(stored)
	if err != nil {
		return nil
	}
	values := map[string]bool{}
	for _, leaf := range leaves(t, m.Body) {
		_, value, _ := strings.Cut(leaf, " = ")
		values[leaf], values[value] = true, true
	}
	return values
}

// fields are the ways to the values of an event, but for what bellbuoy adds to all of
// them. "#0" is an item of a list.
func fields(t *testing.T, stored []byte) [][]string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(stored, &v); err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{"v", "id", "type", "time_source", "received", "native", "origin"} {
		delete(v, own)
	}
	delete(v["registry"].(map[string]any), "name")
	delete(v["registry"].(map[string]any), "type")
	var list [][]string
	var walk func(path []string, v any)
	walk = func(path []string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(append(slices.Clone(path), key), v[key])
			}
		case []any:
			for i, item := range v {
				walk(append(slices.Clone(path), fmt.Sprint("#", i)), item)
			}
		default:
			list = append(list, path)
		}
	}
	walk(nil, v)
	return list
}

// without is stored without the value at path, and that value; or with another text there.
func without(t *testing.T, stored []byte, path []string, other bool) (less []byte, value string) {
	t.Helper()
	var root any
	if err := json.Unmarshal(stored, &root); err != nil {
		t.Fatal(err)
	}
	var cut func(v any, path []string) any
	cut = func(v any, path []string) any {
		switch v := v.(type) {
		case map[string]any:
			if len(path) == 1 {
				value = fmt.Sprint(v[path[0]])
				if text, ok := v[path[0]].(string); ok && other {
					v[path[0]] = text + "x"
				} else {
					delete(v, path[0])
				}
				return v
			}
			v[path[0]] = cut(v[path[0]], path[1:])
			return v
		case []any:
			var i int
			if _, err := fmt.Sscanf(path[0], "#%d", &i); err != nil {
				t.Fatal(err)
			}
			if len(path) == 1 {
				value = fmt.Sprint(v[i])
				return slices.Delete(v, i, i+1)
			}
			v[i] = cut(v[i], path[1:])
		}
		return v
	}
	less, err := json.Marshal(cut(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return less, value
}
