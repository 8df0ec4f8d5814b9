package rules

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/expr-lang/expr/types"
	"github.com/google/go-cmp/cmp"
)

// filled is an event with everything in it.
func filled() *event.Event {
	e := &event.Event{}
	fill(reflect.ValueOf(e).Elem())
	return e
}

// fill sets all that v holds to something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[event.Severity]int{
			"critical": 1, "high": 2, "medium": 3, "low": 4, "negligible": 5, "unknown": 6,
		}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.String:
		v.SetString("text")
	}
}

// An expression sees an event as its JSON is.
func TestViewIsTheJSON(t *testing.T) {
	asJSON := func(v any) (decoded any) {
		b, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(b, &decoded)
		}
		if err != nil {
			t.Fatal(err)
		}
		return decoded
	}
	e := filled()
	view := viewOf(e)
	if d := cmp.Diff(asJSON(e), asJSON(view)); d != "" {
		t.Error(d)
	}
	var compare func(path string, s types.Type, v any)
	compare = func(path string, s types.Type, v any) {
		fields, isObject := s.(types.Map)
		values, _ := v.(map[string]any)
		if isObject != (values != nil) || len(fields) != len(values) {
			t.Errorf("%s has the fields %q, and an event has there %v", path, sortedKeys(fields), v)
		}
		for name, f := range fields {
			compare(path+"."+name, f, values[name])
		}
	}
	compare("event", shape, view)
}

// What is absent is empty or missing, as the documentation says.
func TestWhereOfWhatIsAbsent(t *testing.T) {
	bare := &event.Event{Artifact: &event.Artifact{}, Scan: &event.Scan{Counts: map[event.Severity]int{"high": 1}}}
	for source, want := range map[string]bool{
		`event.status == ""`:                                    true,
		`event.status != "failed"`:                              true,
		`len(event.artifact.tags) == 0`:                         true,
		`"latest" in event.artifact.tags`:                       false,
		`event.artifact.size == nil`:                            true,
		`(event.artifact.size ?? 0) < 5`:                        true,
		`event.artifact.size < 5`:                               false,
		`event.actor == nil`:                                    true,
		`event.actor?.name == "x"`:                              false,
		`not (event.actor?.name startsWith "robot$")`:           true,
		`event.scan.counts.low == 0`:                            true,
		`event.scan.counts.high == 1`:                           true,
		`event.scan.counts["high"] + 1 == 2`:                    true,
		`date(event.time).Hour() == 0`:                          true,
		`any(event.artifact.platforms, .os == "linux")`:         false,
		`all(event.artifact.platforms, .os == "linux")`:         true,
		`event.build?.commit?.ref matches "main"`:               false,
		`event.artifact.tags_complete == nil`:                   true,
		`event.type in ["a", "b"] || event.registry.name == ""`: true,
	} {
		w, err := compileWhere(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		c, s := byWhere(w), subjectOf(bare)
		if got := c.holds(s); got != want {
			t.Errorf("%s is %v, want %v", source, got, want)
			if !got {
				t.Log(c.why(s))
			}
		}
	}
}

// An event is looked at once, however many expressions ask, and not if none does.
func TestTheViewIsMadeOnce(t *testing.T) {
	s := subjectOf(filled())
	tags, _ := compileRegex("v.*")
	failed([]condition{byTag(&names{regex: tags}, false)}, s)
	if s.env != nil {
		t.Error("a view was made for a rule without where")
	}
	s.environment()["seen"] = true
	if s.environment()["seen"] != true {
		t.Error("the view was made twice")
	}
}

// Hostile events and long rules make short reasons.
func TestReasonsAreBounded(t *testing.T) {
	e := &event.Event{Status: event.Status(strings.Repeat("x", 1<<20))}
	w, err := compileWhere(`event.status == "` + strings.Repeat("y", 900) + "\"\n and\n true")
	if err != nil {
		t.Fatal(err)
	}
	if got := byWhere(w).why(subjectOf(e)); len(got) > 3*maxShown || strings.Contains(got, "\n") {
		t.Errorf("the reason is %d bytes long: %.1000q", len(got), got)
	}
	e.Artifact = &event.Artifact{Tags: slices.Repeat([]string{strings.Repeat("日", 1<<16)}, 100)}
	if got := byTag(&names{list: []string{"v1"}}, false).why(subjectOf(e)); len(got) > 5*3*maxShown+100 {
		t.Errorf("the reason is %d bytes long: %.1000q", len(got), got)
	}
}
