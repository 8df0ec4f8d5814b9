package harbor

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
)

// Adapter is the [adapters.Adapter] of Harbor.
type Adapter struct{}

// Read returns the one notification of a body in Default format; of CloudEvents, those
// that [cloudevents.Adapter] reads. Native is an [*Event], or an [adapters.Stray] where
// it is another registry type's. An empty body is none: Harbor 1.x posts it to test the
// endpoint.
//
// What is posted tells the format, whatever the policy in Harbor says: binary CloudEvents
// by their headers, others by the key "specversion" or being a list, Default by the key
// "event_data", and what has neither key by its content type. Keys count in their exact
// case only; those that are not known are let pass. So is all that comes with a type
// that is not known.
func (Adapter) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	typed := strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/cloudevents")
	if !typed && r.Header.Get("Ce-Specversion") != "" {
		return fromCloudEvents(r, body)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if err := adapters.Scan(r.Header, body); err != nil {
		return nil, err
	}
	if bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return fromCloudEvents(r, body)
	}
	var keys struct {
		SpecVersion jsontext.Value `json:"specversion"`
		Type        jsontext.Value `json:"type"`
		EventData   jsontext.Value `json:"event_data"`
	}
	if err := json.Unmarshal(body, &keys); err != nil {
		return nil, adapters.DecodeFault(err)
	}
	switch {
	case keys.SpecVersion != nil, typed && keys.EventData == nil:
		return fromCloudEvents(r, body)
	case keys.Type == nil && keys.EventData == nil:
		if stray, ok := adapters.Strayed(body, adapters.Harbor, adapters.TCR); ok {
			return stray, nil
		}
		return nil, adapters.Unreadablef(`neither "type" nor "event_data" in the body: not a notification of Harbor; see that the registry's type is right`)
	}
	e, err := fromDefault(body)
	if err != nil {
		return nil, err
	}
	return []adapters.Notification{{Native: e, Raw: body}}, nil
}

// fromDefault reads the Default format.
func fromDefault(body []byte) (*Event, error) {
	var d struct {
		Type      string         `json:"type"`
		OccurAt   int64          `json:"occur_at"`
		Operator  string         `json:"operator"`
		EventData jsontext.Value `json:"event_data"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, adapters.DecodeFault(err)
	}
	e := &Event{Type: d.Type, Time: unix(d.OccurAt), Operator: d.Operator}
	if err := e.setData(d.EventData, "/event_data"); err != nil {
		return nil, err
	}
	if len(body) > adapters.LargeBody {
		e.trim()
	}
	return e, nil
}

func fromCloudEvents(r *http.Request, body []byte) ([]adapters.Notification, error) {
	ns, err := cloudevents.Adapter{}.Read(r, body)
	if err != nil {
		return nil, err
	}
	for i := range ns {
		c, ok := ns[i].Native.(*cloudevents.Event)
		if !ok {
			continue
		}
		if of := adapters.FamilyOfEvent(c.Source); of != adapters.Harbor && c.Source != "" && !strings.HasPrefix(c.Type, "harbor.") {
			ns[i].Native = adapters.Stray{Of: of, Type: c.Type}
			continue
		}
		e, err := FromCloudEvent(c)
		if err != nil {
			return nil, err
		}
		if len(body) > adapters.LargeBody {
			e.trim()
		}
		ns[i].Native = e
	}
	return ns, nil
}

// FromCloudEvent reads Harbor's event out of a CloudEvent. Its source, the path of a
// policy by number and without a host, is dropped but for the notification's id. An
// error is an [adapters.Unreadable].
func FromCloudEvent(c *cloudevents.Event) (*Event, error) {
	e := &Event{
		ID:        c.ID,
		Type:      c.Type,
		Time:      c.At,
		Operator:  c.Extensions["operator"],
		RequestID: c.Extensions["requestid"],
	}
	if err := e.setData(c.Data, "/data"); err != nil {
		return nil, err
	}
	return e, nil
}

// setData takes in the data at pointer, once the type is set.
func (e *Event) setData(data []byte, pointer string) error {
	e.Kind, e.Data = KindOf(e.Type), new(Data)
	if e.Kind == Unknown || data == nil {
		return nil
	}
	if err := json.Unmarshal(data, e.Data); err != nil {
		return adapters.DecodeFaultAt(pointer, err)
	}
	// Each becomes an event, and each has the names that they share.
	return adapters.Bound(len(e.Data.Resources), "resources", len(e.Type)+len(e.Operator)+2*len(e.Data.Repository.FullName))
}

// unix returns the time of that many seconds; the zero time for what is none.
func unix(seconds int64) time.Time {
	const year9999 = 253402300799
	if seconds <= 0 || seconds > year9999 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
