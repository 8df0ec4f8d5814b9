package config

import (
	"strings"
	"testing"
)

func TestJSONOf(t *testing.T) {
	for text, want := range map[string]string{
		"name: r\ndeliver: [ci]":                  `{"name":"r","deliver":["ci"]}`,
		`{"name": "r", "n": 1.10}`:                `{"name":"r","n":1.10}`,
		"tag: {list: [1.10, 2026-01-01, \"no\"]}": `{"tag":{"list":[1.10,"2026-01-01","no"]}}`,
		"a: &x {b: true}\nc: *x":                  `{"a":{"b":true},"c":{"b":true}}`,
		"hold: 0x10\nempty: ~":                    `{"hold":"0x10","empty":null}`,
		"1: 2":                                    `{"1":2}`,
	} {
		if got, err := JSONOf([]byte(text)); err != nil || string(got) != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                              "there is nothing in it",
		"a: 1\n---\nb: 2":               "more than one document",
		"a: [":                          "yaml:",
		"? [a]\n: b":                    "a key is no text",
		strings.Repeat("[", 100):        "yaml:",
		strings.Repeat("- ", 100) + "a": "nests too deep",
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]": "too large",
	} {
		if got, err := JSONOf([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
}
