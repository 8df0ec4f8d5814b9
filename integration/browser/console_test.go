package browser_test

import "testing"

// without is what bellbuoy has without a configuration.
const without = `
registries:
  - {name: distribution, type: distribution}
  - {name: harbor, type: harbor}
  - {name: quay, type: quay}
targets:
  - {name: inbox, type: inbox, options: {kind: user, name: operator}}
rules:
  - {name: all, deliver: [inbox]}
`

// Somebody who has just started bellbuoy gets to the first event without reading more than
// the console says, and sees it come.
func TestFirstEvent(t *testing.T) {
	d := sit(t, without)
	d.open("/")
	d.wants("Waiting for the first event")
	d.wants(d.in + "/in/distribution")
	d.shot("first-run")
	d.push("prod/api", "v1.2.3")
	d.wants("prod/api:v1.2.3 pushed")
	d.press("prod/api:v1.2.3 pushed")
	d.wants("1 rule takes it")
	d.shot("first-event")
	d.open("/inbox")
	d.wants("prod/api:v1.2.3 pushed")
	d.press("Mark all as read")
	d.wants("All is marked as read.")
	d.lacks("new")
}

// Events appear while somebody looks, without the page being loaded again.
func TestEventsLive(t *testing.T) {
	d := sit(t, without)
	d.push("prod/api", "v1")
	d.open("/events")
	d.wants("prod/api:v1 pushed")
	eval[bool](d, "window.same = true")
	d.push("prod/web", "v2")
	d.wants("prod/web:v2 pushed")
	if !eval[bool](d, "window.same === true") {
		t.Error("the page was loaded again")
	}
}
