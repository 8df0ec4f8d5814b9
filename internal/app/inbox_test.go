package app

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

const bells = `
people: {teams: {platform: [alice, bob]}, organizations: {acme: [carol]}}
targets:
  - {name: platform, type: inbox, options: {kind: team, name: platform}}
  - {name: acme, type: inbox, options: {kind: organization, name: acme}, title: "{{.type}}", template: {text: "by {{.actor.name}}"}}
  - {name: alice, type: inbox, options: {name: alice}, mode: shadow}
rules: [{name: pushes, events: [artifact.pushed], deliver: [platform, acme, alice]}]
`

// inboxOf lists what a user is told, as KIND/NAME TITLE, an unread one with a star.
func (l *life) inboxOf(user string) (list []string) {
	l.t.Helper()
	var notices []store.Notice
	l.get("/api/v1/inbox?user="+user, &notices)
	for _, n := range notices {
		mark := ""
		if n.Read == nil {
			mark = "*"
		}
		list = append(list, mark+n.Kind+"/"+n.Name+" "+n.Title)
	}
	return list
}

// tell posts to the admin API what it must take.
func (l *life) tell(path, body string) {
	l.t.Helper()
	if status, answer := l.post(path, body); status != http.StatusOK {
		l.t.Fatalf("POST %s: %d %s", path, status, answer)
	}
}

// post posts to the admin API.
func (l *life) post(path, body string) (status int, answer string) {
	l.t.Helper()
	req, err := http.NewRequest("POST", "http://"+l.admin+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if status, answer, err = do(req); err != nil {
		l.t.Fatalf("POST %s: %v", path, err)
	}
	return status, answer
}

// An event is told to those whose inboxes its targets name, each of whom reads it for
// himself; who is in a team may change while bellbuoy runs. No process is started for it.
func TestInboxesOfPeople(t *testing.T) {
	r := startReloadable(t, bells)
	id := r.notify("hub", push(t, "one"))[0]
	var tr trace
	r.until("all is told", func() bool {
		r.get("/api/v1/events/"+id, &tr)
		done := 0
		for _, d := range tr.Deliveries {
			if d.State == store.Delivered || d.State == store.Shadowed {
				done++
			}
		}
		return done == 3
	})
	for _, d := range tr.Deliveries {
		if d.Target == "platform" {
			if a := d.Attempts; len(a) != 1 || a[0].Reply != "kept" || a[0].Request.URL != "inbox:team/platform" || !strings.Contains(a[0].Request.Body, `"title":"`) {
				t.Errorf("the trace tells %+v", a)
			}
		}
		if d.Target == "alice" && (d.Shadow == nil || d.Shadow.Request.URL != "inbox:user/alice") {
			t.Errorf("in shadow mode the trace tells %+v", d)
		}
	}
	alice := r.inboxOf("alice")
	if len(alice) != 1 || !strings.HasSuffix(alice[0], " pushed") || !strings.HasPrefix(alice[0], "*team/platform ") {
		t.Fatalf("alice is told %q", alice)
	}
	if diff := cmp.Diff(alice, r.inboxOf("bob")); diff != "" {
		t.Error(diff)
	}
	if got := r.inboxOf("carol"); len(got) != 1 || got[0] != "*organization/acme artifact.pushed" {
		t.Errorf("carol is told %q", got)
	}
	if got := r.inboxOf("dave"); len(got) != 0 {
		t.Errorf("dave is told %q", got)
	}
	r.tell("/api/v1/inbox/read", `{"user":"bob"}`)
	if bob := r.inboxOf("bob"); strings.HasPrefix(bob[0], "*") || !strings.HasPrefix(r.inboxOf("alice")[0], "*") {
		t.Errorf("bob is told %q", bob)
	}

	// The same delivery again is told once.
	for _, d := range tr.Deliveries {
		if d.Target == "platform" {
			r.tell("/api/v1/deliveries/"+d.ID+"/redeliver", "{}")
			r.until("it is delivered again", func() bool {
				r.get("/api/v1/events/"+id, &tr)
				for _, again := range tr.Deliveries {
					if again.ID == d.ID && len(again.Attempts) == 2 {
						return again.Attempts[1].Reply == "it was there already"
					}
				}
				return false
			})
		}
	}
	if got := r.inboxOf("alice"); len(got) != 1 {
		t.Errorf("alice is told %q", got)
	}

	r.change(strings.Replace(bells, "[alice, bob]", "[alice, dave]", 1))
	if bob, dave := r.inboxOf("bob"), r.inboxOf("dave"); len(bob) != 0 || len(dave) != 1 {
		t.Errorf("bob is told %q, dave %q", bob, dave)
	}

	// Its sender is this process, and cannot be had anew without it.
	var plugins []struct {
		Type, State string
		PID         int
	}
	if r.get("/api/v1/plugins", &plugins); len(plugins) != 1 || plugins[0].Type != "inbox" || plugins[0].State != "up" || plugins[0].PID != os.Getpid() {
		t.Errorf("the senders are %+v", plugins)
	}
	if status, answer := r.post("/api/v1/plugins/inbox/restart", "{}"); status != http.StatusConflict || !strings.Contains(answer, "bellbuoy's own process") {
		t.Errorf("restart: %d %s", status, answer)
	}
	if log := r.log.String(); strings.Contains(log, "start sender") {
		t.Errorf("a sender was started:\n%s", log)
	}
}

func TestInboxOfNobody(t *testing.T) {
	file, _ := write(t, strings.NewReplacer("[alice, bob]", "[]", "organizations: {acme", "organizations: {ecma").Replace(bells))
	out, err := check(t, file)
	want := strings.ReplaceAll(`FILE:4: targets[0].options.name: warning: nobody is in the team "platform", so that nobody is told: write who is under people.teams
FILE:5: targets[1].options.name: warning: nobody is in the organization "acme", so that nobody is told: write who is under people.organizations
`, "FILE", file)
	if !strings.HasPrefix(out, want) || err != nil {
		t.Errorf("%v %s", err, cmp.Diff(want, out))
	}
}

// What the store answers is what becomes of the delivery: a commit is delivered, a database
// that is busy or closed is tried again, and nothing is final. What was tried again is there
// once.
func TestAnswersOfTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellbuoy.db")
	st, err := store.Open(t.Context(), path, store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	send := newCarriers(st, "test", nil).send
	all := store.Reader{Person: "operator", All: true}
	count := func() (n int) {
		list, err := st.Notices(t.Context(), store.NoticeQuery{Reader: all})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	exec := func(text string) {
		if _, err := other.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name   string
		before func()
		id     string
		want   plugin.Outcome
		rows   int
	}{
		{"commit", func() {}, "one", plugin.Delivered, 1},
		{"commit of what is there", func() {}, "one", plugin.Delivered, 1},
		{"database busy", func() { exec(`BEGIN IMMEDIATE`) }, "two", plugin.Retry, 1},
		{"database busy no more", func() { exec(`ROLLBACK`) }, "two", plugin.Delivered, 2},
		{"store closing", func() { st.Close() }, "three", plugin.Retry, 0},
	} {
		step.before()
		d := plugin.Delivery{ID: step.id, Attempt: 1, Target: "bell", Type: "inbox", Options: json.RawMessage(`{"name":"alice"}`),
			Event: json.RawMessage(`{"v":1,"id":"e","type":"artifact.pushed"}`)}
		_, err := send(t.Context(), d)
		if got := plugin.ReadVerdict(err).Outcome; got != step.want {
			t.Errorf("%s: %s (%v), want %s", step.name, got, err, step.want)
		}
		if step.rows > 0 && count() != step.rows {
			t.Errorf("%s: %d notices, want %d", step.name, count(), step.rows)
		}
	}
}

// Many events at once come to many inboxes, each once, beside those that are delivered to
// another process.
func TestInboxUnderLoad(t *testing.T) {
	hooked := make(chan struct{}, 1000)
	hook := receiver(t, func(http.ResponseWriter, *http.Request) { hooked <- struct{}{} })
	r := startReloadable(t, fmt.Sprintf(`
targets:
  - {name: a, type: inbox, options: {name: alice}}
  - {name: b, type: inbox, options: {name: bob}, order: none}
  - {name: ci, type: webhook, options: {url: %q}}
rules: [{name: pushes, events: [artifact.pushed], deliver: [a, b, ci]}]
`, hook))
	const n = 100
	for i := range n {
		r.notify("hub", push(t, fmt.Sprint("push-", i)))
	}
	r.until("all is told", func() bool {
		return r.unread("alice") == n && r.unread("bob") == n && len(hooked) == n
	})
	if len(r.inboxOf("alice")) != store.DefaultLimit {
		t.Errorf("%d are listed", len(r.inboxOf("alice")))
	}
}

func (l *life) unread(user string) int {
	l.t.Helper()
	var u store.UnreadCount
	l.get("/api/v1/inbox/unread?user="+user, &u)
	return u.Unread
}
