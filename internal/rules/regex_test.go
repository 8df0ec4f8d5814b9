package rules

import (
	"regexp"
	"strings"
	"testing"
)

func TestRegexMatchesTheWholeTag(t *testing.T) {
	tests := []struct {
		regex   string
		yes, no []string
	}{
		{"release-v.*", []string{"release-v1", "release-v"}, []string{"my-release-v1", "release-1"}},
		{"v1|v2", []string{"v1", "v2"}, []string{"v12", "xv2", "v1v2"}},
		{"latest", []string{"latest"}, []string{"latest2", "Latest"}},
		{"(?i)latest", []string{"LATEST"}, []string{"latest2"}},
		{"^v1$", []string{"v1"}, []string{"v1\n", "\nv1"}},
		{"(?m)^v1$", []string{"v1"}, []string{"v1\nx"}},
		{`\Qa.b`, []string{"a.b"}, []string{"axb", "a.b)"}},
		{`\Qa.b\E+`, []string{"a.bbb"}, []string{"axb"}},
		{"a||b", []string{"", "a", "b"}, []string{"ab"}},
		{"a.*?", []string{"abc"}, []string{"ba"}},
		{".*", []string{"x", ""}, []string{"a\nb"}},
		{"(?s).*", []string{"a\nb"}, nil},
	}
	for _, tt := range tests {
		r, err := compileRegex(tt.regex)
		if err != nil {
			t.Errorf("%q: %v", tt.regex, err)
			continue
		}
		for _, tag := range tt.yes {
			if !r.match(tag) {
				t.Errorf("%q does not match %q", tt.regex, tag)
			}
		}
		for _, tag := range tt.no {
			if r.match(tag) {
				t.Errorf("%q matches %q", tt.regex, tag)
			}
		}
	}
}

func TestRegexFaults(t *testing.T) {
	tests := []struct{ regex, want string }{
		{"", `is empty: write ".*" to take everything`},
		{"v(", `is no RE2 regex: missing closing ) in "v(": correct it (RE2 has no look-around and no back-references)`},
		{"a)|(?:b", `is no RE2 regex: unexpected ) in "a)|(?:b": correct it (RE2 has no look-around and no back-references)`},
		{"(?!rc)v.*", `is no RE2 regex: invalid or unsupported Perl syntax in "(?!": correct it (RE2 has no look-around and no back-references)`},
		{`(a)\1`, `is no RE2 regex: invalid escape sequence in "\\1": correct it (RE2 has no look-around and no back-references)`},
		{strings.Repeat("a", 513), "is 513 bytes long: write at most 512, or make several rules of it"},
		{strings.Repeat("a{1000}", 50), "is too large when its repetitions are written out: repeat less, or use * or +"},
	}
	for _, tt := range tests {
		if _, err := compileRegex(tt.regex); err == nil {
			t.Errorf("%q: no error, want %q", tt.regex, tt.want)
		} else if err.Error() != tt.want {
			t.Errorf("%q:\n got %s\nwant %s", tt.regex, err, tt.want)
		}
	}
}

// Whatever the regex, matching the whole means what the longest match from the
// left says.
func FuzzRegex(f *testing.F) {
	for _, re := range []string{"release-v.*", "v1|v2", `\Qa.b`, "a||b", "(?i)x", "(?m)^a$", "a*?", `\bx\b`} {
		f.Add(re, "release-v1")
		f.Add(re, "a.b")
	}
	f.Fuzz(func(t *testing.T, source, tag string) {
		r, err := compileRegex(source)
		if err != nil {
			return
		}
		longest := regexp.MustCompile(source)
		longest.Longest()
		at := longest.FindStringIndex(tag)
		want := at != nil && at[0] == 0 && at[1] == len(tag)
		if got := r.match(tag); got != want {
			t.Errorf("%q on %q is %v, want %v", source, tag, got, want)
		}
	})
}
