// Package cloudevents reads CloudEvents 1.0 as they arrive over HTTP, in all three
// content modes: binary, structured and batched, the last two in JSON.
package cloudevents

import (
	"encoding/json"
	"strings"
	"time"
)

// SpecVersion is the version of the specification that this package reads. Events of
// others are read as if they were of this one; see [Event.SpecVersion].
const SpecVersion = "1.0"

// Event is one CloudEvent. What the sender did not say is empty; no attribute is
// checked, not even those that the specification wants in every event.
type Event struct {
	SpecVersion     string // as the sender says
	ID              string
	Source          string
	Type            string
	Subject         string
	Time            string    // as the sender wrote it
	At              time.Time // Time as [ParseTime] understands it, else the zero time
	DataContentType string
	DataSchema      string

	// Data is the payload where it is JSON, as it stands in the body.
	Data json.RawMessage
	// Bytes is the payload where it is not, or is not known to be, JSON.
	Bytes []byte

	// Extensions are all other attributes by name. Values that are no strings are there
	// in their JSON spelling.
	Extensions map[string]string
}

// Key names the event among all of its registry: source and id, which the
// specification wants to be unique together, with a space between them. A source is a
// URI and holds none; one that does anyway has them escaped. Without an id there is no
// key.
func (e *Event) Key() string {
	if e.ID == "" {
		return ""
	}
	return strings.ReplaceAll(e.Source, " ", "%20") + " " + e.ID
}

// set gives the attribute its value. Names count in small letters only, which are the
// only ones that the specification allows.
func (e *Event) set(name, value string) {
	switch name {
	case "specversion":
		e.SpecVersion = value
	case "id":
		e.ID = value
	case "source":
		e.Source = value
	case "type":
		e.Type = value
	case "subject":
		e.Subject = value
	case "time":
		e.Time = value
		e.At, _ = ParseTime(value)
	case "datacontenttype":
		e.DataContentType = value
	case "dataschema":
		e.DataSchema = value
	default:
		if e.Extensions == nil {
			e.Extensions = make(map[string]string)
		}
		e.Extensions[name] = value
	}
}

// isCore reports whether the specification defines the attribute.
func isCore(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema":
		return true
	}
	return false
}

// maxExtension is how long an extension's value may be in a body larger than
// [adapters.LargeBody].
const maxExtension = 1 << 10

// trim drops what makes an event large and names nothing.
func (e *Event) trim() {
	for name, value := range e.Extensions {
		if len(name)+len(value) > maxExtension {
			delete(e.Extensions, name)
		}
	}
}
