package options

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// A Rule says what is wrong with a text, and what to do, or "". It does not repeat the
// text, which may be secret.
type Rule func(string) string

// Plain refuses control characters.
func Plain(s string) string {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "holds a line break or another control character; remove it"
		}
	}
	return ""
}

// Filled refuses a text of blanks alone.
func Filled(s string) string {
	if strings.TrimSpace(s) == "" {
		return "is empty; give it a value, or remove it"
	}
	return ""
}

func judge(s string, rules []Rule) []problem {
	for _, rule := range rules {
		if p := rule(s); p != "" {
			return wrong("%s", p)
		}
	}
	return nil
}

type textValue struct {
	to    *string
	rules []Rule
}

// Text is any text that the rules let through.
func Text(to *string, rules ...Rule) Value { return textValue{to, rules} }

func (v textValue) schema() map[string]any { return map[string]any{"type": "string"} }

func (v textValue) read(raw json.RawMessage) []problem {
	if json.Unmarshal(raw, v.to) != nil {
		return wrong("is not a text; put its value in quotes")
	}
	return judge(*v.to, v.rules)
}

type oneOf struct {
	to     *string
	values []string
}

// OneOf is one of values; the first is what holds where the option is left out.
func OneOf(to *string, values ...string) Value {
	if *to == "" {
		*to = values[0]
	}
	return oneOf{to, values}
}

func (v oneOf) schema() map[string]any {
	return map[string]any{"enum": v.values, "default": v.values[0]}
}

func (v oneOf) read(raw json.RawMessage) []problem {
	var s string
	if json.Unmarshal(raw, &s) != nil || !slices.Contains(v.values, s) {
		return wrong("%s; choose one, or leave it out for %s", not(v.values), v.values[0])
	}
	*v.to = s
	return nil
}

type boolValue struct{ to *bool }

// Bool is true or false.
func Bool(to *bool) Value { return boolValue{to} }

func (v boolValue) schema() map[string]any { return map[string]any{"type": "boolean"} }

func (v boolValue) read(raw json.RawMessage) []problem {
	if json.Unmarshal(raw, v.to) != nil {
		return wrong("is neither true nor false; write one of the two, without quotes")
	}
	return nil
}

type intValue struct {
	to          *int
	least, most int
}

// Int is a whole number between two others, which are included.
func Int(to *int, least, most int) Value { return intValue{to, least, most} }

func (v intValue) schema() map[string]any {
	return map[string]any{"type": "integer", "minimum": v.least, "maximum": v.most}
}

func (v intValue) read(raw json.RawMessage) []problem {
	var n int
	if json.Unmarshal(raw, &n) != nil || n < v.least || n > v.most {
		return wrong("is not a whole number from %d to %d; write one", v.least, v.most)
	}
	*v.to = n
	return nil
}

type durationValue struct {
	to          *time.Duration
	least, most time.Duration
}

// Duration is a time written with its unit, between two others, which are included.
func Duration(to *time.Duration, least, most time.Duration) Value {
	return durationValue{to, least, most}
}

func (v durationValue) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
}

func (v durationValue) read(raw json.RawMessage) []problem {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if d, err := time.ParseDuration(s); err == nil && d >= v.least && d <= v.most {
			*v.to = d
			return nil
		}
	}
	return wrong("is not a time from %s to %s; write it with its unit, as 30s", v.least, v.most)
}

type textsValue struct {
	to    *[]string
	least int
	rules []Rule
}

// Texts is a list of at least so many texts that the rules let through each.
func Texts(to *[]string, least int, rules ...Rule) Value { return textsValue{to, least, rules} }

func (v textsValue) schema() map[string]any {
	s := map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
	if v.least > 0 {
		s["minItems"] = v.least
	}
	return s
}

func (v textsValue) read(raw json.RawMessage) (problems []problem) {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return wrong("is not a list; write it as [a, b]")
	}
	if len(items) < v.least {
		return wrong("is an empty list; it has at least %d", v.least)
	}
	*v.to = make([]string, len(items))
	for i, item := range items {
		found := textValue{&(*v.to)[i], v.rules}.read(item)
		if string(item) == "null" {
			found = wrong("is not a text; put its value in quotes")
		}
		for _, p := range found {
			problems = append(problems, problem{"." + strconv.Itoa(i), p.message})
		}
	}
	return problems
}

// Names are the names of a [Map].
type Names struct {
	Example string              // of one: X-Token
	Rule    Rule                // what they must be like
	Same    func(string) string // what two of them may not both be
}

type mapValue struct {
	to    *map[string]string
	names Names
	rules []Rule
}

// Map is texts by names.
func Map(to *map[string]string, names Names, rules ...Rule) Value { return mapValue{to, names, rules} }

func (v mapValue) schema() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
}

func (v mapValue) read(raw json.RawMessage) (problems []problem) {
	fields, ok := object(raw)
	if !ok {
		return wrong("is not a map of names to values; write it as {%s: ...}", v.names.Example)
	}
	*v.to = make(map[string]string, len(fields))
	there := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var value string
		found := judge(name, []Rule{v.names.Rule})
		same := v.names.Same(name)
		if found == nil && there[same] {
			found = wrong("is there twice, in different spelling; remove one")
		}
		there[same] = true
		if found == nil {
			found = textValue{&value, v.rules}.read(fields[name])
		}
		if found == nil && string(fields[name]) == "null" {
			found = wrong("is not a text; put its value in quotes")
		}
		for _, p := range found {
			problems = append(problems, problem{"." + shorten(name), p.message})
		}
		(*v.to)[name] = value
	}
	return problems
}

type urlValue struct {
	to      **url.URL
	schemes []string
	guard   egress.Guard // set by [Table.ReadFor]
}

// URL is an address of one of schemes; none means http and https. One that names an
// address which the egress guard never lets through is refused. A fragment is dropped.
func URL(to **url.URL, schemes ...string) Value {
	if len(schemes) == 0 {
		schemes = []string{"http", "https"}
	}
	return urlValue{to: to, schemes: schemes}
}

func (v urlValue) schema() map[string]any {
	patterns := make([]string, len(v.schemes))
	for i, scheme := range v.schemes {
		for _, c := range scheme { // the patterns of JSON Schema have no flags
			patterns[i] += "[" + strings.ToUpper(string(c)) + string(c) + "]"
		}
	}
	return map[string]any{"type": "string", "format": "uri", "pattern": "^(" + strings.Join(patterns, "|") + ")://"}
}

func (v urlValue) read(raw json.RawMessage) []problem {
	form := v.schemes[len(v.schemes)-1] + "://host"
	if slices.Contains(v.schemes, "http") {
		form += "/path"
	}
	var s string
	if json.Unmarshal(raw, &s) != nil || s == "" {
		return wrong("is not a text; give the address to send to, as %s", form)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return wrong("is not a URL; write it as %s, with other characters percent-encoded", form)
	case !slices.Contains(v.schemes, u.Scheme):
		return wrong("%s; write it as %s", not(v.schemes), form)
	case u.Hostname() == "" || u.Opaque != "":
		return wrong("names no host; write it as %s", form)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return wrong("has a port that does not exist; it is between 1 and 65535")
		}
	}
	if a, ok := egress.Literal(u.Hostname()); ok {
		if why := v.guard.Refuses(a); why != "" {
			return wrong("names %s, %s; name another host", a, why)
		}
	}
	u.Fragment, u.RawFragment = "", "" // never sent
	*v.to = u
	return nil
}

// not says that something is none of names.
func not(names []string) string {
	switch len(names) {
	case 1:
		return "is not " + names[0]
	case 2:
		return "is neither " + names[0] + " nor " + names[1]
	}
	return "is none of " + list(names)
}
