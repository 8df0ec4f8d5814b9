package quay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// world is the API over objects in memory, kept as their contract says.
type world struct {
	t          *testing.T
	made       []objects.Object
	bodies     map[string]string // "target quay-...": as it was asked for
	conditions map[string]store.Condition
	reset      []string
	trials     []Trial
	fails      error // the next change
	who        access.Identity
	http.Handler
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, bodies: map[string]string{}, conditions: map[string]store.Condition{}, who: access.Identity{Name: "ci", Role: access.Editor}}
	inside := New(Config{
		Objects: func() []objects.Object { return slices.Clone(w.made) }, Change: w.change,
		Conditions: func() map[string]store.Condition { return w.conditions },
		Reset: func(_ context.Context, target, by string) (store.Condition, error) {
			w.reset = append(w.reset, target+" by "+by)
			return store.Condition{}, nil
		},
		Try:   func(_ context.Context, trial Trial) error { w.trials = append(w.trials, trial); return nil },
		Known: func(kind, name string) bool { return !strings.HasPrefix(name, "no") },
		By:    func(r *http.Request) string { return access.From(r.Context()).Name },
		Log:   slog.New(slog.DiscardHandler),
	})
	w.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		inside.ServeHTTP(rw, r.WithContext(access.With(r.Context(), w.who)))
	})
	return w
}

func (w *world) change(_ context.Context, by string, changes []objects.Change) error {
	if w.fails != nil {
		return w.fails
	}
	after := slices.Clone(w.made)
	for _, c := range changes {
		i := slices.IndexFunc(after, func(o objects.Object) bool { return o.Kind == c.Kind && o.Name == c.Name })
		switch {
		case i < 0 && c.Body == nil:
			return objects.ErrNotFound
		case i < 0:
			after = append(after, objects.Object{Kind: c.Kind, Name: c.Name, Note: c.Note, Version: 1, Created: time.Now(), By: by})
			w.bodies[string(c.Kind)+" "+c.Name] = string(c.Body)
		case c.Version == 0:
			return objects.ErrExists
		case c.Body == nil:
			after = slices.Delete(after, i, i+1)
		}
	}
	w.made = after
	return nil
}

func (w *world) ask(method, path, body string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, "http://bellbuoy.example.com/", strings.NewReader(body))
	r.URL.Path = path
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code/100 == 3 {
		w.t.Errorf("%s %s is redirected", method, path)
	}
	return rec
}

// create makes a notification and returns its UUID.
func (w *world) create(path, body string) string {
	w.t.Helper()
	rec := w.ask("POST", path, body)
	var made notification
	if err := json.Unmarshal(rec.Body.Bytes(), &made); err != nil || rec.Code != http.StatusCreated {
		w.t.Fatalf("POST %s %s: %d %s", path, body, rec.Code, rec.Body)
	}
	return made.UUID
}

const repo = "/api/v1/repository/prod/api/notification"

// wishFor is the body of a request.
func wishFor(event, method, config, eventConfig string) string {
	return fmt.Sprintf(`{"event": %q, "method": %q, "config": %s, "eventConfig": %s}`, event, method, config, eventConfig)
}

func TestLifeOfANotification(t *testing.T) {
	w := newWorld(t)
	rec := w.ask("POST", repo+"/", `{"event": "repo_push", "method": "webhook", "config": {"url": "https://u:p@ci.example.com/hook?token=s3cret"},
		"eventConfig": {}, "title": "新的 <push>"}`)
	if rec.Code != http.StatusCreated || rec.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s %s", rec.Code, rec.Header(), rec.Body)
	}
	id := strings.Split(rec.Body.String(), `"`)[3]
	shown := `{"uuid":"` + id + `","title":"新的 <push>","event":"repo_push","method":"webhook",` +
		`"config":{"url":"https://********@ci.example.com/hook?token=********"},"event_config":{},"number_of_failures":0}`
	if d := cmp.Diff(shown+"\n", rec.Body.String()); d != "" {
		t.Error(d)
	}
	name := "quay-" + id
	for kind, want := range map[string]string{
		"target": `{"name":"` + name + `","type":"webhook","options":{"url":"https://u:p@ci.example.com/hook?token=s3cret"},"format":"quay","disable_after":3}`,
		"rule": `{"name":"` + name + `","description":"新的 <push>","events":["artifact.pushed","chart.pushed"],` +
			`"scope":{"repositories":["prod/api"]},"tag":{"untagged":"skip"},"deliver":[{"target":"` + name + `"}]}`,
	} {
		if d := cmp.Diff(want, w.bodies[kind+" "+name]); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}

	for _, slash := range []string{"", "/"} {
		if rec := w.ask("GET", repo+slash, ""); rec.Code != 200 || rec.Body.String() != `{"notifications":[`+shown+"]}\n" {
			t.Errorf("list: %d %s", rec.Code, rec.Body)
		}
		if rec := w.ask("GET", repo+"/"+id+slash, ""); rec.Code != 200 || rec.Body.String() != shown+"\n" {
			t.Errorf("get: %d %s", rec.Code, rec.Body)
		}
		if rec := w.ask("POST", repo+"/"+id+slash, ""); rec.Code != 204 || rec.Body.Len() != 0 {
			t.Errorf("reset: %d %s", rec.Code, rec.Body)
		}
		if rec := w.ask("POST", repo+"/"+id+"/test"+slash, ""); rec.Code != 200 || rec.Body.String() != "{}\n" {
			t.Errorf("test: %d %s", rec.Code, rec.Body)
		}
	}
	if d := cmp.Diff([]string{name + " by ci", name + " by ci"}, w.reset); d != "" {
		t.Error(d)
	}
	if trial := w.trials[0]; len(w.trials) != 2 || trial.Rule != name || trial.Target != name || trial.By != "ci" ||
		trial.Type != event.ArtifactPushed || trial.Repository != "prod/api" {
		t.Errorf("%+v", w.trials)
	}

	// A disabled one is not tried, and nobody is told.
	w.conditions[name] = store.Condition{Failures: 3, Disabled: time.Now()}
	if rec := w.ask("POST", repo+"/"+id+"/test", ""); rec.Code != 200 || rec.Body.String() != "{}\n" || len(w.trials) != 2 {
		t.Errorf("%d %s, %d trials", rec.Code, rec.Body, len(w.trials))
	}
	if rec := w.ask("GET", repo+"/"+id, ""); !strings.HasSuffix(rec.Body.String(), `"number_of_failures":3}`+"\n") {
		t.Errorf("%s", rec.Body)
	}

	if rec := w.ask("DELETE", repo+"/"+id, ""); rec.Code != 204 || rec.Body.Len() != 0 || len(w.made) != 0 {
		t.Errorf("delete: %d %s, %v", rec.Code, rec.Body, w.made)
	}
	if rec := w.ask("GET", repo, ""); rec.Body.String() != `{"notifications":[]}`+"\n" {
		t.Errorf("%s", rec.Body)
	}
}

// What is listed is one repository's, in the order in which it was made.
func TestListIsOfOneRepository(t *testing.T) {
	w := newWorld(t)
	hook := wishFor("repo_push", "webhook", `{"url": "https://ci.example.com"}`, "{}")
	first := w.create(repo, hook)
	w.create("/api/v1/repository/prod/api/v2/notification", hook)
	w.create("/api/v1/repository/api/notification/", hook)
	w.create("/api/v1/organization/prod/notifications", wishFor("quota_error", "webhook", `{"url": "https://ci.example.com"}`, "{}"))
	second := w.create(repo, hook)
	var list struct{ Notifications []notification }
	if err := json.Unmarshal(w.ask("GET", repo, "").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range list.Notifications {
		got = append(got, n.UUID)
	}
	if d := cmp.Diff([]string{first, second}, got); d != "" {
		t.Error(d)
	}
	// That of another repository is not to be had here.
	for method, want := range map[string]int{"GET": 404, "POST": 400, "DELETE": 400} {
		if rec := w.ask(method, "/api/v1/repository/prod/web/notification/"+first, ""); rec.Code != want {
			t.Errorf("%s: %d %s", method, rec.Code, rec.Body)
		}
	}
}

func TestMethods(t *testing.T) {
	for method, c := range map[string]struct{ config, shown, target string }{
		"quay_notification": {
			`{"target": {"name": "quayadmin", "kind": "user", "is_robot": true, "avatar": {"x": "y"}}}`,
			`{"target":{"name":"quayadmin","kind":"user","is_robot":false,"avatar":{"name":"quayadmin",` +
				`"hash":"6844aac7e39cef772764a1a5c47c6c25179c5a56fb5835b5c1edd304acd0ce6d","color":"#9467bd","kind":"user"}}}`,
			`"type":"inbox","options":{"kind":"user","name":"quayadmin"}`,
		},
		"quay_notification team": {
			`{"target": {"name": "platform", "kind": "team"}}`,
			``,
			`"type":"inbox","options":{"kind":"team","name":"platform"}`,
		},
		"quay_notification org": {
			`{"target": {"name": "prod", "kind": "org"}}`,
			``,
			`"type":"inbox","options":{"kind":"organization","name":"prod"}`,
		},
		"email": {
			`{"email": "ops@example.com"}`, `{"email":"ops@example.com"}`,
			`"type":"email","options":{"to":["ops@example.com"]}`,
		},
		"webhook": {
			`{"url": "http://ci.example.com:8080/hook", "template": "{\"text\": \"${repository}\"}", "password": "s3cret"}`,
			`{"password":"********","template":"{\"text\": \"${repository}\"}","url":"http://ci.example.com:8080/hook"}`,
			`"type":"webhook","options":{"url":"http://ci.example.com:8080/hook"},"format":"quay","template":{"json":"{\"text\": \"${repository}\"}"}`,
		},
		"slack": {
			`{"url": "https://hooks.slack.com/services/T/B/s3cret"}`, `{"url":"https://hooks.slack.com/********"}`,
			`"type":"slack","options":{"url":"https://hooks.slack.com/services/T/B/s3cret"}`,
		},
		"flowdock": {
			`{"flow_api_token": "s3cret"}`, `{"flow_api_token":"********"}`,
			`"type":"flowdock","options":{"flow_api_token":"s3cret"}`,
		},
		"hipchat": {
			`{"room_id": 17, "notification_token": "s3cret", "base_url": "https://chat.example.com"}`,
			`{"base_url":"https://chat.example.com","notification_token":"********","room_id":17}`,
			`"type":"hipchat","options":{"base_url":"https://chat.example.com","notification_token":"s3cret","room_id":17}`,
		},
	} {
		w := newWorld(t)
		name, _, _ := strings.Cut(method, " ")
		id := w.create(repo, wishFor("repo_push", name, c.config, "{}"))
		rec := w.ask("GET", repo+"/"+id, "")
		var shown struct{ Config json.RawMessage }
		if err := json.Unmarshal(rec.Body.Bytes(), &shown); err != nil {
			t.Fatal(err)
		}
		if c.shown != "" && c.shown != string(shown.Config) {
			t.Errorf("%s: shown as %s, want %s", method, shown.Config, c.shown)
		}
		if strings.Contains(rec.Body.String(), "s3cret") || bytes.Contains(w.made[0].Note, []byte("s3cret")) {
			t.Errorf("%s: a secret is shown: %s, kept with %s", method, rec.Body, w.made[0].Note)
		}
		if got := w.bodies["target quay-"+id]; !strings.Contains(got, c.target) {
			t.Errorf("%s: the target is %s, want %s", method, got, c.target)
		}
	}
}

// The hash and the colour of Quay's own documentation go together here as they do there.
func TestAvatarColour(t *testing.T) {
	if got := colorOf(0xb2); got != "#17becf" {
		t.Errorf("b28d563a... is %s", got)
	}
	if a, b := avatarOf("alice", "user"), avatarOf(" Alice", "user"); a.Hash != b.Hash || a.Color != b.Color || len(a.Hash) != 64 {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestEvents(t *testing.T) {
	const expr = `"ref":{"regex":"(?:refs/heads/(main|rel))(?s:.*)"}`
	for _, c := range []struct{ event, config, want string }{
		{"repo_push", `{}`, `"events":["artifact.pushed","chart.pushed"],"scope":{"repositories":["prod/api"]},"tag":{"untagged":"skip"},`},
		{"build_queued", `{"ref-regex": "refs/heads/(main|rel)"}`, `"events":["build.queued"],"scope":{"repositories":["prod/api"]},` + expr},
		{"build_start", `{}`, `"events":["build.started"],"scope":{"repositories":["prod/api"]},"deliver"`},
		{"build_success", `{"ref-regex": ""}`, `"events":["build.succeeded"],"scope":{"repositories":["prod/api"]},"deliver"`},
		{"build_failure", `{"ref-regex": null}`, `"events":["build.failed"],"scope":{"repositories":["prod/api"]},"deliver"`},
		{"build_cancelled", `{}`, `"events":["build.canceled"]`},
		{"vulnerability_found", `{}`, `"events":["vulnerability.found"],"scope":{"repositories":["prod/api"]},"deliver"`},
		{"vulnerability_found", `{"level": "0"}`, `"severity":"critical"`},
		{"vulnerability_found", `{"level": 1}`, `"severity":"high"`},
		{"vulnerability_found", `{"level": "Medium"}`, `"severity":"medium"`},
		{"vulnerability_found", `{"level": "5"}`, `"severity":"unknown"`},
		{"repo_image_expiry", `{"days": 5}`, `"events":["artifact.expiring"],"scope":{"repositories":["prod/api"]},"expires_in":"120h0m0s"`},
		{"repo_image_expiry", `{"days": "0.5"}`, `"expires_in":"12h0m0s"`},
		{"repo_mirror_sync_started", `{}`, `"events":["replication.started"]`},
		{"repo_mirror_sync_success", `{}`, `"events":["replication.succeeded"]`},
		{"repo_mirror_sync_failed", `{"anything": "else"}`, `"events":["replication.failed"]`},
	} {
		w := newWorld(t)
		id := w.create(repo, wishFor(c.event, "webhook", `{"url": "https://ci.example.com"}`, c.config))
		if got := w.bodies["rule quay-"+id]; !strings.Contains(got, c.want) {
			t.Errorf("%s %s: the rule is %s, want %s", c.event, c.config, got, c.want)
		}
		if rec := w.ask("GET", repo+"/"+id, ""); !strings.Contains(rec.Body.String(), `"event_config":`+strings.ReplaceAll(c.config, ": ", ":")) {
			t.Errorf("%s: %s", c.event, rec.Body)
		}
		// It can be tried with what its rule takes.
		w.ask("POST", repo+"/"+id+"/test", "")
		sample := event.Sample(w.trials[0].Type)
		w.trials[0].Shape(&sample)
	}
}

func TestErrors(t *testing.T) {
	hook, none := `{"url": "https://ci.example.com"}`, "{}"
	many := strings.Repeat("x", 70<<10)
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"", ``, 400, "Missing JSON body: send one with Content-Type: application/json"},
		{"", `{`, 400, "The request is not JSON."},
		{"", `{} {}`, 400, "The request is not JSON."},
		{"", "{\"event\": \"\xff\"}", 400, "The request is not JSON."},
		{"", `[1]`, 400, "[1] is not of type 'object'"},
		{"", `null`, 400, "null is not of type 'object'"},
		{"", `{"event": "` + many + `"}`, 413, "The request is larger than 65536 bytes."},
		{"", `{}`, 400, "'event' is a required property"},
		{"", `{"event": "repo_push", "method": "webhook", "config": {}}`, 400, "'eventConfig' is a required property"},
		{"", `{"event": "repo_push", "method": "webhook", "config": {}, "event_config": {}}`, 400, "'eventConfig' is a required property"},
		{"", `{"event": 5, "method": "webhook", "config": {}, "eventConfig": {}}`, 400, "5 is not of type 'string' (event)"},
		{"", `{"event": "e", "method": null, "config": {}, "eventConfig": {}}`, 400, "null is not of type 'string' (method)"},
		{"", `{"event": "e", "method": "m", "config": {}, "eventConfig": {}, "title": null}`, 400, "null is not of type 'string' (title)"},
		{"", `{"event": "e", "method": "m", "config": [], "eventConfig": {}}`, 400, "[] is not of type 'object' (config)"},
		{"", `{"event": "e", "method": "m", "config": {}, "eventConfig": null}`, 400, "null is not of type 'object' (eventConfig)"},
		{"", wishFor("repo_pull", "webhook", hook, none), 400, "Unable to find event: repo_pull"},
		{"", wishFor("quota_error", "webhook", hook, none), 400, "Unable to find event: quota_error"},
		{"", wishFor("repo_push", "teams", hook, none), 400, "Unable to find method: teams"},

		{"", wishFor("repo_push", "webhook", none, none), 400, "Missing webhook URL"},
		{"", wishFor("repo_push", "webhook", `{"url": ""}`, none), 400, "Missing webhook URL"},
		{"", wishFor("repo_push", "webhook", `{"url": 5}`, none), 400, "Invalid webhook URL"},
		{"", wishFor("repo_push", "webhook", `{"url": "ftp://x"}`, none), 400, "Invalid webhook URL"},
		{"", wishFor("repo_push", "webhook", `{"url": "https:///x"}`, none), 400, "Invalid webhook URL"},
		{"", wishFor("repo_push", "webhook", `{"url": "https://x/\u0000"}`, none), 400, "Invalid webhook URL"},
		{"", wishFor("repo_push", "webhook", `{"url": "https://x/?token=********"}`, none), 400, "config.url holds ********, which is shown instead of a secret: give the secret itself"},
		{"", wishFor("repo_push", "webhook", `{"url": "https://x", "template": "{"}`, none), 400, "config.template: write a text that holds JSON"},
		{"", wishFor("repo_push", "webhook", `{"url": "https://x", "template": {"a": "b"}}`, none), 400, "config.template: write a text that holds JSON"},
		{"", wishFor("repo_push", "slack", none, none), 400, "Missing Slack Callback URL"},
		{"", wishFor("repo_push", "slack", `{"url": "x"}`, none), 400, "Invalid Slack Callback URL"},
		{"", wishFor("repo_push", "flowdock", `{"flow_api_token": null}`, none), 400, "Missing Flowdock API Token"},
		{"", wishFor("repo_push", "flowdock", `{"flow_api_token": "t", "base_url": "x"}`, none), 400, "config.base_url: write the address of the server, as https://host"},
		{"", wishFor("repo_push", "hipchat", `{"room_id": "r"}`, none), 400, "Missing Hipchat Room Notification Token"},
		{"", wishFor("repo_push", "hipchat", `{"notification_token": "t", "room_id": 0}`, none), 400, "Missing Hipchat Room ID"},
		{"", wishFor("repo_push", "email", none, none), 400, "Missing e-mail address"},
		{"", wishFor("repo_push", "email", `{"email": ["a@b"]}`, none), 400, "config.email: write an e-mail address, as text"},
		{"", wishFor("repo_push", "quay_notification", none, none), 400, "Missing target"},
		{"", wishFor("repo_push", "quay_notification", `{"target": "alice"}`, none), 400, "Missing target"},
		{"", wishFor("repo_push", "quay_notification", `{"target": {"name": "alice"}}`, none), 400, "Missing target"},
		{"", wishFor("repo_push", "quay_notification", `{"target": {"kind": "user"}}`, none), 400, "Missing target"},
		{"", wishFor("repo_push", "quay_notification", `{"target": {"kind": "robot", "name": "r"}}`, none), 400, "Unknown kind of target robot: write user, team or org"},
		{"", wishFor("repo_push", "quay_notification", `{"target": {"kind": "user", "name": "nobody"}}`, none), 400, "Unknown user nobody"},
		{"", wishFor("repo_push", "quay_notification", `{"target": {"kind": "team", "name": "noteam"}}`, none), 400, "Unknown team noteam"},
		{"", wishFor("repo_push", "quay_notification", `{"target": {"kind": "org", "name": "noorg"}}`, none), 400, "Unknown organization noorg"},
		{"", wishFor("repo_push", "quay_notification", `{"target": {"kind": "org", "name": "acme"}}`, none), 400, "Organization name must match repository namespace"},

		{"", wishFor("build_start", "webhook", hook, `{"ref-regex": 5}`), 400, "eventConfig.ref-regex: write a regex, as text"},
		{"", wishFor("build_start", "webhook", hook, `{"ref-regex": "a)|(b"}`), 400, "eventConfig.ref-regex is no regex that can be used here: error parsing regexp: unexpected ): `a)|(b`"},
		{"", wishFor("vulnerability_found", "webhook", hook, `{"level": "6"}`), 400,
			`eventConfig.level: write "0" (critical), "1" (high), "2" (medium), "3" (low), "4" (negligible) or "5" (unknown)`},
		{"", wishFor("repo_image_expiry", "webhook", hook, none), 400, "eventConfig.days: write within how many days the image expires, a number above 0 and at most 3650"},
		{"", wishFor("repo_image_expiry", "webhook", hook, `{"days": -1}`), 400, "eventConfig.days: write within how many days the image expires, a number above 0 and at most 3650"},
		{"", wishFor("repo_image_expiry", "webhook", hook, `{"days": "NaN"}`), 400, "eventConfig.days: write within how many days the image expires, a number above 0 and at most 3650"},

		{"/api/v1/organization/prod/notifications", wishFor("repo_push", "webhook", hook, none), 400, "Invalid event 'repo_push'. Must be one of: quota_error, quota_warning"},
		{"/api/v1/organization/prod/notifications", wishFor("quota_error", "teams", hook, none), 400, "Unknown notification method 'teams'"},
		{"/api/v1/organization/prod/notifications", wishFor("quota_error", "slack", none, none), 400, "Missing Slack Callback URL"},
	} {
		w := newWorld(t)
		path := c.path
		if path == "" {
			path = repo
		}
		rec := w.ask("POST", path, c.body)
		said := problemOf(t, rec)
		if rec.Code != c.status || said["detail"] != c.want {
			t.Errorf("%.80s:\n got %d %s\nwant %d %s", c.body, rec.Code, said["detail"], c.status, c.want)
		}
		if len(w.made) != 0 {
			t.Errorf("%.80s: made %v", c.body, w.made)
		}
	}
}

// problemOf reads an error, which has all of Quay's keys and no others.
func problemOf(t *testing.T, rec *httptest.ResponseRecorder) map[string]string {
	t.Helper()
	var raw struct {
		Detail, Title, Type string
		Error_message       string //nolint:revive // as it is written there
		Error_type          string //nolint:revive // likewise
		Status              int
	}
	var keys map[string]any
	if json.Unmarshal(rec.Body.Bytes(), &raw) != nil || json.Unmarshal(rec.Body.Bytes(), &keys) != nil || len(keys) != 6 ||
		raw.Detail == "" || raw.Detail != raw.Error_message || raw.Title != raw.Error_type || raw.Status != rec.Code ||
		raw.Type != "http://bellbuoy.example.com/api/v1/error/"+raw.Title || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s is no error of Quay's: %s", rec.Code, rec.Header(), rec.Body)
	}
	return map[string]string{"detail": raw.Detail, "type": raw.Title}
}

// Whatever is wrong below these paths is told as Quay does.
func TestRefusals(t *testing.T) {
	const id = "240662ea-597b-499d-98bb-2b57e73408d6"
	viewer, nobody := access.Identity{Name: "v", Role: access.Viewer}, access.Identity{}
	local, far := access.Identity{Role: access.Admin}, access.Identity{Name: "alice@example.com", Role: access.Editor}
	scoped := access.Identity{Name: "s", Role: access.Admin, Scopes: []string{"events:write"}}
	reads := access.Identity{Name: "s", Role: access.Admin, Scopes: []string{"notifications:read"}}
	for _, c := range []struct {
		who          *access.Identity
		method, path string
		status       int
		typ, detail  string
	}{
		{nil, "GET", repo + "/" + id, 404, "not_found", "Not Found"},
		{nil, "POST", repo + "/" + id, 400, "invalid_request", "No repository notification found for: prod, api, " + id},
		{nil, "DELETE", repo + "/" + id, 400, "invalid_request", "No repository notification found for: prod, api, " + id},
		{nil, "POST", repo + "/" + id + "/test", 400, "invalid_request", "No repository notification found for: prod, api, " + id},
		{nil, "DELETE", repo + "/../" + id, 404, "not_found", "Not Found"},
		{nil, "GET", "/api/v1/organization/prod/notifications/" + id, 404, "not_found", "Not Found"},
		{nil, "POST", "/api/v1/organization/prod/notifications/" + id, 404, "not_found", "Not Found"},
		{nil, "DELETE", "/api/v1/organization/prod/notifications/" + id, 404, "not_found", "Not Found"},
		{nil, "POST", "/api/v1/user/namespacenotifications/" + id + "/test", 404, "not_found", "Not Found"},
		{nil, "GET", "/api/v1/repository/prod/api", 404, "not_found", "Not Found"},
		{nil, "GET", "/api/v1/repository//notification/", 404, "not_found", "Not Found"},
		{nil, "PUT", repo, 405, "invalid_request", "The method is not allowed for the requested URL."},
		{nil, "PATCH", repo + "/" + id, 405, "invalid_request", "The method is not allowed for the requested URL."},
		{nil, "GET", repo + "/" + id + "/test", 405, "invalid_request", "The method is not allowed for the requested URL."},
		{&nobody, "GET", repo, 403, "insufficient_scope", "Unauthorized"},
		{&viewer, "POST", repo, 403, "insufficient_scope", "Unauthorized"},
		{&viewer, "DELETE", repo + "/" + id, 403, "insufficient_scope", "Unauthorized"},
		{&viewer, "POST", repo + "/" + id + "/test", 403, "insufficient_scope", "Unauthorized"},
		{&scoped, "GET", repo, 403, "insufficient_scope", "Unauthorized"},
		{&reads, "POST", repo, 403, "insufficient_scope", "Unauthorized"},
		{&local, "GET", "/api/v1/user/namespacenotifications", 401, "invalid_token", "Requires authentication"},
		{&far, "GET", "/api/v1/user/namespacenotifications", 400, "invalid_request",
			`"alice@example.com" is no name of a namespace: use /api/v1/organization/NAMESPACE/notifications`},
		{nil, "GET", "/api/v1/error/nothing", 404, "not_found", "Not Found"},
		{nil, "POST", "/api/v1/error/not_found", 405, "invalid_request", "The method is not allowed for the requested URL."},
	} {
		w := newWorld(t)
		if c.who != nil {
			w.who = *c.who
		}
		rec := w.ask(c.method, c.path, "")
		said := problemOf(t, rec)
		if rec.Code != c.status || said["type"] != c.typ || said["detail"] != c.detail {
			t.Errorf("%s %s: %d %v, want %d %s %s", c.method, c.path, rec.Code, said, c.status, c.typ, c.detail)
		}
		if (rec.Code == 405) != (rec.Header().Get("Allow") != "") || (rec.Code == 401) != (rec.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s %s: %d with %v", c.method, c.path, rec.Code, rec.Header())
		}
	}
	w := newWorld(t)
	w.who = viewer
	if rec := w.ask("GET", repo, ""); rec.Code != 200 {
		t.Errorf("a viewer's list: %d %s", rec.Code, rec.Body)
	}
	if rec := w.ask("GET", "/api/v1/error/not_found", ""); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"title":"not_found"`) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// What the change finds wrong is told in terms of the request.
func TestChangeRefuses(t *testing.T) {
	bad := func(kind objects.Kind, path, message string) error {
		return &objects.InvalidError{Kind: kind, Name: "quay-x", Faults: []objects.Fault{{Path: path, Message: message}}}
	}
	for _, c := range []struct {
		method, config string
		fails          error
		status         int
		want           string
	}{
		{"webhook", `{"url": "http://127.0.0.1/"}`, bad(objects.Target, "options.url", "names 127.0.0.1, which is loopback"), 400, "Invalid webhook URL: it names 127.0.0.1, which is loopback"},
		{"slack", `{"url": "http://[::1]/"}`, bad(objects.Target, "options.url", "names ::1"), 400, "Invalid Slack Callback URL: it names ::1"},
		{"email", `{"email": "x"}`, bad(objects.Target, "options.to.0", "is no address"), 400, "config.email is no address"},
		{"webhook", `{"url": "http://x", "template": "\"${;}\""}`, bad(objects.Target, "template.json", "no path"), 400, "config.template no path"},
		{"hipchat", `{"room_id": "r", "notification_token": 5}`, bad(objects.Target, "options.notification_token", "is no text"), 400, "config.notification_token is no text"},
		{"quay_notification", `{"target": {"kind": "user", "name": " "}}`, bad(objects.Target, "options.name", "is empty"), 400, "config.target.name is empty"},
		{"webhook", `{"url": "http://x"}`, &objects.OwnedError{Kind: objects.Rule, Name: "quay-x", Owner: "bb.yml:3"}, 400, `rule "quay-x" is defined in bb.yml:3: change it there, or take another name`},
		{"webhook", `{"url": "http://x"}`, fmt.Errorf("write: %w", store.ErrUnavailable), 503, "The notification could not be written down or read: write: " + store.ErrUnavailable.Error()},
		{"webhook", `{"url": "http://x"}`, fmt.Errorf("no room"), 500, "The notification could not be written down or read: no room"},
	} {
		w := newWorld(t)
		w.fails = c.fails
		rec := w.ask("POST", repo, wishFor("repo_push", c.method, c.config, "{}"))
		if said := problemOf(t, rec); rec.Code != c.status || said["detail"] != c.want {
			t.Errorf("%s: %d %s, want %d %s", c.method, rec.Code, said["detail"], c.status, c.want)
		}
		if (rec.Code == 503) != (rec.Header().Get("Retry-After") != "") {
			t.Errorf("%d with %v", rec.Code, rec.Header())
		}
	}
	w := newWorld(t)
	id := w.create(repo, wishFor("repo_push", "webhook", `{"url": "http://x"}`, "{}"))
	w.fails = &objects.InUseError{Kind: objects.Target, Name: "quay-" + id, By: []string{"rule other: delivers to it"}}
	if rec := w.ask("DELETE", repo+"/"+id, ""); rec.Code != 400 || !strings.Contains(problemOf(t, rec)["detail"], "rule other") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestNamespaces(t *testing.T) {
	w := newWorld(t)
	for path, namespace := range map[string]string{
		"/api/v1/organization/acme/notifications": "acme", "/api/v1/user/namespacenotifications": "ci",
	} {
		id := w.create(path, wishFor("quota_warning", "quay_notification", `{"target": {"kind": "org", "name": "`+namespace+`"}}`, `{"a": [1]}`))
		if got, want := w.bodies["rule quay-"+id], `"events":["quota.warning"],"scope":{"namespaces":["`+namespace+`"]},"deliver"`; !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		if rec := w.ask("GET", path+"/", ""); !strings.Contains(rec.Body.String(), id) || strings.Count(rec.Body.String(), "uuid") != 1 {
			t.Errorf("%s: %s", path, rec.Body)
		}
		if rec := w.ask("POST", path+"/"+id+"/test", ""); rec.Code != 200 || w.trials[len(w.trials)-1].Namespace != namespace {
			t.Errorf("%s: %d, %+v", path, rec.Code, w.trials)
		}
		for method, want := range map[string]int{"GET": 200, "POST": 204, "DELETE": 204} {
			if method == "DELETE" {
				continue
			}
			if rec := w.ask(method, path+"/"+id, ""); rec.Code != want {
				t.Errorf("%s %s: %d %s", method, path, rec.Code, rec.Body)
			}
		}
		if rec := w.ask("DELETE", path+"/"+id, ""); rec.Code != 204 || len(w.made) != 0 {
			t.Errorf("%s: %d, %v", path, rec.Code, w.made)
		}
	}
}
