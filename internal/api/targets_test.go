package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

func inUse() Running {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return Running{
		File: "bb.yml", Loaded: at, RuleSet: "h", Warnings: []Fault{},
		Rules: []Rule{
			{Name: "all", Enabled: true, Events: []string{}, Targets: []string{"ci"}, Source: &Source{"bb.yml", 9}},
			{Name: "off", Description: "not now", Events: []string{"*.deleted"}, Targets: []string{"ci"}, Source: &Source{"bb.yml", 10}},
		},
		Targets: []Target{{Name: "ci", Type: "webhook", Source: &Source{"bb.yml", 5}}},
	}
}

func TestRules(t *testing.T) {
	w := newWorld(t)
	w.run = inUse()
	got := ask(w, "GET", "/api/v1/rules", nil)
	want := `{"file":"bb.yml","loaded":"2026-03-01T12:00:00Z","rule_set":"h","rules":[` +
		`{"name":"all","enabled":true,"events":[],"targets":["ci"],"source":{"file":"bb.yml","line":9}},` +
		`{"name":"off","description":"not now","enabled":false,"events":["*.deleted"],"targets":["ci"],"source":{"file":"bb.yml","line":10}}],` +
		`"warnings":[],"failed":null}` + "\n"
	if got.Code != http.StatusOK || got.Body.String() != want {
		t.Errorf("got  %d %s\nwant %s", got.Code, got.Body, want)
	}
	for query, want := range map[string][]string{"?name=f": {"off"}, "?name=l": {"all"}, "?name=F": {}, "?name=": {"all", "off"}, "?limit=1": {"all"}, "?after=all": {"off"}, "?after=off": {}} {
		var list struct{ Rules []struct{ Name string } }
		if err := json.Unmarshal(ask(w, "GET", "/api/v1/rules"+query, nil).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, r := range list.Rules {
			names = append(names, r.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s lists %q, want %q", query, names, want)
		}
	}
	if link := ask(w, "GET", "/api/v1/rules?limit=1", nil).Header().Get("Link"); link != `</api/v1/rules?after=all&limit=1>; rel="next"` {
		t.Errorf("behind the first page is %s", link)
	}
	if got := ask(w, "GET", "/api/v1/rules?after=nobody", nil); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "begin anew") {
		t.Errorf("behind a rule that is not there: %d %s", got.Code, got.Body)
	}
}

// Who is on this machine is told which configuration is in use and what is wrong with
// a newer one; who is not, only whether bellbuoy is ready.
func TestReadyTellsOfTheConfig(t *testing.T) {
	w := newWorld(t)
	w.run = inUse()
	if got := ask(w, "GET", "/readyz", nil).Body.String(); got != "ready\nconfig: bb.yml, loaded 2026-03-01T12:00:00Z\n" {
		t.Errorf("got %q", got)
	}
	w.run.Failed = &FailedReload{Time: w.run.Loaded.Add(time.Minute), Faults: []Fault{{Text: "bb.yml:9: rules[0].deliver[0]: unknown target"}}}
	want := "ready\nconfig: bb.yml, loaded 2026-03-01T12:00:00Z\n" +
		"not in use, since the file as it was read 2026-03-01T12:01:00Z has faults:\n  bb.yml:9: rules[0].deliver[0]: unknown target\n"
	if got := ask(w, "GET", "/readyz", nil); got.Code != http.StatusOK || got.Body.String() != want {
		t.Errorf("got  %d %q\nwant %q", got.Code, got.Body, want)
	}
	for name, change := range map[string]func(*http.Request){
		"another machine": peer("192.0.2.7:4000"), "through a proxy": header("X-Forwarded-For", "192.0.2.7"), "by a name": host("bb.example.com"),
	} {
		if got := ask(w, "GET", "/readyz", change); got.Code != http.StatusOK || got.Body.String() != "ready\n" {
			t.Errorf("%s: %d %q", name, got.Code, got.Body)
		}
	}
}

// cancel asks as a program on this machine does.
func cancel(w *world, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/api/v1/targets/"+target+"/cancel", strings.NewReader(body))
	r.Host, r.RemoteAddr = "127.0.0.1:5081", "127.0.0.1:40000"
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

func TestTargetsAndCancel(t *testing.T) {
	w := newWorld(t)
	w.run = inUse()
	if err := w.store.Targets(t.Context(), map[string]store.Target{"ci": {}}); err != nil {
		t.Fatal(err)
	}
	w.accept("one", nil, pushed(1, "ci", "gone"))
	w.accept("two", nil, pushed(2, "gone"))
	targets := func(query string) string {
		t.Helper()
		var list []json.RawMessage
		if err := json.Unmarshal(ask(w, "GET", "/api/v1/targets"+query, nil).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, l := range list {
			lines = append(lines, string(l))
		}
		return strings.Join(lines, "\n")
	}
	ci := `{"name":"ci","type":"webhook","in_config":true,"source":{"file":"bb.yml","line":5},"condition":{"state":"healthy","failures":0},"deliveries":{"waiting":1}}`
	parked := `{"name":"gone","type":"webhook","in_config":false,"source":null,"condition":{"state":"gone","failures":0},"deliveries":{"parked":2}}`
	if got, want := targets(""), ci+"\n"+parked; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := targets("?worries=true"); got != parked {
		t.Errorf("what needs somebody is\n%s\nwant\n%s", got, parked)
	}
	for name, c := range map[string]struct {
		target, body string
		change       func(*http.Request)
		status       int
		detail       string
	}{
		"another machine":    {"gone", "{}", peer("192.0.2.7:4000"), 403, "only requests from this machine"},
		"another site":       {"gone", "{}", header("Sec-Fetch-Site", "cross-site"), 403, "another site's page"},
		"another origin":     {"gone", "{}", header("Origin", "http://evil.example"), 403, "another origin"},
		"a form":             {"gone", "{}", header("Content-Type", "text/plain"), 415, "Content-Type: application/json"},
		"no JSON":            {"gone", "by=x", nil, 400, "no JSON object"},
		"nothing":            {"gone", "", nil, 400, "the request has no body"},
		"too much":           {"gone", `{"by":"` + strings.Repeat("x", maxRequest) + `"}`, nil, 413, "larger than 64 KiB"},
		"two lines":          {"gone", `{"by":"a\nb"}`, nil, 400, "in one line"},
		"long":               {"gone", `{"by":"` + strings.Repeat("x", maxBy+1) + `"}`, nil, 400, "in one line"},
		"in the config":      {"ci", "{}", nil, 409, "defined in bb.yml:5"},
		"nobody knows":       {"nobody", "{}", nil, 404, "nothing is parked"},
		"GET":                {"gone", "{}", func(r *http.Request) { r.Method = "GET" }, 405, "takes POST only"},
		"a name with blanks": {"%20", "{}", nil, 404, "nothing is parked"},
	} {
		got := cancel(w, c.target, c.body, c.change)
		var p problem
		if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || got.Code != c.status || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s: %d %s %v", name, got.Code, got.Body, err)
		}
	}
	if got := cancel(w, "gone", "{}", nil); got.Code != 200 || got.Body.String() != `{"cancelled":2}`+"\n" {
		t.Errorf("cancel: %d %s", got.Code, got.Body)
	}
	if got, want := targets(""), ci+"\n"+`{"name":"gone","type":"webhook","in_config":false,"source":null,"condition":{"state":"gone","failures":0},"deliveries":{"cancelled":2}}`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := targets("?worries=true"); got != "" {
		t.Errorf("nothing waits any more, and still this needs somebody:\n%s", got)
	}
}
