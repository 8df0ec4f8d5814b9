package render

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func compile(t testing.TB, r Rendering) *Renderer {
	t.Helper()
	compiled, faults := Compile(r)
	if faults != nil {
		t.Fatalf("compile %+v: %v", r, faults)
	}
	return compiled
}

func never() (Raw, error) { return Raw{}, errors.New("nobody may ask for the raw body") }

// What a rule says is laid over what its target says.
func TestOver(t *testing.T) {
	for name, c := range map[string]struct{ rule, target, want Rendering }{
		"nothing":                      {},
		"the default by name":          {rule: Rendering{Format: "bellbuoy"}},
		"the target's default":         {target: Rendering{Format: "bellbuoy"}},
		"the target's":                 {target: Rendering{Format: "native"}, want: Rendering{Format: "native"}},
		"the target's, said again":     {Rendering{Format: "native"}, Rendering{Format: "native"}, Rendering{Format: "native"}},
		"back to the default":          {rule: Rendering{Format: "bellbuoy"}, target: Rendering{Format: "native"}},
		"format over template":         {rule: Rendering{Format: "bellbuoy"}, target: Rendering{Text: "t"}},
		"template over format":         {Rendering{JSON: "{}"}, Rendering{Format: "native"}, Rendering{JSON: "{}"}},
		"template over template":       {Rendering{JSON: "{}"}, Rendering{Text: "t"}, Rendering{JSON: "{}"}},
		"a title and the target's":     {Rendering{Title: "a"}, Rendering{Text: "t", Title: "b"}, Rendering{Text: "t", Title: "a"}},
		"the target's title":           {Rendering{Text: "r"}, Rendering{Text: "t", Title: "b"}, Rendering{Text: "r", Title: "b"}},
		"a template and its own data":  {rule: Rendering{Format: "bellbuoy", Text: "t"}, want: Rendering{Text: "t"}},
		"the target's format and text": {target: Rendering{Format: "bellbuoy", Text: "t"}, want: Rendering{Text: "t"}},
		"its type's default":           {target: Rendering{Default: "native"}, want: Rendering{Format: "native"}},
		"a template over a default":    {target: Rendering{Text: "t", Default: "native"}, want: Rendering{Text: "t"}},
		"the event over a default":     {target: Rendering{Format: "bellbuoy", Default: "native"}},
		"the rule's over a default":    {rule: Rendering{Format: "bellbuoy"}, target: Rendering{Default: "native"}},
		"a digest":                     {rule: Rendering{Digest: true}, target: Rendering{Format: "native"}},
		"a digest, with a default":     {Rendering{Digest: true}, Rendering{Text: "t", Default: "cloudevents"}, Rendering{Format: "cloudevents"}},
	} {
		if got := c.rule.Over(c.target); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestEncode(t *testing.T) {
	if kept := (Rendering{}).Encode(); kept != "" {
		t.Errorf("nothing is kept as %q", kept)
	}
	for _, r := range []Rendering{{}, {Format: "native"}, {JSON: `{"a":"${b}"}`, Title: "t"}, {Text: "</\"\n\u2028"}} {
		if got, err := Decode(r.Encode()); got != r || err != nil {
			t.Errorf("%+v comes back as %+v, %v", r, got, err)
		}
	}
	if _, err := Decode("{"); err == nil {
		t.Error("half of a rendering is read")
	}
}

func TestOf(t *testing.T) {
	got := Of(config.Rendering{Format: "f", Template: config.Template{JSON: "j", Text: "x"}, Title: "t"})
	if want := (Rendering{Format: "f", JSON: "j", Text: "x", Title: "t"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		r    Rendering
		want []string
	}{
		"near":     {Rendering{Format: "natve"}, []string{`format: unknown format "natve": did you mean "native"?`}},
		"far":      {Rendering{Format: "xml"}, []string{`format: unknown format "xml": there are bellbuoy, native, cloudevents, cloudevents-binary, cdevents, distribution, harbor, harbor-cloudevents, quay, tcr, acr, acr-personal and dockerhub`}},
		"two":      {Rendering{JSON: "{}", Text: "t"}, []string{"template: has json and text, and a message is made of one: remove the other"}},
		"both":     {Rendering{JSON: "{}", Format: "native"}, []string{`format: "native" is not what the template makes: remove the format, or the template`}},
		"not JSON": {Rendering{JSON: `{"hello": "}`}, []string{"template.json: is not JSON (it ends too early): correct it, or write it as YAML"}},
		"path":     {Rendering{JSON: `{"hello": "${;;}"}`}, []string{`template.json: "${;;}" is no path: there is ";;" where a field's name should be: put other names in quotes, as 'a b'`}},
		"several": {Rendering{Format: "xml", JSON: `["${}"]`}, []string{
			`format: unknown format "xml": there are bellbuoy, native, cloudevents, cloudevents-binary, cdevents, distribution, harbor, harbor-cloudevents, quay, tcr, acr, acr-personal and dockerhub`,
			`format: "xml" is not what the template makes: remove the format, or the template`,
			`template.json: "${}" is no path: it is empty: name a field, such as artifact.digest`,
		}},
		"large": {Rendering{JSON: `"` + strings.Repeat("x", MaxTemplate) + `"`}, []string{"template.json: has 65538 bytes, at most 65536 are taken: make it shorter"}},
	} {
		compiled, faults := Compile(c.r)
		var got []string
		for _, f := range faults {
			got = append(got, f.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" || compiled != nil {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestBellbuoyIsTheEventItself(t *testing.T) {
	for _, f := range []string{"", "bellbuoy"} {
		m, err := compile(t, Rendering{Format: f}).Render(Input{Event: json.RawMessage(`{}`), Raw: never})
		if m.Body != nil || m.ContentType != "" || err != nil {
			t.Errorf("format %q: %+v, %v", f, m, err)
		}
	}
}

func TestNative(t *testing.T) {
	r := compile(t, Rendering{Format: "native"})
	for _, raw := range []Raw{
		{Body: []byte(" {\"a\" : 1.50}\r\n"), ContentType: "application/json; charset=utf-8"},
		{Body: []byte{0xff, 0}},
		{},
	} {
		m, err := r.Render(Input{Raw: func() (Raw, error) { return raw, nil }})
		if m.Body == nil || string(m.Body) != string(raw.Body) || m.ContentType != raw.ContentType || err != nil {
			t.Errorf("%q becomes %+v, %v", raw.Body, m, err)
		}
	}
	_, err := r.Render(Input{Raw: func() (Raw, error) { return Raw{Body: []byte("{"), Size: 5 << 20, Truncated: true}, nil }})
	if _, skip := errors.AsType[*Skip](err); !skip || !strings.Contains(err.Error(), "too large (5242880 bytes) to be kept whole") {
		t.Errorf("of a truncated body: %v", err)
	}
	_, err = r.Render(Input{Raw: never})
	if _, skip := errors.AsType[*Skip](err); err == nil || skip {
		t.Errorf("where the store fails: %v", err)
	}
}

// Each type has a sample, and each field of an event is in one of them: otherwise a
// good path would be warned of.
func TestSamplesAreFull(t *testing.T) {
	found := map[string]bool{}
	for _, typ := range event.Types() {
		e := event.Sample(typ)
		if e.Type != typ {
			t.Errorf("the sample of %s has type %s", typ, e.Type)
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		v, err := readJSON(b)
		if err != nil {
			t.Fatal(err)
		}
		present(v, "", found)
	}
	for _, want := range declared(reflect.TypeFor[event.Event](), "") {
		if !found[want] {
			t.Errorf("no sample has %s", want)
		}
	}
}

// present adds the paths of all fields in v to found.
func present(v any, at string, found map[string]bool) {
	found[at] = true
	switch v := v.(type) {
	case *object:
		for _, key := range v.keys {
			present(v.values[key], at+"."+key, found)
		}
	case []any:
		for _, item := range v {
			present(item, at, found)
		}
	}
}

// declared are the paths of all fields of t, which is at a path.
func declared(t reflect.Type, at string) []string {
	switch {
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice:
		return declared(t.Elem(), at)
	case t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]():
		return []string{at}
	}
	var all []string
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		all = append(all, declared(t.Field(i).Type, at+"."+key)...)
	}
	return all
}

// A template is tried before it is used; what its paths find nowhere is misspelt.
func TestTry(t *testing.T) {
	var samples []json.RawMessage
	for _, typ := range []event.Type{event.ArtifactPushed, event.ScanCompleted} {
		b, err := json.Marshal(event.Sample(typ))
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, b)
	}
	for source, want := range map[string][]string{
		`{"a": "${artifact.tags[5]} ${scan.counts.low}", "b": "${repository.full_name}"}`: nil,
		`{"a": "${artefact.tags}", "b": "${build.id} ${type}"}`: {
			`template.json: warning: "${artefact.tags}" finds nothing in any event that comes here: see the names in the JSON of an event`,
			`template.json: warning: "${build.id}" finds nothing in any event that comes here: see the names in the JSON of an event`,
		},
		"[" + strings.Repeat(`"${$}",`, 800) + "1]": {"template.json: fails for an event of type artifact.pushed: fill in the JSON template: the message would be larger than 256 KiB"},
	} {
		var got []string
		for _, f := range compile(t, Rendering{JSON: source}).Try(samples) {
			got = append(got, f.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%.60s: %s", source, diff)
		}
	}
	if faults := compile(t, Rendering{Format: "native"}).Try(samples); faults != nil {
		t.Errorf("a format: %v", faults)
	}
}
