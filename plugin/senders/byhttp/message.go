package byhttp

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
)

// message is what people are told of d's event: what bellbuoy says by default, or what
// the operator's templates say.
func (s *sender) message(ctx context.Context, d plugin.Delivery) (Message, error) {
	m := Message{Delivery: d}
	e, err := d.DecodeEvent()
	if err != nil {
		return m, plugin.Permanent(err)
	}
	b := message.BriefOf(e)
	m.Level, m.Link, m.Title = b.Level, b.Link, s.Escape(b.Title)
	var text strings.Builder
	for _, f := range b.Facts {
		fmt.Fprintf(&text, "%s: %s\n", s.Escape(f.Name), s.Escape(f.Value))
	}
	if b.Text != "" {
		text.WriteString(s.Escape(b.Text))
	}
	m.Text = strings.TrimSpace(text.String())
	if d.Template != "" {
		if m.Text, err = s.fill(ctx, d, d.Template, (*message.Template).Execute); err != nil {
			return m, err
		}
	}
	if d.Title != "" {
		if m.Title, err = s.fill(ctx, d, d.Title, (*message.Template).Line); err != nil {
			return m, err
		}
	}
	return m, nil
}

// fill makes the text of one template.
func (s *sender) fill(ctx context.Context, d plugin.Delivery, template string, execute func(*message.Template, context.Context, json.RawMessage) (string, error)) (string, error) {
	t, err := s.templates.Read([]byte(template), func(raw []byte) (*message.Template, error) {
		return message.Parse(string(raw), s.Escape)
	})
	if err != nil { // it may be put right
		return "", fmt.Errorf("read a template of the message to target %s: %w", d.Target, err)
	}
	text, err := execute(t, ctx, d.Event)
	if err != nil && ctx.Err() == nil {
		err = plugin.Permanent(fmt.Errorf("fill in a template of the message to target %s: %w", d.Target, err))
	}
	return text, err
}
