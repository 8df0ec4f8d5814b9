package slack

import (
	"strings"
	"unicode/utf16"

	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
)

// Bounds of Slack's, in its characters.
const (
	maxHeader  = 150
	maxSection = 3000
	maxField   = 2000
	maxFields  = 10 // of a section
)

// envelope is a message as Slack has it. Its header stands above the bar; Text is what
// notifications show, and clients without blocks.
type envelope struct {
	Text        string       `json:"text,omitempty"`
	Blocks      []block      `json:"blocks,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
	// Nothing in Text is looked up, linked or fetched.
	Markup      bool   `json:"mrkdwn"`
	Parse       string `json:"parse"`
	LinkNames   bool   `json:"link_names"`
	UnfurlLinks bool   `json:"unfurl_links"`
	UnfurlMedia bool   `json:"unfurl_media"`
}

type attachment struct {
	Color    string  `json:"color"`
	Fallback string  `json:"fallback"`
	Blocks   []block `json:"blocks"`
}

type block struct {
	Type   string `json:"type"`
	Text   *text  `json:"text,omitempty"`
	Fields []text `json:"fields,omitempty"`
}

// text is plain_text, of which nothing is read, or mrkdwn, of which only markup is.
type text struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    *bool  `json:"emoji,omitempty"`    // of plain_text: false, since ":x:" may be a name
	Verbatim bool   `json:"verbatim,omitempty"` // of mrkdwn: addresses and names of channels stay text
}

func plain(s string, most int) text {
	return text{Type: "plain_text", Text: chat.Cut(s, most, utf16.RuneLen), Emoji: new(bool)}
}

func markup(s string) text {
	return text{Type: "mrkdwn", Text: chat.Cut(s, maxSection, utf16.RuneLen), Verbatim: true}
}

func payload(_ *hook, m chat.Message) any {
	title := escape(chat.Unlink(m.Title))
	e := envelope{Parse: "none"}
	if m.Heading != "" { // without blocks of its own the text would be shown
		header := plain(m.Heading, maxHeader)
		e.Text, e.Blocks = title, []block{{Type: "header", Text: &header}}
	}
	e.Attachments = []attachment{{Color: colour(m.Level), Fallback: title, Blocks: blocks(m)}}
	if len(e.Attachments[0].Blocks) == 0 {
		e.Attachments = nil
	}
	return e
}

// blocks are what stands beside the bar: the facts as a table of names and values, the
// source's words, the link.
func blocks(m chat.Message) (list []block) {
	section := func(t text) { list = append(list, block{Type: "section", Text: &t}) }
	if m.Body != "" {
		section(markup(m.Body))
		return list
	}
	var fields []text
	for _, f := range m.Facts {
		fields = append(fields, name(f.Name), plain(f.Value, maxField))
	}
	for len(fields) > 0 {
		n := min(len(fields), maxFields)
		list = append(list, block{Type: "section", Fields: fields[:n]})
		fields = fields[n:]
	}
	if m.Text != "" {
		section(plain(m.Text, maxSection))
	}
	if link := "<" + escape(m.Link) + "|Open>"; m.Link != "" && len(link) <= maxSection {
		section(markup(link))
	}
	return list
}

// name is that of a fact, bold where it is a word of ours: a digest's are repositories.
func name(s string) text {
	for _, c := range s {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == ' ') {
			return plain(s, maxField)
		}
	}
	return markup("*" + s + "*")
}

// escape is all that Slack asks for: without these three there is no mention and no link.
func escape(s string) string { return escaper.Replace(s) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// colour is that of the bar.
func colour(l message.Level) string {
	switch l {
	case message.Bad:
		return "danger"
	case message.Warning:
		return "warning"
	case message.Good:
		return "good"
	}
	return "#439fe0"
}
