package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func FuzzSafe(f *testing.F) {
	for _, s := range []string{
		"prod/api:1.4.2", "生产", "\x1b[2J", "\u009b31m", "\u202etxt\u202c", "\u2066x\u2069", "a\u2028b",
		"\xff\xfe", "\U000e0001tag", "\ufffd", "\r\n\t", "zero\u200bwidth", `back\slash`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := safe(s)
		plain(t, got)
		if safe(got) != got {
			t.Errorf("%q is escaped again", got)
		}
		if got == "" && s != "" {
			t.Errorf("%q vanished", s)
		}

		if !utf8.ValidString(s) {
			return // no JSON
		}
		var b bytes.Buffer
		if err := printJSON(&b, s); err != nil {
			t.Fatal(err)
		}
		plain(t, b.String())
		var back string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back != s {
			t.Errorf("%q became %q in %s: %v", s, back, b.String(), err)
		}
	})
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"生产环境", 2, "生产…"}} {
		if got := clip(c.in, c.n); got != c.want {
			t.Errorf("clip(%q, %d) is %q, want %q", c.in, c.n, got, c.want)
		}
	}
}
