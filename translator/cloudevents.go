package translator

import (
	"fmt"
	"strings"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// cloudEventFamily are the CloudEvents of one product, which its types begin with.
type cloudEventFamily struct {
	prefix    string
	translate func(Source, adapters.Notification, *cloudevents.Event) []event.Event
}

// cloudEventFamilies is the table of those that are understood: a new one is one line.
func cloudEventFamilies() []cloudEventFamily {
	return []cloudEventFamily{
		{"harbor.", harborCloudEvent},
		{"zotregistry.", zotCloudEvent},
		{"cr:", acrCloudEvent},
	}
}

// CloudEvents translates one CloudEvent, the Native of which is a [*cloudevents.Event],
// of any product whose types are known. All others are unknown, as are events of another
// version of the specification than 1.0. The source is not looked at, since whoever runs
// a registry may choose it.
//
// Dropped: source but for the id, subject, dataschema, datacontenttype, and extensions
// that the product's own translation does not name.
func CloudEvents(src Source, n adapters.Notification) []event.Event {
	c, ok := n.Native.(*cloudevents.Event)
	if !ok {
		return foreign(src, n, "CloudEvent")
	}
	var reason string
	switch {
	case c.SpecVersion == "":
		reason = "the event says no specversion"
	case c.SpecVersion != cloudevents.SpecVersion:
		reason = fmt.Sprintf("specversion %s is not known", adapters.Quote(c.SpecVersion))
	case c.Type == "":
		reason = "the event says no type"
	default:
		for _, f := range cloudEventFamilies() {
			if strings.HasPrefix(c.Type, f.prefix) {
				return f.translate(src, n, c)
			}
		}
		reason = fmt.Sprintf("type %s is not known", adapters.Quote(c.Type))
	}
	return []event.Event{unknown(src.cloudEvent(n, c), reason)}
}

// cloudEvent starts an event with what all CloudEvents have.
func (s Source) cloudEvent(n adapters.Notification, c *cloudevents.Event) event.Event {
	e := s.event(event.Native{ID: c.ID, Type: c.Type}, c.At, 0)
	e.ID = s.derivedID(n.ID, 0)
	return e
}

func harborCloudEvent(src Source, n adapters.Notification, c *cloudevents.Event) []event.Event {
	h, err := harbor.FromCloudEvent(c)
	if err != nil {
		return []event.Event{unknown(src.cloudEvent(n, c), err.Error())}
	}
	n.Native = h
	return Harbor(src, n)
}
