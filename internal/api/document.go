package api

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

// descriptions are what the sources say of the types of the document: by schema, then by
// field, "" being the type itself. A test keeps them in step with the sources.
//
//go:embed descriptions.json
var descriptions []byte

const about = `What bellbuoy took in, what it made of it, and what became of that.

Lists are paged: the Link header of a page has the next one. What is changed has an ETag, and If-Match keeps
a change from undoing another. Errors are problems (RFC 9457): the detail says what happened and what to do.
Filters and fields that are not known are refused. Within v1 fields are only added.

Besides, Quay's API of notifications is served as Quay has it, below
/api/v1/repository/NAMESPACE/NAME/notification/, for every registry.`

// chapters are what the document groups operations by: the nouns, which scopes name too.
func chapters() []*huma.Tag {
	return []*huma.Tag{
		{Name: "events", Description: "What registries said."},
		{Name: "deliveries", Description: "What was, is, or could not be sent to targets."},
		{Name: "rules", Description: "Who hears of what."},
		{Name: "targets", Description: "Where events are sent to."},
		{Name: "registries", Description: "Where events come from."},
		{Name: "plugins", Description: "What sends: a process for each type of target."},
		{Name: "quarantine", Description: "What came and could not be read."},
		{Name: "inbox", Description: "What people are told."},
		{Name: "stats", Description: "Counts by the hour."},
		{Name: "audit", Description: "What people had done."},
		{Name: "backup", Description: "Copies of the store."},
		{Name: "sessions", Description: "Who is logged in."},
		{Name: "tokens", Description: "What scripts show."},
	}
}

// describe completes the document, when all operations are in it.
func describe(doc *huma.OpenAPI) error {
	doc.Info.Description = about
	doc.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "A token. Where neither tokens nor users are configured, programs on the same machine need none."},
		"session": {Type: "apiKey", In: "cookie", Name: "bellbuoy", Description: "The session of somebody who logged in."},
	}
	// {}: where neither tokens nor users are configured.
	doc.Security = []map[string][]string{{"token": {}}, {"session": {}}, {}}
	doc.Components.Responses = map[string]*huma.Response{}
	used := map[string]bool{}
	for path, item := range doc.Paths {
		for _, o := range operations(item) {
			used[o.Tags[0]] = true
			complete(doc, path, o)
		}
	}
	for _, t := range chapters() {
		if used[t.Name] {
			doc.Tags = append(doc.Tags, t)
			delete(used, t.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: name})
	}

	var say map[string]map[string]string
	if err := json.Unmarshal(descriptions, &say); err != nil {
		return fmt.Errorf("read the descriptions of the API: %w", err)
	}
	asked := map[string]bool{}
	for _, item := range doc.Paths {
		for _, o := range operations(item) {
			if o.RequestBody != nil {
				for _, content := range o.RequestBody.Content {
					reach(doc, content.Schema, asked)
				}
			}
		}
	}
	for name, s := range doc.Components.Schemas.Map() {
		s.Description = cmp.Or(s.Description, say[name][""])
		for field, p := range s.Properties {
			p.Description = cmp.Or(p.Description, say[name][field])
		}
		// Those that are made of no type are as they were given.
		if t := doc.Components.Schemas.TypeFromRef("#/components/schemas/" + name); t != nil && !asked[name] {
			answers(s, t)
		}
	}
	return nil
}

// answers has s, the schema of a type that is only answered, say what is true of those alone:
// fields are added, and a pointer to nothing is null.
func answers(s *huma.Schema, t reflect.Type) {
	if s.AdditionalProperties == false {
		s.AdditionalProperties = nil
	}
	fieldsOf(t, func(_ reflect.Type, f reflect.StructField) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if p := s.Properties[name]; p != nil && f.Type.Kind() == reflect.Pointer && p.Ref != "" && options == "" {
			s.Properties[name] = &huma.Schema{
				Description: p.Description, AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}},
			}
		}
	})
}

// fieldsOf tells of the fields of t, and of those that are embedded in it, with the type that
// declares them.
func fieldsOf(t reflect.Type, tell func(reflect.Type, reflect.StructField)) {
	for f := range t.Fields() {
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			fieldsOf(f.Type, tell)
		case f.IsExported():
			tell(t, f)
		}
	}
}

// operations are those of a path.
func operations(i *huma.PathItem) []*huma.Operation {
	return slices.DeleteFunc([]*huma.Operation{i.Get, i.Post, i.Put, i.Patch, i.Delete}, func(o *huma.Operation) bool { return o == nil })
}

// complete says of o what all operations have in common: who may, and what can go wrong.
func complete(doc *huma.OpenAPI, path string, o *huma.Operation) {
	this := o.Metadata["op"].(op)
	if this.role != "" {
		o.Extensions = map[string]any{"x-role": this.role, "x-scope": this.scope()}
	}
	if this.route == loginRoute {
		o.Security = []map[string][]string{{}} // who logs in is nobody yet
	}
	wrong := append([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}, this.errors...)
	if len(o.Parameters) > 0 || o.RequestBody != nil {
		wrong = append(wrong, http.StatusBadRequest)
	}
	if strings.Contains(path, "{") {
		wrong = append(wrong, http.StatusNotFound)
	}
	if o.RequestBody != nil {
		wrong = append(wrong, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	delete(o.Responses, "default")
	for _, status := range wrong {
		name := strings.ReplaceAll(http.StatusText(status), " ", "")
		o.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + name}
		doc.Components.Responses[name] = &huma.Response{
			Description: http.StatusText(status),
			Content: map[string]*huma.MediaType{"application/problem+json": {
				Schema: &huma.Schema{Ref: "#/components/schemas/" + schemaName(reflect.TypeFor[problem](), "")},
			}},
		}
	}
}

// reach notes the names of the schemas that s refers to.
func reach(doc *huma.OpenAPI, s *huma.Schema, seen map[string]bool) {
	if s == nil {
		return
	}
	if name := path.Base(s.Ref); s.Ref != "" && !seen[name] {
		seen[name] = true
		reach(doc, doc.Components.Schemas.SchemaFromRef(s.Ref), seen)
	}
	reach(doc, s.Items, seen)
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		reach(doc, more, seen)
	}
	for _, of := range slices.Concat(s.AnyOf, s.OneOf, s.AllOf, slices.Collect(maps.Values(s.Properties))) {
		reach(doc, of, seen)
	}
}

// schemaName names the schema of a type in the document: as the type is named, behind its
// package where that is not one of those that the API is about.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Page")
	switch pkg := path.Base(t.PkgPath()); pkg {
	case ".", "api", "store", "rules":
		return name
	case "event":
		if name == "Event" {
			return name
		}
		fallthrough
	default:
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
}

// sheet is something that is written once, and shown whenever it is asked for.
type sheet struct {
	kind, policy string // Content-Type, Content-Security-Policy
	text         []byte
}

// serveDocument serves the document, which is made when it is first asked for, and the page
// that shows it. Whoever may read anything may read these, whatever his scopes.
func (s *server) serveDocument() {
	doc := s.doc
	described := sync.OnceValue(func() error { return describe(doc) })
	serve := func(path string, write func() (sheet, error)) {
		written := sync.OnceValues(func() (sheet, error) {
			if err := described(); err != nil {
				return sheet{}, err
			}
			return write()
		})
		s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			id := access.From(r.Context())
			id.Scopes = nil
			if p := (op{role: access.Viewer}).allowed(id); p != nil {
				p.write(w)
				return
			}
			sheet, err := written()
			if err != nil {
				s.problem(askedFor(r), err).write(w)
				return
			}
			w.Header().Set("Content-Type", sheet.kind)
			if sheet.policy != "" {
				w.Header().Set("Content-Security-Policy", sheet.policy)
			}
			_, _ = w.Write(sheet.text) // an error here is a caller that went away
		})
	}
	serve("/api/openapi.json", func() (sheet, error) {
		text, err := json.Marshal(doc)
		return sheet{kind: "application/openapi+json", text: text}, err
	})
	serve("/api/openapi.yaml", func() (sheet, error) {
		text, err := doc.YAML()
		return sheet{kind: "application/openapi+yaml", text: text}, err
	})
	serve("/api/docs", func() (sheet, error) { return renderDocs(doc) })
}
