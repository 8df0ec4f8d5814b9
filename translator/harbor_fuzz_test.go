package translator_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters/cloudevents"
	"github.com/bellbuoy/bellbuoy/adapters/harbor"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

// Whatever is posted, the events can be stored and hold no text that the body does not.
func FuzzHarbor(f *testing.F) {
	for _, name := range []string{"push-cosign-signature", "scan-vulnerability", "replication-failed-and-tried-again", "retention", "quota-exceeded"} {
		for line := range strings.Lines(read(f, "testdata/harbor/"+name+".jsonl")) {
			f.Add([]byte(line))
		}
	}
	f.Add([]byte(about("deleteImage", `"digest":"`+digestOf+`","tag":"a"},{"tag":"b"`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		ns, err := harbor.Adapter{}.Read(httptest.NewRequest(http.MethodPost, "/in/yard", nil), body)
		if err != nil {
			return
		}
		words := texts(t, body)
		for _, n := range ns {
			events := translator.Harbor(yard, n)
			if len(events) == 0 {
				t.Fatal("a notification was lost")
			}
			for _, e := range events {
				storable(t, e)
				fromBody(t, e, words)
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
		ns, err := cloudevents.Adapter{}.Read(httptest.NewRequest(http.MethodPost, "/in/bus", nil), body)
		if err != nil {
			return
		}
		words := texts(t, body)
		for _, n := range ns {
			events := translator.CloudEvents(yard, n)
			if len(events) == 0 {
				t.Fatal("a notification was lost")
			}
			for _, e := range events {
				storable(t, e)
				fromBody(t, e, words)
			}
		}
	})
}

func storable(t *testing.T, e event.Event) {
	t.Helper()
	if !slices.Contains(event.Types(), e.Type) || (e.Type == event.Unknown) != (e.Reason != "") {
		t.Fatalf("type %q with reason %q", e.Type, e.Reason)
	}
	if _, err := json.Marshal(e); err != nil {
		t.Fatalf("cannot be stored: %v", err)
	}
}

// texts returns all that stands in a body: its strings and keys, decoded, also of JSON
// within them, and its numbers, in one text.
func texts(t *testing.T, body []byte) string {
	t.Helper()
	var all strings.Builder
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, v := range v {
				all.WriteString(k + "\n")
				collect(v)
			}
		case []any:
			for _, v := range v {
				collect(v)
			}
		case string:
			all.WriteString(v + "\n")
			var inner any
			if json.Unmarshal([]byte(v), &inner) == nil {
				if _, again := inner.(string); !again {
					collect(inner)
				}
			}
		case json.Number:
			all.WriteString(v.String() + "\n")
		}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json does not read %q: %v", body, err)
	}
	collect(v)
	return all.String() + string(body)
}

// fromBody checks every string of e that is not from a closed set of ours.
func fromBody(t *testing.T, e event.Event, words string) {
	t.Helper()
	check := func(field, s string) {
		if !strings.Contains(words, s) {
			t.Fatalf("%s = %q is not in the body", field, s)
		}
	}
	check("native id", e.Native.ID)
	check("native type", e.Native.Type)
	check("request id", e.RequestID)
	check("host", e.Registry.Host)
	if e.Actor != nil {
		check("actor", e.Actor.Name)
	}
	if r := e.Repository; r != nil {
		check("namespace", r.Namespace)
		check("name", r.Name)
		check("visibility", r.Visibility)
		if r.FullName != r.Name && r.FullName != r.Namespace+"/"+r.Name {
			t.Fatalf("full name %q of %q and %q", r.FullName, r.Namespace, r.Name)
		}
	}
	if a := e.Artifact; a != nil {
		for _, s := range append([]string{a.Digest, a.MediaType, a.ArtifactType, a.URL}, a.Tags...) {
			check("artifact", s)
		}
		if !strings.Contains(words, a.Subject) {
			check("subject", strings.Replace(a.Subject, ":", "-", 1))
		}
	}
	if s := e.Scan; s != nil {
		check("scan", s.Status)
		check("scan", s.ReportID)
		check("scan", s.SBOM)
		if s.Scanner != nil {
			check("scanner", s.Scanner.Name)
			check("scanner", s.Scanner.Vendor)
			check("scanner", s.Scanner.Version)
		}
	}
	if v := e.Vulnerability; v != nil {
		check("severity", v.NativeSeverity)
	}
	if r := e.Replication; r != nil {
		if !slices.Contains([]string{"manual", "schedule", "event"}, r.Trigger) {
			check("trigger", r.Trigger)
		}
		for _, s := range []string{r.Status, r.Description, r.ExecutionID, r.TaskID} {
			check("replication", s)
		}
		for _, end := range []*event.ReplicationEnd{r.Source, r.Destination} {
			if end != nil {
				for _, s := range []string{end.Registry, end.Type, end.Endpoint, end.Namespace} {
					check("end", s)
				}
			}
		}
		for _, c := range slices.Concat(r.Succeeded, r.Failed) {
			for _, s := range append([]string{c.Type, c.Status, c.Name}, c.References...) {
				check("content", s)
			}
		}
	}
	if q := e.Quota; q != nil {
		check("quota", q.Message)
		check("quota", q.Resource)
	}
	if r := e.Retention; r != nil {
		check("policy", r.PolicyID)
		check("result", r.Result)
		for _, d := range r.Deleted {
			check("deleted", d.Name)
			check("deleted", d.Status)
		}
		for _, rule := range r.Rules {
			check("rule", rule.Template)
		}
	}
}
