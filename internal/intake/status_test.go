package intake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

const nothingHere = "nothing is here; a registry posts to /in/{registry} or /in/{registry}/{event}"

func TestRefusals(t *testing.T) {
	h := newHouse(t, plan(t, rule("all", []string{"artifact.pushed"}, "ci")))
	bearer := []string{"Authorization", "Bearer " + secret}
	tests := []struct {
		name, method, path string
		headers            []string
		body               string
		status             int
		detail             string
		header             [2]string
	}{
		{name: "another path", method: "POST", path: "/", status: 404,
			detail: nothingHere},
		{name: "no registry", method: "POST", path: "/in/", status: 404,
			detail: nothingHere},
		{name: "doubled slash", method: "POST", path: "//in/hub", headers: bearer, status: 404,
			detail: nothingHere},
		{name: "dots", method: "POST", path: "/x/../in/hub", headers: bearer, status: 404,
			detail: nothingHere},
		{name: "too deep", method: "POST", path: "/in/hub/push/more", headers: bearer, status: 404, detail: nothingHere},
		{name: "no secret", method: "POST", path: "/in/hub/-/", headers: bearer, status: 404, detail: nothingHere},
		{name: "empty secret", method: "POST", path: "/in/hub/-//push", headers: bearer, status: 404, detail: nothingHere},
		{name: "too deep behind a secret", method: "POST", path: "/in/hub/-/a-secret/push/more", headers: bearer, status: 404, detail: nothingHere},
		{name: "empty event", method: "POST", path: "/in/hub/-/a-secret//", headers: bearer, status: 404, detail: nothingHere},
		{name: "two slashes behind", method: "POST", path: "/in/hub//", headers: bearer, status: 404,
			detail: nothingHere},
		{name: "unknown registry", method: "POST", path: "/in/nub", headers: bearer, status: 404,
			detail: `no registry is named "nub"; add it to the configuration's registries, or correct the URL in the registry's`},
		{name: "GET", method: "GET", path: "/in/hub", headers: bearer, status: 405,
			detail: "use POST; notifications are looked at with the command or the console", header: [2]string{"Allow", "POST"}},
		{name: "PUT", method: "PUT", path: "/in/hub/", headers: bearer, body: "{}", status: 405,
			detail: "use POST; notifications are looked at with the command or the console", header: [2]string{"Allow", "POST"}},
		{name: "web page", method: "POST", path: "/in/open", headers: []string{"Origin", "https://evil.example"}, body: envelope(push("w1", "a/b")), status: 403,
			detail: "no web page may post notifications; send none of the headers Origin and Sec-Fetch-Site"},
		{name: "web page of no origin", method: "POST", path: "/in/open", headers: []string{"Origin", "null"}, status: 403,
			detail: "no web page may post notifications; send none of the headers Origin and Sec-Fetch-Site"},
		{name: "web page across sites", method: "POST", path: "/in/open", headers: []string{"Sec-Fetch-Site", "cross-site"}, status: 403,
			detail: "no web page may post notifications; send none of the headers Origin and Sec-Fetch-Site"},
		{name: "web page of the same site", method: "POST", path: "/in/open", headers: []string{"Sec-Fetch-Site", "same-site"}, status: 403,
			detail: "no web page may post notifications; send none of the headers Origin and Sec-Fetch-Site"},
		{name: "no credentials", method: "POST", path: "/in/hub", body: envelope(push("x", "a/b")), status: 401,
			detail: "send the credentials that the configuration names for this registry", header: [2]string{"WWW-Authenticate", `Bearer realm="bellbuoy"`}},
		{name: "wrong bearer", method: "POST", path: "/in/hub", headers: []string{"Authorization", "Bearer wrong"}, body: envelope(push("x", "a/b")), status: 401,
			detail: "send the credentials that the configuration names for this registry", header: [2]string{"WWW-Authenticate", `Bearer realm="bellbuoy"`}},
		{name: "beginning of the bearer", method: "POST", path: "/in/hub", headers: []string{"Authorization", "Bearer " + secret[:5]}, status: 401,
			detail: "send the credentials that the configuration names for this registry"},
		{name: "bearer as basic", method: "POST", path: "/in/hub", headers: []string{"Authorization", "Basic " + secret}, status: 401,
			detail: "send the credentials that the configuration names for this registry"},
		{name: "bearer in another header", method: "POST", path: "/in/hub", headers: []string{"X-Authorization", "Bearer " + secret}, status: 401,
			detail: "send the credentials that the configuration names for this registry"},
		{name: "too large", method: "POST", path: "/in/hub", headers: bearer, body: strings.Repeat(" ", adapters.MaxBody+1), status: 413,
			detail: "the body is larger than 16 MiB; no notification is"},
		{name: "too large, and asked first", method: "POST", path: "/in/hub", headers: append([]string{"Expect", "100-continue"}, bearer...), body: strings.Repeat(" ", adapters.MaxBody+1), status: 413,
			detail: "the body is larger than 16 MiB; no notification is"},
		// Credentials go before the body, so that strangers cannot make us read.
		{name: "too large, and no credentials", method: "POST", path: "/in/hub", headers: []string{"Expect", "100-continue"}, body: strings.Repeat(" ", adapters.MaxBody+1), status: 401,
			detail: "send the credentials that the configuration names for this registry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := h.do(t, tt.method, tt.path, tt.body, tt.headers...)
			checkProblem(t, g, tt.status, tt.detail)
			if tt.header[0] != "" && g.header.Get(tt.header[0]) != tt.header[1] {
				t.Errorf("header %s = %q, want %q", tt.header[0], g.header.Get(tt.header[0]), tt.header[1])
			}
			if loc := g.header.Get("Location"); loc != "" {
				t.Errorf("redirects to %s", loc)
			}
			if strings.Contains(g.body, secret) {
				t.Errorf("the answer tells the secret: %s", g.body)
			}
		})
	}
	if events, err := h.store.Events(t.Context(), store.Query{}); err != nil || len(events) != 0 {
		t.Errorf("%d events of refused requests are stored, %v", len(events), err)
	}
}

func checkProblem(t *testing.T, g got, status int, detail string) {
	t.Helper()
	if g.status != status {
		t.Errorf("status = %d, want %d", g.status, status)
	}
	if ct := g.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("content type = %q", ct)
	}
	var p problem
	if err := json.Unmarshal([]byte(g.body), &p); err != nil {
		t.Fatalf("answer %s: %v", g.body, err)
	}
	if want := (problem{"about:blank", http.StatusText(status), status, detail}); p != want {
		t.Errorf("problem\n got %+v\nwant %+v", p, want)
	}
}

// A body of unknown length is counted while it comes.
func TestTooLargeInChunks(t *testing.T) {
	h := newHouse(t, plan(t))
	body := &endless{}
	r := httptest.NewRequest(http.MethodPost, "/in/open", body)
	r.ContentLength = -1
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	checkProblem(t, got{w.Code, w.Header(), w.Body.String()}, http.StatusRequestEntityTooLarge, "the body is larger than 16 MiB; no notification is")
	if body.read > 2*adapters.MaxBody+1<<20 {
		t.Errorf("read %d bytes", body.read)
	}
}

type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func TestAdmits(t *testing.T) {
	h := newHouse(t, plan(t))
	body := envelope(pull("p", "a/b"))
	for name, g := range map[string]got{
		"slash behind":         h.post(t, "/in/hub/", body),
		"first of the secrets": h.do(t, "POST", "/in/hub", body, "Authorization", "Bearer another-secret"),
		"scheme in small":      h.do(t, "POST", "/in/hub", body, "Authorization", "bearer "+secret),
		"second of two values": h.do(t, "POST", "/in/hub", body, "Authorization", "Basic eDp5", "Authorization", "Bearer "+secret),
		"any JSON type":        h.post(t, "/in/hub", body, "Content-Type", "application/json"),
		"open registry":        h.do(t, "POST", "/in/open", body),
		"open, with a bearer":  h.post(t, "/in/open", body),
		"from no page":         h.do(t, "POST", "/in/open", body, "Sec-Fetch-Site", "none"),
		"from our own page":    h.do(t, "POST", "/in/open", body, "Sec-Fetch-Site", "same-origin"),
	} {
		if g.status != http.StatusAccepted {
			t.Errorf("%s: status = %d %s, want 202", name, g.status, g.body)
		}
	}
}

func TestStoreUnavailable(t *testing.T) {
	h := newHouse(t, plan(t, rule("all", []string{"artifact.pushed"}, "ci")))
	if err := h.store.Close(); err != nil {
		t.Fatal(err)
	}
	g := h.post(t, "/in/hub", envelope(push("1", "a/b")))
	checkProblem(t, g, http.StatusServiceUnavailable, "the store cannot take it now; send it again. The log says why")
	if g.header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After = %q, want 5", g.header.Get("Retry-After"))
	}
}

func TestPlanIsSwapped(t *testing.T) {
	h := newHouse(t, plan(t))
	next := plan(t, rule("all", []string{"artifact.pushed"}, "chat"))
	next.Registries = map[string]Registry{"new": next.Registries["open"]}
	if err := h.Use(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if g := h.post(t, "/in/hub", envelope()); g.status != http.StatusNotFound {
		t.Errorf("status for a registry of the old plan = %d, want 404", g.status)
	}
	a := accepted(t, h.post(t, "/in/new", envelope(push("1", "a/b"))))
	if tr := h.trace(t, a.Accepted[0]); tr.RuleSet != next.Rules.Hash() || len(tr.Deliveries) != 1 {
		t.Errorf("trace has rule set %s and %d deliveries, want the new plan's", tr.RuleSet, len(tr.Deliveries))
	}
}
