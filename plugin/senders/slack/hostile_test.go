package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What strangers chose is plain_text, of which Slack reads nothing, or escaped in mrkdwn
// that is taken as it stands.
func TestHostileNames(t *testing.T) {
	const template = "*{{.actor.name}}* <https://own.example/|x>\n{{.repository.full_name}}\n{{join `, ` .artifact.tags}}\n{{.build.error}}"
	options := map[string]any{"url": "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"}
	chattest.Hostile(t, New, options, template, func(m chattest.Made) error {
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields()
		var e envelope
		if err := dec.Decode(&e); err != nil {
			return err
		}
		if e.Markup || e.Parse != "none" || e.LinkNames || e.UnfurlLinks || e.UnfurlMedia {
			return errors.New("something is read in the text")
		}
		if len(e.Blocks) != 1 || e.Blocks[0].Type != "header" || len(e.Attachments) > 1 {
			return errors.New("is not a header and an attachment")
		}
		a := attachment{Fallback: e.Text}
		if len(e.Attachments) > 0 { // there is more to tell
			a = e.Attachments[0]
		}
		for _, s := range []string{e.Text, a.Fallback} {
			if s == "" || strings.Contains(s, "://") {
				return fmt.Errorf("the text is %q", s)
			}
			if err := read(s, nil); err != nil {
				return err
			}
		}
		for _, b := range append(e.Blocks, a.Blocks...) {
			if err := isBlock(b, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// isBlock says what Slack would not take of a block, or take for markup.
func isBlock(b block, m chattest.Made) error {
	texts, most := b.Fields, maxField
	if b.Text != nil {
		texts, most = append(texts, *b.Text), map[string]int{"header": maxHeader, "section": maxSection}[b.Type]
	}
	if len(texts) == 0 || len(b.Fields) > maxFields || b.Type != "section" && b.Type != "header" {
		return fmt.Errorf("a block %s of %d texts", b.Type, len(texts))
	}
	for _, t := range texts {
		if n := len(utf16.Encode([]rune(t.Text))); n == 0 || n > most {
			return fmt.Errorf("a %s of %d characters", b.Type, n)
		}
		switch {
		case t.Type == "plain_text" && t.Emoji != nil && !*t.Emoji && !t.Verbatim:
		case t.Type == "mrkdwn" && t.Verbatim && b.Type == "section":
			if err := read(t.Text, func(to, label string) bool {
				return m.Templates && to == chattest.Own && label == "x" || !m.Templates && m.Leads(to) && label == "Open"
			}); err != nil {
				return err
			}
		default:
			return fmt.Errorf("a text %+v", t)
		}
	}
	return nil
}

var (
	construct = regexp.MustCompile(`<([^<>]*)>`)
	entity    = regexp.MustCompile(`&(amp|lt|gt);`)
)

// read finds what Slack reads of mrkdwn that is more than its looks: mentions and links.
func read(s string, isLink func(to, label string) bool) error {
	for _, c := range construct.FindAllStringSubmatch(s, -1) {
		to, label, ok := strings.Cut(c[1], "|")
		if isLink == nil || !ok || !isLink(strings.ReplaceAll(to, "&amp;", "&"), label) {
			return fmt.Errorf("holds %s", c[0])
		}
	}
	rest := entity.ReplaceAllString(construct.ReplaceAllString(s, ""), "")
	if strings.ContainsAny(rest, "<>&") {
		return fmt.Errorf("holds what is not escaped: %q", rest)
	}
	return nil
}
