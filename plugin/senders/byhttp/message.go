package byhttp

import (
	"context"
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
		if m.Text, err = s.templates.Text(ctx, d); err != nil {
			return m, err
		}
	}
	if d.Title != "" {
		if m.Title, err = s.templates.Title(ctx, d); err != nil {
			return m, err
		}
	}
	return m, nil
}
