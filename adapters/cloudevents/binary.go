package cloudevents

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/adapters"
)

// prefix is that of the headers which hold attributes, as net/http spells it.
const prefix = "Ce-"

// binary reads an event whose attributes are headers and whose data is the body.
func binary(h http.Header, body []byte) (*Event, error) {
	e := &Event{DataContentType: h.Get("Content-Type")}
	// In order, so that the same request is refused for the same reason each time.
	for _, header := range slices.Sorted(maps.Keys(h)) {
		values := h[header]
		name, ok := strings.CutPrefix(header, prefix)
		if !ok {
			continue
		}
		name = strings.ToLower(name)
		if len(values) != 1 {
			return nil, adapters.Unreadablef("header ce-%s is there %d times", name, len(values))
		}
		value := decodeHeader(values[0])
		if !utf8.ValidString(value) {
			return nil, adapters.Unreadablef("header ce-%s is not UTF-8", name)
		}
		if name != "datacontenttype" { // the specification has it in Content-Type
			e.set(name, value)
		}
	}
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, adapters.Unreadablef("content encoding %s: send the body without one", adapters.Quote(enc))
	}
	if err := e.setPayload(body); err != nil {
		return nil, err
	}
	return e, nil
}

// decodeHeader undoes what a sender does to put an attribute into a header: quotes
// around it, and percent signs for all that is no plain ASCII. A percent sign that
// begins no escape is one.
func decodeHeader(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = unquote(s[1 : len(s)-1])
	}
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, low := hex(s[i+1]), hex(s[i+2])
			if high >= 0 && low >= 0 {
				b = append(b, byte(high<<4|low))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unquote undoes the backslashes of a quoted string as HTTP has them.
func unquote(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// hex returns what the digit stands for, or -1.
func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
