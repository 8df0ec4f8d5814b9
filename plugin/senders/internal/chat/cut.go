package chat

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/message"
)

// one counts characters.
func one(rune) int { return 1 }

// Cut is s if it has at most n of what size counts of each character: bytes by
// utf8.RuneLen, UTF-16 by utf16.RuneLen. Else it is its first lines or words and an
// ellipsis, with no tag, entity, escape or address of a link cut in two.
func Cut(s string, n int, size func(rune) int) string {
	if len(s) <= n {
		return s // no size counts more than bytes
	}
	end, sum, room := 0, 0, n-size('…')
	for i, r := range s {
		if sum += size(r); sum <= room {
			end = i + len(string(r))
		}
		if sum > n {
			return whole(s[:end]) + "…"
		}
	}
	return s
}

// whole is the beginning of a text up to where it may well end.
func whole(s string) string {
	for _, sep := range []string{"\n", " "} {
		if i := strings.LastIndex(s, sep); i > len(s)/2 {
			s = s[:i]
			break
		}
	}
	if i := strings.LastIndexByte(s, '<'); i > strings.LastIndexByte(s, '>') {
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '&'); i > len(s)-10 && i > strings.LastIndexByte(s, ';') {
		s = s[:i]
	}
	if i := strings.LastIndex(s, "]("); i >= 0 && !strings.Contains(s[i:], ")") {
		if label := strings.LastIndexByte(s[:i], '['); label >= 0 {
			s = s[:label]
		}
	}
	s = strings.TrimRight(s, " \n")
	if escapes := len(s) - len(strings.TrimRight(s, `\`)); escapes%2 == 1 {
		s = s[:len(s)-1]
	}
	return s
}

// shorten makes m about over bytes shorter, at most by half, and reports whether there was
// anything to take away: of the operator's text the end, else of the source's words, else
// the facts that matter least.
func (m *Message) shorten(over int) bool {
	const least = 100 // bytes of a text that is worth its place
	rest := func(s string) int { return max(len(s)-over, len(s)/2) }
	switch {
	case len(m.Body) > least:
		m.Body = Cut(m.Body, rest(m.Body), bytesOf)
	case m.Body != "":
		return false
	case m.Text != "" && rest(m.Text) >= least:
		m.Text = Cut(m.Text, rest(m.Text), bytesOf)
	case m.Text != "":
		m.Text = ""
	case len(m.Facts) == 0:
		return false
	default:
		m.drop()
	}
	return true
}

// closed is the beginning of an operator's text with what is open at its end closed: what is
// bold, and elements.
func closed(s string) string {
	if strings.Count(s, "**")%2 == 1 {
		s += "**"
	}
	var open []string
	for _, t := range tag.FindAllStringSubmatch(s, -1) {
		switch last := len(open) - 1; {
		case t[1] == "" && t[2] != "br":
			open = append(open, t[2])
		case t[1] != "" && last >= 0 && open[last] == t[2]:
			open = open[:last]
		}
	}
	for _, name := range slices.Backward(open) {
		s += "</" + name + ">"
	}
	return s
}

var tag = regexp.MustCompile(`<(/?)([a-z]+)(?: [^<>]*)?>`)

// bytesOf is utf8.RuneLen for valid text.
func bytesOf(r rune) int { return len(string(r)) }

// drop takes the last fact away, and says how many are gone.
func (m *Message) drop() {
	const name = "Not shown"
	n, gone := len(m.Facts), 0
	if last := m.Facts[n-1]; last.Name == name {
		gone, _ = strconv.Atoi(last.Value) // as written below
		n--
	}
	if n == 0 {
		m.Facts = nil
		return
	}
	m.Facts = append(m.Facts[:n-1:n-1], message.Fact{Name: name, Value: strconv.Itoa(gone + 1)})
}
