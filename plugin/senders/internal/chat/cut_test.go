package chat

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/plugin/message"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		size func(rune) int
		want string
	}{
		{"short", 5, one, "short"},
		{"shorter", 5, one, "shor…"},
		{"漢字漢字", 4, one, "漢字漢字"},
		{"漢字漢字", 3, one, "漢字…"},
		{"漢字漢字", 11, utf8.RuneLen, "漢字…"},
		{"😀😀😀", 6, utf16.RuneLen, "😀😀😀"},
		{"😀😀😀", 5, utf16.RuneLen, "😀😀…"},
		{"two words here", 12, one, "two words…"},
		{"first line\nsecond line", 20, one, "first line…"},
		{"a first <b>bold</b> word", 22, one, "a first <b>bold</b>…"},
		{"see <https://example.com|it> now", 20, one, "see…"},
		{"fish &amp; chips", 9, one, "fish…"},
		{`ab\*cd`, 4, one, "ab…"},
		{`ab\\cd`, 5, one, `ab\\…`},
		{"see [this](https://example.com/a) now", 25, one, "see…"},
		{"see [this](https://example.com/a) now", 35, one, "see [this](https://example.com/a)…"},
		{"](https://example.com/a/b/c/d", 20, one, "](https://example.c…"},
		{"", 0, one, ""},
	} {
		if got := Cut(c.s, c.n, c.size); got != c.want {
			t.Errorf("%q to %d: %q, want %q", c.s, c.n, got, c.want)
		}
	}
}

func TestCutIsWithinItsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, n := rapid.String().Draw(t, "s"), rapid.IntRange(4, 60).Draw(t, "n")
		got := Cut(s, n, utf8.RuneLen)
		if len(got) > n || !utf8.ValidString(got) || len(s) <= n && got != s || !strings.HasPrefix(s, strings.TrimSuffix(got, "…")) {
			t.Errorf("%q to %d: %q", s, n, got)
		}
	})
}

// What matters least goes first, and it is said how much.
func TestShorten(t *testing.T) {
	m := Message{Brief: message.Brief{Title: "t", Text: strings.Repeat("x ", 150), Facts: []message.Fact{{Name: "a"}, {Name: "b"}, {Name: "c"}}}}
	lengths := []int{len(m.Text)}
	var facts []string
	for m.shorten(50) {
		lengths = append(lengths, len(m.Text))
		names := ""
		for _, f := range m.Facts {
			names += f.Name + f.Value
		}
		facts = append(facts, names)
	}
	if lengths[1] >= lengths[0] || lengths[1] < 200 || lengths[len(lengths)-1] != 0 {
		t.Errorf("the text has %d", lengths)
	}
	got := strings.Join(facts[len(facts)-4:], " ")
	if want := "abNot shown1 aNot shown2 Not shown3 "; got != want {
		t.Errorf("facts: %q, want %q", got, want)
	}
	m = Message{Body: strings.Repeat("line\n", 100)}
	for m.shorten(1000) {
	}
	if len(m.Body) == 0 || len(m.Body) > 100 || !strings.HasSuffix(m.Body, "line…") {
		t.Errorf("the operator's text is %q", m.Body)
	}
}

func TestClosed(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                           "plain",
		"a **bold** word":                 "a **bold** word",
		"a **bold…":                       "a **bold…**",
		`<font color="info">a **b…`:       `<font color="info">a **b…**</font>`,
		"<b>a</b> <i>b<br>c":              "<b>a</b> <i>b<br>c</i>",
		"<b><i>a…":                        "<b><i>a…</i></b>",
		"</b> <@bob> <https://x.example>": "</b> <@bob> <https://x.example>",
	} {
		if got := closed(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
