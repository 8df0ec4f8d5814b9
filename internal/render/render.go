// Package render makes of an event the message that a target gets. It is pure: the
// same rendering of the same event is the same message, on each attempt.
//
// What people read (texts and titles) is made by the sender, whose escaper it is; see
// package plugin/message. Everything else is made here.
package render

import (
	"encoding/json"
	"fmt"

	"github.com/bellbuoy/bellbuoy/config"
)

// Bellbuoy is the format of targets that name none: the event itself.
const Bellbuoy = "bellbuoy"

// Rendering says how an event becomes a message. Two are equal if they make the same
// message. Its JSON is kept with planned deliveries, and shown in their trace.
type Rendering struct {
	Format string `json:"format,omitempty"` // "" = [Bellbuoy]
	JSON   string `json:"json,omitempty"`   // a template whose strings hold ${jsonpath}, into the event or into what Format makes of it
	Text   string `json:"text,omitempty"`   // a template of package plugin/message
	Title  string `json:"title,omitempty"`  // another, for targets whose messages have one
	// Digest says that the event tells of others: it is its own message, whatever
	// messages are made of each of those.
	Digest bool `json:"digest,omitempty"`
	// Default is of a target's rendering: the format that its type has where nothing else is
	// said, and for digests.
	Default string `json:"-"`
}

// Of is what a configuration says of a message.
func Of(m config.Rendering) Rendering {
	return Rendering{Format: m.Format, JSON: string(m.Template.JSON), Text: m.Template.Text, Title: m.Title}
}

// Over is what comes out where r, which a rule says, is laid over what the target says:
// a format or a template takes the place of both, a title that of the title. Where nobody
// says one, it is the target's default.
func (r Rendering) Over(target Rendering) Rendering {
	if r.Digest {
		return Rendering{Format: target.Default}
	}
	if r.Format == "" && r.JSON == "" && r.Text == "" {
		r.Format, r.JSON, r.Text = target.Format, target.JSON, target.Text
	}
	if r.Format == "" && r.JSON == "" && r.Text == "" {
		r.Format = target.Default
	}
	if r.Title == "" {
		r.Title = target.Title
	}
	if r.Format == Bellbuoy || r.Text != "" { // it is filled in from the event
		r.Format = ""
	}
	return r
}

// Encode is r as it is kept, "" where it says nothing. [Decode] reads it.
func (r Rendering) Encode() string {
	if r == (Rendering{}) {
		return ""
	}
	// Strings always encode.
	b, _ := json.Marshal(r)
	return string(b)
}

// Decode reads what [Rendering.Encode] wrote.
func Decode(kept string) (Rendering, error) {
	var r Rendering
	if kept == "" {
		return r, nil
	}
	if err := json.Unmarshal([]byte(kept), &r); err != nil {
		return r, fmt.Errorf("read how the message is made: %w", err)
	}
	return r, nil
}

// Input is what a message is made of.
type Input struct {
	Event json.RawMessage // as stored
	// Raw returns the notification as it came. It is called only where it is needed.
	Raw func() (Raw, error)
}

// Raw is a notification's body as it came.
type Raw struct {
	Body        []byte
	ContentType string
	Size        int64 // of the whole
	Truncated   bool  // Body is only its beginning
}

// Message is the body of a message. A nil Body means that the event itself, or what
// the sender makes of it, is the message.
type Message struct {
	Body        []byte
	ContentType string
	Headers     map[string]string // see [plugin.Delivery]; nil where it has none
}

// Skip is an error: there is no such message of this event, and never will be.
type Skip struct{ Reason string }

func (s *Skip) Error() string { return s.Reason }

// Renderer makes messages. It does not change, and may be used by many goroutines at
// the same time.
type Renderer struct {
	Rendering
	format   format
	template *template
}

// Compile makes a renderer, or says what is wrong with r; the paths of the faults
// begin behind that of the target or delivery: "format", "template.json". A text and a
// title are the sender's to check.
func Compile(r Rendering) (*Renderer, config.Faults) {
	var faults config.Faults
	compiled := &Renderer{Rendering: r}
	if f, ok := formatNamed(r.Format); ok {
		compiled.format = f
	} else {
		faults = append(faults, config.Faultf("format", "unknown format %q: %s", r.Format, config.Suggest(r.Format, Formats())))
	}
	if r.JSON != "" && r.Text != "" {
		faults = append(faults, config.Faultf("template", "has json and text, and a message is made of one: remove the other"))
	}
	// A JSON template may be filled in from what a dialect makes, as one that was written for
	// another registry expects.
	fills := r.JSON != "" && compiled.format.speaks != nil
	if (r.JSON != "" || r.Text != "") && r.Format != "" && r.Format != Bellbuoy && !fills {
		faults = append(faults, config.Faultf("format", "%q is not what the template makes: remove the format, or the template", r.Format))
	}
	if r.JSON != "" {
		var err error
		if compiled.template, err = parseTemplate(r.JSON); err != nil {
			faults = append(faults, config.Faultf("template.json", "%v", err))
		}
	}
	if faults != nil {
		return nil, faults
	}
	return compiled, nil
}

// Render makes the message of one event. An error that does not come from in.Raw is
// the same each time.
func (r *Renderer) Render(in Input) (Message, error) {
	switch {
	case r.template != nil:
		source, err := r.source(in)
		if err != nil {
			return Message{}, err
		}
		body, err := r.template.fill(source.Body)
		if err != nil {
			return Message{}, fmt.Errorf("fill in the JSON template: %w", err)
		}
		return Message{Body: body, ContentType: "application/json", Headers: source.Headers}, nil
	case r.Text != "":
		return Message{}, nil
	}
	return r.format.render(in)
}

// source is what a JSON template is filled in from: the event, or what the format makes
// of it.
func (r *Renderer) source(in Input) (Message, error) {
	m, err := r.format.render(in)
	if err == nil && m.Body == nil {
		m.Body = in.Event
	}
	return m, err
}

// Native reports whether the message is the notification as it came, which is kept
// once and need not be kept with each attempt.
func (r *Renderer) Native() bool {
	return r.template == nil && r.Text == "" && r.format.name == "native"
}
