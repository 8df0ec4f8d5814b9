package config

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestOptionsKeepTheirTypes(t *testing.T) {
	tests := []struct{ yaml, json string }{
		{"text", `"text"`},
		{`"5"`, `"5"`},
		{"!!str 5", `"5"`},
		{"5", "5"},
		{"-5", "-5"},
		{"+5", "5"},
		{"0", "0"},
		{"1_000", "1000"},
		{"0x1F", "31"},
		{"0o17", "15"},
		{"0b101", "5"},
		{"9007199254740993", "9007199254740993"},
		{"18446744073709551615", "18446744073709551615"},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"0xFFFF_FFFF_FFFF_FFFF", "18446744073709551615"},
		{"1.10", "1.10"},
		{".5", "0.5"},
		{"1e3", "1e3"},
		{"true", "true"},
		{"False", "false"},
		{"yes", `"yes"`},
		{"on", `"on"`},
		{"~", "null"},
		{"2026-01-01", `"2026-01-01"`},
		{`"a\u2028\"<&>\n"`, `"a\u2028\"<&>\n"`},
		{"[1, [2], {}]", "[1,[2],{}]"},
		{"{1: a, true: b}", `{"1":"a","true":"b"}`},
		{"{env: X, file: Y}", `{"env":"X","file":"Y"}`},
		{"{env: [X]}", `{"env":["X"]}`},
		{"{env: ~}", `{"env":null}`},
	}
	for _, tt := range tests {
		c, faults := Parse("bb.yml", []byte("targets: [{name: ci, type: webhook, options: {a: "+tt.yaml+"}}]\n"), known)
		if len(faults) > 0 {
			t.Errorf("%s: %v", tt.yaml, faults)
			continue
		}
		got := string(c.Targets[0].Options)
		if want := `{"a":` + tt.json + `}`; got != want || !json.Valid([]byte(got)) {
			t.Errorf("%s is %s, want %s", tt.yaml, got, want)
		}
	}
}

// An option that cannot be read leaves nothing behind that could be checked or sent.
func TestOptionsWithAFault(t *testing.T) {
	c, faults := Parse("bb.yml", []byte("targets: [{name: ci, type: webhook, options: {a: 1, b: {env: BB_NOT_SET}}}]\n"), known)
	if !faults.Failed() || c.Targets[0].Options != nil {
		t.Errorf("options %s, faults %v", c.Targets[0].Options, faults)
	}
}

func TestFaultsFromElsewhere(t *testing.T) {
	c, faults := Parse("bb.yml", []byte(`targets:
  - name: ci
    type: webhook
    options:
      headers:
        X-Token: a
        X.Dotted: b
      list:
        - a
        - b
rules:
  - name: all
    deliver:
      - ci
`), known)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	got := Faults{
		c.OptionFault(0, "url", "is missing"),
		c.OptionFault(0, "headers.X-Token", "m"),
		c.OptionFault(0, "headers.X.Dotted", "m"),
		c.OptionFault(0, "headers.Y", "m"),
		c.OptionFault(0, "list.1", "m"),
		c.OptionFault(0, "list[1]", "m"),
		c.OptionFault(0, "", "m"),
	}
	got = append(got, c.Locate(Faults{
		Faultf("rules[0].deliver[0]", "no %d", 1),
		Faultf("rules[0].tag.regex", "m"),
		Warningf("rules[7]", "m"),
		Faultf("", "m"),
		{Pos: Pos{"bb.yml", 99}, Path: "rules[0]", Message: "m"},
	})...)
	var lines []string
	for _, f := range got {
		lines = append(lines, f.String())
	}
	want := []string{
		"bb.yml:4: targets[0].options.url: is missing",
		"bb.yml:6: targets[0].options.headers.X-Token: m",
		"bb.yml:7: targets[0].options.headers.X.Dotted: m",
		"bb.yml:5: targets[0].options.headers.Y: m",
		"bb.yml:10: targets[0].options.list.1: m",
		"bb.yml:10: targets[0].options.list[1]: m",
		"bb.yml:4: targets[0].options: m",
		"bb.yml:14: rules[0].deliver[0]: no 1",
		"bb.yml:12: rules[0].tag.regex: m",
		"bb.yml:11: rules[7]: warning: m",
		"bb.yml: m",
		"bb.yml:99: rules[0]: m",
	}
	if !reflect.DeepEqual(lines, want) {
		for i := range lines {
			t.Logf("%s | %s", lines[i], want[i])
		}
		t.Error("not where they should be")
	}
}
