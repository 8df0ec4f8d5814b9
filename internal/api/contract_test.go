package api

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/schema"
)

// contract is the document, made to check what is answered.
type contract struct {
	mux   *http.ServeMux // of the document's paths
	paths map[string]map[string]struct {
		Responses map[string]saidResponse
	}
	components map[string]any

	mu       sync.Mutex
	compiled map[string]*schema.Validator
}

type saidResponse struct {
	Ref     string `json:"$ref"`
	Content map[string]saidContent
}

type saidContent struct{ Schema json.RawMessage }

// theContract is made once: the document is that of any server.
var theContract = sync.OnceValues(func() (*contract, error) {
	s := newServer(Config{})
	doc := s.doc
	if err := describe(doc); err != nil {
		return nil, err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	c := &contract{mux: http.NewServeMux(), compiled: map[string]*schema.Validator{}}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	if err := errors.Join(json.Unmarshal(all["paths"], &c.paths), json.Unmarshal(all["components"], &c.components)); err != nil {
		return nil, err
	}
	for path, item := range c.paths {
		for method := range item {
			c.mux.HandleFunc(strings.ToUpper(method)+" "+path, http.NotFound)
		}
	}
	closeAll(c.components)
	return c, nil
})

// closeAll has a field that is not in the document be a fault, though readers are to bear
// with such.
func closeAll(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, of := range v {
			closeAll(of)
		}
	case []any:
		for _, of := range v {
			closeAll(of)
		}
	}
}

// keeps serves h, and fails t where an answer is not as the document says.
func keeps(t *testing.T, h http.Handler) http.Handler {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if why := c.breaks(r, rec); why != "" {
			t.Errorf("%s %s: %s", r.Method, r.URL, why)
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// breaks says how an answer is not as the document says, "" where it is.
func (c *contract) breaks(r *http.Request, rec *httptest.ResponseRecorder) string {
	kind, status := rec.Header().Get("Content-Type"), strconv.Itoa(rec.Code)
	_, pattern := c.mux.Handler(r)
	if pattern == "" {
		if rec.Code >= 400 && kind != "application/problem+json" {
			return status + " " + kind + " is no problem"
		}
		return ""
	}
	method, path, _ := strings.Cut(pattern, " ")
	responses := c.paths[path][strings.ToLower(method)].Responses
	said, ok := responses[status]
	if !ok {
		return status + " is none of " + strings.Join(slices.Sorted(maps.Keys(responses)), ", ") + ": " + rec.Body.String()
	}
	content := said.Content
	if name, ok := strings.CutPrefix(said.Ref, "#/components/responses/"); ok {
		content = map[string]saidContent{"application/problem+json": {
			json.RawMessage(`{"$ref":"#/components/schemas/Problem"}`),
		}}
		if c.components["responses"].(map[string]any)[name] == nil {
			return "there is no " + said.Ref
		}
	}
	if len(content) == 0 && kind == "" && rec.Body.Len() == 0 {
		return ""
	}
	of, ok := content[kind]
	if !ok {
		return "it is of the type " + kind + ", which is none of " + strings.Join(slices.Sorted(maps.Keys(content)), ", ")
	}
	if r.Method == http.MethodHead || kind == backupType {
		return ""
	}
	v, err := c.validator(of.Schema)
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(rec.Body.String()) {
		if err := v.Validate([]byte(line)); err != nil {
			return err.Error() + " in " + line
		}
	}
	return ""
}

func (c *contract) validator(text json.RawMessage) (*schema.Validator, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := c.compiled[string(text)]; v != nil {
		return v, nil
	}
	root := map[string]any{}
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	root["components"] = c.components
	whole, err := json.Marshal(root)
	if err != nil {
		return nil, err
	}
	v, err := schema.Compile(whole)
	if err == nil {
		c.compiled[string(text)] = v
	}
	return v, err
}
