package teams

import (
	"regexp"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
)

// envelope is a message as the trigger of a workflow has it.
type envelope struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string  `json:"contentType"`
	ContentURL  *string `json:"contentUrl"` // null: the card is here
	Content     card    `json:"content"`
}

// card is an Adaptive Card. It calls nobody: Teams does that by a list of entities beside
// the card's body, whatever the texts say.
type card struct {
	Schema  string    `json:"$schema"`
	Type    string    `json:"type"`
	Version string    `json:"version"`
	Body    []element `json:"body"`
	Actions []action  `json:"actions,omitempty"`
}

// element is a part of a card. What strangers chose is in runs, of which nothing is read.
// Text is markdown to the clients on a desk; those on a phone show its escapes, and take
// escaped brackets for a link.
type element struct {
	Type    string    `json:"type"` // Container, ColumnSet, Column, RichTextBlock, TextBlock
	Style   string    `json:"style,omitempty"`
	Bleed   bool      `json:"bleed,omitempty"`
	Spacing string    `json:"spacing,omitempty"`
	Width   int       `json:"width,omitempty"` // of a Column, against the others
	Columns []element `json:"columns,omitempty"`
	Items   []element `json:"items,omitempty"`
	Inlines []run     `json:"inlines,omitempty"`
	Text    string    `json:"text,omitempty"` // markdown
	Wrap    bool      `json:"wrap,omitempty"`
}

type run struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Size   string `json:"size,omitempty"`
	Weight string `json:"weight,omitempty"`
	Color  string `json:"color,omitempty"`
}

type action struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

func payload(_ *workflow, m chat.Message) any {
	c := card{Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.2"}
	style, colour := look(m.Level)
	if m.Heading != "" || m.Body == "" {
		c.Body = append(c.Body, text(run{Text: m.Heading, Size: "Medium", Weight: "Bolder", Color: colour}))
	}
	if m.Body != "" {
		c.Body = append(c.Body, element{Type: "TextBlock", Text: m.Body, Wrap: true})
	} else {
		c.Body = append(c.Body, details(m)...)
		if m.Link != "" {
			c.Actions = []action{{"Action.OpenUrl", "Open", m.Link}}
		}
	}
	c.Body[0] = element{Type: "Container", Style: style, Bleed: true, Items: []element{c.Body[0]}}
	return envelope{"message", []attachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: c}}}
}

// details are a table of names and values, and the source's words.
func details(m chat.Message) (list []element) {
	for _, f := range m.Facts {
		list = append(list, element{Type: "ColumnSet", Spacing: "Small", Columns: []element{
			{Type: "Column", Width: 1, Items: []element{text(run{Text: f.Name, Weight: "Bolder"})}},
			{Type: "Column", Width: 2, Items: []element{text(run{Text: f.Value})}},
		}})
	}
	if m.Text != "" {
		list = append(list, text(run{Text: m.Text}))
	}
	return list
}

// text is one run by itself.
func text(r run) element {
	r.Type, r.Text = "TextRun", still(chat.Filled(r.Text))
	return element{Type: "RichTextBlock", Inlines: []run{r}}
}

// escape makes a value harmless in the markdown of a TextBlock, on phones too: what follows
// brackets there is no address.
func escape(s string) string {
	return still(strings.ReplaceAll(chat.EscapeMarkdown(s), `\](`, `\]\(`))
}

// still is s without what a card makes of {{DATE(...)}} and {{TIME(...)}}, in any text: it
// looks as before.
func still(s string) string { return clock.ReplaceAllString(s, "{\u200c{$1") }

var clock = regexp.MustCompile(`\{\{((?i:DATE|TIME)\()`)

// look is the style of a level's container, and the colour of what stands in it.
func look(l message.Level) (style, colour string) {
	switch l {
	case message.Bad:
		return "attention", "Attention"
	case message.Warning:
		return "warning", "Warning"
	case message.Good:
		return "good", "Good"
	}
	return "accent", "Accent"
}
