// Package distribution reads the notifications of a CNCF Distribution registry: JSON
// envelopes {"events": [...]} as its endpoints post them.
package distribution

import (
	"bytes"
	"net/http"
	"sync"

	"github.com/distribution/distribution/v3/notifications"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
)

// Adapter is the [adapters.Adapter] of Distribution.
type Adapter struct{}

// decoders are kept since each makes a table of 4 KiB in which it finds strings that it
// has read before.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// Read returns one notification for each event of the envelope, any number of them.
// Native is a [*notifications.Event], or an [adapters.Stray] where the body is another
// registry type's.
//
// The content type is not looked at: registries and proxies differ in it, and what is
// no envelope is found out anyway. Keys count in their exact case only. Keys that the
// registry's own struct does not have are let pass, so that a newer registry is still
// understood.
//
// Of a body larger than [adapters.LargeBody] only the first [MaxReferences] references
// of an event are kept, without annotations, and over-long strings that no translator
// needs are dropped.
func (Adapter) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	// An image's annotations are repeated in the event, with keys of any case.
	if err := adapters.Scan(r.Header, body, "annotations"); err != nil {
		return nil, err
	}
	events, err := envelope(body)
	if err != nil {
		return nil, err
	}
	if len(body) > adapters.LargeBody {
		for _, n := range events {
			if e, ok := n.Native.(*notifications.Event); ok {
				trim(e)
			}
		}
	}
	return events, nil
}

// envelope reads {"events": [...]}. It goes by tokens because the registry's own
// Envelope does not decode its events, and to know which bytes each of them is.
func envelope(body []byte) ([]adapters.Notification, error) {
	dec := decoders.Get().(*jsontext.Decoder)
	dec.Reset(bytes.NewBuffer(body))
	defer func() {
		dec.Reset(http.NoBody) // it must not keep the body
		decoders.Put(dec)
	}()
	if kind := dec.PeekKind(); kind != '{' {
		return nil, adapters.Unreadablef(`the body is %s, want an object with a list "events"`, adapters.KindName(kind))
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, adapters.DecodeFault(err)
	}
	var events []adapters.Notification
	found := false
	for dec.PeekKind() != '}' {
		key, err := dec.ReadToken()
		if err != nil {
			return nil, adapters.DecodeFault(err)
		}
		if key.String() != "events" {
			if err := dec.SkipValue(); err != nil {
				return nil, adapters.DecodeFault(err)
			}
			continue
		}
		if events, err = list(dec, body); err != nil {
			return nil, err
		}
		found = true
	}
	if !found {
		if stray, ok := adapters.Strayed(body, adapters.Distribution); ok {
			return stray, nil
		}
		return nil, adapters.Unreadablef(`no key "events" in the body: not a notification of Distribution; see that the registry's type is right`)
	}
	return events, nil
}

// list reads the value of "events".
func list(dec *jsontext.Decoder, body []byte) ([]adapters.Notification, error) {
	if kind := dec.PeekKind(); kind != '[' {
		return nil, adapters.Unreadablef(`"events" is %s, want a list`, adapters.KindName(kind))
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, adapters.DecodeFault(err)
	}
	var events []adapters.Notification
	for dec.PeekKind() != ']' {
		if kind := dec.PeekKind(); kind != '{' {
			return nil, adapters.Unreadablef(`"events" holds %s at /events/%d, want objects only`, adapters.KindName(kind), len(events))
		}
		if err := adapters.Bound(len(events)+1, "events", 0); err != nil {
			return nil, err
		}
		start := dec.InputOffset()
		e := new(notifications.Event)
		if err := json.UnmarshalDecode(dec, e); err != nil {
			return nil, adapters.DecodeFault(err)
		}
		raw := bytes.TrimLeft(body[start:dec.InputOffset()], ", \t\r\n")
		events = append(events, adapters.Notification{Native: e, ID: e.ID, Raw: raw})
	}
	_, err := dec.ReadToken()
	return events, err
}
