package rules

import (
	"path"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"pgregory.net/rapid"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern string
		yes     []string
		no      []string
	}{
		{"prod/api", []string{"prod/api"}, []string{"prod/api2", "prod/api/x", "prod", "x/prod/api"}},
		{"prod/*", []string{"prod/api"}, []string{"prod/api/x", "prod"}},
		{"prod/**", []string{"prod/api", "prod/api/x", "prod"}, []string{"production/api", "x/prod/a"}},
		{"**", []string{"a", "a/b/c"}, nil},
		{"*", []string{"a"}, []string{"a/b"}},
		{"**/api", []string{"api", "a/api", "a/b/api"}, []string{"xapi", "api/x"}},
		{"a/**/c", []string{"a/c", "a/b/c", "a/b/b/c"}, []string{"a/b", "ac"}},
		{"a/**/**/**/c", []string{"a/c", "a/b/b/c"}, []string{"a/b"}},
		{"path**", []string{"path", "path1"}, []string{"path/1"}},
		{"/path*", []string{"path1", "path"}, []string{"x/path1"}},
		{"1.?", []string{"1.2"}, []string{"1.", "1.10"}},
		{"{dev, prod}/api", []string{"dev/api", "prod/api"}, []string{"stage/api", " prod/api"}},
		{"{ dev ,prod }", []string{"dev", "prod"}, []string{"devprod"}},
		{"{/dev,/prod}", []string{"dev", "prod"}, nil},
		{"prod/{api, web}/**", []string{"prod/api/x", "prod/web", "prod/web/a/b"}, []string{"prod/db/x"}},
		{"{a,b{c,d}}x", []string{"ax", "bcx", "bdx"}, []string{"bx", "cx"}},
		{"{a/**,b}", []string{"a", "a/x/y", "b"}, []string{"b/x"}},
		{"a{,-b}", []string{"a", "a-b"}, []string{"a-"}},
		{"v[0-9]", []string{"v1"}, []string{"va", "v10"}},
		{"v[^0-9]", []string{"va"}, []string{"v1"}},
		{"[{,}]x", []string{"{x", ",x", "}x"}, []string{"x"}},
		{`a\*`, []string{"a*"}, []string{"ab", `a\b`}},
		{`\{a,b\}`, []string{"{a,b}"}, []string{"a", "b"}},
		{"日?/*", []string{"日本/x"}, []string{"日/x"}},
	}
	for _, tt := range tests {
		g, err := compileGlob(tt.pattern)
		if err != nil {
			t.Errorf("%q: %v", tt.pattern, err)
			continue
		}
		for _, name := range tt.yes {
			if !g.match(name) {
				t.Errorf("%q does not match %q", tt.pattern, name)
			}
		}
		for _, name := range tt.no {
			if g.match(name) {
				t.Errorf("%q matches %q", tt.pattern, name)
			}
		}
	}
}

func TestGlobFaults(t *testing.T) {
	tests := []struct{ pattern, want string }{
		{"", "is empty, or a part of it is, so it matches nothing: write a name, or ** for all"},
		{"/", "is empty, or a part of it is, so it matches nothing: write a name, or ** for all"},
		{"{a,}", "is empty, or a part of it is, so it matches nothing: write a name, or ** for all"},
		{"{a", `"{a" is no pattern: close each { and [, and put a backslash before those that are meant as letters`},
		{"a}", `"a}" is no pattern: close each { and [, and put a backslash before those that are meant as letters`},
		{"[a", `"[a" is no pattern: close each { and [, and put a backslash before those that are meant as letters`},
		{`a\`, `"a\" is no pattern: close each { and [, and put a backslash before those that are meant as letters`},
		{"prod/", `"prod/" ends with a slash, which no name does: write "prod/**" for all below it`},
		{strings.Repeat("{a,b}", 9), "stands for more than 256 patterns when its braces are written out: use * instead, or make several patterns of it"},
		{strings.Repeat("{a,b}", 100), "stands for more than 256 patterns when its braces are written out: use * instead, or make several patterns of it"},
		{strings.Repeat("a", 513), "is 513 bytes long: write at most 512, or make several patterns of it"},
	}
	for _, tt := range tests {
		if _, err := compileGlob(tt.pattern); err == nil {
			t.Errorf("%q: no error, want %q", tt.pattern, tt.want)
		} else if err.Error() != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.pattern, err, tt.want)
		}
	}
}

// A glob means what its documentation says, segment by segment.
func TestGlobAgreesWithSegments(t *testing.T) {
	segment := rapid.SampledFrom([]string{"a", "b", "ab", "*", "**", "**", "a*", "*b", "?", "[ab]", "a**"})
	name := rapid.SampledFrom([]string{"a", "b", "ab", "aab", "c"})
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SliceOfN(segment, 1, 5).Draw(t, "pattern")
		names := rapid.SliceOfN(name, 1, 5).Draw(t, "name")
		g, err := compileGlob(strings.Join(pattern, "/"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := g.match(strings.Join(names, "/")), segments(pattern, names); got != want {
			t.Fatalf("%q on %q is %v, want %v", pattern, names, got, want)
		}
	})
}

func segments(pattern, names []string) bool {
	switch {
	case len(pattern) == 0:
		return len(names) == 0
	case pattern[0] == "**":
		return segments(pattern[1:], names) || len(names) > 0 && segments(pattern, names[1:])
	case len(names) == 0:
		return false
	}
	ok, err := path.Match(pattern[0], names[0])
	return ok && err == nil && segments(pattern[1:], names[1:])
}

// Written out, braces mean what they mean to the matcher that we take for the rest.
func TestGlobAgreesWithDoublestar(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "b", "/", "*", "/**/", "?", "{a,b}", "{a,b/c}", "{b,{a,c}}", "[ab]", `\*`, "c"})
	names := rapid.StringMatching(`[abc*/]{0,8}`)
	rapid.Check(t, func(t *rapid.T) {
		pattern := strings.Join(rapid.SliceOfN(piece, 1, 6).Draw(t, "pattern"), "")
		name := names.Draw(t, "name")
		g, err := compileGlob(pattern)
		if err != nil || strings.HasPrefix(pattern, "/") {
			return
		}
		want, err := doublestar.Match(pattern, name)
		if err != nil {
			t.Fatalf("doublestar refuses %q, which was compiled: %v", pattern, err)
		}
		if got := g.match(name); got != want {
			t.Fatalf("%q on %q is %v, doublestar says %v", pattern, name, got, want)
		}
	})
}

func FuzzGlob(f *testing.F) {
	for _, p := range []string{"prod/{api, web}/**", "{a,b{c,d}}x", `a\{[{,}]`, "[]a]", "{[}]", "{", "!x", "**/**/**"} {
		f.Add(p, "prod/api/x")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		g, err := compileGlob(pattern)
		if err != nil {
			return
		}
		for _, a := range g.alternatives {
			if a.plain && !g.match(a.pattern) {
				t.Errorf("%q does not match %q, which it stands for", pattern, a.pattern)
			}
		}
		if len(g.alternatives) > 2*maxAlternatives {
			t.Errorf("%q has %d alternatives", pattern, len(g.alternatives))
		}
		g.match(name)
	})
}
