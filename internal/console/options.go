package console

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// option is one of a target's options, as a field of a form. Options come from the JSON
// Schema by which the sender of the type describes them, whoever wrote it.
type option struct {
	Path     string // "auth.basic.user"
	Label    string
	Help     string
	Kind     string // text, secret, choice, flag, number, lines, pairs or json
	Required bool
	Choices  []string
	Default  string
	Value    string
	Fault    string // what is wrong with the value
}

// Name is that of the field in the form.
func (o option) Name() string { return "options." + o.Path }

// schema is what is read of a JSON Schema.
type schema struct {
	Type        any               `json:"type"` // a name, or several
	Description string            `json:"description"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
	Enum        []any             `json:"enum"`
	Default     any               `json:"default"`
	WriteOnly   bool              `json:"writeOnly"`
	Items       *schema           `json:"items"`
	Additional  any               `json:"additionalProperties"`
}

// is reports whether values of s may have a type.
func (s schema) is(name string) bool {
	switch t := s.Type.(type) {
	case string:
		return t == name
	case []any:
		return slices.Contains(t, any(name))
	}
	return false
}

// optionsOf are the options that raw, a JSON Schema, knows, with the values that they have
// in values, a JSON object. Those that must be given come first.
func optionsOf(raw, values json.RawMessage) ([]option, error) {
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("read the schema of the options: %w", err)
	}
	var tree map[string]any
	if len(values) > 0 {
		if err := json.Unmarshal(values, &tree); err != nil {
			return nil, fmt.Errorf("read the options: %w", err)
		}
	}
	var must, may []option
	for _, o := range s.options("", true, tree) {
		if o.Required {
			must = append(must, o)
		} else {
			may = append(may, o)
		}
	}
	return append(must, may...), nil
}

// options are those within s, an object at prefix. What is within an object that may be left
// out need not be given, whatever the object says.
func (s schema) options(prefix string, must bool, tree map[string]any) (list []option) {
	for _, name := range sortedKeys(s.Properties) {
		p := s.Properties[name]
		required := must && slices.Contains(s.Required, name)
		at := prefix + name
		if p.is("object") && len(p.Properties) > 0 {
			inner, _ := tree[name].(map[string]any)
			list = append(list, p.options(at+".", required, inner)...)
			continue
		}
		o := option{Path: at, Label: strings.ReplaceAll(at, ".", " › "), Help: p.Description, Required: required, Kind: p.kind()}
		for _, c := range p.Enum {
			if c != nil {
				o.Choices = append(o.Choices, fmt.Sprint(c))
			}
		}
		if p.Default != nil {
			o.Default = fmt.Sprint(p.Default)
		}
		o.Value = o.write(tree[name])
		list = append(list, o)
	}
	return list
}

// kind is the kind of field that values of s are given in.
func (s schema) kind() string {
	switch {
	case len(s.Enum) > 0:
		return "choice"
	case s.is("boolean"):
		return "flag"
	case s.is("integer"), s.is("number"):
		return "number"
	case s.is("array") && s.Items != nil && s.Items.is("string"):
		return "lines"
	case s.is("object") && s.Additional != nil && s.Additional != false:
		return "pairs"
	case s.is("string") && s.WriteOnly:
		return "secret"
	case s.is("string"):
		return "text"
	}
	return "json"
}

// write is v as the form has it.
func (o option) write(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any:
		if o.Kind != "lines" {
			break
		}
		lines := make([]string, len(v))
		for i, item := range v {
			lines[i] = fmt.Sprint(item)
		}
		return strings.Join(lines, "\n")
	case map[string]any:
		if o.Kind != "pairs" {
			break
		}
		var lines []string
		for _, name := range sortedKeys(v) {
			lines = append(lines, fmt.Sprintf("%s: %v", name, v[name]))
		}
		return strings.Join(lines, "\n")
	case string, bool:
		return fmt.Sprint(v)
	}
	b, _ := json.Marshal(v) // it was JSON
	return string(b)
}

// readOptions makes the options that form has of those in list. The second result says what
// could not be read, by the path of the option.
func readOptions(list []option, form url.Values) (json.RawMessage, map[string]string) {
	tree, faults := map[string]any{}, map[string]string{}
	for _, o := range list {
		text := form.Get(o.Name())
		if o.Kind != "secret" {
			text = strings.TrimSpace(text)
		}
		if text == "" {
			continue
		}
		v, err := o.read(text)
		if err != nil {
			faults[o.Path] = err.Error()
			continue
		}
		put(tree, strings.Split(o.Path, "."), v)
	}
	b, _ := json.Marshal(tree) // of strings, numbers and lists of them
	return b, faults
}

// read is what text says.
func (o option) read(text string) (any, error) {
	switch o.Kind {
	case "flag":
		return text == "true", nil
	case "number":
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return nil, fmt.Errorf("is no number")
		}
		return json.Number(text), nil
	case "lines":
		var list []string
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return list, nil
	case "pairs":
		pairs := map[string]string{}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return nil, fmt.Errorf("has a line without a colon: write NAME: VALUE in each")
			}
			pairs[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
		return pairs, nil
	case "json":
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fmt.Errorf("is not JSON: %w", err)
		}
		return v, nil
	}
	return text, nil
}

// put puts v into tree at path.
func put(tree map[string]any, path []string, v any) {
	for ; len(path) > 1; path = path[1:] {
		inner, ok := tree[path[0]].(map[string]any)
		if !ok {
			inner = map[string]any{}
			tree[path[0]] = inner
		}
		tree = inner
	}
	tree[path[0]] = v
}
