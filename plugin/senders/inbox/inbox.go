// Package inbox tells events to people within bellbuoy: each becomes a notice for a user,
// a team or an organization, which bellbuoy keeps until they have read it. There is no
// process and no network between: the sender is given what keeps notices, and runs beside
// it.
package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/templates"
)

// Type is that of the targets.
const Type = "inbox"

// How much is kept: of a message by a template, in characters; of a link, which is left
// out where it is longer, in bytes.
const (
	maxTitle = 400
	maxText  = 4000
	maxLink  = 2000
)

// Notice is what people are told of one event, in plain text.
type Notice struct {
	Kind string `json:"-"` // of the inbox: user, team or organization
	Name string `json:"-"` // of that user, team or organization

	ID     string     `json:"-"` // of the delivery
	Event  string     `json:"-"` // its id
	Type   event.Type `json:"-"` // of the event
	Target string     `json:"-"`

	Level message.Level `json:"level"`
	Title string        `json:"title"` // one line
	Facts []Fact        `json:"facts,omitempty"`
	Text  string        `json:"text,omitempty"`
	Link  string        `json:"link,omitempty"`
}

// Fact is one thing worth knowing of an event.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Keep keeps a notice, so that it is there whatever happens next. One whose ID it has kept
// before it does not keep again: then added is false. Every error of it may pass.
type Keep func(ctx context.Context, n Notice) (added bool, err error)

type sender struct {
	version   string
	keep      Keep // nil: there is none
	targets   *options.Targets[target]
	templates *templates.Set
}

// New makes a sender that knows all of its targets and keeps nothing: Send fails.
func New(version string) plugin.Sender { return Into(version, nil) }

// Into makes a sender that has keep keep its notices.
func Into(version string, keep Keep) plugin.Sender {
	return &sender{
		version: version, keep: keep,
		targets: options.NewTargets(table(), nil), templates: templates.New(message.Plain, message.Plain),
	}
}

// Describe is [plugin.Sender.Describe].
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe(Type, s.version, plugin.Defaults{Order: "repository", Concurrency: 16}), nil
}

// Check is [plugin.Sender.Check].
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	_, faults := s.targets.Check(c)
	return append(faults, s.templates.Check(ctx, c)...), ctx.Err()
}

// Render is [plugin.Sender.Render].
func (s *sender) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	n, _, err := s.notice(ctx, d)
	if err != nil {
		return plugin.Request{}, err
	}
	return request(n), nil
}

// Send is [plugin.Sender.Send]: delivered is kept. It may take longer than ctx, where what
// keeps it does: it is then not known to be kept, and is sent again.
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	n, scope, err := s.notice(ctx, d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	receipt := plugin.Receipt{Request: request(n)}
	if s.keep == nil {
		return receipt, errors.New("a sender in a process of its own has no inboxes: they are kept by bellbuoy itself")
	}
	began := time.Now()
	added, err := s.keep(ctx, n)
	receipt.Latency = time.Since(began)
	if err != nil {
		return receipt, fmt.Errorf("keep the notice for %s %s: %w", n.Kind, n.Name, err)
	}
	receipt.Reply = "kept"
	if !added {
		receipt.Reply = "it was there already"
	}
	return receipt, nil
}

// request shows what is kept, and where.
func request(n Notice) plugin.Request {
	// Texts always encode.
	b, _ := json.Marshal(n)
	return plugin.Request{Method: "POST", URL: "inbox:" + n.Kind + "/" + n.Name, Body: string(b)}
}

// notice is what d tells.
func (s *sender) notice(ctx context.Context, d plugin.Delivery) (n Notice, scope plugin.Scope, err error) {
	t, scope, err := s.targets.Of(d)
	if err != nil {
		return n, scope, err
	}
	e, err := d.DecodeEvent()
	if err != nil {
		return n, "", plugin.Permanent(err)
	}
	b := message.BriefOf(e)
	n = Notice{
		Kind: t.kind, Name: t.name, ID: d.ID, Event: e.ID, Type: e.Type, Target: d.Target,
		Level: b.Level, Title: b.Title, Text: b.Text, Link: b.Link,
	}
	if len(n.Link) > maxLink {
		n.Link = ""
	}
	switch {
	case d.Template != "":
		text, err := s.templates.Text(ctx, d)
		if err != nil {
			return n, "", err
		}
		n.Text = clip(strings.TrimSpace(text), maxText)
	case d.Body != nil: // a format's, or of a template of JSON
		n.Text = clip(strings.TrimSpace(strings.ToValidUTF8(string(d.Body), "\uFFFD")), maxText)
	default:
		for _, f := range b.Facts {
			n.Facts = append(n.Facts, Fact(f))
		}
	}
	if d.Title != "" {
		title, err := s.templates.Title(ctx, d)
		if err != nil {
			return n, "", err
		}
		if title != "" { // else there would be nothing to see in a list
			n.Title = clip(title, maxTitle)
		}
	}
	return n, "", nil
}

// clip returns the first n characters of s, and says that there are more.
func clip(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}
