package connect

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var red = Options{Registry: registry("red", "quay", path), URL: "https://bb.example.com"}

func (q *fakeQuay) make(m Make) Make {
	m.API = api(q.URL+"/", "", q.token)
	return m
}

func (q *fakeQuay) apply(t *testing.T, o Options, m Make, dry bool) []Row {
	t.Helper()
	s, err := Quay(o, q.make(m))
	return applied(t, s, err, dry)
}

// quayRows are the rows of a place in which each event has the same action.
func quayRows(place, action string, organization bool) (rows []string) {
	for _, e := range quayEvents {
		if e.organization == organization {
			rows = append(rows, place+" "+e.name+" "+action)
		}
	}
	return rows
}

func TestQuay(t *testing.T) {
	q := newQuay(t, "team/a/b", "other/x")
	m := Make{Places: []string{"team/a/b"}}
	wantRows(t, q.apply(t, red, m, true), quayRows("team/a/b", "made", false)...)
	if asked := q.changes(); len(asked) > 0 {
		t.Fatalf("a dry run asks for %q", asked)
	}
	wantRows(t, q.apply(t, red, m, false), quayRows("team/a/b", "made", false)...)
	var want []string
	for _, e := range quayEvents {
		filter := "{}"
		if e.config != nil {
			filter = `{"days":7}`
		}
		if !e.organization {
			want = append(want, "bellbuoy "+e.name+" https://bb.example.com/in/red/-/p4th:/"+e.name+" "+filter)
		}
	}
	if d := cmp.Diff(want, q.of("team/a/b")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	before := len(q.changes())
	wantRows(t, q.apply(t, red, m, false), quayRows("team/a/b", "unchanged", false)...)
	if got := q.changes()[before:]; len(got) > 0 {
		t.Errorf("changes %q", got)
	}
	m.Events = []string{"repo_push"}
	var rows []string
	for _, r := range quayRows("team/a/b", "removed", false) {
		rows = append(rows, strings.Replace(r, "repo_push removed", "repo_push unchanged", 1))
	}
	wantRows(t, q.apply(t, red, m, false), rows...)
	m.Remove = true
	wantRows(t, q.apply(t, red, m, false), "team/a/b repo_push removed")
	wantRows(t, q.apply(t, red, m, false), "team/a/b bellbuoy absent")
	if got := q.of("team/a/b"); len(got) > 0 {
		t.Errorf("left is %q", got)
	}
}

func TestQuayOrganization(t *testing.T) {
	q := newQuay(t, "team/a", "team/b", "other/x", "team/c")
	m := Make{Organizations: []string{"team"}, Events: []string{"repo_push", "quota_error"}}
	wantRows(t, q.apply(t, red, m, false), "organization team quota skipped", "team/a repo_push made", "team/b repo_push made", "team/c repo_push made")
	q.quotas = true
	wantRows(t, q.apply(t, red, m, false), "organization team quota_error made", "team/a repo_push unchanged", "team/b repo_push unchanged", "team/c repo_push unchanged")
	if got := q.of("organization team"); !slices.Equal(got, []string{"bellbuoy quota_error https://bb.example.com/in/red/-/p4th:/quota_error {}"}) {
		t.Errorf("got %q", got)
	}
	m.Organizations = []string{"nobody"}
	m.Events = []string{"repo_push"}
	if rows := q.apply(t, red, m, false); len(rows) != 0 {
		t.Errorf("got %+v", rows)
	}
}

// Those that differ are made anew, with the filter that they had; those that are off are
// switched on; those of others stay.
func TestQuayDiffers(t *testing.T) {
	q := newQuay(t, "team/a")
	url := func(s string) map[string]any { return map[string]any{"url": s} }
	q.add("team/a", "mine", "repo_push", "webhook", url("https://ci.example.com"), map[string]any{})
	q.add("team/a", "bellbuoy", "repo_push", "slack", url("https://bb.example.com/in/red/repo_push"), map[string]any{})
	q.add("team/a", "bellbuoy", "build_start", "webhook", url("https://ci.example.com/in/blue/build_start"), map[string]any{})
	q.add("team/a", "staging", "build_failure", "webhook", url("https://staging.example.com/in/red/build_failure"), map[string]any{})
	q.add("team/a", "bellbuoy", "vulnerability_found", "webhook", url("http://old/in/red/-/old-secret/vulnerability_found"), map[string]any{"level": "1"})
	q.add("team/a", "by hand", "build_success", "webhook", url("https://bb.example.com/in/red/-/p4th:/build_success"), map[string]any{"ref-regex": "x"})["number_of_failures"] = 3
	q.add("team/a", "bellbuoy", "repo_image_expiry", "webhook", url("https://bb.example.com/in/red/-/p4th:/repo_image_expiry"), map[string]any{})
	for range 2 {
		q.add("team/a", "bellbuoy", "repo_mirror_sync_failed", "webhook", url("https://bb.example.com/in/red/-/p4th:/repo_mirror_sync_failed"), map[string]any{})
	}
	m := Make{Places: []string{"team/a"}, Events: []string{"repo_push", "vulnerability_found", "build_success", "repo_image_expiry", "repo_mirror_sync_failed"}}
	wantRows(t, q.apply(t, red, m, false),
		"team/a repo_push made",
		"team/a repo_mirror_sync_failed changed: posted 2 times",
		"team/a vulnerability_found changed: posted to another URL",
		"team/a build_success reset: was off after 3 failures",
		"team/a repo_image_expiry changed: had no days")
	want := []string{
		"mine repo_push https://ci.example.com {}",
		"bellbuoy repo_push https://bb.example.com/in/red/repo_push {}",
		"bellbuoy build_start https://ci.example.com/in/blue/build_start {}",
		"staging build_failure https://staging.example.com/in/red/build_failure {}",
		`by hand build_success https://bb.example.com/in/red/-/p4th:/build_success {"ref-regex":"x"}`,
		"bellbuoy repo_mirror_sync_failed https://bb.example.com/in/red/-/p4th:/repo_mirror_sync_failed {}",
		"bellbuoy repo_push https://bb.example.com/in/red/-/p4th:/repo_push {}",
		`bellbuoy vulnerability_found https://bb.example.com/in/red/-/p4th:/vulnerability_found {"level":"1"}`,
		`bellbuoy repo_image_expiry https://bb.example.com/in/red/-/p4th:/repo_image_expiry {"days":7}`,
	}
	if d := cmp.Diff(want, q.of("team/a")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// The one table of events is as it was.
	for _, e := range quayEvents {
		if e.config != nil && len(e.config) != 1 {
			t.Errorf("%s: %v", e.name, e.config)
		}
	}
	m.Remove = true
	q.apply(t, red, m, false)
	if d := cmp.Diff(want[:4], q.of("team/a")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestQuayTemplate(t *testing.T) {
	o := red
	o.Template = true
	q := newQuay(t, "team/a")
	m := Make{Places: []string{"team/a"}, Events: []string{"quota_error", "repo_push"}, Name: "bb"}
	wantRows(t, q.apply(t, o, m, false), "team/a repo_push made")
	want := []string{"bb repo_push https://bb.example.com/in/red/-/p4th: {} " + quayEvents[0].template()}
	if d := cmp.Diff(want, q.of("team/a")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	wantRows(t, q.apply(t, o, m, false), "team/a repo_push unchanged")
	wantRows(t, q.apply(t, red, m, false), "team/a repo_push changed: posted to another URL; had another template")
}

func TestQuayRefusals(t *testing.T) {
	const get, post = "Quay, asked to GET /repository/team/a/notification/,", "Quay, asked to POST /repository/team/a/notification/,"
	for name, tt := range map[string]struct {
		refuse func(q *fakeQuay, w http.ResponseWriter, r *http.Request) bool
		want   string
	}{
		"403": {func(q *fakeQuay, w http.ResponseWriter, _ *http.Request) bool {
			q.refusal(w, "403 authenticated but not admin")
			return true
		}, get + " answers 403 (Unauthorized): use a token with the scope repo:admin (for quotas org:admin too) of a user who administers it; Quay answers so also where it does not exist"},
		"404": {func(q *fakeQuay, w http.ResponseWriter, _ *http.Request) bool {
			q.refusal(w, "404 unknown uuid on GET")
			return true
		}, `there is no repository "team/a", or it is hidden from this token: ` + get + " answers 404 (Not Found)"},
		"400": {func(q *fakeQuay, w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				sendJSON(w, 400, map[string]any{"error_message": "Invalid webhook URL https://bb.example.com/in/red/-/p4th:/repo_push"})
			}
			return r.Method == http.MethodPost
		}, post + " answers 400 (Invalid webhook URL https://bb.example.com/in/red/-/***/repo_push)"},
		"500": {func(q *fakeQuay, w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				w.WriteHeader(500)
			}
			return r.Method == http.MethodPost
		}, post + " answers 500: a Quay that does not have the event repo_push may answer so too, then leave it out by naming the others with --event"},
		"a redirect that adds a slash": {func(q *fakeQuay, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere/", http.StatusMovedPermanently)
			return true
		}, get + " redirects to URL, where credentials are not sent: name that URL if it is Quay"},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQuay(t, "team/a", "team/b")
			q.refuse = func(w http.ResponseWriter, r *http.Request) bool {
				return strings.Contains(r.URL.Path, "/team/a/") && tt.refuse(q, w, r)
			}
			rows := q.apply(t, red, Make{Places: []string{"team/a", "team/b"}, Events: []string{"repo_push"}}, false)
			if len(rows) != 2 || rows[0].Action != Failed || rows[1].Action != Made {
				t.Fatalf("got %+v", rows)
			}
			if d := cmp.Diff(strings.ReplaceAll(tt.want, "URL,", q.URL+","), rows[0].Error); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	q := newQuay(t, "team/a", "team/b")
	m := q.make(Make{Places: []string{"team/a", "team/b"}})
	q.token = "another"
	s, err := Quay(red, m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Apply(t.Context(), false, func(r Row) { t.Errorf("tells %+v", r) })
	if want := get + " answers 401 (Requires authentication): make a new token: one of an OAuth application of the organization, with the scope repo:admin"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// An event that this Quay does not have is no failure, and not asked for again.
func TestQuayUnknownEvent(t *testing.T) {
	q := newQuay(t, "team/a", "team/b")
	q.unknown = "repo_image_expiry"
	rows := q.apply(t, red, Make{Places: q.repositories, Events: []string{"repo_push", "repo_image_expiry"}}, false)
	wantRows(t, rows, "team/a repo_push made", "team/a repo_image_expiry skipped", "team/b repo_push made", "team/b repo_image_expiry skipped")
	if n := len(q.changes()); n != 3 || rows[1].Note != notOfThisQuay {
		t.Errorf("%q and %+v", q.changes(), rows)
	}
}

// What may have been made is not made twice.
func TestQuayLostAnswer(t *testing.T) {
	q := newQuay(t, "team/a")
	lost := 0
	q.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if lost++; r.Method != http.MethodPost || lost > 2 {
			return false
		}
		q.add("team/a", "bellbuoy", "repo_push", "webhook", map[string]any{"url": "https://bb.example.com/in/red/-/p4th:/repo_push"}, map[string]any{})
		panic(http.ErrAbortHandler)
	}
	m := Make{Places: []string{"team/a"}, Events: []string{"repo_push"}}
	wantRows(t, q.apply(t, red, m, false), "team/a repo_push made")
	if got := q.of("team/a"); len(got) != 1 {
		t.Errorf("got %q", got)
	}
	q.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			q.lists["team/a"] = nil
			panic(http.ErrAbortHandler)
		}
		return false
	}
	m.Remove = true
	wantRows(t, q.apply(t, red, m, false), "team/a repo_push removed")
}

func TestMakeFaults(t *testing.T) {
	one := Make{API: api("https://x", "me", "s")}
	with := func(change func(*Make)) Make {
		m := one
		change(&m)
		return m
	}
	for _, tt := range []struct {
		do   func(Options, Make) (*Side, error)
		o    Options
		m    Make
		want string
	}{
		{Quay, Options{Registry: red.Registry, URL: "http://localhost:5080"}, one, "Quay refuses URLs with localhost: name bellbuoy with --url as Quay reaches it by another name"},
		{Quay, red, with(func(m *Make) { m.Places = []string{"app"} }), `"app" is no repository of Quay: write NAMESPACE/NAME`},
		{Quay, red, with(func(m *Make) { m.Events = []string{"repo_pull"} }), `there is no event "repo_pull": did you mean "repo_push"?`},
		{Quay, Options{Registry: registry("red", "quay", bearer), URL: red.URL}, one, `bb.yml:7: Quay cannot show what auth of registry "red" asks for: add {path: {file: PATH}} to it, any one suffices`},
		{Harbor, goals, with(func(m *Make) { m.API.URL = "harbor" }), "no http or https URL of Harbor: write one such as https://harbor.example.com"},
		{Harbor, goals, with(func(m *Make) { m.API.URL = "https://a:b@harbor" }), "the URL of Harbor holds credentials, which others can see there: leave them out of it"},
		{Harbor, Options{Registry: goals.Registry, URL: "x"}, one, "no http or https URL of bellbuoy: write one such as http://bellbuoy.example.com:5080"},
	} {
		if _, err := tt.do(tt.o, tt.m); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// Whether a URL is one of bellbuoy's for a registry.
func TestForRegistry(t *testing.T) {
	for url, want := range map[string]bool{
		"http://bb/in/hub": true, "http://bb/in/hub/": true, "http://bb/x/in/hub/-/secret": true,
		"http://bb/in/hub/repo_push": true, "http://bb/in/hub/-/s/repo_push": true,
		"http://bb/in/hub2": false, "http://bb/hub": false, "http://bb/in/hub/a/b": false, ":": false,
	} {
		if got := forRegistry(url, "hub"); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
	if got := fmt.Sprint(sameJSON(`{"a": "b"}`, `{"a":"b"}`), sameJSON(`{"a":"b"}`, `{"a":"c"}`), sameJSON("x", "y")); got != "true false false" {
		t.Error(got)
	}
}
