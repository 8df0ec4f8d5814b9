package chat

import "testing"

func TestQuiet(t *testing.T) {
	for in, want := range map[string]string{
		"prod/api@sha256:5f5f": "prod/api@sha256:5f5f",
		"by bob@example.com":   "by bob@example.com",
		"@bob":                 "@bob",
		"@all":                 "＠all",
		"hi @Channel!":         "hi ＠Channel!",
		"@所有人":                 "＠所有人",
		"@ here":               "＠ here",
		"@@everyone":           "@＠everyone",
		"a\nb\u202e":           "a b\uFFFD",
	} {
		if got := Quiet(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestFilled(t *testing.T) {
	for in, want := range map[string]string{" prod/api ": "prod/api", "": "–", " \u00a0 ": "–"} {
		if got := Filled(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestUnlink(t *testing.T) {
	for in, want := range map[string]string{
		"prod/api@sha256:5f5f v1.2.3":   "prod/api@sha256:5f5f v1.2.3",
		"Get https://evil.example/v2/:": "Get https:∕∕evil.example/v2/:",
		"www.evil.example WWW.x":        "www․evil.example WWW․x",
		"bob@evil.example":              "bob＠evil.example",
	} {
		if got := Unlink(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "",
		"https://h.example/prod/api?a=b#c":   "https://h.example/prod/api?a=b#c",
		"https://h:5000/x":                   "https://h:5000/x",
		"http://[2001:db8::1]:5000/[x]":      "http://[2001:db8::1]:5000/%5Bx%5D",
		"https://good.example@evil.example/": "https://evil.example/",
		"https://h/?q=<!channel>|x":          "https://h/?q=%3C%21channel%3E%7Cx",
		"https://h/)](x":                     "https://h/%29%5D%28x",
		"https://h/?\"><b>":                  "https://h/?%22%3E%3Cb%3E",
		"https://h/?\u202e漢":                 "https://h/?%E2%80%AE%E6%BC%A2",
		"https://h/a%20b":                    "https://h/a%20b",
		"https://<!channel>/x":               "",
		"https://a\"b/x":                     "",
		"//h/x":                              "//h/x", // BriefOf gives links of the web only
		"x":                                  "",
	} {
		if got := address(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
