package intake

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/distribution"
)

// seen is an adapter that notes the requests that it reads.
type seen struct {
	distribution.Adapter
	mu       sync.Mutex
	requests []string
}

func (s *seen) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	s.mu.Lock()
	s.requests = append(s.requests, fmt.Sprintf("%s %s event=%s", r.URL, r.RequestURI, r.PathValue("event")))
	s.mu.Unlock()
	return s.Adapter.Read(r, body)
}

// guarded is a plan whose registries have each the credentials given for it.
func guarded(t testing.TB, adapter adapters.Adapter, auth map[string][]Credential) Plan {
	t.Helper()
	p := plan(t, rule("all", []string{"artifact.pushed"}, "ci"))
	reg := p.Registries["open"]
	reg.Adapter = adapter
	p.Registries = map[string]Registry{}
	for name, a := range auth {
		reg.Auth = a
		p.Registries[name] = reg
	}
	return p
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestCredentials(t *testing.T) {
	h := newHouse(t, guarded(t, distribution.Adapter{}, map[string][]Credential{
		"bearer": {Bearer("s3cret")},
		"basic":  {Basic("quay", "s3:cret")},
		"header": {Header("x-token", "s3 cret")},
		"plain":  {Header("Authorization", "s3cret")},
		"path":   {PathSecret("s3cret=")},
		"any":    {Bearer("s3cret"), Basic("quay", "pass"), Header("X-Token", "head"), PathSecret("path"), Bearer("next")},
	}))
	const authorization = "Authorization"
	tests := []struct {
		name, path string
		headers    []string
		admitted   bool
		challenges []string
	}{
		{name: "bearer", path: "/in/bearer", headers: []string{authorization, "Bearer s3cret"}, admitted: true},
		{name: "bearer in the path", path: "/in/bearer/-/s3cret", challenges: []string{`Bearer realm="bellbuoy"`}},
		{name: "bearer and a path of no matter", path: "/in/bearer/-/x", headers: []string{authorization, "Bearer s3cret"}, admitted: true},

		{name: "basic", path: "/in/basic", headers: []string{authorization, basic("quay", "s3:cret")}, admitted: true},
		{name: "basic in small", path: "/in/basic", headers: []string{authorization, "basic " + strings.TrimPrefix(basic("quay", "s3:cret"), "Basic ")}, admitted: true},
		{name: "basic of two values", path: "/in/basic", headers: []string{authorization, "Bearer x", authorization, basic("quay", "s3:cret")}, admitted: true},
		{name: "another user", path: "/in/basic", headers: []string{authorization, basic("Quay", "s3:cret")}},
		{name: "another password", path: "/in/basic", headers: []string{authorization, basic("quay", "s3:cre")}, challenges: []string{`Basic realm="bellbuoy"`}},
		{name: "no password", path: "/in/basic", headers: []string{authorization, basic("quay", "")}},
		{name: "basic not encoded", path: "/in/basic", headers: []string{authorization, "Basic quay:s3:cret"}},
		{name: "basic as bearer", path: "/in/basic", headers: []string{authorization, "Bearer s3:cret"}},

		{name: "header", path: "/in/header", headers: []string{"X-Token", "s3 cret"}, admitted: true},
		{name: "header of two values", path: "/in/header", headers: []string{"X-Token", "x", "X-Token", "s3 cret"}, admitted: true},
		{name: "longer header", path: "/in/header", headers: []string{"X-Token", "Bearer s3 cret"}, challenges: []string{`Bearer realm="bellbuoy"`}},
		{name: "header in capitals", path: "/in/header", headers: []string{"X-Token", "S3 CRET"}},
		{name: "empty header", path: "/in/header", headers: []string{"X-Token", ""}},
		{name: "another header", path: "/in/header", headers: []string{"X-Tokens", "s3 cret"}},
		{name: "Authorization without a scheme", path: "/in/plain", headers: []string{authorization, "s3cret"}, admitted: true},
		{name: "Authorization with a scheme", path: "/in/plain", headers: []string{authorization, "Bearer s3cret"}},

		{name: "path", path: "/in/path/-/s3cret=", admitted: true},
		{name: "path with a slash behind", path: "/in/path/-/s3cret=/", admitted: true},
		{name: "path with an event", path: "/in/path/-/s3cret=/push", admitted: true},
		{name: "path, escaped", path: "/in/path/%2D/s3%63ret%3D/push", admitted: true},
		{name: "wrong path", path: "/in/path/-/s3cret", challenges: []string{`Bearer realm="bellbuoy"`}},
		{name: "secret for an event", path: "/in/path/s3cret="},
		{name: "secret for a query", path: "/in/path?-=s3cret="},
		{name: "event for a secret", path: "/in/path/-/push/s3cret="},
		{name: "no secret", path: "/in/path"},

		{name: "any: bearer", path: "/in/any", headers: []string{authorization, "Bearer s3cret"}, admitted: true},
		{name: "any: the last bearer", path: "/in/any/push", headers: []string{authorization, "Bearer next"}, admitted: true},
		{name: "any: basic", path: "/in/any", headers: []string{authorization, basic("quay", "pass")}, admitted: true},
		{name: "any: header", path: "/in/any", headers: []string{"X-Token", "head"}, admitted: true},
		{name: "any: path", path: "/in/any/-/path", admitted: true},
		{name: "any: each for another", path: "/in/any/-/s3cret", headers: []string{authorization, "Bearer path", "X-Token", "next"}, challenges: []string{`Bearer realm="bellbuoy"`, `Basic realm="bellbuoy"`}},
		{name: "of another registry", path: "/in/any/-/s3cret="},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := h.do(t, "POST", tt.path, envelope(), tt.headers...)
			if tt.admitted {
				accepted(t, g)
				return
			}
			checkProblem(t, g, http.StatusUnauthorized, "send the credentials that the configuration names for this registry")
			if got := g.header.Values("WWW-Authenticate"); len(got) == 0 || tt.challenges != nil && !slices.Equal(got, tt.challenges) {
				t.Errorf("challenges = %q, want %q", got, tt.challenges)
			}
		})
	}
}

// What lies behind the door learns the event's name from the path, and no secret.
func TestPathBehindTheDoor(t *testing.T) {
	adapter := &seen{}
	h := newHouse(t, guarded(t, adapter, map[string][]Credential{"hub": {PathSecret("s3cret")}, "open": nil}))
	for _, path := range []string{
		"/in/hub/-/s3cret", "/in/hub/-/s3cret/", "/in/hub/-/s3cret/build_start?a=1", "/in/hub/-/s3cret/a%20b",
		"/in/open", "/in/open/repo_push/", "/in/open/-/s3cret/x",
	} {
		accepted(t, h.do(t, "POST", path, envelope()))
	}
	want := []string{
		"/in/hub /in/hub event=", "/in/hub /in/hub event=", "/in/hub/build_start?a=1 /in/hub/build_start?a=1 event=build_start", "/in/hub/a%20b /in/hub/a%20b event=a b",
		"/in/open /in/open event=", "/in/open/repo_push/ /in/open/repo_push/ event=repo_push", "/in/open/x /in/open/x event=x",
	}
	if !slices.Equal(adapter.requests, want) {
		t.Errorf("adapter read\n got %s\nwant %s", strings.Join(adapter.requests, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestCredentialIsNotPrinted(t *testing.T) {
	for _, c := range []Credential{Bearer("s3cret"), Basic("u", "s3cret"), Header("X", "s3cret"), PathSecret("s3cret")} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if s := fmt.Sprintf(verb, Registry{Auth: []Credential{c}}); strings.Contains(s, "s3cret") {
				t.Errorf("printed as %s", s)
			}
		}
	}
}

func TestPublicHeaders(t *testing.T) {
	reg := Registry{Auth: []Credential{Bearer("bear-er"), Basic("u", "pass-word"), Header("X-Token", "head+er"), PathSecret("pa=th")}}
	h := http.Header{
		"Authorization": {"Digest x"}, "Proxy-Authorization": {"x"}, "Cookie": {"x"},
		"Referer":           {"http://x/in/hub/-/pa=th/push"},
		"X-Original-Uri":    {"/in/hub/-/pa%3Dth"},
		"X-Forwarded-Uri":   {"/x", "/in/hub/-/p%61%3dth"},
		"X-Authorization":   {"Bearer bear-er"},
		"X-Forwarded-Auth":  {basic("u", "pass-word")},
		"X-Token":           {"head+er"},
		"X-Debug":           {"password is pass-word"},
		"X-Broken":          {"%zz"},
		"User-Agent":        {"Go-http-client/1.1"},
		"X-Kept":            {"a", "b"},
		"X-Forwarded-Proto": {"https"},
		"X-Escaped":         {"100%25"},
	}
	var kept []string
	for name, value := range reg.publicHeaders(h) {
		kept = append(kept, name+": "+value)
	}
	slices.Sort(kept)
	want := []string{"User-Agent: Go-http-client/1.1", "X-Escaped: 100%25", "X-Forwarded-Proto: https", "X-Kept: a, b"}
	if !slices.Equal(kept, want) {
		t.Errorf("kept %q, want %q", kept, want)
	}
}
