// Package chat is what the senders of chat messages share. A [Medium] is all that makes
// one of them: its options, its escaper, how a message becomes a payload, where that goes
// and what the answer means. The rest is here: the operator's templates and titles, what is
// told where there are none, caches, masks, limits, and the calls of [plugin.Sender].
package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/templates"
)

// Medium is one kind of chat; T is a target's options, read.
type Medium[T any] struct {
	Type    string
	Options options.Table[T]
	Rate    plugin.Rate // which targets have that say nothing else

	// Escape makes a value harmless within the markup of an operator's template. The
	// value is one line that calls nobody; see [Quiet].
	Escape func(string) string
	// Payload is m as the medium has it, to be encoded as JSON.
	Payload func(t *T, m Message) any
	// Limit is how many bytes the payload may have as JSON, or by Size where there is one. A
	// message that makes more is shortened. 0 is no limit.
	Limit int
	// Size is how much a payload has of what is limited; nil counts its bytes as JSON.
	Size func(payload any) int

	// Request says where a payload goes: URL, headers, mask. It is asked for each attempt.
	Request func(t *T, now time.Time) post.Request
	Judge   post.Judge
	// A sender that makes its requests by itself, of what [Sender.Read] returns, has no
	// Payload, Limit, Size, Request and Judge.
}

// Message is what is to be told.
type Message struct {
	// Brief is what there is to tell of the event, harmless as plain text, and calling
	// nobody. Its Title is the operator's, where they gave one.
	message.Brief
	// Heading is what stands above the message: the title, or "" where the operator wrote
	// a text and no title.
	Heading string
	// Body is the operator's text in the medium's markup, values escaped. Where it is not
	// "" it stands in the place of Facts, Text and Link.
	Body  string
	Event event.Event
	// At is when this attempt is made, for what is signed within the payload: it is what
	// [Medium.Request] gets too.
	At time.Time
}

// Sender sends the messages of one medium. It keeps nothing but connections, and options
// and templates that it has read.
type Sender[T any] struct {
	version string
	medium  Medium[T]
	client  *post.Client
	targets *options.Targets[T]
	words   *templates.Set
}

// New makes the sender of a medium. It names itself bellbuoy/version to targets; see
// package post for its connections.
func New[T any](version string, m Medium[T]) *Sender[T] {
	return &Sender[T]{
		version: version, medium: m, client: post.New(version), targets: options.NewTargets(m.Options, nil),
		words: templates.New(func(value string) string { return m.Escape(Quiet(value)) }, Quiet),
	}
}

// Client is what makes the sender's requests.
func (s *Sender[T]) Client() *post.Client { return s.client }

// CloseIdle closes the connections that are kept for later.
func (s *Sender[T]) CloseIdle() { s.client.CloseIdle() }

// Describe is [plugin.Sender.Describe].
func (s *Sender[T]) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe(s.medium.Type, s.version,
		plugin.Defaults{Order: "none", Concurrency: 4, Rate: s.medium.Rate, DigestAfter: 10}), nil
}

// Check is [plugin.Sender.Check].
func (s *Sender[T]) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	_, faults := s.targets.Check(c)
	return append(faults, s.words.Check(ctx, c)...), ctx.Err()
}

// Render is [plugin.Sender.Render]. What depends on the time is that of the call.
func (s *Sender[T]) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	r, _, err := s.request(ctx, d)
	if err != nil {
		return plugin.Request{}, err
	}
	return s.client.Show(r), nil
}

// Send is [plugin.Sender.Send].
func (s *Sender[T]) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	r, scope, err := s.request(ctx, d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	return s.client.Send(ctx, r, s.medium.Judge)
}

// request is what is sent of d.
func (s *Sender[T]) request(ctx context.Context, d plugin.Delivery) (r post.Request, scope plugin.Scope, err error) {
	t, m, scope, err := s.Read(ctx, d)
	if err != nil {
		return r, scope, err
	}
	m.At = time.Now()
	body, err := s.body(t, m)
	if err != nil {
		return r, "", plugin.Permanent(fmt.Errorf("encode the message to target %s: %w", d.Target, err))
	}
	r = s.medium.Request(t, m.At)
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for name, values := range r.Header {
		header[name] = values
	}
	r.Header, r.Body, r.Egress = header, body, d.Egress
	return r, "", nil
}

// Read is the target of d, and what it is told. The scope is that of the error.
func (s *Sender[T]) Read(ctx context.Context, d plugin.Delivery) (*T, Message, plugin.Scope, error) {
	t, scope, err := s.targets.Of(d)
	if err != nil {
		return nil, Message{}, scope, err
	}
	m, err := s.message(ctx, d)
	return t, m, "", err
}

// message is what is told of d.
func (s *Sender[T]) message(ctx context.Context, d plugin.Delivery) (Message, error) {
	e, err := d.DecodeEvent()
	if err != nil {
		return Message{}, plugin.Permanent(err)
	}
	m := Message{Brief: quiet(message.BriefOf(e)), Event: e}
	if d.Body != nil { // made for programs: people see what it is, and none of it is markup
		m.Facts, m.Link = nil, ""
		m.Text = Quiet(Cut(string(d.Body), maxHosts, bytesOf))
	}
	body, err := s.words.Text(ctx, d)
	if err != nil {
		return m, err
	}
	m.Body = strings.TrimSpace(body) // one that comes out blank is none
	title, err := s.words.Title(ctx, d)
	if err != nil {
		return m, err
	}
	if title != "" {
		m.Title = Cut(title, maxTitle, one)
	}
	if m.Body == "" || title != "" {
		m.Heading = m.Title
	}
	return m, nil
}

// maxTitle is how many characters of the operator's title are used, as of a brief's.
const maxTitle = 400

// maxHosts is how many bytes are told of a message that the host rendered.
const maxHosts = 4000

// body is m as JSON, shortened until it is within the limit.
func (s *Sender[T]) body(t *T, m Message) ([]byte, error) {
	return Fit(m, s.medium.Limit, func(m Message) ([]byte, int, error) {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		payload := s.medium.Payload(t, m)
		if err := enc.Encode(payload); err != nil {
			return nil, 0, err
		}
		body := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		if s.medium.Size != nil {
			return body, s.medium.Size(payload), nil
		}
		return body, len(body), nil
	})
}

// Fit is what is made of m, which is shortened until it has no more than limit of what made
// counts, or there is nothing left to take away. A limit of 0 is none.
func Fit(m Message, limit int, made func(Message) (body []byte, size int, err error)) ([]byte, error) {
	for text := m.Body; ; text = closed(m.Body) {
		shown := m
		shown.Body = text
		body, size, err := made(shown)
		if over := size - limit; err != nil || limit == 0 || over <= 0 || !m.shorten(over) {
			return body, err
		}
	}
}
