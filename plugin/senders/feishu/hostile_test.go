package feishu

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What strangers chose is plain_text, of which Feishu reads nothing, or escaped in markdown.
func TestHostileNames(t *testing.T) {
	const template = "**{{.actor.name}}** [x](https://own.example/)\n{{.repository.full_name}}\n\n{{join `, ` .artifact.tags}}\n\n> {{.build.error}}"
	chattest.Hostile(t, New, target("https://open.feishu.cn"), template, func(m chattest.Made) error {
		if len(m.Body) > 20_000 {
			return fmt.Errorf("%d bytes", len(m.Body))
		}
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields()
		var e envelope
		if err := dec.Decode(&e); err != nil {
			return err
		}
		if e.Type != "interactive" || e.Sign != "***" || e.Card.Header == nil || e.Card.Header.Title.Content == "" || len(e.Card.Elements) == 0 {
			return errors.New("is no signed card with a heading and something in it")
		}
		if err := isPlain(e.Card.Header.Title); err != nil {
			return err
		}
		for _, el := range e.Card.Elements {
			if err := isOurs(el, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// isOurs says what of an element Feishu would read that is none of ours.
func isOurs(e element, m chattest.Made) error {
	switch {
	case e.Tag == "markdown" && m.Templates:
		return chattest.Markdown{}.Read(m, e.Content)
	case e.Tag == "div" && e.Text != nil:
		return isPlain(*e.Text)
	case e.Tag == "div" && len(e.Fields) > 0 && len(e.Fields)%2 == 0:
		for i, f := range e.Fields {
			if i%2 == 0 && f.Text.Tag == "lark_md" && word.MatchString(strings.Trim(f.Text.Content, "*")) {
				continue
			}
			if err := isPlain(f.Text); err != nil {
				return err
			}
		}
		return nil
	case e.Tag == "action" && len(e.Actions) == 1 && m.Leads(e.Actions[0].URL):
		return isPlain(e.Actions[0].Text)
	}
	return fmt.Errorf("an element %+v", e)
}

func isPlain(t text) error {
	if t.Tag != "plain_text" || strings.Contains(t.Content, "://") || strings.Contains(t.Content, "\n") {
		return fmt.Errorf("a text %+v", t)
	}
	return nil
}

// A value of a template's is shown as it is, and is nothing else.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"prod/api":            "prod/api",
		"v1.2.3":              "v1.2.3",
		"<at id=all></at>":    "&#60;at id&#61;all&#62;&#60;/at&#62;",
		"my_app*":             "my&#95;app&#42;",
		"&lt;b&gt;":           "&#38;lt;b&#38;gt;",
		"[x](https://x.test)": "&#91;x&#93;&#40;https&#58;∕∕x.test&#41;",
		":DONE:":              "&#58;DONE&#58;",
		"- x":                 "&#45; x",
		"12. x":               "12&#46; x",
		"1.25":                "1.25",
		"a  b":                "a b",
	} {
		if got := escape(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
