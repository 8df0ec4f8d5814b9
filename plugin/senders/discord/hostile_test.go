package discord

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat/chattest"
)

// What strangers chose is text in the embed, and no markup of Discord's.
func TestHostileNames(t *testing.T) {
	const template = "**{{.actor.name}}** [x](https://own.example/)\n{{.repository.full_name}}\n{{join `, ` .artifact.tags}}\n{{.build.error}}"
	chattest.Hostile(t, New, target("https://discord.com"), template, func(m chattest.Made) error {
		dec := json.NewDecoder(bytes.NewReader(m.Body))
		dec.DisallowUnknownFields()
		var e envelope
		if err := dec.Decode(&e); err != nil {
			return err
		}
		if len(e.Embeds) != 1 || e.Mentions.Parse == nil || len(e.Mentions.Parse) > 0 {
			return errors.New("is not one embed that calls nobody")
		}
		if n := size(e); n > 6000 {
			return fmt.Errorf("%d characters", n)
		}
		one := e.Embeds[0]
		if err := isText(one.Title, 1, 256); err != nil {
			return fmt.Errorf("title: %w", err)
		}
		description, err := own(one.Description, m)
		if err == nil {
			err = isText(description, 0, 4096)
		}
		if err != nil {
			return fmt.Errorf("description: %w", err)
		}
		if len(one.Fields) > 25 {
			return fmt.Errorf("%d fields", len(one.Fields))
		}
		for _, f := range one.Fields {
			if err := errors.Join(isText(f.Name, 1, 256), isText(f.Value, 1, 1024)); err != nil {
				return fmt.Errorf("field: %w", err)
			}
		}
		return nil
	})
}

var (
	link     = regexp.MustCompile(`\[(Open|x)\]\(([^()]*)\)`)
	escaped  = regexp.MustCompile(`\\[^0-9A-Za-z\s]`)
	block    = regexp.MustCompile(`(?m)^\s*([#+-]|[0-9]+[.)](\s|$))`)
	named    = regexp.MustCompile(`:([\w+-]*[a-zA-Z_+-][\w+-]*|[0-9]{3,}):`)
	specials = "*_~`<>|[]"
)

// own takes away the markup that is not a stranger's.
func own(s string, m chattest.Made) (string, error) {
	if m.Templates {
		s = strings.ReplaceAll(s, "**", "")
	}
	for _, found := range link.FindAllStringSubmatchIndex(s, -1) {
		label, to := s[found[2]:found[3]], s[found[4]:found[5]]
		if found[0] > 0 && s[found[0]-1] == '\\' {
			continue // text
		}
		if m.Templates && (label != "x" || to != chattest.Own) || !m.Templates && (label != "Open" || !m.Leads(to)) {
			return s, fmt.Errorf("a link %q to %s", label, to)
		}
		return s[:found[0]] + s[found[1]:], nil
	}
	return s, nil
}

// isText says what Discord would take for more than text: all that is special is escaped.
func isText(s string, least, most int) error {
	if n := utf8.RuneCountInString(s); n > most || utf8.RuneCountInString(strings.TrimSpace(s)) < least {
		return fmt.Errorf("%d characters", n)
	}
	rest := escaped.ReplaceAllString(s, "·")
	if i := strings.IndexAny(rest, specials+`\`); i >= 0 {
		return fmt.Errorf("holds %.20q", rest[i:])
	}
	if found := named.FindString(rest); found != "" {
		return fmt.Errorf("holds the emoji %s", found)
	}
	if found := block.FindString(s); found != "" {
		return fmt.Errorf("a line begins with %q", found)
	}
	if strings.Contains(rest, "://") {
		return errors.New("holds an address")
	}
	return nil
}
