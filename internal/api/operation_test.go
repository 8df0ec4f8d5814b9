package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// pets is an API of one thing that can be changed.
func pets(t *testing.T) http.Handler {
	t.Helper()
	mux := http.NewServeMux()
	s := &server{mux: mux, doc: newDocument("1")}
	type pet struct {
		Name string `json:"name"`
		Legs int    `json:"legs,omitempty" maximum:"8"`
	}
	handle(s, op{route: "GET /pets", role: access.Viewer, noun: "pets", summary: "List"},
		func(ctx context.Context, in *struct{ Paging }) (*page[pet], error) {
			return &page[pet]{Link: in.next(ctx, "c1", nil), Body: []pet{{Name: "<rex>"}}}, nil
		})
	handle(s, op{route: "PUT /pets/{id}", role: access.Editor, noun: "pets", summary: "Change"},
		func(_ context.Context, in *struct {
			ByID
			Match
			Body pet
		}) (*body[int64], error) {
			v, err := in.version(map[string]int64{"rex": 3}[in.ID])
			return &body[int64]{v}, err
		})
	type made struct {
		Status   int
		Location string `header:"Location"`
		Body     pet
	}
	handle(s, op{route: "POST /pets", role: access.Editor, noun: "pets", summary: "Make", status: 201},
		func(_ context.Context, in *struct {
			Loud bool `query:"loud"`
			Body pet
		}) (*made, error) {
			m := &made{Location: "/pets/" + in.Body.Name, Body: in.Body}
			if in.Loud {
				m.Status = http.StatusAccepted
			}
			return m, nil
		})
	handle(s, op{route: "PATCH /pets/{id}", role: access.Editor, noun: "pets", summary: "Patch"},
		func(_ context.Context, in *struct {
			ByID
			Body json.RawMessage
		}) (*body[json.RawMessage], error) {
			return &body[json.RawMessage]{in.Body}, nil
		})
	handle(s, op{route: "DELETE /pets/{id}", role: access.Editor, noun: "pets", summary: "Delete"},
		func(_ context.Context, in *struct{ ByID }) (*nothing, error) {
			if in.ID != "rex" {
				return nil, objects.ErrNotFound
			}
			return nil, nil
		})
	return orProblem(mux)
}

// asks makes a request as id does.
func asks(h http.Handler, id access.Identity, method, target, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(access.With(r.Context(), id)))
	return w
}

func TestOperations(t *testing.T) {
	h := pets(t)
	viewer, editor := access.Identity{Name: "vi", Role: access.Viewer}, access.Identity{Name: "ed", Role: access.Editor}
	scoped := access.Identity{Name: "sc", Role: access.Admin, Scopes: []string{"pets:read", "cats:write"}}
	rex := `{"name":"rex"}`
	for name, c := range map[string]struct {
		id                   access.Identity
		method, target, body string
		change               func(*http.Request)
		status               int
		detail               string // or the body, where it went well
	}{
		"a list":                   {viewer, "GET", "/pets", "", nil, 200, `[{"name":"<rex>"}]`},
		"its head":                 {viewer, "HEAD", "/pets", "", nil, 200, ""},
		"a list to a scope":        {scoped, "GET", "/pets", "", nil, 200, "rex"},
		"a list to nobody":         {access.Identity{}, "GET", "/pets", "", nil, 403, "this needs the role viewer, and who asks has none"},
		"a change by a viewer":     {viewer, "PUT", "/pets/rex", rex, nil, 403, "this needs the role editor, and vi has viewer"},
		"a change without a scope": {scoped, "PUT", "/pets/rex", rex, nil, 403, "this needs the scope pets:write, and sc has pets:read, cats:write"},
		"an unknown filter":        {viewer, "GET", "/pets?legs=4", "", nil, 400, `there is no filter "legs"; there are limit, before`},
		"a filter of none":         {editor, "PUT", "/pets/rex?legs=4", rex, nil, 400, "there are none here"},
		"a filter twice":           {viewer, "GET", "/pets?limit=4&limit=5", "", nil, 400, "limit: it is given 2 times; give it once"},
		"a broken query":           {viewer, "GET", "/pets?limit=%zz", "", nil, 400, "the query cannot be read"},
		"a limit too low":          {viewer, "GET", "/pets?limit=0", "", nil, 400, `limit: "0" is wrong: expected number >= 1`},
		"a limit of letters":       {viewer, "GET", "/pets?limit=ten", "", nil, 400, `limit: "ten" is wrong: it is no whole number`},
		"another path":             {viewer, "GET", "/cats", "", nil, 404, "there is nothing at /cats"},
		"another method":           {viewer, "PATCH", "/pets", "", nil, 405, "/pets takes GET and POST only, not PATCH"},

		"a form":                  {editor, "PUT", "/pets/rex", rex, header("Content-Type", "text/plain"), 415, "Content-Type: application/json"},
		"no body":                 {editor, "PUT", "/pets/rex", "", nil, 400, "the request has no body"},
		"no JSON":                 {editor, "PUT", "/pets/rex", "{", nil, 400, "no JSON object that is understood here"},
		"two objects":             {editor, "PUT", "/pets/rex", rex + rex, nil, 400, "no JSON object that is understood here"},
		"no object":               {editor, "PUT", "/pets/rex", "[]", nil, 400, "the request is no JSON object"},
		"too much":                {editor, "PUT", "/pets/rex", `{"name":"` + strings.Repeat("x", maxRequest) + `"}`, nil, 413, "larger than 64 KiB"},
		"many faults":             {editor, "PUT", "/pets/rex", `{"nmae":"s3cret","legs":9}`, nil, 400, "legs: expected number <= 8"},
		"a field that lacks":      {editor, "PUT", "/pets/rex", `{"legs":4}`, nil, 400, "name: it must be given"},
		"a field of another type": {editor, "PUT", "/pets/rex", `{"name":7}`, nil, 400, "name: expected string"},
		"a misspelt field":        {editor, "PUT", "/pets/rex", `{"nmae":"s3cret","legs":9}`, nil, 400, "nmae: there is no such field here"},
		"any version":             {editor, "PUT", "/pets/rex", rex, nil, 200, "-1"},
		"the version":             {editor, "PUT", "/pets/rex", rex, header("If-Match", `"3"`), 200, "3"},
		"one of versions":         {editor, "PUT", "/pets/rex", rex, header("If-Match", `"2", "3"`), 200, "3"},
		"whichever there":         {editor, "PUT", "/pets/rex", rex, header("If-Match", "*"), 200, "3"},
		"another version":         {editor, "PUT", "/pets/rex", rex, header("If-Match", `"2"`), 412, `changed meanwhile, and has the ETag "3"`},
		"a weak version":          {editor, "PUT", "/pets/rex", rex, header("If-Match", `W/"3"`), 412, "changed meanwhile"},
		"version of nobody":       {editor, "PUT", "/pets/max", rex, header("If-Match", "*"), 412, "there is none any more"},
		"a new one":               {editor, "PUT", "/pets/max", rex, header("If-None-Match", "*"), 200, "0"},
		"a new one there":         {editor, "PUT", "/pets/rex", rex, header("If-None-Match", "*"), 412, `there is one already: it has the ETag "3"`},
		"none but a tag":          {editor, "PUT", "/pets/rex", rex, header("If-None-Match", `"2"`), 400, "is not *"},
	} {
		t.Run(name, func(t *testing.T) {
			var changes []func(*http.Request)
			if c.change != nil {
				changes = append(changes, c.change)
			}
			w := asks(h, c.id, c.method, c.target, c.body, changes...)
			if w.Code != c.status {
				t.Fatalf("got %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if c.status == 200 {
				if !strings.Contains(w.Body.String(), c.detail) {
					t.Errorf("answer is %s, want %s", w.Body, c.detail)
				}
				return
			}
			wantProblem(t, w, c.detail)
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Errorf("the answer repeats what may be secret: %s", w.Body)
			}
		})
	}
	for target, want := range map[string]int{"/pets": 201, "/pets?loud=true": 202} {
		if got := asks(h, editor, "POST", target, rex); got.Code != want || got.Header().Get("Location") != "/pets/rex" || got.Body.String() != rex+"\n" {
			t.Errorf("POST %s: %d %v %s", target, got.Code, got.Header(), got.Body)
		}
	}
	if got := asks(h, editor, "DELETE", "/pets/rex", ""); got.Code != 204 || got.Body.Len() > 0 || got.Header().Get("Content-Type") != "" {
		t.Errorf("DELETE: %d %s", got.Code, got.Body)
	}
	wantProblem(t, asks(h, editor, "DELETE", "/pets/max", ""), "there is no such object")
	wantProblem(t, asks(h, editor, "POST", "/pets?loud=aloud", rex), `loud: "aloud" is wrong: it is neither true nor false`)
	if got := asks(h, viewer, "GET", "/pets?limit=4", "").Header().Get("Link"); got != `</pets?before=c1&limit=4>; rel="next"` {
		t.Errorf("Link is %s", got)
	}
	if got := asks(h, editor, "PUT", "/pets/rex", `{"nmae":"","legs":9}`).Body.String(); !strings.Contains(got, `{"path":"nmae","message":"there is no such field here"}`) {
		t.Errorf("faults are %s", got)
	}
	if got := asks(h, editor, "GET", "/pets/rex", "").Header().Get("Allow"); got != "PUT, PATCH, DELETE" {
		t.Errorf("Allow is %s", got)
	}
}

// An error of the objects or the store is answered as what it is.
func TestProblems(t *testing.T) {
	w := newWorld(t)
	s := &server{Config: Config{Log: slog.New(slog.NewTextHandler(w.log, nil))}}
	for _, c := range []struct {
		err    error
		status int
		logged bool
	}{
		{problemf(418, "x"), 418, false},
		{objects.ErrNotFound, 404, false},
		{objects.ErrExists, 409, false},
		{objects.ErrVersion, 412, false},
		{&objects.OwnedError{Kind: objects.Rule, Name: "r", Owner: "f:1"}, 409, false},
		{&objects.InUseError{Kind: objects.Target, Name: "t", By: []string{"rule r"}}, 409, false},
		{&objects.InvalidError{Kind: objects.Rule, Name: "r", Faults: []objects.Fault{{Path: "a", Message: "b"}}}, 400, false},
		{store.ErrBadQuery, 400, false},
		{store.ErrUnavailable, 503, true},
		{http.ErrBodyNotAllowed, 500, true},
	} {
		w.log.Reset()
		p := s.problem(t.Context(), c.err)
		if p.Status != c.status || (w.log.Len() > 0) != c.logged {
			t.Errorf("%v: got %d, log %q", c.err, p.Status, w.log)
		}
		if c.status == 400 && c.err != store.ErrBadQuery && len(p.Errors) != 1 {
			t.Errorf("%v: faults are %v", c.err, p.Errors)
		}
		if (p.header.Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%v: headers %v", c.err, p.header)
		}
	}
}
