package config

import (
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder fills the structs of this package from a YAML tree. Unlike yaml.v3's own,
// it finds all faults at once and says for each where it is.
type decoder struct {
	walk
	dir    string // that relative paths start from
	reads  []Read // files that were read meanwhile
	made   bool   // it is none of a file: see Made
	fields map[reflect.Type][]field
}

// field is one key of a struct.
type field struct {
	name     string
	index    []int
	required bool
	example  string
}

func newDecoder(file string, size int, lines map[string]int) *decoder {
	return &decoder{
		walk:   walk{file: file, lines: lines, budget: budgetFor(size), inside: map[*yaml.Node]bool{}},
		dir:    filepath.Dir(file),
		fields: map[reflect.Type][]field{},
	}
}

// decode fills c, which holds the defaults, from the root of a document.
func (d *decoder) decode(root *yaml.Node, c *Config) {
	d.value(root, reflect.ValueOf(c).Elem(), "")
	c.reads = append(c.reads, d.reads...)
}

// value decodes n, which is written at path, into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	n, leave := d.enter(n, path)
	defer leave()
	if n == nil {
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		// Lists at the top are left empty by who comments out all that is in them.
		// Elsewhere that could turn a narrow rule into a wide one.
		if v.Kind() != reflect.Slice || strings.Contains(path, ".") {
			d.fault(n.Line, path, isEmpty)
		}
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Duration:
		scalarOf(d, n, p, path, "a length of time", parseDuration)
	case *Size:
		scalarOf(d, n, p, path, "a size", parseSize)
	case *AuthList:
		d.auth(n, v, path)
	case *Auth:
		d.credential(n, v, path)
	case *File:
		d.path(n, p, path)
	case *Deliver:
		d.deliver(n, v, path)
	case *Strings:
		d.strings(n, v, path)
	case *Groups:
		d.groups(n, p, path)
	case *JSON:
		d.json(n, p, path)
	default:
		d.kind(n, v, path)
	}
}

// kind decodes n into v by the kind of v's type.
func (d *decoder) kind(n *yaml.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		if d.is(n, yaml.MappingNode, "keys and values", path) {
			d.structure(n, v, path)
		}
	case reflect.Slice:
		if d.is(n, yaml.SequenceNode, "a list", path) {
			d.list(n, v, path)
		}
	case reflect.Pointer:
		before := len(d.faults)
		v.Set(reflect.New(v.Type().Elem()))
		switch p := v.Interface().(type) {
		case *Secret:
			d.secret(n, p, path)
		case *CA:
			d.ca(n, p, path)
		case *Htpasswd:
			d.htpasswd(n, p, path)
		case *Rate:
			scalarOf(d, n, p, path, "a rate", parseRate)
		case *Names, *Tag:
			d.namesOf(n, v.Elem(), path)
		case *OIDC:
			*p = defaultOIDC()
			d.kind(n, v.Elem(), path)
		default:
			d.kind(n, v.Elem(), path)
		}
		if d.faults[before:].Failed() {
			v.SetZero() // so that nobody finds fault with the half of it
		}
	case reflect.String:
		if d.text(n, path) {
			v.SetString(n.Value)
		}
	case reflect.Bool:
		if b, ok := d.boolean(n, path); ok {
			v.SetBool(b)
		}
	case reflect.Int:
		if i, ok := d.whole(n, path); ok {
			v.SetInt(int64(i))
		}
	}
}

// structure decodes mapping n into the struct v.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if pos := v.FieldByName("Pos"); pos.IsValid() {
		pos.Set(reflect.ValueOf(Pos{d.file, n.Line}))
	}
	fields := d.fieldsOf(v.Type())
	given := make(map[string]bool, len(fields))
	for _, e := range d.entries(n, path) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.key })
		if i < 0 {
			d.fault(e.line, join(path, e.key), "unknown key: "+Suggest(e.key, names(fields)))
			if meant, ok := Nearest(e.key, names(fields)); ok {
				given[meant] = true // so that it is not missed as well
			}
			continue
		}
		given[e.key] = true
		d.note(e.line, join(path, e.key))
		if t, ok := v.Addr().Interface().(*Target); ok && e.key == "options" {
			d.options(e.node, t, join(path, e.key))
			continue
		}
		d.value(e.node, v.FieldByIndex(fields[i].index), join(path, e.key))
	}
	for _, f := range fields {
		if f.required && !given[f.name] {
			d.fault(n.Line, join(path, f.name), `is missing: add it, for example "`+f.name+": "+f.example+`"`)
		}
	}
}

// list decodes sequence n into the slice v.
func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, content := range n.Content {
		e := list.Index(i)
		switch p := e.Addr().Interface().(type) {
		case *Target:
			*p = defaultTarget()
		case *Rule:
			*p = defaultRule()
		}
		d.value(content, e, item(path, i))
	}
	v.Set(list)
}

// deliver decodes a target's name, or the keys of a Deliver.
func (d *decoder) deliver(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.kind(n, v, path)
		return
	}
	d.kind(n, v.FieldByName("Target"), path)
}

// strings decodes a list, or its only item.
func (d *decoder) strings(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.kind(n, v, path)
		return
	}
	one := reflect.MakeSlice(v.Type(), 1, 1)
	d.kind(n, one.Index(0), path)
	v.Set(one)
}

// namesOf decodes the keys of a [Names] or a [Tag], or its globs alone.
func (d *decoder) namesOf(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.MappingNode {
		d.kind(n, v, path)
		return
	}
	d.value(n, v.FieldByName("Glob"), path)
}

// scalarOf decodes a value that is written in a way of its own: what, which parse reads.
func scalarOf[T any](d *decoder, n *yaml.Node, to *T, path, what string, parse func(string) (T, error)) {
	if !d.is(n, yaml.ScalarNode, what, path) {
		return
	}
	v, err := parse(n.Value)
	if err != nil {
		d.fault(n.Line, path, err.Error())
		return
	}
	*to = v
}

// secret decodes {env: X}, {file: P} or the value itself.
func (d *decoder) secret(n *yaml.Node, to *Secret, path string) {
	forms := "write {env: NAME} or {file: PATH}"
	if d.made {
		forms = "give the secret itself, as text"
	}
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() != "!!str" && d.made:
		d.fault(n.Line, path, "wants text, found "+kindOf(n)+": "+forms)
	case n.Kind == yaml.ScalarNode && n.ShortTag() != "!!str":
		d.fault(n.Line, path, "wants text, found "+kindOf(n)+": put the secret in quotes, or better "+forms)
	case n.Kind == yaml.ScalarNode && n.Value == "":
		d.fault(n.Line, path, "is empty: "+forms)
	case n.Kind == yaml.ScalarNode:
		if !d.made {
			d.warn(n.Line, path, "the secret stands in this file, for all who can read it: "+forms)
		}
		*to = NewSecret(n.Value)
	default:
		if v, ok := d.reference(n, path); ok {
			*to = NewSecret(v)
		} else if !isReference(n) {
			d.fault(n.Line, path, "is no secret: "+forms)
		}
	}
}

// isReference reports whether n is exactly {env: X} or {file: P} with a plain value.
func isReference(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return false
	}
	key, value := n.Content[0], n.Content[1]
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	return (key.Value == "env" || key.Value == "file") && key.Kind == yaml.ScalarNode &&
		value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null"
}

// reference returns the value that n refers to, if n [isReference] and there is one.
func (d *decoder) reference(n *yaml.Node, path string) (string, bool) {
	if !isReference(n) {
		return "", false
	}
	key := n.Content[0].Value
	if d.made {
		d.fault(n.Line, path, "names a "+map[string]string{"env": "variable", "file": "file"}[key]+" of the machine that bellbuoy runs on, which only a configuration file may: give the secret itself, which is kept sealed")
		return "", false
	}
	to, leave := d.enter(n.Content[1], join(path, key))
	defer leave()
	if to == nil {
		return "", false
	}
	if to.ShortTag() != "!!str" {
		d.fault(to.Line, path, "wants text, found "+kindOf(to)+" "+to.Value+": put it in quotes, "+strconv.Quote(to.Value))
		return "", false
	}
	var value, warning string
	var err error
	if key == "env" {
		value, err = fromEnv(to.Value)
	} else {
		var sum Read
		value, warning, sum, err = fromFile(d.dir, to.Value)
		d.reads = append(d.reads, sum)
	}
	if warning != "" {
		d.warn(to.Line, path, warning)
	}
	if err != nil {
		d.fault(to.Line, path, err.Error())
	}
	return value, err == nil
}

// fieldsOf returns the keys of struct type t.
func (d *decoder) fieldsOf(t reflect.Type) []field {
	if list, ok := d.fields[t]; ok {
		return list
	}
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		switch name {
		case "", "-":
			continue
		case ",inline":
			for _, in := range d.fieldsOf(f.Type) {
				in.index = append([]int{i}, in.index...)
				list = append(list, in)
			}
			continue
		}
		// The tags of the JSON Schema generator, so that schema and decoder agree.
		says := f.Tag.Get("jsonschema")
		_, example, _ := strings.Cut(says, "example=")
		list = append(list, field{name, []int{i}, strings.HasPrefix(says, "required"), example})
	}
	d.fields[t] = list
	return list
}

func names(fields []field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return list
}
