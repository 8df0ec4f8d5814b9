package app

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// send makes a request of the admin API, with headers written "NAME: VALUE".
func (l *life) send(method, path, body string, headers ...string) (*http.Response, string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, "http://"+l.admin+"/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp, string(text)
}

// What is made by requests is used, changed, turned off, tried and deleted; and each answer
// is as HTTP has it.
func TestObjectsByRequests(t *testing.T) {
	delivered := make(chan string, 8)
	hook := receiver(t, func(w http.ResponseWriter, r *http.Request) { delivered <- r.Header.Get("X-Token") })
	c := startChangeable(t, loopback+strings.Replace(oneRule("of-the-file", "http://127.0.0.1:9/"), "deliver:", "events: [quota.exceeded], deliver:", 1))
	target := `{"name":"new-ci","type":"webhook","options":{"url":"` + hook + `/","headers":{"X-Token":"canary7"},"auth":{"bearer":"canary8"}}}`
	rule := `{"name":"releases","description":"生产发布","events":["artifact.pushed"],"scope":{"registries":["hub"]},"deliver":["new-ci"]}`
	for _, x := range []struct {
		method, path, body string
		headers            []string
		status             int
		want               string // in the answer
		header             string // "NAME: VALUE" of the answer
	}{
		{"POST", "targets?dry_run=true", target, nil, 200, `"dry_run":true`, ""},
		{"GET", "targets/new-ci", "", nil, 404, `there is no target \"new-ci\"`, ""},
		{"POST", "targets", target, nil, 201, `"in_use":true`, "Location: /api/v1/targets/new-ci"},
		{"POST", "targets", target, nil, 409, "there is one of that name already", ""},
		{"GET", "targets/new-ci", "", nil, 200, `"bearer":"********"`, `Etag: "1"`},
		{"POST", "rules", `{"name":"releases","deliver":["new-cj"],"tag":{"regex":"["}}`, nil, 400, `{"path":"tag.regex"`, ""},
		{"POST", "rules", `{"deliver":["new-ci"]}`, nil, 400, `"path":"name"`, ""},
		{"POST", "rules", `{"name":"releases","delivers":["new-ci"]}`, nil, 400, `"path":"delivers"`, ""},
		{"POST", "rules", `{`, nil, 400, `no JSON object`, ""},
		{"POST", "rules", rule, []string{"Content-Type: text/plain"}, 415, `application/json`, ""},
		{"PUT", "rules/releases", rule, []string{`If-Match: "1"`}, 412, ``, ""},
		{"PUT", "rules/releases", rule, []string{`If-None-Match: *`}, 201, `生产发布`, `Etag: "1"`},
		{"PUT", "rules/releases", rule, []string{`If-None-Match: *`}, 412, `there is one already`, ""},
		{"DELETE", "targets/new-ci", "", nil, 409, `rule releases`, ""},
		{"PATCH", "rules/releases", `{"tag":{"list":["v1","two"]}}`, []string{`If-Match: "1"`, "Content-Type: application/merge-patch+json"}, 200, `"list":["v1","two"]`, `Etag: "2"`},
		{"PATCH", "rules/releases", `{"description":null}`, []string{`If-Match: "1"`}, 412, `has the ETag \"2\"`, ""},
		{"PATCH", "rules/releases", `{"description":null}`, nil, 200, `"version":3`, `Etag: "3"`},
		{"PATCH", "rules/releases", `[]`, nil, 400, `no JSON object`, ""},
		{"PATCH", "rules/none", `{}`, nil, 404, `there is no rule \"none\"`, ""},
		{"PUT", "rules/of-the-file", `{"deliver":["ci"]}`, nil, 409, c.file + ":8", ""},
		{"PATCH", "rules/of-the-file", `{}`, nil, 409, c.file + ":8", ""},
		{"POST", "rules/of-the-file/disable", `{}`, nil, 409, c.file + ":8", ""},
		{"DELETE", "rules/of-the-file", "", nil, 409, c.file + ":8", ""},
		{"GET", "rules/of-the-file", "", nil, 200, `"read_only":true`, ""},
		{"GET", "registries/hub", "", nil, 200, `"kind":"registry"`, ""},
		{"POST", "registries", `{"name":"lab","type":"distribution","auth":{"bearer":"canary9"}}`, nil, 201, `"bearer":"********"`, ""},
		{"PATCH", "targets/new-ci", `{"timeout":"5s"}`, nil, 200, `"timeout":"5s"`, `Etag: "2"`},
	} {
		resp, answer := c.send(x.method, x.path, x.body, x.headers...)
		name, value, _ := strings.Cut(x.header, ": ")
		if resp.StatusCode != x.status || !strings.Contains(answer, x.want) || resp.Header.Get(name) != value {
			t.Errorf("%s %s %s %q: %d %q %s", x.method, x.path, x.body, x.headers, resp.StatusCode, resp.Header.Get(name), answer)
		}
		if strings.Contains(answer, "canary") {
			t.Errorf("%s %s tells a secret: %s", x.method, x.path, answer)
		}
	}

	c.settled(c.notify("hub", push(t, "one"))[0], store.Delivered)
	if got := <-delivered; got != "canary7" {
		t.Errorf("sent with %q", got)
	}
	if resp, answer := c.send("POST", "rules/releases/disable", `{"by":"ann"}`); resp.StatusCode != 200 || !strings.Contains(answer, `"enabled":false`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	c.notify("hub", push(t, "two"))
	var log []struct{ Status, State, Reason, Repository string }
	c.get("/api/v1/rules/releases/log?all=true", &log)
	if len(log) != 2 || log[0].Status != "not triggered" || !strings.Contains(log[0].Reason, "disabled") || log[1].Status != "success" {
		t.Errorf("the log is %+v", log)
	}

	// A test says what the rule makes of it.
	for _, x := range []struct{ body, want string }{
		{`{}`, `"reason":"the rule is disabled"`},
	} {
		if _, answer := c.send("POST", "rules/releases/test", x.body); !strings.Contains(answer, x.want) {
			t.Errorf("%s: %s", x.body, answer)
		}
	}
	c.send("POST", "rules/releases/enable", `{}`)
	_, answer := c.send("POST", "rules/releases/test", `{"repository":"prod/api","tag":"three"}`)
	if !strings.Contains(answer, `"matched":false`) || !strings.Contains(answer, `\"three\" is not one of`) && !strings.Contains(answer, "three") {
		t.Error(answer)
	}
	_, answer = c.send("POST", "rules/releases/test", `{"repository":"prod/api","tag":"two","by":"ann"}`)
	var tested struct {
		Event      string
		Deliveries []string
		Verdict    struct{ Matched bool }
	}
	if err := json.Unmarshal([]byte(answer), &tested); err != nil || !tested.Verdict.Matched || len(tested.Deliveries) != 1 {
		t.Fatal(answer, err)
	}
	_, page := c.settled(tested.Event, store.Delivered)
	if strings.Contains(page, "verdicts_error") || !strings.Contains(page, `"origin":"test"`) {
		t.Error(page)
	}
	<-delivered
	for _, path := range []string{"rules/releases", "targets/new-ci", "registries/lab"} {
		if resp, answer := c.send("DELETE", path, ""); resp.StatusCode != http.StatusNoContent || answer != "" {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
	if list := c.now.objects(); len(list) != 0 {
		t.Errorf("there are still %+v", list)
	}
}
