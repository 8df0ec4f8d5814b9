package browser_test

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

//go:embed testdata/check.js
var check string

// strangers are names that those may choose who push images, and that must be no more than
// text on any page.
func strangers() []string {
	return []string{
		`<script>window.owned=1</script>`,
		`"><img src=x onerror=window.owned=1>`,
		`'-window.owned=1-'`,
		`javascript:window.owned=1`,
		`{{.Who}}${7*7}`,
		`</title></textarea></svg><script>window.owned=1</script>`,
		"\u202ereversed\u2066",
		"a\u0000b\u001b[31mred",
		`生产/网关`,
		strings.Repeat("long", 60),
	}
}

// busy is a configuration in which there is something to see on each page.
const busy = `
registries:
  - {name: distribution, type: distribution}
  - {name: quay, type: quay}
targets:
  - {name: inbox, type: inbox, options: {kind: user, name: operator}}
  - {name: broken, type: webhook, options: {url: "REFUSES"}}
  - {name: shadow, type: dingtalk, mode: shadow, options: {url: "https://oapi.dingtalk.com/robot/send?access_token=canary", secret: SECcanary}}
rules:
  - {name: all, description: 生产发布, deliver: [inbox]}
  - {name: broken, events: [artifact.pushed], tag: {regex: "release-v.*"}, untagged: skip, deliver: [broken]}
  - {name: shadow, events: [artifact.pushed], deliver: [shadow]}
`

// Every page, light, dark and narrow: nothing that a stranger has named does anything, all
// can be read by who does not see well, and nothing sticks out of a small window.
func TestEveryPage(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<script>window.owned=1</script> is not what this takes", http.StatusBadRequest)
	}))
	t.Cleanup(refuses.Close)
	d := sit(t, strings.ReplaceAll(busy, "REFUSES", refuses.URL))
	for _, name := range strangers() {
		body := fmt.Sprintf(`{"name":"x","repository":%s,"namespace":"acme","docker_url":"quay.example.com/x","homepage":%s,"updated_tags":[%s]}`,
			quote("acme/"+name), quote("https://quay.example.com/"+name), quote(name))
		d.post("/in/quay/repo_push", "application/json", body)
		d.post("/in/quay/"+"build_failed", "application/json", fmt.Sprintf(`{"name":%[1]s,"repository":"acme/x","namespace":"acme","build_id":"1","error_message":%[1]s,"docker_tags":[%[1]s],"trigger_kind":%[1]s}`, quote(name)))
	}
	d.push("prod/api", "release-v1.2.3")
	d.post("/in/distribution", "application/json", `no <script>window.owned=1</script> JSON`)
	event := d.event("prod/api")
	d.open("/dead")
	d.reload("prod/api:release-v1.2.3")

	pages := map[string]string{
		"overview": "/", "events": "/events", "events-none": "/events?repository=none", "event": "/events/" + event, "rules": "/rules", "targets": "/targets",
		"dead": "/dead", "inbox": "/inbox", "quarantine": "/quarantine", "plugins": "/plugins", "audit": "/audit", "nothing": "/nothing",
		"rule": "/rules/broken?all=true", "rule-new": "/rules/new?deliver=inbox", "target": "/targets/broken", "target-types": "/targets/new",
		"target-webhook": "/targets/new?type=webhook", "target-email": "/targets/new?type=email", "registries": "/registries", "plugin": "/plugins/webhook",
	}
	d.open("/quarantine")
	pages["quarantined"] = eval[string](d, `document.querySelector("tbody a").getAttribute("href")`)
	for i := range strangers() {
		pages[fmt.Sprint("stranger-", i)] = eval2(d, "/events?type=artifact.pushed", fmt.Sprintf(`document.querySelectorAll("tbody a[href^='/events/']")[%d]?.getAttribute("href")`, i+1))
	}
	for name, path := range pages {
		for _, look := range []struct {
			name string
			dark bool
			wide int64
		}{{"light", false, 1280}, {"dark", true, 1280}, {"narrow", false, 360}, {"narrow-dark", true, 360}} {
			if strings.HasPrefix(name, "stranger") && look.name != "narrow" {
				continue
			}
			d.dark(look.dark)
			d.wide(look.wide)
			d.open(path)
			eval[bool](d, `document.querySelectorAll("details").forEach((e) => e.open = true) ?? true`)
			for _, wrong := range eval[[]string](d, check) {
				t.Errorf("%s, %s: %s", name, look.name, wrong)
			}
			if eval[bool](d, "window.owned === 1") {
				t.Errorf("%s: a stranger's name was run", name)
			}
			if strings.Contains(d.text(), "canary") {
				t.Errorf("%s: a secret is shown", name)
			}
			d.shot(name + "-" + look.name)
		}
	}
	d.expected("404 (Not Found)")
}

// event is the id of the newest event of a repository.
func (d *desk) event(repository string) string {
	d.t.Helper()
	d.open("/events?repository=" + repository)
	return strings.TrimPrefix(eval[string](d, `document.querySelector("tbody a").getAttribute("href")`), "/events/")
}

// reload loads the page again until it says something.
func (d *desk) reload(text string) {
	d.t.Helper()
	d.until(fmt.Sprintf("document.body.innerText.includes(%s) || (setTimeout(() => location.reload(), 200), false)", quote(text)), "the page never says %q", text)
}

// eval2 opens a page and has it compute something.
func eval2(d *desk, path, script string) string {
	d.t.Helper()
	d.open(path)
	return eval[string](d, script)
}

// All of it can be read, and a target be tried, by who runs no scripts.
func TestWithoutScripts(t *testing.T) {
	d := sit(t, strings.ReplaceAll(busy, "REFUSES", "http://127.0.0.1:1"))
	d.push("prod/api", "v1")
	d.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	})
	for path, want := range map[string]string{
		"/": "prod/api:v1 pushed", "/events": "prod/api:v1 pushed", "/rules": "生产发布", "/rules/new": "Helm chart pushed", "/targets/shadow": "Would", "/inbox": "prod/api:v1 pushed",
		"/targets/new?type=dingtalk": "access_token", "/registries": "Last heard", "/dead": "There is none", "/plugins": "webhook", "/audit": "Nobody",
	} {
		d.open(path)
		if path == "/targets/shadow" {
			d.press("prod/api:v1")
		}
		d.wants(want)
	}
	d.open("/targets/inbox")
	d.press("Send it a test")
	d.wants("No rule was asked")
}
