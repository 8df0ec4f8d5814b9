package integration_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// The lines of Quay's documentation, with its placeholders.
const (
	quayCreate = `curl -X POST \
  -H "Authorization: Bearer <bearer_token>" \
  -H "Content-Type: application/json" \
  --data '{
    "event": "<event>",
    "method": "<method>",
    "config": {
      "<config_key>": "<config_value>"
    },
    "eventConfig": {
      "<eventConfig_key>": "<eventConfig_value>"
    }
  }' \
  https://<quay-server.example.com>/api/v1/repository/<namespace>/<repository_name>/notification/`
	quayTest = `curl -X POST \
  -H "Authorization: Bearer <bearer_token>" \
  https://<quay-server.example.com>/api/v1/repository/<repository>/notification/<uuid>/test`
	quayReset = `curl -X POST \
  -H "Authorization: Bearer <bearer_token>" \
  https://<quay-server.example.com>/api/v1/repository/<repository>/notification/<uuid>`
	quayDelete = `curl -X DELETE \
  -H "Authorization: Bearer <bearer_token>" \
  https://<quay-server.example.com>/api/v1/repository/<namespace>/<repository_name>/notification/<uuid>`
	quayList = `curl -X GET  -H "Authorization: Bearer <bearer_token>"   -H "Accept: application/json"  https://<quay-server.example.com>/api/v1/repository/<namespace>/<repository_name>/notification`
	// Of the call that shows one, the documentation has the path only.
	quayGet = `curl -H "Authorization: Bearer <bearer_token>" https://<quay-server.example.com>/api/v1/repository/<repository>/notification/<uuid>`
)

// quayStage is a stage that scripts made for Quay speak to.
type quayStage struct{ *stage }

// newQuayStage starts one that lets people's targets be on this machine. more stands in the
// configuration.
func newQuayStage(t *testing.T, more string) quayStage {
	dir := t.TempDir()
	return quayStage{newStageWith(t, func(target string) (sidecar.Config, error) {
		c, err := sidecar.Write(dir, sidecar.Options{Target: target})
		if err == nil {
			replace(t, c.Path, "store:", "egress: {allow: [127.0.0.0/8]}\n"+more+"store:")
		}
		return c, err
	})}
}

// run runs a line with real curl, and returns what it prints, the status behind it.
func (s quayStage) run(line string, values ...string) (out string, status int) {
	s.t.Helper()
	line = strings.NewReplacer(append(values,
		"https://<quay-server.example.com>", "http://"+s.config.Admin, "<bearer_token>", "any",
		"<repository>", "team/app", "<namespace>", "team", "<repository_name>", "app",
		"curl ", `curl -sS -w '\n%{http_code} %{num_redirects}' `,
	)...).Replace(line)
	b, err := exec.CommandContext(s.ctx, "sh", "-c", line).Output()
	if err != nil {
		s.t.Fatalf("%s: %v %s", line, err, b)
	}
	end := bytes.LastIndexByte(b, '\n')
	out, code := string(b[:end]), string(b[end+1:])
	redirects := 0
	if _, err := fmt.Sscan(code, &status, &redirects); err != nil || redirects != 0 {
		s.t.Fatalf("%s: %q, %v", line, b, err)
	}
	return strings.TrimSpace(out), status
}

// create makes a notification and returns its UUID, and what curl printed.
func (s quayStage) create(event, method, config, eventConfig string) (id, out string) {
	s.t.Helper()
	out, status := s.run(quayCreate, "<event>", event, "<method>", method,
		`"<config_key>": "<config_value>"`, config, `"<eventConfig_key>": "<eventConfig_value>"`, eventConfig)
	var made struct{ UUID string }
	if err := json.Unmarshal([]byte(out), &made); err != nil || status != http.StatusCreated {
		s.t.Fatalf("create %s %s: %d %s", event, method, status, out)
	}
	return made.UUID, out
}

func (s quayStage) get(id string) string {
	s.t.Helper()
	out, status := s.run(quayGet, "<uuid>", id)
	if status != http.StatusOK {
		s.t.Fatalf("get %s: %d %s", id, status, out)
	}
	return out
}

// other is a second receiver.
func (s quayStage) other() *receiver.Receiver {
	s.t.Helper()
	r, err := receiver.Start()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(r.Down)
	return r
}

func (s quayStage) arrived(r *receiver.Receiver, n int) []receiver.Arrival {
	s.t.Helper()
	if err := r.Wait(s.ctx, func(all []receiver.Arrival) bool { return len(all) >= n }); err != nil {
		s.t.Fatal(err)
	}
	return r.Arrivals()
}

// A notification that is made by the lines of Quay's documentation fires for a push to a
// Distribution registry, and a receiver made for Quay gets Quay's body.
func TestQuaysCurlLines(t *testing.T) {
	page, err := os.ReadFile("../docs/quay.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{quayCreate, quayTest, quayReset, quayDelete, quayList} {
		if !bytes.Contains(page, []byte(line)) {
			t.Errorf("docs/quay.md does not have\n%s", line)
		}
	}
	s := newQuayStage(t, "")
	reg, hook := s.registry(), s.other()

	id, out := s.create("repo_push", "webhook", `"url": "`+hook.URL()+`"`, "")
	shown := `{"uuid":"` + id + `","title":null,"event":"repo_push","method":"webhook","config":{"url":"` + hook.URL() +
		`"},"event_config":{},"number_of_failures":0}`
	if out != shown {
		t.Errorf("created\n%s, want\n%s", out, shown)
	}
	t.Logf("created %s", out)
	if got := s.get(id); got != shown {
		t.Errorf("got\n%s, want\n%s", got, shown)
	}
	if got, status := s.run(quayList); got != `{"notifications":[`+shown+`]}` || status != 200 {
		t.Errorf("listed %d %s", status, got)
	}

	for _, repository := range []string{"team/other", "team/app/sub", "app"} {
		if _, err := reg.Push(s.ctx, repository, "v0"); err != nil {
			t.Fatal(err)
		}
	}
	digest, err := reg.Push(s.ctx, "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	first := s.arrived(hook, 1)[0]
	want := `{"repository":"team/app","namespace":"team","name":"app","docker_url":"` + reg.Host() + `/team/app","homepage":"","updated_tags":["v1"]}`
	var got, wanted map[string]any
	if json.Unmarshal(first.Body, &got) != nil || json.Unmarshal([]byte(want), &wanted) != nil || got["repository"] != "team/app" ||
		got["docker_url"] != wanted["docker_url"] || fmt.Sprint(got["updated_tags"]) != "[v1]" || got["name"] != "app" || got["namespace"] != "team" {
		t.Errorf("delivered %s, want about %s", first.Body, want)
	}
	if first.Header.Get("Content-Type") != "application/json" {
		t.Errorf("delivered with %v", first.Header)
	}
	t.Logf("pushed team/app:v1 %s, delivered %s", digest, first.Body)

	// A test sends Quay's sample by the same way.
	if out, status := s.run(quayTest, "<uuid>", id); out != "{}" || status != 200 {
		t.Errorf("test: %d %s", status, out)
	}
	second := s.arrived(hook, 2)[1]
	if got := string(second.Body); !strings.Contains(got, `"updated_tags":["latest"]`) || !strings.Contains(got, `"repository":"team/app"`) {
		t.Errorf("tested with %s", got)
	}
	t.Logf("tested with %s", second.Body)
	list, err := s.sidecar.Events(s.ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if tr := s.trace(list[0].ID); tr.Event.Origin != "test" || len(tr.Deliveries) != 1 || tr.Deliveries[0].Target != "quay-"+id {
		t.Errorf("the trace of the test is %+v", tr)
	}

	if out, status := s.run(quayReset, "<uuid>", id); out != "" || status != 204 {
		t.Errorf("reset: %d %s", status, out)
	}
	if out, status := s.run(quayDelete, "<uuid>", id); out != "" || status != 204 {
		t.Errorf("delete: %d %s", status, out)
	}
	if out, status := s.run(quayList); out != `{"notifications":[]}` || status != 200 {
		t.Errorf("listed %d %s", status, out)
	}
	if out, status := s.run(quayGet, "<uuid>", id); status != 404 || !strings.Contains(out, `"error_type":"not_found"`) {
		t.Errorf("got %d %s", status, out)
	}
	if out, status := s.run(quayDelete, "<uuid>", id); status != 400 || !strings.Contains(out, "No repository notification found for: team, app, "+id) {
		t.Errorf("delete again: %d %s", status, out)
	}
	if n := len(hook.Arrivals()); n != 2 {
		t.Errorf("%d requests arrived, want 2", n)
	}
}

// At three failures in a row the notification is disabled, and what comes then waits: a
// reset has it delivered, in its order.
func TestQuaysFailuresAndReset(t *testing.T) {
	s := newQuayStage(t, "")
	reg, hook := s.registry(), s.other()
	hook.Answer(func(receiver.Arrival) int { return http.StatusNotFound })
	id, _ := s.create("repo_push", "webhook", `"url": "`+hook.URL()+`"`, "")
	push := func(tag string) {
		t.Helper()
		if _, err := reg.Push(s.ctx, "team/app", tag); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 3 {
		push(fmt.Sprintf("bad-%d", n))
		s.until("the failure is counted", func() bool { return strings.HasSuffix(s.get(id), fmt.Sprintf(`"number_of_failures":%d}`, n+1)) })
	}
	t.Logf("after three failures: %s", s.get(id))
	failed := len(hook.Arrivals())
	hook.Answer(func(receiver.Arrival) int { return http.StatusOK })
	tags := []string{"later-0", "later-1", "later-2"}
	for _, tag := range tags {
		push(tag)
	}
	if out, status := s.run(quayTest, "<uuid>", id); out != "{}" || status != 200 {
		t.Errorf("test of one that is disabled: %d %s", status, out)
	}
	s.until("all are parked", func() bool {
		list, err := s.sidecar.Events(s.ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		parked := 0
		for _, e := range list {
			parked += e.Deliveries["parked"]
		}
		return parked == len(tags)
	})
	if n := len(hook.Arrivals()); n != failed {
		t.Errorf("%d requests arrived at one that is disabled", n-failed)
	}
	if out, status := s.run(quayReset, "<uuid>", id); out != "" || status != 204 {
		t.Errorf("reset: %d %s", status, out)
	}
	var got []string
	for _, a := range s.arrived(hook, failed+len(tags))[failed:] {
		var body struct {
			Tags []string `json:"updated_tags"`
		}
		if err := json.Unmarshal(a.Body, &body); err != nil {
			t.Fatal(err)
		}
		got = append(got, body.Tags...)
	}
	if !slices.Equal(got, tags) {
		t.Errorf("delivered %v, want %v", got, tags)
	}
	if out := s.get(id); !strings.HasSuffix(out, `"number_of_failures":0}`) {
		t.Errorf("after the reset: %s", out)
	}
}

// The other methods, each with a server that stands in for its service, and a template.
func TestQuaysMethods(t *testing.T) {
	s := newQuayStage(t, "people: {organizations: {team: [alice]}}\n")
	reg, hook := s.registry(), s.other()
	base := strings.TrimSuffix(hook.URL(), "/hook")
	for _, c := range []struct{ method, config, want string }{
		{"slack", `"url": "` + hook.URL() + `"`, "team/app"},
		{"flowdock", `"flow_api_token": "f-s3cret", "base_url": "` + base + `"`, "team/app"},
		{"hipchat", `"room_id": 17, "notification_token": "h-s3cret", "base_url": "` + base + `"`, "team/app"},
		{"webhook", `"url": "` + hook.URL() + `", "template": "{\"text\": \"${repository} has ${updated_tags[0]}\"}"`, `{"text":"team/app has v1"}`},
	} {
		id, out := s.create("repo_push", c.method, c.config, "")
		if strings.Contains(out, "s3cret") || strings.Contains(s.get(id), "s3cret") {
			t.Errorf("%s: a secret is shown: %s", c.method, out)
		}
		before := len(hook.Arrivals())
		if _, err := reg.Push(s.ctx, "team/app", "v1"); err != nil {
			t.Fatal(err)
		}
		if got := s.arrived(hook, before+1)[before]; !strings.Contains(string(got.Body), c.want) {
			t.Errorf("%s: delivered %s", c.method, got.Body)
		}
		if out, status := s.run(quayDelete, "<uuid>", id); status != 204 {
			t.Errorf("%s: delete: %d %s", c.method, status, out)
		}
	}

	for kind, name := range map[string]string{"user": "alice", "org": "team"} {
		id, _ := s.create("repo_push", "quay_notification", `"target": {"name": "`+name+`", "kind": "`+kind+`"}`, "")
		if out, status := s.run(quayTest, "<uuid>", id); out != "{}" || status != 200 {
			t.Errorf("test: %d %s", status, out)
		}
	}
	s.until("alice is told twice", func() bool {
		out, _ := s.run("curl 'https://<quay-server.example.com>/api/v1/inbox?user=alice'")
		return strings.Count(out, `"target":"quay-`) == 2
	})
}

// Where there are tokens, they are asked for as Quay asks.
func TestQuaysTokens(t *testing.T) {
	dir := t.TempDir()
	s := quayStage{newStageWith(t, func(target string) (sidecar.Config, error) {
		c, err := sidecar.Write(dir, sidecar.Options{Target: target})
		if err == nil {
			replace(t, c.Path, "admin:\n", `admin:
    tokens:
        - {name: reads, role: viewer, secret: reads-s3cret-of-some-length-0123456789}
        - {name: writes, role: editor, secret: writes-s3cret-of-some-length-0123456789}
        - {name: narrow, role: editor, scopes: ["events:write"], secret: narrow-s3cret-of-some-length-0123456789}
`)
		}
		return c, err
	})}
	const long = "-s3cret-of-some-length-0123456789"
	for _, c := range []struct {
		line, token string
		status      int
		want        string
	}{
		{quayList, "any", 401, `"error_type":"invalid_token"`},
		{quayCreate, "any", 401, `"error_type":"invalid_token"`},
		{quayList, "narrow" + long, 403, `"error_type":"insufficient_scope"`},
		{quayList, "reads" + long, 200, `{"notifications":[]}`},
		{quayCreate, "reads" + long, 403, `"error_type":"insufficient_scope"`},
		{quayCreate, "writes" + long, 201, `"event":"repo_push"`},
		{quayList, "reads" + long, 200, `"event":"repo_push"`},
		{`curl -H "Authorization: Bearer <bearer_token>" https://<quay-server.example.com>/api/v1/user/namespacenotifications`, "reads" + long, 200, `{"notifications":[]}`},
	} {
		out, status := s.run(c.line, "<bearer_token>", c.token, "<event>", "repo_push", "<method>", "webhook",
			`"<config_key>": "<config_value>"`, `"url": "https://ci.example.com/"`, `"<eventConfig_key>": "<eventConfig_value>"`, "")
		if status != c.status || !strings.Contains(out, c.want) || status > 400 && !strings.Contains(out, fmt.Sprintf(`"status":%d}`, status)) {
			t.Errorf("%.12s... by %s: %d %s, want %d %s", c.line, c.token, status, out, c.status, c.want)
		}
	}
	out, _ := s.run(`curl -H "Authorization: Bearer <bearer_token>" 'https://<quay-server.example.com>/api/v1/audit'`, "<bearer_token>", "reads"+long)
	if !strings.Contains(out, `"by":"writes"`) {
		t.Errorf("the audit has %s", out)
	}
}

// What Quay would not take, or would take and trip over, is refused with a reason.
func TestQuaysRefusals(t *testing.T) {
	s := newQuayStage(t, "people: {organizations: {acme: [alice]}, teams: {platform: [bob]}}\n")
	for _, c := range []struct{ event, method, config, eventConfig, want string }{
		{"repo_push", "webhook", `"url": "http://169.254.169.254/latest/meta-data"`, "", "Invalid webhook URL: it "},
		{"repo_push", "webhook", `"url": "http://10.1.2.3/"`, "", "Invalid webhook URL: it "},
		{"repo_push", "webhook", `"url": "https://ci.example.com/", "template": "\"${;;}\""`, "", "config.template "},
		{"repo_push", "slack", `"url": "ftp://hooks.slack.com/x"`, "", "Invalid Slack Callback URL: it "},
		{"repo_push", "quay_notification", `"target": {"name": " ", "kind": "user"}`, "", "config.target.name "},
		{"repo_push", "quay_notification", `"target": {"name": "nobody", "kind": "team"}`, "", "Unknown team nobody"},
		{"repo_push", "quay_notification", `"target": {"name": "nobody", "kind": "org"}`, "", "Unknown organization nobody"},
		{"repo_push", "quay_notification", `"target": {"name": "acme", "kind": "org"}`, "", "Organization name must match repository namespace"},
		{"repo_push", "email", `"email": "ops@example.com"`, "", "No e-mail can be sent, since bellbuoy's configuration names no mail server (mail: {host, from}):"},
		{"build_start", "webhook", `"url": "https://ci.example.com/"`, `"ref-regex": "(?=x)"`, "eventConfig.ref-regex "},
		{"build_start", "webhook", `"url": "https://ci.example.com/"`, `"ref-regex": "` + strings.Repeat("a?", 400) + `"`, "eventConfig.ref-regex "},
		{"repo_image_expiry", "webhook", `"url": "https://ci.example.com/"`, `"days": "soon"`, "eventConfig.days"},
	} {
		out, status := s.run(quayCreate, "<event>", c.event, "<method>", c.method,
			`"<config_key>": "<config_value>"`, c.config, `"<eventConfig_key>": "<eventConfig_value>"`, c.eventConfig)
		var said struct {
			Detail string `json:"detail"`
			Type   string `json:"error_type"`
		}
		if err := json.Unmarshal([]byte(out), &said); err != nil || status != 400 || said.Type != "invalid_request" || !strings.HasPrefix(said.Detail, c.want) {
			t.Errorf("%s %s %s: %d %s, want %s", c.event, c.method, c.config, status, out, c.want)
		}
	}
	if out, _ := s.run(quayList); out != `{"notifications":[]}` {
		t.Errorf("there is %s", out)
	}
}

// post is a mail server that keeps what it is given.
type post struct {
	net.Listener
	mu    sync.Mutex
	mails []string // envelope and message, as the client said them
	full  bool     // it takes no mail
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{Listener: listen(t)}
	var talks sync.WaitGroup
	talks.Go(func() {
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			talks.Go(func() {
				defer c.Close()
				p.talk(c)
			})
		}
	})
	t.Cleanup(func() {
		p.Close()
		talks.Wait()
	})
	return p
}

// talk serves one connection, by RFC 5321.
func (p *post) talk(c net.Conn) {
	in := bufio.NewReader(c)
	say := func(line string) { fmt.Fprint(c, line+"\r\n") }
	say("220 post.test")
	said := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		said += line
		switch verb := strings.ToUpper(strings.Fields(line + " ?")[0]); verb {
		case "QUIT":
			say("221 bye")
			return
		case "MAIL":
			p.mu.Lock()
			full := p.full
			p.mu.Unlock()
			if full {
				say("452 no room")
				continue
			}
			say("250 fine")
		case "DATA":
			say("354 go on")
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				said += line
			}
			p.mu.Lock()
			p.mails = append(p.mails, said)
			p.mu.Unlock()
			said = ""
			say("250 kept")
		default:
			say("250 fine")
		}
	}
}

func (p *post) refuse(all bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = all
}

func (p *post) kept() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mails)
}

// A notification by e-mail sends nothing but a link until that is opened and its button is
// pressed; then what was parked. The next one of the repository to that address needs none.
func TestQuaysEmail(t *testing.T) {
	server := newPost(t)
	host, port, err := net.SplitHostPort(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := newQuayStage(t, "mail: {host: "+host+", port: "+port+", tls: none, from: bellbuoy@example.com}\n")
	reg := s.registry()
	server.refuse(true)
	id, out := s.create("repo_push", "email", `"email": "Ops@example.com"`, "")
	if want := `"config":{"email":"Ops@example.com"}`; !strings.Contains(out, want) {
		t.Errorf("created %s", out)
	}
	for _, tag := range []string{"v1", "v2"} {
		if _, err := reg.Push(s.ctx, "team/app", tag); err != nil {
			t.Fatal(err)
		}
	}
	targets := "curl https://<quay-server.example.com>/api/v1/targets"
	again := `curl -X POST -H "Content-Type: application/json" --data '{}' https://<quay-server.example.com>/api/v1/targets/quay-<uuid>/verify`
	s.until("the server's refusal is shown", func() bool {
		out, _ := s.run(targets)
		return strings.Contains(out, `"unverified":[{"address":"o***@example.com","mails":0,"error":"`) && strings.Contains(out, "no room")
	})
	server.refuse(false)
	if out, status := s.run(again, "<uuid>", id); status != 200 {
		t.Errorf("again: %d %s", status, out)
	}
	mailed := func(n int) string {
		t.Helper()
		s.until("it is mailed", func() bool { return len(server.kept()) >= n })
		return server.kept()[n-1]
	}
	first := strings.ReplaceAll(mailed(1), "=\r\n", "")
	at := strings.Index(first, "http://"+s.config.Admin+"/verify/")
	if at < 0 || !strings.Contains(first, "RCPT TO:<Ops@example.com>") || !strings.Contains(first, "repository team/app") {
		t.Fatalf("mailed %s", first)
	}
	link := strings.TrimSpace(strings.SplitN(first[at:], "\n", 2)[0])
	t.Logf("mailed %s", link)
	s.until("both pushes are parked", func() bool {
		out, _ := s.run(targets)
		return strings.Contains(out, `"parked":2`) && strings.Contains(out, `"unverified":[{"address":"o***@example.com","mailed":`)
	})
	list, err := s.sidecar.Events(s.ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := s.trace(list[0].ID).Deliveries; len(d) != 1 && len(d) != 2 {
		t.Errorf("the trace has %+v", d)
	} else if d = d[len(d)-1:]; !strings.HasPrefix(d[0].Reason, "not yet verified: a link ") || !strings.HasSuffix(d[0].Reason, "o***@example.com") {
		t.Errorf("parked, since %q", d[0].Reason)
	}
	if out, status := s.run(again, "<uuid>", id); status != 429 {
		t.Errorf("another link at once: %d %s", status, out)
	}

	// What looks through mails opens links, and presses no buttons.
	page, status := s.run("curl " + link)
	if status != 200 || !strings.Contains(page, "ops@example.com") || !strings.Contains(page, `<form method="post">`) {
		t.Errorf("the page is %d %s", status, page)
	}
	if n := len(server.kept()); n != 1 {
		t.Errorf("%d mails before the button is pressed", n)
	}
	if page, status := s.run("curl -X POST " + link + "x"); status != 404 {
		t.Errorf("another link: %d %s", status, page)
	}
	if page, status := s.run("curl -X POST " + link); status != 200 || strings.Contains(page, "<form") {
		t.Errorf("pressed: %d %s", status, page)
	}
	mailed(3) // in no order, as mails are
	both := strings.Join(server.kept()[1:3], "")
	for _, tag := range []string{"v1", "v2"} {
		if !regexp.MustCompile("Subject: .*team/app:" + tag).MatchString(both) {
			t.Errorf("%s is not in %s", tag, both)
		}
	}
	out, _ = s.run(targets)
	if strings.Contains(out, `"unverified"`) {
		t.Errorf("still %s", out)
	}

	// One repository's consent is not another's, and lasts.
	s.create("repo_push", "email", `"email": "ops@EXAMPLE.com"`, "")
	if _, err := reg.Push(s.ctx, "team/app", "v3"); err != nil {
		t.Fatal(err)
	}
	mailed(5)                                                                   // of both notifications
	if n := strings.Count(strings.Join(server.kept(), ""), "/verify/"); n > 2 { // text and HTML of the one
		t.Errorf("%d links were mailed", n)
	}
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	if token := link[strings.LastIndex(link, "/")+1:]; bytes.Contains(log, []byte(token)) {
		t.Error("the token is in the log")
	}
}
