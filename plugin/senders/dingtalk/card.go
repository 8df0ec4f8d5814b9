package dingtalk

import (
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
)

// card is a message of the type markdown. It calls nobody: DingTalk does that by a field
// "at", whatever the text says.
type card struct {
	Type     string   `json:"msgtype"`
	Markdown markdown `json:"markdown"`
}

type markdown struct {
	Title string `json:"title"` // what the list of chats shows
	Text  string `json:"text"`
}

// maxTitle is how many characters of a title the list of chats gets.
const maxTitle = 100

func payload(_ *robot, m chat.Message) any {
	return card{"markdown", markdown{chat.Cut(m.Title, maxTitle, func(rune) int { return 1 }), content(m)}}
}

// content is a heading in the colour of the level, the facts as a list, the source's words as
// a quotation, the link.
func content(m chat.Message) string {
	var parts []string
	if m.Heading != "" {
		heading := chat.EscapeMarkdown(m.Heading)
		if c := colour(m.Level); c != "" {
			heading = "<font color=" + c + ">" + heading + "</font>"
		}
		parts = append(parts, "#### "+heading)
	}
	if m.Body != "" {
		return strings.Join(append(parts, m.Body), "\n\n")
	}
	var facts []string
	for _, f := range m.Facts {
		facts = append(facts, "- "+chat.EscapeMarkdown(f.Name)+": "+chat.EscapeMarkdown(f.Value))
	}
	if len(facts) > 0 {
		parts = append(parts, strings.Join(facts, "\n"))
	}
	if m.Text != "" {
		parts = append(parts, "> "+chat.EscapeMarkdown(m.Text))
	}
	if m.Link != "" {
		parts = append(parts, "[Open]("+m.Link+")")
	}
	return strings.Join(parts, "\n\n")
}

// colour is that of a level; what is no more than news has none.
func colour(l message.Level) string {
	switch l {
	case message.Bad:
		return "#d93026"
	case message.Warning:
		return "#e37400"
	case message.Good:
		return "#188038"
	}
	return ""
}
