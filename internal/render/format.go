package render

import (
	"errors"
	"fmt"

	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator/dialect"
)

// format is a shape of messages that needs no template.
type format struct {
	name   string
	render func(Input) (Message, error)
	// speaks reports whether there are messages of events of a type; nil where there are
	// of all.
	speaks func(event.Type) bool
}

// formats is the table of formats, in the order in which they are documented.
func formats() []format {
	list := []format{
		{Bellbuoy, func(Input) (Message, error) { return Message{}, nil }, nil},
		{"native", native, nil},
	}
	for _, d := range dialect.All() {
		list = append(list, inDialect(d))
	}
	return list
}

// inDialect is the format of the dialect's name.
func inDialect(d dialect.Dialect) format {
	render := func(in Input) (Message, error) {
		m, err := d.Write(in.Event)
		if none, ok := errors.AsType[*dialect.NoWord](err); ok {
			return Message{}, &Skip{none.Reason}
		}
		if err != nil {
			return Message{}, fmt.Errorf("say the event as %s: %w", d.Name, err)
		}
		return Message(m), nil
	}
	return format{d.Name, render, func(t event.Type) bool { return d.Word(t) != "" }}
}

// Formats returns the names of the formats that there are.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

func formatNamed(name string) (format, bool) {
	if name == "" {
		name = Bellbuoy
	}
	for _, f := range formats() {
		if f.name == name {
			return f, true
		}
	}
	return format{}, false
}

// native is the body that the registry posted, byte for byte: where that told of
// several events, each of them gets the whole of it.
func native(in Input) (Message, error) {
	raw, err := in.Raw()
	if err != nil {
		return Message{}, err
	}
	if raw.Truncated {
		return Message{}, &Skip{fmt.Sprintf("the notification was too large (%d bytes) to be kept whole, so there is no native message of it", raw.Size)}
	}
	if raw.Body == nil {
		raw.Body = []byte{} // an empty one is one too
	}
	return Message{Body: raw.Body, ContentType: raw.ContentType}, nil
}
