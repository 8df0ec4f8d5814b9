package dialect

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// cloudEvent is an event of CloudEvents 1.0 in its structured form.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// cloudEventsType: every event has a word, and those about bellbuoy have its name
// already.
func cloudEventsType(t event.Type) string {
	if strings.HasPrefix(string(t), "bellbuoy.") {
		return string(t)
	}
	return "bellbuoy." + string(t)
}

// newCloudEvent has the attributes of e, for which id and source are the same whenever
// and wherever to it is sent.
func newCloudEvent(e *event.Event, name string, data json.RawMessage) cloudEvent {
	return cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: sourceOf(e), Type: name, Subject: subjectOf(e),
		Time: rfc3339(e.Time), DataContentType: "application/json", Data: data,
	}
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// subjectOf is what the event is about within its registry.
func subjectOf(e *event.Event) string {
	switch {
	case fullName(e) != "":
		return fullName(e) + behind(e)
	case e.Repository != nil:
		return e.Repository.Namespace
	case e.Target != nil:
		return e.Target.Name
	}
	return ""
}

// structured has the event as its data.
func structured(e *event.Event, word string, stored json.RawMessage) (Message, error) {
	return inCloudEvents(newCloudEvent(e, word, stored))
}

func inCloudEvents(v any) (Message, error) {
	body, err := encode(v)
	return Message{Body: body, ContentType: "application/cloudevents+json"}, err
}

// binary is the event itself, and the attributes in headers.
func binary(e *event.Event, word string, _ json.RawMessage) (Message, error) {
	return Message{ContentType: "application/json", Headers: newCloudEvent(e, word, nil).headers()}, nil
}

// headers are the attributes as the binding to HTTP has them, but for the content type.
func (c cloudEvent) headers() map[string]string {
	h := map[string]string{
		"Ce-Specversion": c.SpecVersion,
		"Ce-Id":          headerValue(c.ID),
		"Ce-Source":      headerValue(c.Source),
		"Ce-Type":        headerValue(c.Type),
		"Ce-Time":        c.Time,
	}
	if c.Subject != "" {
		h["Ce-Subject"] = headerValue(c.Subject)
	}
	return h
}

// headerValue escapes what the binding says is not to stand in a header: all but the
// printable characters of ASCII, and of these the blank, the quote and the percent sign.
func headerValue(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
