package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var goals = Options{Registry: registry("goals", "harbor", bearer), URL: "https://bb.example.com"}

// api is how to ask a stand-in, without long pauses.
func api(url, user, secret string) API {
	return API{URL: url, Username: user, Secret: func() (string, error) { return secret, nil }, UserAgent: "bellbuoy/test", Wait: time.Millisecond, Timeout: 5 * time.Second}
}

func (h *fakeHarbor) make(m Make) Make {
	m.API = api(h.URL, h.user, "pa55word")
	return m
}

// applied makes it and returns what was told.
func applied(t *testing.T, s *Side, err error, dry bool) []Row {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var rows []Row
	if err := s.Apply(t.Context(), dry, func(r Row) { rows = append(rows, r) }); err != nil {
		t.Fatal(err)
	}
	return rows
}

func (h *fakeHarbor) apply(t *testing.T, m Make, dry bool) []Row {
	t.Helper()
	s, err := Harbor(goals, h.make(m))
	return applied(t, s, err, dry)
}

// say is rows in a few words.
func say(rows []Row) (words []string) {
	for _, r := range rows {
		w := fmt.Sprintf("%s %s %s", r.Place, r.What, r.Action)
		if len(r.Changes) > 0 {
			w += ": " + strings.Join(r.Changes, "; ")
		}
		words = append(words, w)
	}
	return words
}

func wantRows(t *testing.T, got []Row, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, say(got)); d != "" {
		t.Errorf("(-want +got):\n%s%+v", d, got)
	}
}

// A project's name may be of digits; there are more projects than one page has; a second
// time there is nothing to do; what was made can be taken away.
func TestHarborAll(t *testing.T) {
	h := newHarbor(t, "library", "42", "a", "b", "c")
	wantRows(t, h.apply(t, Make{All: true}, true), "library bellbuoy made", "42 bellbuoy made", "a bellbuoy made", "b bellbuoy made", "c bellbuoy made")
	if asked := h.changes(); len(asked) > 0 {
		t.Fatalf("a dry run asks for %q", asked)
	}
	wantRows(t, h.apply(t, Make{All: true, Places: []string{"42"}}, false), "42 bellbuoy made", "library bellbuoy made", "a bellbuoy made", "b bellbuoy made", "c bellbuoy made")
	var events []any
	for _, e := range harborEvents {
		events = append(events, e)
	}
	want := []map[string]any{{
		"id": int64(1), "project_id": 1, "creation_time": "2026-01-01T00:00:00.000Z", "creator": "",
		"name": "bellbuoy", "description": "all events to bellbuoy", "enabled": true, "event_types": events,
		"targets": []any{map[string]any{"type": "http", "address": "https://bb.example.com/in/goals", "auth_header": "Bearer s3cret", "skip_cert_verify": false, "payload_format": "CloudEvents"}},
	}}
	if d := cmp.Diff(want, h.of("42")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	before := len(h.changes())
	wantRows(t, h.apply(t, Make{All: true}, false), "library bellbuoy unchanged", "42 bellbuoy unchanged", "a bellbuoy unchanged", "b bellbuoy unchanged", "c bellbuoy unchanged")
	wantRows(t, h.apply(t, Make{Places: []string{"a"}, Remove: true}, true), "a bellbuoy removed")
	if got := h.changes()[before:]; len(got) > 0 {
		t.Errorf("changes %q", got)
	}
	wantRows(t, h.apply(t, Make{Places: []string{"a"}, Remove: true}, false), "a bellbuoy removed")
	wantRows(t, h.apply(t, Make{Places: []string{"a"}, Remove: true}, false), "a bellbuoy absent")
}

// A PUT takes away what it does not name: so all is named, but for what was wrong.
func TestHarborPutsBackEverything(t *testing.T) {
	h := newHarbor(t, "p")
	h.have(t, "p", `{"name":"other","enabled":true,"event_types":["PUSH_ARTIFACT"],"targets":[{"type":"http","address":"https://bb.example.com/in/goals"}]}`)
	h.have(t, "p", `{"name":"bellbuoy","description":"ours, says Ann","enabled":false,"creator":"ann","new_in_3.0":{"x":[1]},"creation_time":"2025-01-01T00:00:00.000Z",
		"event_types":["PUSH_ARTIFACT","PUSH_ARTIFACT"],
		"targets":[{"type":"http","address":"https://ci.example.com","auth_header":"ci-secret","payload_format":"Default"},
			{"type":"http","address":"https://old.example.com/x/in/goals/-/old-secret","skip_cert_verify":true,"also":"new"}]}`)
	rows := h.apply(t, Make{Places: []string{"p"}}, false)
	wantRows(t, rows, "p bellbuoy changed: was not enabled; did not send "+strings.Join(harborEvents[1:], ", ")+"; sent events twice; posted to another URL; showed another secret; sent format (empty)")
	if want := `policy "other" posts here too, so that events come twice: remove it if it is not needed`; rows[0].Note != want {
		t.Errorf("notes %q", rows[0].Note)
	}
	got, err := json.Marshal(h.of("p"))
	if err != nil {
		t.Fatal(err)
	}
	events, err := json.Marshal(harborEvents)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"enabled":true,"event_types":["PUSH_ARTIFACT"],"id":1,"name":"other","targets":[{"address":"https://bb.example.com/in/goals","type":"http"}]},` +
		`{"creation_time":"2025-01-01T00:00:00.000Z","creator":"ann","description":"ours, says Ann","enabled":true,"event_types":` + string(events) + `,"id":2,"name":"bellbuoy","new_in_3.0":{"x":[1]},` +
		`"targets":[{"address":"https://ci.example.com","auth_header":"ci-secret","payload_format":"Default","type":"http"},` +
		`{"address":"https://bb.example.com/in/goals","also":"new","auth_header":"Bearer s3cret","payload_format":"CloudEvents","skip_cert_verify":true,"type":"http"}]}]`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	wantRows(t, h.apply(t, Make{Places: []string{"p"}}, false), "p bellbuoy unchanged")
	wantRows(t, h.apply(t, Make{Places: []string{"p"}, Remove: true}, false), "p bellbuoy removed")
	left := h.of("p")
	if targets := left[1]["targets"].([]any); len(left) != 2 || len(targets) != 1 || targets[0].(map[string]any)["auth_header"] != "ci-secret" {
		t.Errorf("left is %v", left)
	}
}

// A change of something else does not take the secret away, nor the format.
func TestHarborKeepsTheSecret(t *testing.T) {
	h := newHarbor(t, "p")
	h.apply(t, Make{Places: []string{"p"}}, false)
	want := h.of("p")[0]["targets"]
	h.set(func() { h.policies["p"][0]["enabled"] = false })
	wantRows(t, h.apply(t, Make{Places: []string{"p"}}, false), "p bellbuoy changed: was not enabled")
	p := h.of("p")[0]
	if d := cmp.Diff(want, p["targets"]); d != "" || p["enabled"] != true {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What a Harbor does not have it is not asked for.
func TestHarborVersions(t *testing.T) {
	for name, tt := range map[string]struct {
		lacks   []string
		formats any
		format  any
	}{
		"2.15, 2.9":        {nil, formatsOf, "CloudEvents"},
		"2.7, no formats":  {nil, nil, nil},
		"one format":       {nil, []any{map[string]any{"notify_type": "http", "formats": []string{"Default"}}}, "Default"},
		"no stopped scans": {[]string{"SCANNING_STOPPED"}, formatsOf, "CloudEvents"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarbor(t, "p")
			h.events = append(slices.DeleteFunc(slices.Clone(harborEvents), func(e string) bool { return slices.Contains(tt.lacks, e) }), "UPLOAD_CHART")
			h.formats = tt.formats
			wantRows(t, h.apply(t, Make{Places: []string{"p"}}, false), "p bellbuoy made")
			p := h.of("p")[0]
			if n := len(p["event_types"].([]any)); n != len(harborEvents)-len(tt.lacks) {
				t.Errorf("has %v", p["event_types"])
			}
			if got := p["targets"].([]any)[0].(map[string]any)["payload_format"]; got != tt.format {
				t.Errorf("the format is %v", got)
			}
			wantRows(t, h.apply(t, Make{Places: []string{"p"}}, false), "p bellbuoy unchanged")
		})
	}
	h := newHarbor(t, "p")
	h.events = []string{"PULL_ARTIFACT"}
	rows := h.apply(t, Make{Places: []string{"p"}, Events: []string{"PUSH_ARTIFACT"}}, false)
	if len(rows) != 1 || rows[0].Error != "this Harbor has none of the events that are wanted: leave --event out" {
		t.Errorf("got %+v", rows)
	}
}

// Each is tried; what goes wrong is said in a line, with what to do, and no secret.
func TestHarborRefusals(t *testing.T) {
	answer := func(status int, kind, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	on := func(method string, do func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool { return r.Method == method && do(w, r) }
	}
	const get, list = "Harbor, asked to GET /projects/p/webhook/policies?page=1&page_size=100,", "Harbor, asked to POST /projects/p/webhook/policies,"
	for name, tt := range map[string]struct {
		refuse func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		"403":                {answer(403, "application/json", `{"errors":[{"code":"FORBIDDEN","message":"forbidden"}]}`), get + " answers 403 (FORBIDDEN: forbidden): " + harborRights},
		"404":                {answer(404, "application/json", `{"errors":[{"code":"NOT_FOUND","message":"project p not found"}]}`), `there is no project "p", or it is hidden from this user: ` + get + " answers 404 (NOT_FOUND: project p not found)"},
		"500":                {answer(500, "text/plain", "boom"), get + " answers 500 (boom)"},
		"502":                {answer(502, "text/html", "<html>"), get + " answers 502"},
		"login page":         {answer(200, "text/html; charset=utf-8", "<html><form>"), get + " answers 200 with text/html and not with its API's JSON: see that the URL is that of Harbor itself, and that no login page of a proxy stands before it"},
		"login page on POST": {on("POST", answer(200, "text/html", "<html>")), list + " answers 200 with text/html and not with its API's JSON: see that the URL is that of Harbor itself, and that no login page of a proxy stands before it"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://login.example.com/sso?next=pa55word", http.StatusFound)
			return true
		}, get + " redirects to https://login.example.com, where credentials are not sent: name that URL if it is Harbor"},
		"hostile": {on("POST", answer(400, "application/json", `{"errors":[{"code":"BAD_REQUEST","message":"no \u001b[31m`+strings.Repeat("x", 400)+`"}]}`)), list + " answers 400 (BAD_REQUEST: no [31m" + strings.Repeat("x", 300-len("BAD_REQUEST: no [31m")) + "…)"},
		"secrets": {on("POST", answer(400, "application/json", `{"errors":[{"message":"bad Bearer s3cret of pa55word, s3cret"}]}`)), list + " answers 400 (bad *** of ***, ***)"},
		"cut off": {func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "[")
			return true
		}, "the answer of Harbor breaks off: unexpected EOF: see that it is up at URL/api/v2.0"},
		"409 for ever": {on("POST", answer(409, "application/json", "{}")), list + " answers 409"},
		"412":          {on("POST", answer(412, "application/json", `{"errors":[{"code":"PRECONDITION","message":"webhooks are off"}]}`)), list + " answers 412 (PRECONDITION: webhooks are off)"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarbor(t, "p", "q")
			h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				return strings.Contains(r.URL.Path, "/p/") && tt.refuse(w, r)
			}
			rows := h.apply(t, Make{Places: []string{"p", "q"}}, false)
			if len(rows) != 2 || rows[0].Action != Failed || rows[1].Action != Made {
				t.Fatalf("got %+v", rows)
			}
			if d := cmp.Diff(strings.ReplaceAll(tt.want, "URL/", h.URL+"/"), rows[0].Error); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// With wrong credentials nothing else is tried: an account may be locked for that.
func TestHarborCredentials(t *testing.T) {
	h := newHarbor(t, "p", "q")
	m := h.make(Make{All: true})
	m.API.Secret = func() (string, error) { return "wr0ng-one", nil }
	s, err := Harbor(goals, m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Apply(t.Context(), false, func(r Row) { t.Errorf("tells %+v", r) })
	want := "Harbor, asked to GET /projects/p/webhook/policies?page=1&page_size=100, answers 401 (UNAUTHORIZED: unauthorized): correct the user robot$bb or the password; a robot's name begins with robot$, and a robot may have expired"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// What may have been done, or was done by others, is read again before it is tried again.
func TestHarborAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		refuse func(h *fakeHarbor, n int) func(http.ResponseWriter, *http.Request) bool
		want   string
		asked  int
	}{
		"500, then 200": {func(h *fakeHarbor, n int) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if n--; n >= 0 {
					w.WriteHeader(500)
				}
				return n >= 0
			}
		}, "p bellbuoy made", 1},
		"the answer is lost": {func(h *fakeHarbor, _ int) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPost || len(h.policies["p"]) > 0 {
					return false
				}
				h.policy(httptest.NewRecorder(), r, "p", nil)
				panic(http.ErrAbortHandler)
			}
		}, "p bellbuoy made", 1},
		"made meanwhile": {func(h *fakeHarbor, _ int) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost {
					h.last++
					h.policies["p"] = append(h.policies["p"], map[string]any{"id": h.last, "name": "bellbuoy", "enabled": true, "event_types": []string{"PUSH_ARTIFACT"}, "targets": []any{}})
				}
				return false
			}
		}, "p bellbuoy changed: did not send " + strings.Join(harborEvents[1:], ", ") + "; did not post here", 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarbor(t, "p")
			h.refuse = tt.refuse(h, 2)
			wantRows(t, h.apply(t, Make{Places: []string{"p"}}, false), tt.want)
			if len(h.of("p")) != 1 || len(h.changes()) != tt.asked {
				t.Errorf("%q leave %v", h.changes(), h.of("p"))
			}
			h.refuse = nil
			wantRows(t, h.apply(t, Make{Places: []string{"p"}}, false), "p bellbuoy unchanged")
		})
	}
	// It was deleted by others, and its answer is lost: then it is gone all the same.
	h := newHarbor(t, "p")
	h.apply(t, Make{Places: []string{"p"}}, false)
	h.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			h.policies["p"] = nil
			panic(http.ErrAbortHandler)
		}
		return false
	}
	wantRows(t, h.apply(t, Make{Places: []string{"p"}, Remove: true}, false), "p bellbuoy removed")
}

// A slow answer ends; so does the wait for one when the context does.
func TestHarborSlow(t *testing.T) {
	h := newHarbor(t, "p")
	stop := make(chan struct{})
	defer close(stop)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	m := h.make(Make{Places: []string{"p"}})
	m.API.URL, m.API.Timeout = slow.URL, 20*time.Millisecond
	s, err := Harbor(goals, m)
	rows := applied(t, s, err, false)
	if want := "Harbor gives no answer: nothing came within 20ms: see that it is up, and that " + slow.URL + "/api/v2.0 is reached from here"; len(rows) != 1 || rows[0].Error != want {
		t.Errorf("got %+v", rows)
	}
	m.API.Timeout = time.Hour
	if s, err = Harbor(goals, m); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Apply(ctx, false, func(r Row) { t.Errorf("tells %+v", r) }); err == nil {
		t.Error("ended well")
	}
}

// When nothing is heard any more, not each project is waited for.
func TestHarborFallsSilent(t *testing.T) {
	h := newHarbor(t, "a", "b", "c", "d", "e", "f")
	h.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/a/") {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	s, err := Harbor(goals, h.make(Make{Places: h.projects}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var rows []Row
	err = s.Apply(t.Context(), false, func(r Row) { rows = append(rows, r) })
	wantRows(t, rows, "a bellbuoy made", "b  failed", "c  failed", "d  failed")
	if want := "Harbor gives no answer any more: 2 more are not tried"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// A list that has no end is not read for ever.
func TestHarborEndless(t *testing.T) {
	h := newHarbor(t, "p")
	full := "[" + strings.TrimSuffix(strings.Repeat(`{"name":"p"},`, harborPage), ",") + "]"
	h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.WriteString(w, full)
		return true
	}
	s, err := Harbor(goals, h.make(Make{All: true}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Apply(t.Context(), false, func(r Row) { t.Errorf("tells %+v", r) })
	if want := "Harbor gives more than 1000 pages of /projects: see that the URL is that of Harbor itself"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// A Retry-After of an hour is not waited for.
func TestRetryAfterIsBounded(t *testing.T) {
	c, err := newCaller("Harbor", api("http://x", "", ""), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {"3600"}}}
	if d := c.safe.Backoff(time.Second, maxWait, 1, r); d != maxWait {
		t.Errorf("waits %s", d)
	}
}

func TestHarborTLS(t *testing.T) {
	h := newHarbor(t, "p")
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	m := h.make(Make{Places: []string{"p"}})
	m.API.URL = server.URL
	s, err := Harbor(goals, m)
	rows := applied(t, s, err, false)
	if want := "Harbor gives no answer: its certificate is of an authority that this machine does not trust: name that authority's certificate with --ca-file"; len(rows) != 1 || rows[0].Error != want {
		t.Errorf("got %+v", rows)
	}
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}); err != nil {
		t.Fatal(err)
	}
	m.API.Authorities = b.Bytes()
	s, err = Harbor(goals, m)
	wantRows(t, applied(t, s, err, false), "p bellbuoy made")
	m.API.Authorities = []byte("x")
	if _, err := Harbor(goals, m); err == nil || !strings.Contains(err.Error(), "holds no certificate in PEM") {
		t.Errorf("got %v", err)
	}
}
