package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Bounds of a JSON template and of what comes out of it, in bytes.
const (
	MaxTemplate = 64 << 10
	MaxOutput   = 256 << 10
)

// missing stands within a longer text for what a path does not find.
const missing = "(none)"

// expression is a path within a string of a template. It ends at the first brace, as
// in Quay.
var expression = regexp.MustCompile(`\$\{([^}]*)\}`)

// template is JSON in which the strings, keys too, may hold ${jsonpath}, as Quay has
// it: a string that is one expression and no more becomes what the path finds, with its
// type; within a longer string that is written as text. Values of the event never
// become template text, and never JSON that is not a string, number or what they are.
type template struct {
	root    any
	paths   []path // all of them, each with its source
	sources []string
}

// A part of a template is a value of JSON, except that strings are *pattern and
// objects *members.
type (
	members struct {
		keys   []*pattern
		values []any
	}
	pattern struct {
		text  []string // before, between and behind the paths
		paths []path
		whole bool // the string is one path and no more
	}
)

// parseTemplate reads a template, or says what is wrong in the words of a fault.
func parseTemplate(source string) (*template, error) {
	if len(source) > MaxTemplate {
		return nil, fmt.Errorf("has %d bytes, at most %d are taken: make it shorter", len(source), MaxTemplate)
	}
	v, err := readJSON([]byte(source))
	if err != nil {
		return nil, fmt.Errorf("is not JSON (%w): correct it, or write it as YAML", err)
	}
	t := &template{}
	if t.root, err = t.compileValue(v); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *template) compileValue(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return t.compileText(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			var err error
			if list[i], err = t.compileValue(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *object:
		m := &members{}
		for _, key := range v.keys {
			k, err := t.compileText(key)
			if err != nil {
				return nil, err
			}
			value, err := t.compileValue(v.values[key])
			if err != nil {
				return nil, err
			}
			m.keys, m.values = append(m.keys, k), append(m.values, value)
		}
		return m, nil
	}
	return v, nil
}

func (t *template) compileText(s string) (*pattern, error) {
	p := &pattern{}
	end := 0
	for _, at := range expression.FindAllStringSubmatchIndex(s, -1) {
		source := s[at[2]:at[3]]
		compiled, err := parsePath(source)
		if err != nil {
			return nil, fmt.Errorf("%q is no path: %w", "${"+source+"}", err)
		}
		p.text = append(p.text, s[end:at[0]])
		p.paths = append(p.paths, compiled)
		t.paths, t.sources = append(t.paths, compiled), append(t.sources, source)
		end = at[1]
	}
	p.text = append(p.text, s[end:])
	p.whole = len(p.paths) == 1 && p.text[0] == "" && p.text[1] == ""
	return p, nil
}

// fill is the template filled in from an event.
func (t *template) fill(event json.RawMessage) ([]byte, error) {
	v, err := readJSON(event)
	if err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	f := filling{root: v}
	filled, err := f.value(t.root)
	if err != nil {
		return nil, err
	}
	var out output
	if err := out.value(filled); err != nil {
		return nil, err
	}
	if out.Len() > MaxOutput {
		return nil, errLarge
	}
	return out.Bytes(), nil
}

// filling is one run of a template.
type filling struct {
	root any
	used int // values that paths have looked at: they may find the same again and again
	text int // bytes of the texts that were put together
}

func (f *filling) value(part any) (any, error) {
	switch part := part.(type) {
	case *pattern:
		return f.string(part)
	case []any:
		list := make([]any, len(part))
		for i, item := range part {
			var err error
			if list[i], err = f.value(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *members:
		o := &object{values: make(map[string]any, len(part.keys))}
		for i, key := range part.keys {
			k, err := f.string(key)
			if err != nil {
				return nil, err
			}
			v, err := f.value(part.values[i])
			if err != nil {
				return nil, err
			}
			name := "null" // as JSON has it where a key is nothing
			if k != nil {
				name = plain(k)
			}
			o.set(name, v)
		}
		return o, nil
	}
	return part, nil
}

// string is a string of the template, filled in: text, or what its only path finds.
func (f *filling) string(p *pattern) (any, error) {
	if len(p.paths) == 0 {
		return p.text[0], nil
	}
	if p.whole {
		return f.find(p.paths[0])
	}
	var b strings.Builder
	for i, path := range p.paths {
		v, err := f.find(path)
		if err != nil {
			return nil, err
		}
		b.WriteString(p.text[i])
		switch list, ok := v.([]any); {
		case v == nil:
			b.WriteString(missing)
		case ok && len(list) > 1:
			// Quay fails here where one of them is no string.
			for i, item := range list {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(plain(item))
			}
		default:
			b.WriteString(plain(v))
		}
		if f.text+b.Len() > MaxOutput {
			return nil, errLarge
		}
	}
	b.WriteString(p.text[len(p.paths)])
	f.text += b.Len()
	return b.String(), nil
}

// find is what a path finds: nil for nothing, a list for several.
func (f *filling) find(p path) (any, error) {
	found, err := p.find(f.root, &f.used)
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return found, nil
}

// maxFound bounds how many values the paths of one message look at.
const maxFound = 1 << 17

var errFound = errors.New("its paths find too much")
