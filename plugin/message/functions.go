package message

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"
)

// The functions that are put into a template, and are not for its author.
const (
	escaper = "_escape"
	counter = "_turn"
)

// Functions returns the names of the functions of templates:
//
//	and, or, not                as in text/template
//	eq A B..., ne A B           whether A is one of the others, or is not B
//	lt A B, le, gt, ge          the order of two numbers or two texts; what is not there has none
//	default D V                 D where V is empty or not there
//	len V, index L I...         the length; the item of a list, or of an object by its name
//	join SEP L                  a list as one text
//	upper, lower, trunc N S     S in capitals, or not; its first N characters and an ellipsis
//	short DIGEST                sha256:0123456789ab...
//	date LAYOUT TIME            a time as Go's layouts have it: "2006-01-02 15:04"
//	json V                      V as JSON
//	print V..., printf F V...   as in text/template
func Functions() []string {
	names := []string{"and", "or", "not"}
	for n := range maps.Keys((&run{}).functions()) {
		if n != escaper && n != counter {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// run is one execution of a template.
type run struct {
	ctx    context.Context
	escape func(string) string
	turns  int
	bytes  int
}

func (r *run) functions() template.FuncMap {
	return template.FuncMap{
		escaper: func(v any) (string, error) { return r.made(r.escape(text(v))) },
		counter: r.turn,

		"eq": func(a any, others ...any) bool {
			return slices.ContainsFunc(others, func(b any) bool { return same(a, b) })
		},
		"ne":      func(a, b any) bool { return !same(a, b) },
		"lt":      func(a, b any) bool { n, ok := compare(a, b); return ok && n < 0 },
		"le":      func(a, b any) bool { n, ok := compare(a, b); return ok && n <= 0 },
		"gt":      func(a, b any) bool { n, ok := compare(a, b); return ok && n > 0 },
		"ge":      func(a, b any) bool { n, ok := compare(a, b); return ok && n >= 0 },
		"default": func(otherwise, v any) any { return orElse(v, otherwise) },
		"len":     length,
		"index":   index,
		"join":    func(sep string, list any) (string, error) { return r.made(join(sep, list)) },
		"upper":   func(v any) (string, error) { return r.made(strings.ToUpper(text(v))) },
		"lower":   func(v any) (string, error) { return r.made(strings.ToLower(text(v))) },
		"trunc":   func(n int, v any) (string, error) { return r.made(trunc(n, text(v))) },
		"short":   func(v any) string { return short(text(v)) },
		"date":    date,
		"json": func(v any) (string, error) {
			s, err := encode(v)
			if err != nil {
				return "", err
			}
			return r.made(s)
		},
		"print": func(list ...any) (string, error) {
			var b strings.Builder
			for _, v := range list {
				if b.WriteString(text(v)); b.Len() > MaxOutput {
					return "", errLarge
				}
			}
			return r.made(b.String())
		},
		"printf": func(format string, args ...any) (string, error) {
			if wide.MatchString(format) {
				return "", errors.New("printf takes widths up to 999")
			}
			return r.made(fmt.Sprintf(format, args...))
		},
	}
}

// wide are widths that would make much of nothing.
var wide = regexp.MustCompile(`[0-9]{4}|\*`)

// made counts a text that a function made.
func (r *run) made(s string) (string, error) {
	if r.bytes += len(s); len(s) > MaxOutput || r.bytes > maxBytes {
		return "", errLarge
	}
	return s, nil
}

// turn counts a turn of a loop.
func (r *run) turn() (string, error) {
	if r.turns++; r.turns > maxTurns {
		return "", fmt.Errorf("its loops turn more than %d times", maxTurns)
	}
	return "", r.ctx.Err()
}

// text is a value as people read it: a list has commas, an object is JSON.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		return join(", ", v)
	case map[string]any:
		s, err := encode(v)
		if err != nil { // it came out of JSON
			return ""
		}
		return s
	}
	return fmt.Sprint(v)
}

func encode(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

func join(sep string, list any) string {
	items, ok := list.([]any)
	if !ok {
		return text(list)
	}
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteString(sep)
		}
		if b.WriteString(text(item)); b.Len() > MaxOutput {
			break // more than anybody may use
		}
	}
	return b.String()
}

func orElse(v, otherwise any) any {
	if truth, ok := template.IsTrue(v); v == nil || ok && !truth {
		return otherwise
	}
	return v
}

func length(v any) (int, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case string:
		return utf8.RuneCountInString(v), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return 0, fmt.Errorf("%v has no length", v)
}

// index is nil for what is not there.
func index(v any, at ...any) any {
	for _, i := range at {
		switch within := v.(type) {
		case map[string]any:
			v = within[text(i)]
		case []any:
			n, ok := number(i)
			if !ok || n < 0 || n >= float64(len(within)) {
				return nil
			}
			v = within[int(n)]
		default:
			return nil
		}
	}
	return v
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// compare returns the order of two numbers or two texts; others have none.
func compare(a, b any) (int, bool) {
	x, xNumber := number(a)
	y, yNumber := number(b)
	if xNumber && yNumber {
		switch {
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	}
	s, sText := a.(string)
	t, tText := b.(string)
	return strings.Compare(s, t), sText && tText
}

func same(a, b any) bool {
	if n, ok := compare(a, b); ok {
		return n == 0
	}
	x, xBool := a.(bool)
	y, yBool := b.(bool)
	return xBool && yBool && x == y || a == nil && b == nil
}

// trunc is at most n characters of s; the last is an ellipsis where some are missing.
func trunc(n int, s string) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	return string([]rune(s)[:n-1]) + "…"
}

// short is a digest as people tell it from others.
func short(digest string) string {
	algorithm, hex, ok := strings.Cut(digest, ":")
	if !ok || len(hex) <= 12 {
		return digest
	}
	return algorithm + ":" + hex[:12]
}

// date is a time of the event in another layout, as it is where it is none.
func date(layout string, v any) string {
	s := text(v)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.Format(layout)
}
