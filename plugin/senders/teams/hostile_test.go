package teams

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

// What strangers chose is in runs, of which nothing is read, or escaped in the markdown of
// the operator's template.
func TestHostileNames(t *testing.T) {
	const template = "**{{.actor.name}}** [x](https://own.example/)\n{{.repository.full_name}}\n\n{{join `, ` .artifact.tags}}\n\n{{.build.error}}"
	chattest.Hostile(t, New, target("https://default0123.45.environment.api.powerplatform.com"), template, func(m chattest.Made) error {
		if len(m.Body) > 28_000 {
			return fmt.Errorf("%d bytes", len(m.Body))
		}
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields() // such as entities, by which people are called
		var e envelope
		if err := dec.Decode(&e); err != nil {
			return err
		}
		if e.Type != "message" || len(e.Attachments) != 1 || e.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
			return errors.New("is not a message of one card")
		}
		c := e.Attachments[0].Content
		if c.Type != "AdaptiveCard" || len(c.Body) == 0 || c.Body[0].Type != "Container" || c.Body[0].Style == "" {
			return errors.New("is no card whose head is in its level's colour")
		}
		for _, a := range c.Actions {
			if a.Type != "Action.OpenUrl" || a.Title != "Open" || !m.Leads(a.URL) || m.Templates {
				return fmt.Errorf("the action %+v", a)
			}
		}
		return elements(c.Body, m)
	})
}

// drawn is what a card replaces in all texts.
var drawn = regexp.MustCompile(`(?i)\{\{\s*(DATE|TIME)`)

// elements says what in a card's body is not as we make it.
func elements(list []element, m chattest.Made) error {
	for _, e := range list {
		switch {
		case e.Type == "Container" && len(e.Items) == 1, e.Type == "ColumnSet" && len(e.Columns) == 2, e.Type == "Column" && len(e.Items) == 1:
		case e.Type == "RichTextBlock" && len(e.Inlines) == 1:
			if r := e.Inlines[0]; r.Type != "TextRun" || strings.TrimSpace(r.Text) == "" || drawn.MatchString(r.Text) {
				return fmt.Errorf("the run %+v", r)
			}
		case e.Type == "TextBlock" && m.Templates && e.Text != "":
			if err := (chattest.Markdown{}).Read(m, e.Text); err != nil {
				return err
			}
			if s := strings.Replace(e.Text, "[x]("+chattest.Own+")", "", 1); strings.Contains(s, "](") || drawn.MatchString(s) {
				return errors.New("holds what is a link on phones, or a date")
			}
		default:
			return fmt.Errorf("the element %+v", e)
		}
		if err := errors.Join(elements(e.Items, m), elements(e.Columns, m)); err != nil {
			return err
		}
	}
	return nil
}
