package cloudevents

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
)

// Adapter is the [adapters.Adapter] of CloudEvents.
type Adapter struct{}

// Read returns one notification for each event. Native is an [*Event], ID its
// [Event.Key]; or Native is an [adapters.Stray] where an object is no CloudEvent and
// another registry type's.
//
// The mode is found as the specification says: by a content type of
// application/cloudevents, else binary if the header ce-specversion is there. What is
// neither is taken for structured, as senders and proxies differ in content types: an
// object with the key "specversion", or a list of objects.
//
// Attributes are let pass as they are, also those that are missing: what they mean is
// for the translator to say. An object or a list where an attribute belongs, data in
// two forms, and a header that is there twice are [adapters.Unreadable].
func (Adapter) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	format, isEvent := strings.CutPrefix(mediaType(r.Header.Get("Content-Type")), "application/cloudevents")
	if !isEvent && r.Header.Get(prefix+"Specversion") != "" {
		e, err := binary(r.Header, body)
		if err != nil {
			return nil, err
		}
		return []adapters.Notification{notification(e, body, len(body))}, nil
	}
	if isEvent && format != "" && format != "+json" && format != "-batch+json" {
		return nil, adapters.Unreadablef("content type %s: only the JSON format of CloudEvents is read", adapters.Quote(r.Header.Get("Content-Type")))
	}
	if err := adapters.Scan(r.Header, body); err != nil {
		return nil, err
	}
	return structured(body, isEvent)
}

// structured reads one event or a batch. Whether the content type said that these are
// events is told by sure.
func structured(body []byte, sure bool) ([]adapters.Notification, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	switch kind := dec.PeekKind(); kind {
	case '{':
		n, err := object(dec, body, sure)
		if err != nil {
			return nil, err
		}
		return []adapters.Notification{n}, nil
	case '[':
	default:
		return nil, adapters.Unreadablef("the body is neither an object nor a list, and no header ce-specversion is there: no CloudEvent")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, adapters.Unreadablef("%v", err)
	}
	var list []adapters.Notification
	for dec.PeekKind() != ']' {
		if dec.PeekKind() != '{' {
			return nil, adapters.Unreadablef("the batch holds something else than an object at /%d", len(list))
		}
		if err := adapters.Bound(len(list)+1, "events", 0); err != nil {
			return nil, err
		}
		n, err := object(dec, body, sure)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// object reads one event in JSON. It goes by tokens to know which bytes its data is.
func object(dec *jsontext.Decoder, body []byte, sure bool) (adapters.Notification, error) {
	none := adapters.Notification{}
	if _, err := dec.ReadToken(); err != nil {
		return none, adapters.Unreadablef("%v", err)
	}
	start := int(dec.InputOffset()) - 1
	e := new(Event)
	var encoded *string
	for dec.PeekKind() != '}' {
		key, err := dec.ReadToken()
		if err != nil {
			return none, adapters.Unreadablef("%v", err)
		}
		name, kind := key.String(), dec.PeekKind()
		value, err := dec.ReadValue()
		if err != nil {
			return none, adapters.Unreadablef("%v", err)
		}
		end := int(dec.InputOffset())
		value = body[end-len(value) : end : end] // the decoder's own is soon overwritten
		if kind == 'n' {
			continue // as if it were not there, says the specification
		}
		switch {
		case name == "data":
			e.Data = []byte(value)
		case (name == "data_base64" || isCore(name)) && (kind == '{' || kind == '['):
			return none, adapters.Unreadablef("%s is an object or a list, want a string", adapters.Quote(string(dec.StackPointer())))
		case name == "data_base64":
			s := text(value, kind)
			encoded = &s
		default:
			e.set(name, text(value, kind))
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return none, adapters.Unreadablef("%v", err)
	}
	if !sure && e.SpecVersion == "" {
		if stray, ok := adapters.Strayed(body[start:dec.InputOffset()]); ok {
			return stray[0], nil
		}
		return none, adapters.Unreadablef(`no key "specversion" in %s, and neither a content type nor a header says CloudEvent; see that the registry's type is right`, where(dec))
	}
	if encoded != nil {
		if e.Data != nil {
			return none, adapters.Unreadablef(`both "data" and "data_base64" are in %s`, where(dec))
		}
		b, err := base64.StdEncoding.DecodeString(*encoded)
		if err != nil {
			return none, adapters.Unreadablef(`"data_base64" in %s is not base64: %v`, where(dec), err)
		}
		if err := e.setPayload(b); err != nil {
			return none, err
		}
	}
	return notification(e, body[start:dec.InputOffset()], len(body)), nil
}

// where names the object that was just read.
func where(dec *jsontext.Decoder) string {
	if p := dec.StackPointer(); p != "" {
		return adapters.Quote(string(p))
	}
	return "the body"
}

// text returns a value that is a string without its quotes, another as it is spelled.
func text(value jsontext.Value, kind jsontext.Kind) string {
	if kind != '"' {
		return string(value)
	}
	b, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return string(value) // not possible for what a decoder has read
	}
	return string(b)
}

// setPayload takes in data that came as bytes, which are JSON if the content type says
// so. An event without one has JSON, says the specification; if it is none it stays
// bytes.
func (e *Event) setPayload(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	t := mediaType(e.DataContentType)
	if t != "" && t != "application/json" && t != "text/json" && !strings.HasSuffix(t, "+json") {
		e.Bytes = b
		return nil
	}
	err := adapters.Scan(nil, b)
	switch {
	case err == nil:
		e.Data = b
	case t == "":
		e.Bytes = b
	default:
		return adapters.Unreadablef("the data: %v", err)
	}
	return nil
}

// notification wraps an event that was read from raw, in a body of that size.
func notification(e *Event, raw []byte, size int) adapters.Notification {
	if size > adapters.LargeBody {
		e.trim()
	}
	return adapters.Notification{Native: e, ID: e.Key(), Raw: raw}
}

// mediaType returns a content type without its parameters, in small letters. One that
// is malformed is not refused.
func mediaType(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(s))
}
