// Package quay reads the webhooks of Quay: one JSON object a request, which says what
// has changed but not what has happened. The name of the event is not in it; the
// operator gives it in one of three ways, and the adapter takes the first that there is.
//
//   - The path: a notification of build_start posts to /in/NAME/build_start.
//   - The header X-Bellbuoy-Event, which a proxy in between can add.
//   - A constant key "event" at the top of the body, by Quay's POST template.
package quay

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
)

// Header names the event of a request.
const Header = "X-Bellbuoy-Event"

// Adapter is the [adapters.Adapter] of Quay.
type Adapter struct{}

// Read returns one notification, whatever the event is. Native is a [*Notification],
// or an [adapters.Stray] where nothing names the event and the body is another registry
// type's; it has no native id.
//
// Keys count in their exact case only; unknown ones are let pass, since a template may
// add any. A null is what Quay's templates make of a key that is not there, and counts
// as such.
//
// Of a body larger than [adapters.LargeBody] the long texts are dropped and lists cut,
// but for those that become an event each.
func (Adapter) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	if err := adapters.Scan(r.Header, body); err != nil {
		return nil, err
	}
	if kind := jsontext.Value(body).Kind(); kind != '{' {
		return nil, adapters.Unreadablef("the body is %s, want an object: let the POST template make one, or have none", adapters.KindName(kind))
	}
	n := new(Notification)
	err := json.Unmarshal(body, n)
	if n.name(r); n.Event == "" {
		if stray, ok := adapters.Strayed(body, adapters.Quay); ok {
			return stray, nil
		}
	}
	if err != nil {
		return nil, adapters.DecodeFault(err)
	}
	if len(body) > adapters.LargeBody {
		trim(n)
	}
	if err := n.bound(); err != nil {
		return nil, err
	}
	return []adapters.Notification{{Native: n, Raw: body}}, nil
}

// name finds out what the event is called. Path and header need not be UTF-8.
func (n *Notification) name(r *http.Request) {
	switch path, header := r.PathValue("event"), r.Header.Get(Header); {
	case path != "":
		n.Event, n.NamedBy = strings.ToValidUTF8(path, "\uFFFD"), ByPath
	case header != "":
		n.Event, n.NamedBy = strings.ToValidUTF8(header, "\uFFFD"), ByHeader
	case n.Event != "":
		n.NamedBy = ByBody
	}
}
