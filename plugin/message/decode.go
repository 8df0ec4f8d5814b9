package message

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
)

// decode reads an event; whole numbers stay whole.
func decode(event json.RawMessage) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(event))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return numbers(v), nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

// Plain is the escaper of media that know no markup. Who reads the message shall see
// what there is: a value stays on its line, and cannot hide or turn around what stands
// beside it.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d' && r != '\u200c':
			return '\uFFFD' // Cf has the marks that turn the direction of writing
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
