// Package binding is what the senders of brokers share: what of a delivery goes into a
// broker's message. How CloudEvents' attributes are named there is each protocol's own.
package binding

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Format is the default format of messages to a broker: the event as data, and CloudEvents'
// attributes beside it.
const Format = "cloudevents-binary"

// Defaults are those of all brokers.
func Defaults() plugin.Defaults {
	return plugin.Defaults{Order: "repository", Concurrency: 16, Format: Format}
}

// Message is a delivery on its way to a broker.
type Message struct {
	// ID is the delivery's: the same on each attempt, for brokers and readers that tell
	// repeats.
	ID string
	// Key is what messages are kept in order by: the full name of the event's repository;
	// "" where there is none.
	Key string
	// Time is when it happened; zero where that is not known.
	Time time.Time
	// Attributes are CloudEvents' by their names (id, source, type, ...), as text; nil where
	// the message is in no binary form of theirs.
	Attributes map[string]string
	// Headers are others that belong to the message.
	Headers     map[string]string
	ContentType string
	Body        []byte
}

// Check finds fault with texts that would make the message: it is for programs.
func Check(c plugin.Check) (faults []plugin.Fault) {
	if c.Template != "" {
		faults = append(faults, plugin.Fault{Part: plugin.PartTemplate, Message: "a message to a broker is for programs and no text; remove it, or write json: in place of text:"})
	}
	if c.Title != "" {
		faults = append(faults, plugin.Fault{Part: plugin.PartTitle, Message: "a message to a broker has no title; remove it"})
	}
	return faults
}

// Of makes the message of d.
func Of(d plugin.Delivery) (Message, error) {
	m := Message{ID: d.ID}
	m.Body, m.ContentType = d.Message()
	e, err := d.DecodeEvent()
	if err != nil {
		return m, plugin.Permanent(err)
	}
	m.Time = e.Time
	if e.Repository != nil {
		m.Key = e.Repository.FullName
	}
	for name, value := range d.Headers {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok {
			if m.Headers == nil {
				m.Headers = map[string]string{}
			}
			m.Headers[name] = value
			continue
		}
		// The binding to HTTP, in which the host writes them, escapes with percent signs.
		text, err := url.PathUnescape(value)
		if err != nil {
			return m, plugin.Permanent(fmt.Errorf("read the attribute %s of delivery %s: %w", attribute, d.ID, err))
		}
		if m.Attributes == nil {
			m.Attributes = map[string]string{}
		}
		m.Attributes[attribute] = text
	}
	return m, nil
}
