package hostile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func TestTextsAreManyAndDiffer(t *testing.T) {
	texts := Texts()
	if len(texts) < 200 {
		t.Errorf("%d texts", len(texts))
	}
	names := map[string]bool{}
	for _, text := range texts {
		if names[text.Name] {
			t.Errorf("%s is there twice", text.Name)
		}
		names[text.Name] = true
	}
}

// Every text of an event is the one that was asked for, or is in it.
func TestEventsHoldTheTextEverywhere(t *testing.T) {
	const text = "mark"
	events := Events(text)
	if len(events) != len(event.Types())+1 {
		t.Fatalf("%d events", len(events))
	}
	for i, e := range events {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := json.Unmarshal(raw, &tree); err != nil {
			t.Fatal(err)
		}
		var others []string
		count := 0
		walk(tree, func(path, s string) {
			count++
			if !strings.Contains(s, text) {
				others = append(others, path[1:])
			}
		}, "")
		if count < 100 {
			t.Errorf("%s has %d texts", e.Type, count)
		}
		if i == len(events)-1 {
			if want := []string{"type"}; !reflect.DeepEqual(without(others, "time", "received", "started", "ended", "since"), want) {
				t.Errorf("the last has other texts as %q", others)
			}
		}
	}
}

func walk(v any, f func(path, s string), path string) {
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			walk(item, f, path+"."+k)
		}
	case []any:
		for _, item := range v {
			walk(item, f, path)
		}
	case string:
		f(path, v)
	}
}

// without is the paths that do not end in one of names.
func without(paths []string, names ...string) (left []string) {
next:
	for _, p := range paths {
		for _, n := range names {
			if p == n || strings.HasSuffix(p, "."+n) {
				continue next
			}
		}
		left = append(left, p)
	}
	return left
}
