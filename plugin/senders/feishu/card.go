package feishu

import (
	"regexp"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
)

// envelope is a message as Feishu has it. The card is of the first version, which every
// client shows.
type envelope struct {
	Timestamp string `json:"timestamp,omitempty"` // of Sign, in seconds
	Sign      string `json:"sign,omitempty"`
	Type      string `json:"msg_type"`
	Card      card   `json:"card"`
}

type card struct {
	Config   config    `json:"config"`
	Header   *header   `json:"header,omitempty"`
	Elements []element `json:"elements"`
}

type config struct {
	Wide bool `json:"wide_screen_mode"`
}

type header struct {
	Title  text   `json:"title"`
	Colour string `json:"template"`
}

// element is a div with a text or fields, an action with buttons, or markdown with content.
type element struct {
	Tag     string   `json:"tag"`
	Content string   `json:"content,omitempty"`
	Text    *text    `json:"text,omitempty"`
	Fields  []field  `json:"fields,omitempty"`
	Actions []button `json:"actions,omitempty"`
}

type field struct {
	Short bool `json:"is_short"` // two stand in a row
	Text  text `json:"text"`
}

type button struct {
	Tag  string `json:"tag"`
	Text text   `json:"text"`
	Type string `json:"type"`
	URL  string `json:"url"`
}

// text is plain_text, of which nothing is read, or lark_md.
type text struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

// plain is s as it is, but that no client makes a link of what looks like one.
func plain(s string) text { return text{"plain_text", chat.Unlink(s)} }

func payload(b *bot, m chat.Message) any {
	e := envelope{Type: "interactive", Card: card{Config: config{true}, Elements: elements(m)}}
	if b.secret != "" {
		e.Timestamp = stamp(m.At)
		e.Sign = sign(e.Timestamp, b.secret)
	}
	if m.Heading != "" {
		e.Card.Header = &header{plain(m.Heading), colour(m.Level)}
	}
	return e
}

// elements are what stands below the heading: the facts as a table of names and values,
// the source's words, the link.
func elements(m chat.Message) (list []element) {
	if m.Body != "" {
		return []element{{Tag: "markdown", Content: m.Body}}
	}
	div := func(t text) { list = append(list, element{Tag: "div", Text: &t}) }
	var fields []field
	for _, f := range m.Facts {
		fields = append(fields, field{true, name(f.Name)}, field{true, plain(f.Value)})
	}
	if len(fields) > 0 {
		list = append(list, element{Tag: "div", Fields: fields})
	}
	if m.Text != "" {
		div(plain(m.Text))
	}
	if m.Link != "" {
		list = append(list, element{Tag: "action", Actions: []button{{"button", plain("Open"), "default", m.Link}}})
	}
	if len(list) == 0 { // a card has at least one
		div(plain(m.Title))
	}
	return list
}

// name is that of a fact, bold where it is a word of ours: a digest's are repositories.
func name(s string) text {
	if !word.MatchString(s) {
		return plain(s)
	}
	return text{"lark_md", "**" + s + "**"}
}

var word = regexp.MustCompile(`^[A-Za-z ]+$`)

// colour is that of the heading.
func colour(l message.Level) string {
	switch l {
	case message.Bad:
		return "red"
	case message.Warning:
		return "orange"
	case message.Good:
		return "green"
	}
	return "blue"
}

// escape makes a value harmless in Feishu's markdown, which has numeric entities for all
// that is special in it.
func escape(s string) string {
	s = special.Replace(blanks.ReplaceAllString(chat.Unlink(s), " "))
	return item.ReplaceAllString(s, "$1&#46;$2")
}

var (
	item    = regexp.MustCompile(`^( ?[0-9]+)\.( |$)`)
	blanks  = regexp.MustCompile(`\s{2,}`)
	special = strings.NewReplacer(
		"&", "&#38;", "<", "&#60;", ">", "&#62;", "*", "&#42;", "_", "&#95;", "~", "&#126;", "`", "&#96;",
		"[", "&#91;", "]", "&#93;", "(", "&#40;", ")", "&#41;", "!", "&#33;", "$", "&#36;", `\`, "&#92;",
		"#", "&#35;", "+", "&#43;", "-", "&#45;", "=", "&#61;", ":", "&#58;", "|", "&#124;",
	)
)
