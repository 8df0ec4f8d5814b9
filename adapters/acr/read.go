// Package acr reads the events of ACR Enterprise instances, which EventBridge posts as
// CloudEvents or, as the rule's target says, in part.
package acr

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
)

// Header names the event of a request whose body does not, as the path can.
const Header = "X-Bellbuoy-Event"

// Adapter is the [adapters.Adapter] of ACR through EventBridge.
type Adapter struct{}

// Read returns one notification for each event. Native is an [*Event], or an
// [adapters.Stray] where the body is another registry type's. The native id is that of
// the CloudEvent with its source.
//
// What a rule's target posts is up to whoever made it: the complete event, a part of
// it, or what a template makes. So any JSON is taken: an envelope with attributes
// missing, a list of envelopes, the bare data, even a string. The event of a bare data
// can be named by the path, /in/NAME/ScanCompleted, or by the header X-Bellbuoy-Event.
func (Adapter) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	if r.Header.Get("Ce-Specversion") != "" || isCloudEvents(r.Header) {
		return envelopes(r, r.Header, body)
	}
	if err := adapters.Scan(r.Header, body); err != nil {
		return nil, err
	}
	switch kind := jsontext.Value(body).Kind(); kind {
	case '{':
		// CloudEvents are looked at one by one.
		own := []adapters.Family{adapters.ACR, adapters.CloudEvents}
		envelope := isEnvelope(body)
		if envelope {
			own = append(own, adapters.Harbor)
		}
		if stray, ok := adapters.Strayed(body, own...); ok {
			return stray, nil
		}
		if !envelope {
			e := &Event{NamedBy: name(r)}
			e.setData(body)
			return []adapters.Notification{{Native: e, Raw: body}}, nil
		}
	case '[':
	default:
		return []adapters.Notification{{Native: &Event{NamedBy: name(r), Odd: adapters.KindName(kind)}, Raw: body}}, nil
	}
	sure := http.Header{"Content-Type": {"application/cloudevents+json"}}
	return envelopes(r, sure, body)
}

// envelopes reads CloudEvents, whichever attributes they have.
func envelopes(r *http.Request, h http.Header, body []byte) ([]adapters.Notification, error) {
	list, err := cloudevents.Adapter{}.Read(&http.Request{Header: h}, body)
	if err != nil {
		return nil, err
	}
	for i := range list {
		c := list[i].Native.(*cloudevents.Event) // of sure ones there are no strays
		if of := adapters.FamilyOfEvent(c.Source); c.SpecVersion != "" && isForeign(of, c.Source, c.Type) {
			list[i].Native = adapters.Stray{Of: of, Type: c.Type}
			continue
		}
		e := FromCloudEvent(c)
		e.NamedBy = name(r)
		list[i].Native = e
	}
	return list, nil
}

// isForeign reports whether a CloudEvent is surely none of ACR's. A template may leave
// the source out.
func isForeign(of adapters.Family, source, name string) bool {
	return of != adapters.ACR && source != "" && !strings.HasPrefix(name, "cr:")
}

// isEnvelope reports whether the object is a CloudEvent, if not a complete one, and not
// the data of one.
func isEnvelope(body []byte) bool {
	var top struct {
		SpecVersion jsontext.Value `json:"specversion"`
		Data        jsontext.Value `json:"data"`
		Type        jsontext.Value `json:"type"`
	}
	return json.Unmarshal(body, &top) == nil &&
		(top.SpecVersion != nil || top.Data != nil || strings.HasPrefix(string(top.Type), `"cr:`))
}

func isCloudEvents(h http.Header) bool {
	return strings.HasPrefix(strings.ToLower(h.Get("Content-Type")), "application/cloudevents")
}

// maxName is how much is kept of a name that the request gives, more than any has.
const maxName = 256

// name returns how the request, not its body, names the event. It need not be UTF-8.
func name(r *http.Request) string {
	name := cmp.Or(r.PathValue("event"), r.Header.Get(Header))
	name = name[:min(len(name), maxName)]
	return strings.ToValidUTF8(name, "\uFFFD")
}
