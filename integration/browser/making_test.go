package browser_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// robot is a DingTalk robot: it takes what is signed, and answers as DingTalk does.
type robot struct {
	*httptest.Server
	mu    sync.Mutex
	taken []string // titles
}

func newRobot(t *testing.T) *robot {
	t.Helper()
	r := &robot{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		var m struct{ Markdown struct{ Title string } }
		if err := json.Unmarshal(body, &m); err != nil || req.URL.Query().Get("sign") == "" {
			fmt.Fprint(w, `{"errcode":310000,"errmsg":"sign not match"}`)
			return
		}
		r.mu.Lock()
		r.taken = append(r.taken, m.Markdown.Title)
		r.mu.Unlock()
		fmt.Fprint(w, `{"errcode":0,"errmsg":"ok"}`)
	}))
	t.Cleanup(r.Close)
	return r
}

// has reports whether the robot has taken a message whose title has text in it.
func (r *robot) has(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, title := range r.taken {
		if strings.Contains(title, text) {
			return true
		}
	}
	return false
}

// fill writes into the field that has a name, whatever stood there.
func (d *desk) fill(name, value string) {
	d.t.Helper()
	field := fmt.Sprintf("[name=%q]", name)
	eval[bool](d, fmt.Sprintf(`((e) => { e.value = ""; e.focus(); return true })(document.querySelector(%s))`, quote(field)))
	d.do(chromedp.SendKeys(chromedp.CSS(field), value))
}

// choose chooses an option of a list.
func (d *desk) choose(name, value string) {
	d.t.Helper()
	eval[bool](d, fmt.Sprintf(`((e) => { e.value = %s; e.dispatchEvent(new Event("input", {bubbles: true})); return true })(document.querySelector(%s))`,
		quote(value), quote(fmt.Sprintf("select[name=%q]", name))))
}

// From nothing to a filtered message of a DingTalk robot, with what the console says.
func TestFromNothingToDingTalk(t *testing.T) {
	r := newRobot(t)
	d := sit(t, without+"egress: {allow: [127.0.0.0/8]}\n")
	d.push("prod/api", "dev-1")
	d.open("/")
	d.reload("prod/api:dev-1 pushed")

	d.open("/targets")
	d.leave("New target")
	d.wants("What is to hear of events?")
	d.shot("target-types")
	d.leave("DingTalk robot 钉钉")
	d.wants("webhook address")
	d.fill("name", "ops")
	d.fill("options.url", r.URL+"/robot/send?access_token=canary")
	d.fill("options.secret", "SECcanary")
	d.shot("target-form")
	d.leave("Save")
	d.wants("Saved, and in use.")
	d.lacks("canary")
	d.shot("target")
	d.leave("Send it a test")
	d.reload("delivered to ops")
	if !r.has("bellbuoy") {
		t.Errorf("the robot has heard %q", r.taken)
	}

	d.open("/targets/ops")
	d.leave("New rule for it")
	d.fill("name", "prod-releases")
	d.fill("description", "生产发布")
	d.press("Image or other artifact pushed")
	d.fill("repositories", "prod/**")
	d.choose("tag_by", "regex")
	d.fill("tag", "release-(v.*")
	d.wants("missing closing )")
	d.shot("rule-form-fault")
	d.leave("Save")
	d.wants("missing closing )") // beside its field
	d.expected("422")
	d.fill("tag", "release-v.*")
	d.wants("it takes 0")
	d.wants(`tag "dev-1" does not match regex "release-v.*"`)
	d.shot("rule-form")
	d.leave("Save")
	d.wants("Saved, and in use.")

	d.push("prod/api", "release-v1.2.3")
	d.push("prod/api", "dev-2")
	d.reload("release-v1.2.3")
	if !r.has("prod/api:release-v1.2.3 pushed") || r.has("dev-2") {
		t.Errorf("the robot has heard %q", r.taken)
	}
	d.leave("With what it did not take, and why")
	d.wants(`tag "dev-2" does not match regex "release-v.*"`)
	d.shot("rule")

	d.leave("Switch off")
	d.wants("The rule is switched off.")
	d.leave("Edit")
	d.wants("Switched on")
	if got := eval[string](d, `document.querySelector("[name=tag]").value`); got != "release-v.*" {
		t.Errorf("the form shows the tag %q", got)
	}
	d.open("/rules/prod-releases")
	d.press("Delete…")
	d.leave("Delete rule prod-releases")
	d.wants("Deleted.")
	d.lacks("prod-releases")
	d.open("/audit")
	d.wants("prod-releases")
	d.lacks("canary")
}

// What could not be delivered is delivered again, all of it, when its target takes it.
func TestDeadLettersAgain(t *testing.T) {
	var mu sync.Mutex
	takes, got := false, 0
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if !takes {
			http.Error(w, "not yet", http.StatusBadRequest)
			return
		}
		got++
	}))
	t.Cleanup(hook.Close)
	d := sit(t, strings.ReplaceAll(busy, "REFUSES", hook.URL))
	const many = 7
	for i := range many {
		d.push("prod/api", fmt.Sprintf("release-v%d", i))
	}
	d.open("/dead")
	d.until(fmt.Sprintf("document.querySelectorAll('tbody tr').length === %d || (setTimeout(() => location.reload(), 300), false)", many), "there are not %d dead letters", many)
	d.shot("dead")
	mu.Lock()
	takes = true
	mu.Unlock()
	d.leave("Deliver all again…")
	d.wants(fmt.Sprintf("%d deliveries would be made again", many))
	d.shot("again-sure")
	d.leave(fmt.Sprintf("Deliver %d again", many))
	d.wants(fmt.Sprintf("%d deliveries are on their way again", many))
	d.wants("That is all of them")
	d.shot("again")
	d.open("/dead")
	d.reload("There is none")
	mu.Lock()
	defer mu.Unlock()
	if got != many {
		t.Errorf("the target got %d, want %d", got, many)
	}
}

// Who has not logged in is led to where he does, and on to the page that he wanted; a viewer
// sees everything and changes nothing, an editor changes what is not an admin's.
func TestLoginAndRoles(t *testing.T) {
	d := sitWith(t, strings.ReplaceAll(busy, "REFUSES", "http://127.0.0.1:1"), fmt.Sprintf("  users: {htpasswd: %s, roles: {editor: [alice]}}\n", passwords(t)))
	d.do(chromedp.Navigate(d.admin + "/rules"))
	d.wants("Log in")
	d.shot("login")
	d.login("bob", "wrong")
	d.wants("wrong")
	d.expected("401")
	d.login("bob", "canary-of-bob")
	d.wants("shadow")
	if at := eval[string](d, "location.pathname"); at != "/rules" {
		t.Errorf("after the login the page is %s", at)
	}
	d.lacks("New rule")
	d.open("/targets/broken")
	d.lacks("Send it a test")
	d.leave("Log out")
	d.wants("Log in")

	d.do(chromedp.Navigate(d.admin + "/targets/broken"))
	d.login("alice", "canary-of-alice")
	d.wants("Send it a test")
	d.open("/plugins")
	d.lacks("Start anew")
	if cookies := eval[string](d, "document.cookie"); cookies != "" {
		t.Errorf("scripts can read the cookies %q", cookies)
	}
}

// passwords is a file with those of alice and bob, as htpasswd -B writes it.
func passwords(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "htpasswd")
	const lines = "alice:$2a$10$ThMmt4JNCVTA4qeMYTwv.eE41AO2H5vi5mBKcVbm2oYkHBEPZ6NmO\nbob:$2a$10$wBgTAXl/Vt83CEHQgdM1K.K1IOxMIqHEvJKvhbrbfhCkD2cSsgniC\n"
	if err := os.WriteFile(name, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// login fills in the form of the login.
func (d *desk) login(user, password string) {
	d.t.Helper()
	d.fill("user", user)
	d.fill("password", password)
	d.leave("Log in")
}
