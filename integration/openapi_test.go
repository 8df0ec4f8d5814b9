package integration_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/errors"

	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// The API's document is OpenAPI 3.1 as others read it, and what a running bellbuoy answers
// is what it says.
func TestOpenAPI(t *testing.T) {
	s := newStage(t, sidecar.Options{})
	p := s.poster()
	s.insist(p, "one", "prod/api")
	s.until("it is delivered", func() bool { return delivered(s) == 1 })
	text := fetch(t, s, "/api/openapi.json")
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(doc)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if ok, faults := v.ValidateDocument(); !ok {
		tell(t, "the document", faults)
	}

	var page struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &page); err != nil {
		t.Fatal(err)
	}
	events, err := s.sidecar.Events(s.ctx, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("%v %v", events, err)
	}
	trace := s.trace(events[0].ID)
	ids := strings.NewReplacer("/events/{id}", "/events/"+events[0].ID, "/deliveries/{id}", "/deliveries/"+trace.Deliveries[0].ID, "{type}", "webhook")
	checked := 0
	for path, item := range page.Paths {
		path = ids.Replace(path)
		if item["get"] == nil || strings.Contains(path, "{") {
			continue
		}
		req, resp := admin(t, s, path)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s", path, resp.Status)
			continue
		}
		if ok, faults := v.ValidateHttpRequestResponse(req, resp); !ok {
			tell(t, path, faults)
		}
		checked++
	}
	if checked < 12 {
		t.Errorf("%d answers were looked at only", checked)
	}
}

// tell fails t with what is wrong with what.
func tell(t *testing.T, what string, faults []*errors.ValidationError) {
	t.Helper()
	for _, f := range faults {
		t.Errorf("%s: %s: %s", what, f.Message, f.Reason)
		for _, of := range f.SchemaValidationErrors {
			t.Errorf("  %s: %s", of.FieldPath, of.Reason)
		}
	}
}

// admin asks the admin listener for path.
func admin(t *testing.T, s *stage, path string) (*http.Request, *http.Response) {
	t.Helper()
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, "http://"+s.config.Admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return req, resp
}

func fetch(t *testing.T, s *stage, path string) []byte {
	t.Helper()
	_, resp := admin(t, s, path)
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", path, resp.Status, err)
	}
	return body
}
