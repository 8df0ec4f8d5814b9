// Package tcr reads what the triggers of Tencent's TCR post, which is what Harbor 1.9
// and 1.10 posted.
package tcr

import (
	"bytes"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bellbuoy/bellbuoy/adapters"
)

// Adapter is the [adapters.Adapter] of TCR and Harbor 1.x.
type Adapter struct{}

// Read returns the one notification of the body. Native is an [*Event], or an
// [adapters.Stray] where the body is another registry type's, such as Harbor 2.x's.
//
// An empty body is none: it is what "test endpoint" posts.
func (Adapter) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if err := adapters.Scan(r.Header, body, "custom_attributes"); err != nil {
		return nil, err
	}
	if kind := jsontext.Value(body).Kind(); kind != '{' {
		return nil, adapters.Unreadablef(`the body is %s, want an object with "type" and "event_data"`, adapters.KindName(kind))
	}
	if stray, ok := adapters.Strayed(body, adapters.TCR); ok {
		return stray, nil
	}
	e := new(Event)
	if err := json.Unmarshal(body, e); err != nil {
		return nil, adapters.DecodeFault(err)
	}
	if len(body) > adapters.LargeBody {
		e.trim()
	}
	if err := e.bound(); err != nil {
		return nil, err
	}
	return []adapters.Notification{{Native: e, Raw: body}}, nil
}

// maxString is how long a string may be in a large body that names nothing.
const maxString = 4 << 10

// trim drops what makes an event large and does not tell what happened to what.
func (e *Event) trim() {
	for key, value := range e.Data.Custom {
		if len(key)+len(value) > maxString {
			delete(e.Data.Custom, key)
		}
	}
	for i := range e.Data.Resources {
		if r := &e.Data.Resources[i]; len(r.URL) > maxString {
			r.URL = ""
		}
	}
}

// bound bounds the resources: each becomes an event, and each has the names that they
// share.
func (e *Event) bound() error {
	return adapters.Bound(len(e.Data.Resources), "resources", len(e.Type)+len(e.Operator)+2*len(e.Data.Repository.FullName))
}
