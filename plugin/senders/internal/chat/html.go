package chat

import (
	"html"
	"strings"
)

// EscapeHTML is the escaper of media that show HTML.
func EscapeHTML(s string) string { return html.EscapeString(s) }

// HTML is m in the few elements that media with HTML have in common: b, i, br and a. A new
// line of the operator's text is one in the message.
func HTML(m Message) string {
	var lines []string
	if m.Heading != "" {
		lines = append(lines, "<b>"+html.EscapeString(m.Heading)+"</b>")
	}
	if m.Body != "" {
		return strings.Join(append(lines, strings.ReplaceAll(m.Body, "\n", "<br>")), "<br>")
	}
	for _, f := range m.Facts {
		lines = append(lines, html.EscapeString(f.Name)+": "+html.EscapeString(f.Value))
	}
	if m.Text != "" {
		lines = append(lines, "<i>"+html.EscapeString(m.Text)+"</i>")
	}
	if m.Link != "" {
		lines = append(lines, `<a href="`+html.EscapeString(m.Link)+`">Open</a>`)
	}
	return strings.Join(lines, "<br>")
}
