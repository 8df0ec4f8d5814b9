package acr

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
)

// Event is one event. Of most types the vendor does not say which keys the data has, so
// they are not named here.
type Event struct {
	Envelope cloudevents.Event // zero where the body is bare data

	// NamedBy is what path or header call the event; empty if they do not.
	NamedBy string

	// Fields are the strings and numbers of the data, by key; numbers as they are spelled.
	Fields map[string]string
	// Parts are the objects among the values of the data, each as Fields is.
	Parts map[string]map[string]string
	// Odd names the kind of value that the data is where it is no object; empty where it
	// is one or there is none.
	Odd string
}

// FromCloudEvent reads ACR's event out of a CloudEvent.
func FromCloudEvent(c *cloudevents.Event) *Event {
	e := &Event{Envelope: *c}
	switch {
	case c.Data != nil:
		e.setData(c.Data)
	case c.Bytes != nil:
		e.Odd = "no JSON"
	}
	return e
}

func (e *Event) setData(data []byte) {
	var values map[string]jsontext.Value
	if kind := jsontext.Value(data).Kind(); kind != '{' || json.Unmarshal(data, &values) != nil {
		e.Odd = adapters.KindName(kind)
		return
	}
	e.Fields = fields(values, len(data))
	for key, v := range values {
		var part map[string]jsontext.Value
		if v.Kind() != '{' || json.Unmarshal(v, &part) != nil {
			continue
		}
		if e.Parts == nil {
			e.Parts = make(map[string]map[string]string)
		}
		e.Parts[key] = fields(part, len(data))
	}
}

// maxString is how long a value may be in data larger than [adapters.LargeBody]. None
// that names something is longer.
const maxString = 4 << 10

// fields returns the strings and numbers among the values of data of that size.
func fields(values map[string]jsontext.Value, size int) map[string]string {
	m := make(map[string]string)
	for key, v := range values {
		if size > adapters.LargeBody && len(v) > maxString {
			continue
		}
		switch v.Kind() {
		case '"':
			if s, err := jsontext.AppendUnquote(nil, v); err == nil {
				m[key] = string(s)
			}
		case '0':
			m[key] = string(v)
		}
	}
	return m
}
