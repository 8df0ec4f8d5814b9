package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
)

// escape is for the values in the operator's text.
func (s *Sender[T]) escape(value string) string { return s.medium.Escape(Quiet(value)) }

// text is the operator's, or "" where there is none. One that comes out blank is none: a
// message must have something in it.
func (s *Sender[T]) text(ctx context.Context, d plugin.Delivery) (string, error) {
	out, err := fill(s.texts, d.Template, s.escape, func(t *message.Template) (string, error) { return t.Execute(ctx, d.Event) })
	if err != nil {
		return "", blame(ctx, "template", d.Target, err)
	}
	return strings.TrimSpace(out), nil
}

// title is the operator's on one line of plain text, or "" where there is none.
func (s *Sender[T]) title(ctx context.Context, d plugin.Delivery) (string, error) {
	out, err := fill(s.titles, d.Title, Quiet, func(t *message.Template) (string, error) { return t.Line(ctx, d.Event) })
	if err != nil {
		return "", blame(ctx, "title", d.Target, err)
	}
	return Cut(out, maxTitle, one), nil
}

// maxTitle is how many characters of the operator's title are used, as of a brief's.
const maxTitle = 400

// fill makes a text by a template of the operator's.
func fill(cache *options.Cache[message.Template], text string, escape func(string) string, execute func(*message.Template) (string, error)) (string, error) {
	if text == "" {
		return "", nil
	}
	t, err := cache.Read([]byte(text), func(raw []byte) (*message.Template, error) { return message.Parse(string(raw), escape) })
	if err != nil {
		return "", unreadable{err}
	}
	return execute(t)
}

// unreadable is an error of a template's, whatever the event.
type unreadable struct{ error }

// blame says what failed, and whether it may be put right: a template that cannot be read
// may be, one that fails for an event fails for it again.
func blame(ctx context.Context, what, target string, err error) error {
	if bad, ok := errors.AsType[unreadable](err); ok {
		return fmt.Errorf("read the %s of the message to target %s: %w", what, target, bad.error)
	}
	if ctx.Err() != nil {
		return err
	}
	return plugin.Permanent(fmt.Errorf("fill in the %s of the message to target %s: %w", what, target, err))
}
