package plugintest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// check calls Check, and holds its faults to what people may be shown.
func (k *kit) check(t *testing.T, c plugin.Check, secrets []string) []plugin.Fault {
	t.Helper()
	before := string(c.Options)
	requests := k.server.count()
	faults, err := k.sender.Check(t.Context(), c)
	if err != nil {
		t.Errorf("Check of %s: %v: what is wrong with options is a fault, not an error", c.Options, err)
	}
	if string(c.Options) != before {
		t.Errorf("Check changed the options that it was given: %s became %s", before, c.Options)
	}
	if k.server.count() != requests {
		t.Errorf("Check of %s talked to the target", c.Options)
	}
	for _, f := range faults {
		if f.Message == "" {
			t.Errorf("the fault at %q says nothing", f.Path)
		}
		if r := []rune(f.Message); len(r) > 1 && unicode.IsUpper(r[0]) && unicode.IsLower(r[1]) {
			t.Errorf("the fault %q does not begin in lower case: it stands behind a path", f.Message)
		}
		if len(f.Message) > 1<<10 || strings.ContainsAny(f.Message+f.Path, "\r\n") {
			t.Errorf("the fault at %q is not one line of at most 1 KiB", f.Path)
		}
		k.hides(t, "a fault", f.Path+" "+f.Message, secrets)
	}
	return faults
}

// goodOptions: schema and Check let good options through.
func (k *kit) goodOptions(t *testing.T) {
	s := k.schema(t)
	for _, o := range k.good() {
		raw := k.at(o)
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("the Target's options are not JSON: %v in %s", err, o)
		}
		if wrong, ok := s.allows(v, ""); !ok {
			t.Errorf("the schema does not allow the good options %s: at %q", o, wrong)
		}
		if faults := k.check(t, plugin.Check{Options: raw}, nil); plugin.Failed(faults) {
			t.Errorf("Check finds fault with the good options %s: %+v", o, faults)
		}
	}
	if faults := k.check(t, plugin.Check{}, nil); len(faults) > 0 {
		t.Errorf("Check finds fault where nothing was asked about: %+v", faults)
	}
}

func (k *kit) schema(t *testing.T) schema {
	t.Helper()
	s, err := parseSchema(k.desc.Options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wrongOptions: what the schema does not allow Check finds too, whatever one option is,
// and its faults repeat no secret.
func (k *kit) wrongOptions(t *testing.T) {
	for _, o := range []string{`null`, `[]`, `"text"`, `7`, `true`, `{`, `{}}`, `{"a":1,}`} {
		if faults := k.check(t, plugin.Check{Options: json.RawMessage(o)}, nil); !plugin.Failed(faults) {
			t.Errorf("Check finds no fault with options that are %s and no object", o)
		}
	}
	for _, o := range k.target.Bad {
		if faults := k.check(t, plugin.Check{Options: k.at(o)}, k.secretsOf(o)); !plugin.Failed(faults) {
			t.Errorf("Check finds no fault with the bad options %s", o)
		}
	}
	s := k.schema(t)
	for _, o := range k.good() {
		for _, m := range mutations(s, decode(string(k.at(o)))) {
			raw := encode(m.options)
			faults := k.check(t, plugin.Check{Options: raw}, k.secretsOf(string(raw)))
			if wrong, ok := s.allows(m.options, ""); !ok && !plugin.Failed(faults) {
				t.Errorf("Check finds no fault where %s; the schema does, at %q: %s", m.what, wrong, raw)
			}
		}
	}
}

// mutation is options with one thing changed.
type mutation struct {
	what    string
	path    string // of what is changed
	options any
}

// wrongKinds are values that most options are not.
func wrongKinds() []any {
	return []any{nil, 7.0, -1.5, true, "", "\x00\r\n", "kit-s3cret-value", []any{}, []any{7.0, nil}, map[string]any{}, map[string]any{"kit": []any{}}}
}

// mutations are all ways to spoil one key of options, and those that s names and options
// do not have.
func mutations(s schema, options any) (all []mutation) {
	object, ok := options.(map[string]any)
	if !ok {
		return nil
	}
	with := func(key string, value any) map[string]any {
		changed := maps.Clone(object)
		changed[key] = value
		return changed
	}
	keys := map[string]bool{}
	for key := range object {
		keys[key] = true
		without := maps.Clone(object)
		delete(without, key)
		all = append(all, mutation{key + " is missing", key, without})
	}
	for key := range s.properties() {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		for _, v := range wrongKinds() {
			all = append(all, mutation{key + " is " + string(encode(v)), key, with(key, v)})
		}
		sub, _ := s.properties()[key].(map[string]any)
		for _, m := range mutations(sub, object[key]) {
			all = append(all, mutation{key + "." + m.what, key + "." + m.path, with(key, m.options)})
		}
	}
	for _, key := range []string{"kit_unknown_option", "URL ", ""} {
		all = append(all, mutation{"there is an unknown option " + key, key, with(key, "kit-s3cret-value")})
	}
	return all
}

func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // what was decoded encodes
	}
	return b
}

// allAtOnce: two things that are wrong are two faults, of one call.
func (k *kit) allAtOnce(t *testing.T) {
	s := k.schema(t)
	good, _ := decode(string(k.at(k.target.Options))).(map[string]any)
	bad := map[string]any{}
	for key := range good {
		for _, v := range []any{map[string]any{"kit": []any{}}, 7.5, []any{[]any{}}} {
			if _, ok := s.allows(map[string]any{key: v}, ""); !ok && !allowedAs(s, key, v) {
				bad[key] = v
				break
			}
		}
	}
	bad["kit_unknown_option"] = "x"
	faults := k.check(t, plugin.Check{Options: encode(bad)}, nil)
	for _, key := range slices.Sorted(maps.Keys(bad)) {
		if !slices.ContainsFunc(faults, func(f plugin.Fault) bool { return f.Path == key || strings.HasPrefix(f.Path, key+".") }) {
			t.Errorf("of the options %s no fault is at %q, though all are to be reported at once: %+v", encode(bad), key, faults)
		}
	}
}

// allowedAs says whether the schema of key by itself allows v.
func allowedAs(s schema, key string, v any) bool {
	sub, there := s.properties()[key]
	if !there {
		return s["additionalProperties"] != false
	}
	_, ok := allows(sub, v, key)
	return ok
}

// templates: one that cannot be read is a fault of its part, even with good options.
func (k *kit) templates(t *testing.T) {
	sample := encode(event.Sample(event.ArtifactPushed))
	for part, c := range map[plugin.Part]plugin.Check{
		plugin.PartTemplate: {Template: "{{", Samples: []json.RawMessage{sample}},
		plugin.PartTitle:    {Title: "{{", Samples: []json.RawMessage{sample}},
	} {
		c.Options = k.at(k.target.Options)
		faults := k.check(t, c, nil)
		if !slices.ContainsFunc(faults, func(f plugin.Fault) bool { return f.Part == part }) {
			t.Errorf("Check finds no fault with a %s that cannot be read, %q, or that the sender does not take", part, "{{")
		}
	}
}
