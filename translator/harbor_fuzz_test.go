package translator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// Whatever is posted, each notification is told by events that can be stored and hold no
// text that the body does not.
func FuzzHarbor(f *testing.F) {
	for _, name := range []string{"push-cosign-signature", "scan-vulnerability", "replication-failed-and-tried-again", "retention", "quota-exceeded"} {
		for line := range strings.Lines(read(f, "testdata/harbor/"+name+".jsonl")) {
			f.Add([]byte(line))
		}
	}
	f.Add([]byte(about("deleteImage", `"digest":"`+digestOf+`","tag":"a"},{"tag":"b"`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		ns, err := harbor.Adapter{}.Read(httptest.NewRequest(http.MethodPost, "/in/hub", nil), body)
		if err != nil {
			return
		}
		cs, err := cloudevents.Adapter{}.Read(httptest.NewRequest(http.MethodPost, "/in/hub", nil), body)
		if err != nil {
			cs = nil // Default
		}
		for i, n := range ns {
			events := translator.Harbor(yard, n)
			if len(events) == 0 {
				t.Fatalf("%s became no event", body)
			}
			h, ok := n.Native.(*harbor.Event)
			if !ok {
				continue // it is another's
			}
			var data []byte
			if i < len(cs) {
				if c, ok := cs[i].Native.(*cloudevents.Event); ok {
					data = c.Data
				}
			}
			for _, e := range events {
				noneInvented(t, e, withData(body, data), madeOf(t, e, h)...)
			}
		}
	})
}

// The same holds for CloudEvents of whatever product.
func FuzzCloudEvents(f *testing.F) {
	for line := range strings.Lines(read(f, "testdata/harbor/scan-vulnerability.jsonl")) {
		f.Add([]byte(line))
	}
	f.Add([]byte(zot("image.updated", `"name":"a/b","reference":"v1","digest":"`+digestOf+`","mediaType":"application/vnd.oci.image.manifest.v1+json","manifest":"{}"`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		ns, err := cloudevents.Adapter{}.Read(httptest.NewRequest(http.MethodPost, "/in/hub", nil), body)
		if err != nil {
			return
		}
		for _, n := range ns {
			events := translator.CloudEvents(yard, n)
			if len(events) == 0 {
				t.Fatalf("%s became no event", body)
			}
			c, ok := n.Native.(*cloudevents.Event)
			if !ok {
				continue // it is another's
			}
			h, err := harbor.FromCloudEvent(c)
			if err != nil {
				h = &harbor.Event{Data: new(harbor.Data)}
			}
			for _, e := range events {
				noneInvented(t, e, withData(body, c.Data), append(madeOf(t, e, h), c.ID)...)
			}
		}
	})
}

// withData is the body with what its data is, where that stands in it encoded: in
// base64, or the manifest of zot in a string.
func withData(body, data []byte) []byte {
	all := []json.RawMessage{body}
	if data != nil {
		all = append(all, data)
		var zot struct{ Manifest string }
		if json.Unmarshal(data, &zot) == nil && json.Valid([]byte(zot.Manifest)) {
			all = append(all, json.RawMessage(zot.Manifest))
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return body
	}
	return b
}

// madeOf returns the texts of e that are made of those in h and not copied, after a look
// at how they are made.
func madeOf(t *testing.T, e event.Event, h *harbor.Event) []string {
	t.Helper()
	var list []string
	if a := e.Artifact; a != nil && a.Subject != "" && len(a.Tags) > 0 && strings.HasPrefix(a.Tags[0], strings.Replace(a.Subject, ":", "-", 1)) {
		list = append(list, a.Subject)
	}
	if r := e.Replication; r != nil {
		list = append(list, strconv.FormatInt(h.Data.Replication.ExecutionID, 10), strconv.FormatInt(h.Data.Replication.TaskID, 10))
		if r.Trigger != "" && strings.ToUpper(r.Trigger) == h.Data.Replication.Trigger {
			list = append(list, r.Trigger)
		}
	}
	if e.Retention != nil {
		list = append(list, strconv.FormatInt(h.Data.Retention.PolicyID, 10))
		if r := e.Repository; r != nil {
			if r.FullName != r.Namespace+"/"+r.Name {
				t.Fatalf("full name %q of %q and %q", r.FullName, r.Namespace, r.Name)
			}
			list = append(list, r.FullName)
		}
	}
	// These may be numbers in a CloudEvent.
	return append(list, h.ID, h.Operator, h.RequestID)
}
