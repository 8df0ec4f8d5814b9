// Package templates fills in what operators write themselves of a message: its text and
// its title. All senders do it alike, and blame alike what goes wrong.
package templates

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
)

// Set is the templates of one sender's deliveries, each read once. Many goroutines may use
// it at the same time.
type Set struct{ texts, titles kind }

// kind is a text or a title.
type kind struct {
	part   plugin.Part
	escape func(string) string
	fill   func(*message.Template, context.Context, json.RawMessage) (string, error)
	read   *options.Cache[message.Template]
}

// New makes one for a medium, of which text and title escape what an event says.
func New(text, title func(string) string) *Set {
	return &Set{
		texts:  kind{plugin.PartTemplate, text, (*message.Template).Execute, options.NewCache[message.Template]()},
		titles: kind{plugin.PartTitle, title, (*message.Template).Line, options.NewCache[message.Template]()},
	}
}

// Text is what d's template makes of its event, "" where it has none. An error may be put
// right where the template cannot be read, and is permanent where it fails for the event.
func (s *Set) Text(ctx context.Context, d plugin.Delivery) (string, error) {
	return s.texts.of(ctx, d, d.Template)
}

// Title is that of d's title, on one line.
func (s *Set) Title(ctx context.Context, d plugin.Delivery) (string, error) {
	return s.titles.of(ctx, d, d.Title)
}

func (k kind) of(ctx context.Context, d plugin.Delivery, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	t, err := k.read.Read([]byte(text), func(raw []byte) (*message.Template, error) {
		return message.Parse(string(raw), k.escape)
	})
	if err != nil {
		return "", fmt.Errorf("read the %s of the message to target %s: %w", k.part, d.Target, err)
	}
	out, err := k.fill(t, ctx, d.Event)
	if err != nil && ctx.Err() == nil {
		err = plugin.Permanent(fmt.Errorf("fill in the %s of the message to target %s: %w", k.part, d.Target, err))
	}
	return out, err
}

// Check finds fault with the template and the title of c, by its samples.
func (s *Set) Check(ctx context.Context, c plugin.Check) []plugin.Fault {
	return append(s.CheckText(ctx, c), s.titles.check(ctx, c.Title, c.Samples)...)
}

// CheckText is Check for senders whose messages have no title.
func (s *Set) CheckText(ctx context.Context, c plugin.Check) []plugin.Fault {
	return s.texts.check(ctx, c.Template, c.Samples)
}

func (k kind) check(ctx context.Context, text string, samples []json.RawMessage) []plugin.Fault {
	if text == "" {
		return nil
	}
	if err := message.Try(ctx, text, k.escape, samples); err != nil {
		return []plugin.Fault{{Part: k.part, Message: err.Error()}}
	}
	return nil
}
