package app

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/config"
)

const someOptions = `{
	"url": "https://example.com",
	"n": 1,
	"headers": {"X-Token": "t", "X.Dotted": "flat", "X": {"Dotted": "deep"}, "None": null},
	"secrets": ["a", "b", {"key": "k"}]
}`

func TestNamedOptions(t *testing.T) {
	for path, want := range map[string][]option{
		"url":              {{"url", "https://example.com"}},
		"headers.X-Token":  {{"headers.X-Token", "t"}},
		"headers.*":        {{"headers.X-Token", "t"}, {"headers.X.Dotted", "flat"}},
		"headers.X.Dotted": {{"headers.X.Dotted", "deep"}, {"headers.X.Dotted", "flat"}},
		"headers.X":        nil, // no text
		"secrets.1":        {{"secrets.1", "b"}},
		"secrets.*":        {{"secrets.0", "a"}, {"secrets.1", "b"}},
		"secrets.*.key":    {{"secrets.2.key", "k"}},
		"secrets.9":        nil,
		"*":                {{"url", "https://example.com"}},
		"n":                nil,
		"ur":               nil,
		"urls":             nil,
		"url.x":            nil,
		"":                 nil,
	} {
		if d := cmp.Diff(want, named(json.RawMessage(someOptions), path), cmp.AllowUnexported(option{})); d != "" {
			t.Errorf("%q (-want +got):\n%s", path, d)
		}
	}
	for _, broken := range []string{"", "{", "[]", `"text"`, "null"} {
		if got := named(json.RawMessage(broken), "*"); got != nil {
			t.Errorf("of %q: %v", broken, got)
		}
	}
}

// What is masked is what the type calls secret and what was taken from elsewhere, the
// longest first, so that no part of a secret is left by masking a shorter one.
func TestMasks(t *testing.T) {
	target := config.Target{
		Options:     json.RawMessage(`{"url": "https://u:pw@example.com/hooks/T%2F1/key?sig=42", "headers": {"A": "token", "B": "token-and-more", "C": "token"}, "x.y": "dotted"}`),
		SecretPaths: []string{"url", "headers.B", "x.y"},
	}
	want := []string{
		"https://u:pw@example.com/hooks/T%2F1/key?sig=42",
		"/hooks/T%2F1/key?sig=42", // of which a target may say that it is not there
		"/hooks/T%2F1/key",
		"/hooks/T/1/key",
		"token-and-more",
		"dotted", "sig=42",
		"token", "u:pw",
	}
	if d := cmp.Diff(want, masks(target, []string{"headers.*"})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := masks(config.Target{Options: json.RawMessage(`{"url": "https://example.com/hook"}`)}, []string{"headers.*"}); len(got) > 0 {
		t.Errorf("where nothing is secret: %q", got)
	}
}

func TestPlainSecrets(t *testing.T) {
	target := config.Target{
		Options:     json.RawMessage(`{"url": "https://example.com", "headers": {"A": "in the file", "B": "from elsewhere", "C": "", "D": "in the file", "E": "/run/secrets/key.pem"}}`),
		SecretPaths: []string{"headers.B"},
	}
	const says = "what may be a secret stands in this file, for all who can read it: if it is one, write {env: NAME} or {file: PATH} instead"
	want := config.Faults{
		{Severity: config.Warning, Path: "targets[3].options.headers.A", Message: says},
		{Severity: config.Warning, Path: "targets[3].options.headers.D", Message: says},
	}
	if d := cmp.Diff(want, plainSecrets(3, target, []string{"headers.*", "headers.A"})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
