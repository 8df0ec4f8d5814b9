// Package dialect says events in the words of others: as a registry would have notified
// of them, so that a receiver made for one registry works behind any other, and as
// CloudEvents and CDEvents. It is the way out of what package translator is the way in
// of. The functions are pure. They add nothing that the event does not say, but for what
// docs/dialects.md calls derived.
package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Message is an event in a dialect.
type Message struct {
	// Body is nil where it is the event itself, byte for byte.
	Body        []byte
	ContentType string
	// Headers belong to the message, for those who carry it by HTTP. Names are in
	// canonical form, values printable ASCII.
	Headers map[string]string
}

// NoWord is an error: the dialect cannot say the event, and never will.
type NoWord struct{ Reason string }

func (n *NoWord) Error() string { return n.Reason }

// Dialect is one way to say events. It does not change, and may be used by many
// goroutines at the same time.
type Dialect struct {
	Name string
	// Of names who speaks it, for people.
	Of   string
	word func(event.Type) string
	// write says e, for the type of which there is a word. stored is e as it was read.
	write func(e *event.Event, word string, stored json.RawMessage) (Message, error)
}

// All returns the dialects, in the order in which they are documented.
func All() []Dialect {
	return []Dialect{
		{"cloudevents", "CloudEvents, structured", cloudEventsType, structured},
		{"cloudevents-binary", "CloudEvents, binary", cloudEventsType, binary},
		{"cdevents", "CDEvents", cdEventsType, cdEvents},
		{"distribution", "Distribution", distributionAction, distribution},
		{"harbor", "Harbor", harborType, harborDefault},
		{"harbor-cloudevents", "Harbor, as CloudEvents", harborCloudEventsType, harborCloudEvents},
		{"quay", "Quay", quayEvent, quay},
		{"tcr", "TCR and Harbor 1.x", tcrType, tcr},
		{"acr", "ACR, by EventBridge", acrType, acr},
		{"acr-personal", "ACR, by a repository's trigger", acrPersonalWord, acrPersonal},
		{"dockerhub", "Docker Hub", dockerHubWord, dockerHub},
	}
}

// Word is what the dialect calls events of type t; "" where it has no word for them.
func (d Dialect) Word(t event.Type) string { return d.word(t) }

// Write says stored, an event in its JSON. Where the dialect cannot, the error is a
// [NoWord]: it has no word for the type, or cannot do without something that this event
// lacks.
func (d Dialect) Write(stored json.RawMessage) (Message, error) {
	var e event.Event
	if err := json.Unmarshal(stored, &e); err != nil {
		return Message{}, fmt.Errorf("read the event: %w", err)
	}
	word := d.word(e.Type)
	if word == "" {
		return Message{}, &NoWord{fmt.Sprintf("%s has no word for %s", d.Of, e.Type)}
	}
	m, err := d.write(&e, word, stored)
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

// lacks is the error of a dialect that cannot say e without something.
func lacks(of string, e *event.Event, what string) error {
	return &NoWord{fmt.Sprintf("%s cannot tell of %s without %s, which the event does not say", of, e.Type, what)}
}

// encode writes v as JSON, without a line break behind it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write the message: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// inJSON is v as a message of plain JSON.
func inJSON(v any) (Message, error) {
	body, err := encode(v)
	return Message{Body: body, ContentType: "application/json"}, err
}
