package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	"gopkg.in/yaml.v3"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/app"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/schema"
	"github.com/bellbuoy/bellbuoy/plugin/senders"
)

// shaper adds to the schema what the types of the configuration do not say.
type shaper struct {
	events  *schema.Source
	options map[string]map[string]any // the schema of the options, by target type
	root    *jsonschema.Schema
}

// optionSchemas asks each sender which options its targets have.
func optionSchemas(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for typ, construct := range senders.Builtin() {
		d, err := construct("test").Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var s map[string]any
		if err := json.Unmarshal(d.Options, &s); err != nil {
			t.Fatalf("options of %s: %v", typ, err)
		}
		if strings.Contains(string(d.Options), `"$ref"`) {
			t.Fatalf("the schema of the options of %s has references, which mean something else within ours: write them out", typ)
		}
		all[typ] = s
	}
	return all
}

func (s shaper) finish(root *jsonschema.Schema) {
	s.root = root
	root.Definitions["Duration"] = duration()
	root.Definitions["Size"] = size()
	root.Definitions["Rate"] = rate()
	reference := reference()
	root.Definitions["Reference"] = reference
	root.Definitions["Secret"] = secret(*reference)
	s.examples(reflect.TypeFor[config.Config](), root, map[reflect.Type]bool{})
	s.defaults(root, reflect.ValueOf(config.Defaults()))
	s.defaults(root.Definitions["Target"], reflect.ValueOf(config.DefaultTarget()))
	s.defaults(root.Definitions["Rule"], reflect.ValueOf(config.DefaultRule()))
	s.defaults(root.Definitions["OIDC"], reflect.ValueOf(config.DefaultOIDC()))

	for _, key := range []string{"keep", "registries", "targets", "rules"} {
		oneOfTypes(s.at(key), "array", "null") // who comments out all items leaves null
	}
	address := func(key string) { s.at(key).Pattern = `:[0-9]+$` }
	address("listen")
	address("Admin.listen")
	s.fill("metrics", []string{"open", "token"})
	s.at("store").AnyOf = []*jsonschema.Schema{{Pattern: "^postgres(ql)?://"}, {Not: &jsonschema.Schema{Pattern: "://"}}}
	s.at("keep").Items = enum(app.Known().EventTypes)

	for _, name := range []string{"Registry.name", "Target.name", "Rule.name", "Deliver.target"} {
		named(s.at(name))
	}
	named(s.at("Scope.registries").Items)

	s.access()
	s.plugins()
	s.registry()
	s.target()
	s.rule()
	s.messages()
	sayDefaults(root)
}

// sayDefaults writes each default of one word into the description, where editors show it.
func sayDefaults(root *jsonschema.Schema) {
	say := func(of *jsonschema.Schema) {
		if of.Properties == nil {
			return
		}
		for p := of.Properties.Oldest(); p != nil; p = p.Next() {
			switch p.Value.Default.(type) {
			case string, bool:
				p.Value.Description += fmt.Sprintf(" Left out: %v.", p.Value.Default)
			}
		}
	}
	say(root)
	for _, d := range root.Definitions {
		say(d)
	}
}

func (s shaper) access() {
	named(s.at("Token.name"))
	s.fill("Token.role", config.Roles())
	s.at("Token.scopes").Items.Pattern = config.ScopePattern
	for _, key := range []string{"Users.roles", "OIDC.roles"} {
		of := s.at(key)
		// By reference, all maps of groups would have these names only.
		list := &jsonschema.Schema{Type: "array", Items: text()}
		of.Ref, of.Type, of.PropertyNames = "", "object", enum(config.Roles())
		of.AdditionalProperties = list
	}
	s.at("OIDC.roles").MinProperties = number(1)
	s.at("OIDC.issuer").Pattern = "^https?://[^/@]"
	s.at("OIDC.redirect_url").Pattern = "^https?://[^/@]+" + config.CallbackPath + "$"
	s.root.Definitions["Users"].AnyOf = []*jsonschema.Schema{{Required: []string{"htpasswd"}}, {Required: []string{"oidc"}}}
}

func (s shaper) registry() {
	s.fill("Registry.type", app.RegistryTypes())
	s.at("Registry.url").Pattern = `^[Hh][Tt][Tt][Pp][Ss]?://[^/@]`
	s.at("Registry.lookup").Default = false
	list := s.root.Definitions["AuthList"]
	s.root.Definitions["AuthList"] = &jsonschema.Schema{
		Description: list.Description,
		AnyOf:       []*jsonschema.Schema{list.Items, {Type: "array", Items: list.Items}},
	}
	s.at("Basic.user").Pattern = `^[^:\x00-\x1f\x7f]+$`
	s.at("Header.name").Pattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
	s.at("Credentials.username").Pattern = "^[^:]+$"
	credential := s.root.Definitions["Auth"]
	credential.MinProperties, credential.MaxProperties = number(1), number(1)

	r := s.root.Definitions["Registry"]
	r.DependentRequired = map[string][]string{"credentials": {"url"}}
	r.If = with("lookup", &jsonschema.Schema{Const: true})
	r.Then = property("type", enum(app.Known().LookupTypes))
	r.Then.Required = []string{"url"}
}

func (s shaper) target() {
	// The list is what editors offer; the type of a plugin is any name.
	s.at("Target.type").AnyOf = []*jsonschema.Schema{enum(slices.Sorted(maps.Keys(s.options))), {Pattern: config.NamePattern}}
	s.fill("Target.mode", []string{"live", "shadow"})
	s.fill("Target.order", []string{"repository", "none"})
	c := s.at("Target.concurrency")
	c.Minimum, c.Maximum = "0", "1000"
	schedule := s.at("Retry.schedule")
	schedule.MinItems, schedule.MaxItems = number(1), number(100)
	options := s.at("Target.options")
	options.Extras = map[string]any{"type": "object"}

	target := s.root.Definitions["Target"]
	for _, typ := range slices.Sorted(maps.Keys(s.options)) {
		own := withReferences(s.options[typ])
		delete(own, "$schema")
		then := property("options", &jsonschema.Schema{Extras: own})
		if own["required"] != nil {
			then.Required = []string{"options"}
		}
		target.AllOf = append(target.AllOf, &jsonschema.Schema{If: with("type", &jsonschema.Schema{Const: typ}), Then: then})
	}
}

func (s shaper) plugins() {
	named(s.at("Pin.type"))
	s.at("Pin.sha256").Pattern = config.SumPattern
	s.at("Pin.file").Pattern = "^" + config.PluginPrefix + "[^/]+$"
	explain(s.at("Pin.file"), "patternErrorMessage", "A plugin's file is named bellbuoy-sender-NAME; the folder is plugins.dir.")
	explain(s.at("Pin.sha256"), "patternErrorMessage", "A SHA-256 has 64 hexadecimal digits: bellbuoy plugins hash FILE prints it.")
	s.at("Plugins.allow").Items = enum(config.Guarded())
	pinned := with("plugins", with("pins", &jsonschema.Schema{}))
	s.root.If = &jsonschema.Schema{Not: pinned}
	s.root.Then = property("targets", &jsonschema.Schema{Items: property("type", enum(slices.Sorted(maps.Keys(s.options))))})
}

func (s shaper) rule() {
	s.at("Rule.events").Items = s.patterns()
	s.at("Rule.kinds").Items = enum(s.events.Constants("Kind"))
	s.at("Rule.kinds").MinItems = number(1)
	s.fill("Rule.severity", s.events.Constants("Severity"))
	s.fill("Rule.noise", []string{"quiet", "all"})
	s.at("Rule.noise").Default = "all"
	for _, at := range []string{"Rule.untagged", "Tag.untagged"} {
		s.fill(at, []string{"skip", "match"})
		s.at(at).Default = "skip"
	}
	for _, name := range []string{"Names", "Tag"} {
		n := s.root.Definitions[name]
		n.MinLength, n.MinItems, n.MinProperties, n.Items = number(1), number(1), number(1), text()
		s.at(name+".glob").MinItems, s.at(name+".list").MinItems = number(1), number(1)
		oneOfTypes(n, "string", "array", "object")
		for _, two := range [][]string{{"regex", "glob"}, {"regex", "list"}, {"glob", "list"}} {
			n.AllOf = append(n.AllOf, &jsonschema.Schema{Not: &jsonschema.Schema{Type: "object", Required: two}})
		}
	}
	s.at("Rule.deliver").MinItems = number(1)
}

// patterns are what may stand among the events of a rule. The list is what editors
// offer; the pattern takes all the other ways to write it.
func (s shaper) patterns() *jsonschema.Schema {
	types := app.Known().EventTypes
	offered := []string{"*"}
	for _, t := range types {
		family, _, ok := strings.Cut(t, ".")
		if family += ".*"; ok && !slices.Contains(offered, family) {
			offered = append(offered, family)
		}
		offered = append(offered, t)
	}
	var quoted []string
	for _, t := range types {
		quoted = append(quoted, regexp.QuoteMeta(t))
	}
	pattern := fmt.Sprintf(`^\s*(%s|[a-z_.]*\*[a-z_.*]*)\s*(=\s*(%s)\s*)?$`,
		strings.Join(quoted, "|"), strings.Join(s.events.Constants("Status"), "|"))
	return &jsonschema.Schema{Type: "string", AnyOf: []*jsonschema.Schema{enum(offered), {Pattern: pattern}}}
}

func (s shaper) messages() {
	for _, at := range []string{"Target", "Deliver"} {
		s.fill(at+".format", render.Formats())
	}
	s.at("Target.format").Default = "bellbuoy"
	s.root.Definitions["Template"].MaxProperties = number(1)
	d := s.root.Definitions["Deliver"]
	oneOfTypes(d, "string", "object")
	named(d)
}

// at returns the schema of a key, "key" at the top and "Type.key" elsewhere.
func (s shaper) at(path string) *jsonschema.Schema {
	holder := s.root
	name, key, ok := strings.Cut(path, ".")
	if ok {
		holder = s.root.Definitions[name]
	} else {
		key = name
	}
	p, _ := holder.Properties.Get(key)
	return p
}

// fill gives the texts that a key takes.
func (s shaper) fill(path string, words []string) {
	p := s.at(path)
	p.Enum, p.MinLength, p.Pattern = enum(words).Enum, nil, ""
}

// examples takes over those of the tags, in the types that the keys have.
func (s shaper) examples(t reflect.Type, of *jsonschema.Schema, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if seen[t] || t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[config.Config]().PkgPath() {
		return
	}
	seen[t] = true
	if d := s.root.Definitions[t.Name()]; d != nil {
		of = d
	}
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("yaml"); name != "" && name != "-" {
			if name == ",inline" {
				for in := range f.Type.Fields() {
					s.example(of, in)
				}
			}
			s.example(of, f)
			s.examples(f.Type, of, seen)
		}
	}
}

func (s shaper) example(of *jsonschema.Schema, f reflect.StructField) {
	p, ok := of.Properties.Get(f.Tag.Get("yaml"))
	if _, example, found := strings.Cut(f.Tag.Get("jsonschema"), "example="); ok && found {
		var v any
		if err := yaml.Unmarshal([]byte(example), &v); err != nil {
			v = example
		}
		p.Examples = []any{v}
		if p.Items != nil {
			p.Items.Examples = nil
		}
	}
}

// defaults notes those that v has.
func (s shaper) defaults(of *jsonschema.Schema, v reflect.Value) {
	for i := range v.NumField() {
		p, ok := of.Properties.Get(v.Type().Field(i).Tag.Get("yaml"))
		if !ok {
			continue
		}
		switch value := v.Field(i).Interface().(type) {
		case bool:
			p.Default = value
		case string:
			if value != "" {
				p.Default = value
			}
		case config.Duration:
			if p.Examples == nil {
				p.Default = value.String()
			}
		case []config.Duration:
			var list []string
			for _, d := range value {
				list = append(list, d.String())
			}
			p.Default = list
		case config.Size:
			p.Default = value.String()
		case config.Admin, config.Retry, config.Retention:
			s.defaults(s.root.Definitions[v.Field(i).Type().Name()], v.Field(i))
		}
	}
}

const (
	decimal = `([0-9]+(\.[0-9]*)?|\.[0-9]+)`
	length  = `\+?(0|` + decimal + `d|(` + decimal + `d)?(` + decimal + `(ns|us|µs|μs|ms|s|m|h))+)`
)

func size() *jsonschema.Schema {
	const message = "A size has its unit: 64MiB, 2GiB, 500MB."
	s := &jsonschema.Schema{Type: "string", Description: message, Pattern: `^` + decimal + ` *([TGMK]iB|[TGM]B|kB|B)$`}
	explain(s, "patternErrorMessage", message)
	return s
}

func rate() *jsonschema.Schema {
	const message = "A rate is a number of sends and a time: 20/1m, 1/s. 0 is no limit."
	text := &jsonschema.Schema{Type: "string", Pattern: `^(0|[0-9]+/([smhd]|` + length + `))$`}
	explain(text, "patternErrorMessage", message)
	return &jsonschema.Schema{Description: message, AnyOf: []*jsonschema.Schema{text, {Const: 0}}}
}

func duration() *jsonschema.Schema {
	text := &jsonschema.Schema{Type: "string", Pattern: `^` + length + `$`}
	const message = "A length of time has its unit: 500ms, 5s, 10m, 72h, 3d."
	explain(text, "patternErrorMessage", message)
	return &jsonschema.Schema{Description: message, AnyOf: []*jsonschema.Schema{text, {Const: 0}}}
}

func reference() *jsonschema.Schema {
	s := &jsonschema.Schema{
		Type:          "object",
		Description:   "Where a secret is.",
		Properties:    jsonschema.NewProperties(),
		MinProperties: number(1), MaxProperties: number(1),
		AdditionalProperties: jsonschema.FalseSchema,
	}
	env, file := text(), text()
	env.Description, env.Examples = "name of an environment variable", []any{"HUB_TOKEN"}
	file.Description, file.Examples = "path of a file, relative to the folder of this file; line breaks at its end are left out", []any{"/run/secrets/hub"}
	s.Properties.Set("env", env)
	s.Properties.Set("file", file)
	return s
}

func secret(s jsonschema.Schema) *jsonschema.Schema {
	s.Type, s.MinLength = "", number(1)
	s.Description = "A secret: {env: NAME}, {file: PATH} or, with a warning, the text itself."
	return oneOfTypes(&s, "object", "string")
}

// withReferences lets every text in the options be a reference to a secret instead.
func withReferences(s map[string]any) map[string]any {
	out := maps.Clone(s)
	for key, v := range s {
		below, ok := v.(map[string]any)
		switch {
		case !ok:
		case key == "properties":
			all := map[string]any{}
			for name, p := range below {
				all[name] = orReference(p)
			}
			out[key] = all
		case key == "items", key == "additionalProperties":
			out[key] = orReference(v)
		}
	}
	return out
}

func orReference(v any) any {
	s, ok := v.(map[string]any)
	if !ok {
		return v
	}
	s = withReferences(s)
	list, _ := s["enum"].([]any)
	words := slices.ContainsFunc(list, func(v any) bool { _, ok := v.(string); return ok })
	types, _ := s["type"].([]any)
	if s["type"] != "string" && !slices.Contains(types, any("string")) && !words {
		return s
	}
	out := map[string]any{"anyOf": []any{s, map[string]any{"$ref": "#/$defs/Reference"}}}
	for _, note := range []string{"title", "description", "default", "examples"} {
		if says, ok := s[note]; ok {
			out[note] = says
			delete(s, note)
		}
	}
	return out
}

// named makes s a name.
func named(s *jsonschema.Schema) {
	s.Pattern = config.NamePattern
	explain(s, "patternErrorMessage", `A name is of a to z, 0 to 9, ".", "_" and "-", and begins with a letter or digit.`)
}

// explain says what is wrong, in a keyword that editors know and that means nothing to
// others.
func explain(s *jsonschema.Schema, keyword, message string) {
	if s.Extras == nil {
		s.Extras = map[string]any{}
	}
	s.Extras[keyword] = message
}

func ref(name string) *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/" + name} }

// text is any but the empty one.
func text() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", MinLength: number(1)} }

func enum(words []string) *jsonschema.Schema {
	s := &jsonschema.Schema{}
	for _, w := range words {
		s.Enum = append(s.Enum, w)
	}
	return s
}

func property(key string, s *jsonschema.Schema) *jsonschema.Schema {
	p := jsonschema.NewProperties()
	p.Set(key, s)
	return &jsonschema.Schema{Properties: p}
}

// with is true of what has the key, as s says.
func with(key string, s *jsonschema.Schema) *jsonschema.Schema {
	has := property(key, s)
	has.Required = []string{key}
	return has
}

// oneOfTypes lets s be of any of the types. Its keywords each hold for one of them.
func oneOfTypes(s *jsonschema.Schema, types ...string) *jsonschema.Schema {
	s.Type, s.Extras = "", map[string]any{"type": types}
	return s
}

func number(n uint64) *uint64 { return &n }
