package wecom

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
)

// note is a message of the type markdown. It calls those whom the text names as <@userid>.
type note struct {
	Type     string   `json:"msgtype"`
	Markdown markdown `json:"markdown"`
}

type markdown struct {
	Content string `json:"content"`
}

func payload(_ *robot, m chat.Message) any { return note{"markdown", markdown{content(m)}} }

// content is a heading in the colour of the level, the facts as a quotation, the source's
// words, the link.
func content(m chat.Message) string {
	var parts []string
	if m.Heading != "" {
		heading := escape(m.Heading)
		if c := colour(m.Level); c != "" {
			heading = `<font color="` + c + `">` + heading + "</font>"
		}
		parts = append(parts, "#### "+heading)
	}
	if m.Body != "" {
		return strings.Join(append(parts, m.Body), "\n")
	}
	var facts []string
	for _, f := range m.Facts {
		facts = append(facts, `> <font color="comment">`+escape(f.Name)+":</font> "+escape(f.Value))
	}
	if len(facts) > 0 {
		parts = append(parts, strings.Join(facts, "\n"))
	}
	if m.Text != "" {
		parts = append(parts, escape(m.Text))
	}
	if m.Link != "" {
		parts = append(parts, "[Open]("+m.Link+")")
	}
	return strings.Join(parts, "\n\n")
}

// colour is that of a level, of the three that there are; what is no more than news has
// none.
func colour(l message.Level) string {
	switch l {
	case message.Bad, message.Warning:
		return "warning" // orange
	case message.Good:
		return "info" // green
	}
	return ""
}

// escape makes a value harmless in WeCom's markdown, which has no escapes: what would be
// markup, a mention or an entity gets signs that look much the same. A _ within a word is
// left, since WeCom reads nothing into it.
func escape(s string) string {
	s = chat.Unlink(blanks.ReplaceAllString(s, " "))
	s = special.Replace(entity.ReplaceAllString(s, "＆$1"))
	s = underscores(s)
	s = mark.ReplaceAllStringFunc(s, func(m string) string { return marks.Replace(m) })
	return item.ReplaceAllStringFunc(s, func(m string) string { return items.Replace(m) })
}

// underscores leaves those within words.
func underscores(s string) string {
	runes := []rune(s)
	word := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsNumber(runes[i]))
	}
	for i, r := range runes {
		if r == '_' && !(word(i-1) && word(i+1)) {
			runes[i] = '＿'
		}
	}
	return string(runes)
}

var (
	special = strings.NewReplacer("<", "＜", ">", "＞", "[", "［", "]", "］", "`", "｀", "*", "＊", "~", "～", `\`, "＼")
	entity  = regexp.MustCompile(`&([#0-9A-Za-z]+;)`)
	blanks  = regexp.MustCompile(`\s{2,}`)
	mark    = regexp.MustCompile(`^ ?[#+=-]`)
	marks   = strings.NewReplacer("#", "＃", "+", "＋", "=", "＝", "-", "‐")
	item    = regexp.MustCompile(`^ ?[0-9]{1,9}[.)](?: |$)`)
	items   = strings.NewReplacer(".", "．", ")", "）")
)
