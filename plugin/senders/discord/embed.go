package discord

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
)

// Bounds of Discord's, which counts code points.
const (
	maxTitle       = 256
	maxDescription = 4096
	maxFields      = 25
	maxName        = 256
	maxValue       = 1024
	maxEmbed       = 6000 // all texts together
)

// maxInline is how long a value may be that shares its row with others.
const maxInline = 40

// envelope is a message as Discord has it. It has no content, in which people are called
// and addresses are looked up; what an embed says is shown and nothing more.
type envelope struct {
	Embeds   []embed  `json:"embeds"`
	Mentions mentions `json:"allowed_mentions"`
}

// mentions are the kinds that the message may call: none.
type mentions struct {
	Parse []string `json:"parse"`
}

// embed is a text beside a bar. Its title could lead somewhere, but Discord refuses the
// whole message where it does not like the address, such as that of a host without a dot.
type embed struct {
	Title       string  `json:"title,omitempty"`
	Description string  `json:"description,omitempty"`
	Color       int     `json:"color"`
	Fields      []field `json:"fields,omitempty"`
}

type field struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

func payload(_ *hook, m chat.Message) any {
	e := embed{Color: colour(m.Level)}
	if m.Heading != "" || m.Body == "" {
		e.Title = cut(escape(chat.Filled(m.Heading)), maxTitle)
	}
	if m.Body != "" {
		e.Description = m.Body
		return envelope{[]embed{e}, mentions{[]string{}}}
	}
	e.Description = escape(m.Text)
	if m.Link != "" {
		e.Description = strings.TrimLeft(e.Description+"\n\n[Open]("+m.Link+")", "\n")
	}
	for _, f := range m.Facts[:min(len(m.Facts), maxFields)] {
		e.Fields = append(e.Fields, field{
			Name: cut(escape(chat.Filled(f.Name)), maxName), Value: cut(escape(chat.Filled(f.Value)), maxValue),
			Inline: utf8.RuneCountInString(f.Value) <= maxInline,
		})
	}
	return envelope{[]embed{e}, mentions{[]string{}}}
}

// size is how much of an embed Discord counts, or, where its description is too long by
// itself, as much more than all may have.
func size(payload any) (n int) {
	over := 0
	for _, e := range payload.(envelope).Embeds {
		description := utf8.RuneCountInString(e.Description)
		over = max(over, description-maxDescription)
		n += utf8.RuneCountInString(e.Title) + description
		for _, f := range e.Fields {
			n += utf8.RuneCountInString(f.Name) + utf8.RuneCountInString(f.Value)
		}
	}
	if over > 0 {
		return max(n, maxEmbed+over)
	}
	return n
}

func cut(s string, most int) string { return chat.Cut(s, most, func(rune) int { return 1 }) }

// escape makes a value harmless in Discord's markdown: besides what others have, no
// mention, spoiler or emoji.
func escape(s string) string {
	parts := strings.Split(chat.Markdown(s, special), ":")
	for i, name := range parts[1:] {
		if last := i == len(parts)-2; !last && emoji.MatchString(name) {
			parts[i] += `\`
		}
	}
	return strings.Join(parts, ":")
}

var (
	special = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "<", `\<`, ">", `\>`, "|", `\|`)
	// emoji is what may be the name of one between colons, and no number as of a clock. A
	// "_" is escaped already, which ends all names.
	emoji = regexp.MustCompile(`^([0-9A-Za-z+-]*[A-Za-z+-][0-9A-Za-z+-]*|[0-9]{3,})$`)
)

// colour is that of the bar.
func colour(l message.Level) int {
	switch l {
	case message.Bad:
		return 0xd93026
	case message.Warning:
		return 0xe37400
	case message.Good:
		return 0x188038
	}
	return 0x439fe0
}
