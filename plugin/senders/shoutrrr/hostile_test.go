package shoutrrr

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What strangers chose holds no sign that any service reads as markup, a mention, an emoji
// or a link: those are ours or the operator's.
func TestHostileNames(t *testing.T) {
	const template = "by {{.actor.name}} of {{.repository.full_name}}\n{{join `, ` .artifact.tags}}\n{{.build.error}}"
	options := map[string]any{"url": "gotify://gotify.example.com/AbCdEfGhIjKlMnO"}
	chattest.Hostile(t, New, options, template, func(m chattest.Made) error {
		var sent struct {
			Title, Message string
			Priority       int
			Extras         any
		}
		if err := json.Unmarshal(m.Body, &sent); err != nil {
			return err
		}
		if sent.Title == "" && sent.Message == "" || sent.Extras != nil {
			return fmt.Errorf("tells %+v", sent)
		}
		lines := strings.Split(sent.Message, "\n")
		if last := len(lines) - 1; !m.Templates && m.Leads(lines[last]) {
			lines = lines[:last]
		}
		if strings.Contains(sent.Title, "\n") || len(sent.Message) > maxText {
			return fmt.Errorf("is too long: %d bytes", len(sent.Message))
		}
		for _, s := range append(lines, sent.Title) {
			if i := strings.IndexAny(s, "*`~[]<>|#@\\$"); i >= 0 || strings.Contains(s, "://") || emoji.MatchString(s) || s != edges(s) {
				return fmt.Errorf("holds markup at %d: %q", i, s)
			}
		}
		return nil
	})
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"prod/web_ui__x:v1.2.3-rc_1+b~": "prod/web_ui__x:v1.2.3-rc_1+b∼",
		"_a_ _b_ __c__ d_ _":            "＿a＿ ＿b＿ ＿＿c＿＿ d＿ ＿",
		"sha256:5f5f at 07:30:00":       "sha256:5f5f at 07:30:00",
		":bell: @alice <!here> *b* #c":  "∶bell∶ ＠alice ‹!here› ∗b∗ ＃c",
		"[x](https://evil.example)":     "［x］(https:∕∕evil.example)",
	} {
		if got := escape(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
