package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

// op says what an operation is: who may do it, and what the document tells of it.
type op struct {
	route   string      // "GET /api/v1/events"
	role    access.Role // that it needs
	noun    string      // that scopes have, and chapters of the document
	summary string
	detail  string // what the summary has no room for; may be ""
	// errors are statuses that it may answer with besides those that all may.
	errors []int
	status int // where it went well; 0 = 200, or 204 where nothing is answered
	// reads says that the handler of a stream reads the body itself.
	reads bool
}

// handle serves an operation. The fields of I are what is asked, those of O what is answered:
// tags say path, query or header, and the field Body is the body; a field Status of O is the
// status where it is not the one of o. An error of h is answered as [server.problem] says, so
// that one of the store needs no more than to be returned.
func handle[I, O any](s *server, o op, h func(context.Context, *I) (*O, error)) {
	s.register(o, reflect.TypeFor[I](), reflect.TypeFor[O](), func(ctx context.Context, in any) (any, error) {
		return h(ctx, in.(*I))
	})
}

// stream serves an operation whose answer is written as it is made. What
// [handle] reads from types is in doc: parameters, the body, the answer.
func stream(s *server, o op, doc huma.Operation, h http.HandlerFunc) {
	of := o.huma()
	of.Parameters, of.RequestBody, of.Responses = doc.Parameters, doc.RequestBody, doc.Responses
	s.doc.AddOperation(&of)
	s.mux.HandleFunc(o.route, checked(&of, h))
}

// huma returns o as huma has it.
func (o op) huma() huma.Operation {
	method, path, _ := strings.Cut(o.route, " ")
	return huma.Operation{
		Method: method, Path: path, OperationID: o.id(), DefaultStatus: o.status,
		Tags: []string{o.noun}, Summary: o.summary, Description: o.detail,
		Metadata: map[string]any{"op": o},
	}
}

// id names o in clients that are made of the document: "get-events-id".
func (o op) id() string {
	return strings.NewReplacer(" /api/v1/", "-", "/", "-", "{", "", "}", "").Replace(strings.ToLower(o.route))
}

// noNullLists has lists in documents not be null, as none of ours is.
var noNullLists = sync.OnceFunc(func() { huma.DefaultArrayNullable = false })

// newDocument returns a document without operations.
func newDocument(version string) *huma.OpenAPI {
	noNullLists()
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	schemas.Schema(reflect.TypeFor[problem](), true, "") // what all of them may answer
	return &huma.OpenAPI{
		OpenAPI:    "3.1.0",
		Info:       &huma.Info{Title: "bellbuoy", Version: version},
		Components: &huma.Components{Schemas: schemas},
	}
}

// checked serves o where who asks may, and the request has nothing that o does not know.
func checked(o *huma.Operation, next http.HandlerFunc) http.HandlerFunc {
	this := o.Metadata["op"].(op)
	var known []string
	for _, p := range o.Parameters {
		if p.In == "query" {
			known = append(known, p.Name)
		}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		err := this.allowed(access.From(r.Context()))
		if err == nil {
			err = checkQuery(r.URL.RawQuery, known)
		}
		if err == nil && o.RequestBody != nil && !this.reads {
			err = readBody(w, r)
		}
		if err != nil {
			err.write(w)
			return
		}
		next(w, r.WithContext(askedFor(r)))
	}
}

// allowed says what who asks lacks, nil where that is nothing.
func (o op) allowed(id access.Identity) *problem {
	if id.May(o.noun, o.role) {
		return nil
	}
	lacks, has := "role "+string(o.role), string(id.Role)
	if id.Role.Covers(o.role) {
		lacks, has = "scope "+o.scope(), strings.Join(id.Scopes, ", ")
	}
	return problemf(http.StatusForbidden, "this needs the %s, and %s has %s", lacks, cmp.Or(id.Name, "who asks"), cmp.Or(has, "none"))
}

// scope is the least that a token with scopes needs.
func (o op) scope() string {
	if o.role == access.Viewer {
		return o.noun + ":read"
	}
	return o.noun + ":write"
}

type askedKey struct{}

// askedFor returns the context of r with what is asked for in it.
func askedFor(r *http.Request) context.Context {
	return context.WithValue(r.Context(), askedKey{}, r.URL)
}

// asked is the URL that the request is for.
func asked(ctx context.Context) *url.URL {
	if u, ok := ctx.Value(askedKey{}).(*url.URL); ok {
		return u
	}
	return &url.URL{}
}
