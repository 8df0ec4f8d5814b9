package app

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/plugin/message"
)

const head = `registries: [{name: hub, type: distribution}]
targets:
  - name: ci
    type: webhook
    options: {url: "https://ci.example.com/hook"}
`

// What is wrong with a message is told where it is written, once, before an event
// comes.
func TestCheckMessages(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"formats": {`    format: navite
rules:
  - {name: a, deliver: [{target: ci, format: xml}]}
  - {name: b, deliver: [ci]}
`, []string{
			`6: targets[0].format: unknown format "navite": did you mean "native"?`,
			`8: rules[0].deliver[0].format: unknown format "xml": there are bellbuoy, native, cloudevents, cloudevents-binary, cdevents, distribution, harbor, harbor-cloudevents, quay, tcr, acr, acr-personal and dockerhub`,
		}},
		"JSON templates": {`rules:
  - name: a
    events: [artifact.pushed]
    deliver:
      - target: ci
        template:
          json: {text: "${artifact.tags[}"}
      - {target: ci, template: {json: '{"a": "${artefact}"}'}}
      - {target: ci, template: {json: '{"n": "${artifact.size}"}', text: x}}
`, []string{
			`12: rules[0].deliver[0].template.json: "${artifact.tags[}" is no path: a bracket does not close`,
			`13: rules[0].deliver[1].template.json: warning: "${artefact}" finds nothing in any event that comes here: see the names in the JSON of an event`,
			`14: rules[0].deliver[2].template: has json and text, and a message is made of one: remove the other`,
		}},
		"text templates": {`    template:
      text: "{{range .vulnerability.links}}{{.}}{{end}}{{len .quota.used_bytes}}"
rules:
  - {name: a, events: [artifact.pushed], deliver: [ci]}
  - {name: b, events: [quota.warning, scan.completed], deliver: [ci, {target: ci, template: {text: "{{.tpye}}"}}]}
  - {name: c, events: [quota.warning], deliver: [{target: ci, template: {text: "{{.type}}"}, title: "{{.type}}"}]}
`, []string{
			`7: targets[0].template.text: fails for an event of type quota.warning: line 1:44: executing "message" at <len .quota.used_bytes>: error calling len: 900 has no length`,
			`10: rules[1].deliver[1].template.text: line 1: .tpye is in no event: there are v, id, type, status, time, time_source, received, registry, repository, artifact, actor, request_id, build, scan, vulnerability, replication, quota, retention, expiry, delivery_chain, target, digest, digested, reason, native and origin`,
			`11: rules[2].deliver[0].title: a webhook's request has no title; remove it`,
		}},
		"dialects": {`    format: dockerhub
rules:
  - {name: a, events: [artifact.pushed], deliver: [ci]}
  - {name: b, events: ["build.*"], deliver: [ci]}
  - {name: c, events: [scan.completed, tag.deleted], deliver: [{target: ci, format: quay}]}
  - {name: d, events: [artifact.pushed, tag.deleted, artifact.pushed], deliver: [{target: ci, format: harbor}]}
  - {name: e, events: [quota.warning], deliver: [{target: ci, format: quay}]}
`, []string{
			`6: targets[0].format: warning: dockerhub has no word for build.queued, build.started, build.succeeded, build.failed, build.canceled, which come here too: their deliveries end skipped`,
			`10: rules[2].deliver[0].format: quay has no word for any event that comes here (tag.deleted, scan.completed): choose another format, or other events`,
			`11: rules[3].deliver[0].format: warning: harbor has no word for tag.deleted, which come here too: their deliveries end skipped`,
		}},
		"a template that only a rule replaces": {`    template: {text: "{{len .quota.used_bytes}}"}
rules:
  - {name: a, events: [quota.warning], deliver: [{target: ci, format: bellbuoy}]}
`, nil},
	} {
		file, _ := write(t, head+c.text)
		out, _ := check(t, file)
		var got []string
		for line := range strings.Lines(out) {
			if rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), file+":"); ok && !strings.HasPrefix(rest, " good") {
				got = append(got, rest)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A template is tried once for all rules that say the same.
func TestManyRulesWithTemplates(t *testing.T) {
	var b strings.Builder
	b.WriteString(head + "rules:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  - {name: r%d, deliver: [{target: ci, template: {json: {text: \"${type} ${repository.full_name}\"}}}]}\n", i)
	}
	file, _ := write(t, b.String())
	if out, err := check(t, file); err != nil || !strings.HasSuffix(out, "2000 rules\n") || strings.Count(out, "\n") != 1 {
		t.Errorf("%v\n%.500s", err, out)
	}
}

// The page on messages shows a configuration that is good.
func TestMessagesPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, ok := strings.Cut(text, "```")
	file, _ := write(t, text)
	if out, err := check(t, file); err != nil || !ok || out != file+": good: 1 registry, 1 target, 1 rule\n" {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range slices.Concat(render.Formats(), message.Functions()) {
		if !strings.Contains(string(page), "`"+name) {
			t.Errorf("the page does not know %s", name)
		}
	}
}

// So does the page on dialects.
func TestDialectsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/dialects.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, ok := strings.Cut(text, "```")
	file, _ := write(t, text)
	if out, err := check(t, file); err != nil || !ok || out != file+": good: 1 registry, 1 target, 1 rule\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
