package shoutrrr

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
)

// note is a message as the library takes it.
type note struct {
	text   string
	params map[string]string
}

const (
	maxTitle = 120  // characters; Opsgenie takes 130
	maxText  = 3500 // bytes; the library refuses more than 4096 for Telegram
)

// limits are those of services that take less than maxText.
func limits() map[string]int {
	return map[string]int{"pushover": 1000, "pagerduty": 1000, "wecom": 2000, "bark": 2000, "join": 1000}
}

// note is m for the service: title and text where it shows both, else one text.
func (t *service) note(m chat.Message) (note, error) {
	n := note{params: t.look(m)}
	title := chat.Cut(escape(m.Heading), maxTitle, func(rune) int { return 1 })
	if title == "" && t.names() {
		title = chat.Cut(escape(m.Title), maxTitle, func(rune) int { return 1 })
	}
	above := title
	if t.titled() && title != "" {
		n.params["title"], above = title, ""
	}
	limit := maxText
	if own := limits()[t.name]; own != 0 {
		limit = own
	}
	text, err := chat.Fit(m, limit, func(m chat.Message) ([]byte, int, error) {
		s := text(above, m)
		return []byte(s), len(s), nil
	})
	n.text = string(text)
	if n.text == "" { // no service takes that
		n.text = title
		delete(n.params, "title")
	}
	return n, err
}

// text is what is told, plainly.
func text(title string, m chat.Message) string {
	var parts []string
	add := func(part string) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	add(title)
	if m.Body != "" {
		add(m.Body)
		return strings.Join(parts, "\n\n")
	}
	var facts []string
	for _, f := range m.Facts {
		facts = append(facts, faces(escape(f.Name)+": "+escape(f.Value)))
	}
	add(strings.Join(facts, "\n"))
	add(escape(m.Text))
	add(m.Link)
	return strings.Join(parts, "\n\n")
}

// titled reports whether the service shows a title.
func (t *service) titled() bool {
	switch t.name {
	case "bark", "gotify", "join", "lark", "notifiarr", "ntfy", "opsgenie", "pushbullet", "pushover", "slack", "teams", "telegram":
		return true
	case "generic":
		return strings.EqualFold(t.url.Query().Get("template"), "json")
	}
	return false
}

// names reports whether the library gives messages without a title one of its own.
func (t *service) names() bool { return t.name == "gotify" || t.name == "pushbullet" }

// look is how a message is to be taken, in the service's own terms, where the URL does not
// say it for all.
func (t *service) look(m chat.Message) map[string]string {
	params := map[string]string{}
	set := func(key, value string) {
		if value != "" && !t.has(key) {
			params[key] = value
		}
	}
	by := func(bad, warning, good, info string) string {
		return map[message.Level]string{message.Bad: bad, message.Warning: warning, message.Good: good, message.Info: info}[m.Level]
	}
	switch t.name {
	case "gotify":
		set("priority", by("8", "5", "3", "3"))
	case "ntfy":
		set("priority", by("high", "default", "default", "default"))
		set("click", m.Link)
	case "pushover":
		set("priority", by("1", "0", "0", "0"))
	case "pagerduty":
		set("severity", by("critical", "warning", "info", "info"))
	case "slack", "teams":
		set("color", by("d93026", "f2a600", "188038", "439fe0"))
	case "telegram":
		set("preview", "No")
	}
	if c := params["color"]; c != "" && t.name == "slack" {
		params["color"] = "#" + c
	}
	return params
}

// escape makes a value harmless in all services, whatever markup they read, since a template
// does not know for which it is made: what is markup in one of them has a sign in its place
// that looks like it. Names of tags and repositories have none of those.
func escape(s string) string {
	s = marks.Replace(chat.Unlink(chat.Quiet(s)))
	return edges(faces(s))
}

// faces is s with another sign for the colons of what may be an emoji's name.
func faces(s string) string { return emoji.ReplaceAllString(s, "∶$1∶") }

// edges is s with another sign for the underscores that do not stand within a word.
func edges(s string) string {
	if !strings.Contains(s, "_") {
		return s
	}
	word := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		from := i
		for i < len(runes) && runes[i] == '_' {
			i++
		}
		if i > from && (from == 0 || i == len(runes) || !word(runes[from-1]) || !word(runes[i])) {
			for ; from < i; from++ {
				runes[from] = '＿'
			}
		}
	}
	return string(runes)
}

var (
	marks = strings.NewReplacer("*", "∗", "`", "ˋ", "~", "∼", "[", "［", "]", "］", "<", "‹", ">", "›", "|", "∣", "#", "＃", "@", "＠", `\`, "＼", "$", "＄")
	emoji = regexp.MustCompile(`:([a-z][a-z0-9_+'-]*|[+-]1):`)
)
