package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// A value of JSON is nil, a bool, a json.Number, a string, a []any or an *object.

// object keeps its keys in the order in which they came, since the order of what a
// path finds is seen in the message.
type object struct {
	keys   []string
	values map[string]any
}

func (o *object) set(key string, v any) {
	if _, there := o.values[key]; !there {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
}

// maxNesting is how deep JSON may be nested: events and templates are shallow.
const maxNesting = 64

// readJSON reads one value and nothing behind it.
func readJSON(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	v, err := readValue(dec, 0)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("it ends too early")
	}
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("there is something behind its end, at byte %d", dec.InputOffset())
	}
	return v, nil
}

func readValue(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if _, nested := t.(json.Delim); nested && depth == maxNesting {
		return nil, fmt.Errorf("it is nested deeper than %d", maxNesting)
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := readValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := readValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			o.set(fmt.Sprint(key), v)
		}
		_, err := dec.Token()
		return o, err
	}
	return t, nil
}

// errLarge: what a template makes is bounded, whoever wrote the values.
var errLarge = fmt.Errorf("the message would be larger than %d KiB", MaxOutput>>10)

// output is JSON that is being written, up to a bound.
type output struct{ bytes.Buffer }

func (out *output) value(v any) error {
	if out.Len() > MaxOutput {
		return errLarge
	}
	switch v := v.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		fmt.Fprint(out, v)
	case json.Number:
		out.WriteString(v.String())
	case string:
		return out.text(v)
	case []any:
		out.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := out.value(item); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	case *object:
		out.WriteByte('{')
		for i, key := range v.keys {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := out.text(key); err != nil {
				return err
			}
			out.WriteByte(':')
			if err := out.value(v.values[key]); err != nil {
				return err
			}
		}
		out.WriteByte('}')
	}
	return nil
}

// text writes s as a JSON string: whatever is in it, it cannot end before its end.
func (out *output) text(s string) error {
	if len(s) > MaxOutput {
		return errLarge
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the line break behind it
	return nil
}

// plain is v as Quay writes it within a longer text, which is Python's way: True,
// None, ['a', 'b'].
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b strings.Builder
	python(&b, v)
	return b.String()
}

func python(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case json.Number:
		b.WriteString(v.String())
	case string:
		pythonText(b, v)
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			python(b, item)
		}
		b.WriteByte(']')
	case *object:
		b.WriteByte('{')
		for i, key := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			pythonText(b, key)
			b.WriteString(": ")
			python(b, v.values[key])
		}
		b.WriteByte('}')
	}
}

// pythonText writes s as Python shows a string.
func pythonText(b *strings.Builder, s string) {
	quote := '\''
	if strings.ContainsRune(s, '\'') && !strings.ContainsRune(s, '"') {
		quote = '"'
	}
	b.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			fmt.Fprintf(b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
}
