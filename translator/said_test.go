package translator_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// said are the texts that a request says: strings without their quotes and other values
// as they are spelled, in its path, its headers and its body; also those in the JSON that
// stands in a string or in base64.
type said struct{ whole map[string]bool }

func saidBy(r *http.Request, body []byte) said {
	s := said{map[string]bool{}}
	s.text(strings.ToValidUTF8(r.PathValue("event"), "\uFFFD"))
	for _, values := range r.Header {
		for _, v := range values {
			s.text(strings.ToValidUTF8(v, "\uFFFD"))
			s.text(fromHeader(v))
		}
	}
	s.body(body)
	return s
}

// anywhere reports whether part stands in any text.
func (s said) anywhere(part string) bool {
	if s.whole[part] {
		return true
	}
	for text := range s.whole {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func (s said) text(t string) { s.whole[t] = true }

func (s said) body(b []byte) {
	if !json.Valid(b) {
		s.text(string(b))
		return
	}
	s.value(b)
}

// value adds all that a JSON value says.
func (s said) value(raw json.RawMessage) {
	raw = []byte(strings.TrimSpace(string(raw)))
	switch raw[0] {
	case '"':
		var t string
		_ = json.Unmarshal(raw, &t) // it is valid
		s.text(t)
		if strings.HasPrefix(t, "{") && json.Valid([]byte(t)) {
			s.value([]byte(t)) // zot's manifest
		}
	case '[':
		var list []json.RawMessage
		_ = json.Unmarshal(raw, &list)
		for _, v := range list {
			s.value(v)
		}
	case '{':
		var object map[string]json.RawMessage
		_ = json.Unmarshal(raw, &object)
		for key, v := range object {
			s.value(v)
			var encoded string
			if key == "data_base64" && json.Unmarshal(v, &encoded) == nil {
				if b, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(b) > 0 {
					s.body(b)
				}
			}
		}
		s.text(string(raw)) // an extension of a CloudEvent may be one
	default:
		s.text(string(raw))
	}
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// fromHeader undoes what CloudEvents do to a text to put it into a header.
func fromHeader(v string) string {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		v = regexp.MustCompile(`(?s)\\(.)`).ReplaceAllString(v[1:len(v)-1], "$1")
	}
	return escape.ReplaceAllStringFunc(v, func(e string) string {
		c, _ := url.PathUnescape(e) // it is an escape
		return c
	})
}
