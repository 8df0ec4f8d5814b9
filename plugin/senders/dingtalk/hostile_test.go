package dingtalk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What strangers chose is text in the card, and no markup.
func TestHostileNames(t *testing.T) {
	const template = "**{{.actor.name}}** [x](https://own.example/)\n{{.repository.full_name}}\n\n{{join `, ` .artifact.tags}}\n\n> {{.build.error}}"
	options := map[string]any{"url": "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef", "secret": "SEC0123456789abcdef"}
	own := chattest.Markdown{Heading: 4, Lists: true, Element: regexp.MustCompile("</font>|<font color=#[0-9a-f]{6}>")}
	chattest.Hostile(t, New, options, template, func(m chattest.Made) error {
		if len(m.Body) > 20_000 {
			return fmt.Errorf("%d bytes", len(m.Body))
		}
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields()
		var c card
		if err := dec.Decode(&c); err != nil {
			return err
		}
		if c.Type != "markdown" || c.Markdown.Title == "" || strings.Contains(c.Markdown.Title, "\n") {
			return errors.New("is no card with a title")
		}
		return own.Read(m, c.Markdown.Text)
	})
}
