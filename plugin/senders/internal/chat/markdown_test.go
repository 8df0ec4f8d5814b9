package chat

import "testing"

// Names as they are look as they are.
func TestEscapeMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"prod/api:v1.2.3-rc.1+build": "prod/api:v1.2.3-rc.1+build",
		"sha256:5f5f & more":         "sha256:5f5f & more",
		"my_app*":                    `my\_app\*`,
		"&lt;b&gt; &copy":            "&amp;lt;b&amp;gt; &copy",
		"# x":                        `\# x`,
		" - x":                       ` \- x`,
		"12. x":                      `12\. x`,
		"1.25":                       "1.25",
		"https://x.example":          "https:∕∕x.example",
		"a  b":                       "a b",
		`\*`:                         `\\\*`,
	} {
		if got := EscapeMarkdown(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
