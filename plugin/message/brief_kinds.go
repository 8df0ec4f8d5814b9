package message

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

func (b *brief) attached(what string) {
	kind := "something"
	a := b.e.Artifact
	if a != nil {
		switch a.Kind {
		case event.KindSBOM:
			kind = "an SBOM"
		case event.KindAttestation, event.KindImage, event.KindIndex:
			kind = "an " + string(a.Kind)
		case event.KindSignature, event.KindChart, event.KindModel:
			kind = "a " + string(a.Kind)
		case event.KindWasm:
			kind = "a wasm module"
		}
	}
	b.title(Info, "%s attached in %s", kind, what)
	if a != nil && a.Subject != "" {
		b.title(Info, "%s attached to %s@%s", kind, repository(b.e), word(short(a.Subject)))
	}
}

// ended writes the title of something that takes time.
func (b *brief) ended(what string) {
	switch b.e.Status {
	case event.Failed:
		b.title(Bad, "%s failed", what)
	case event.Denied:
		b.title(Bad, "%s was denied", what)
	case event.Canceled, event.Stopped:
		b.title(Warning, "%s was %s", what, word(string(b.e.Status)))
	case event.Started, event.Queued:
		b.title(Info, "%s was %s", what, word(string(b.e.Status)))
	default:
		b.title(Good, "%s succeeded", what)
	}
}

func (b *brief) build() {
	e := b.e
	what := "build of " + repository(e)
	if e.Build != nil && len(e.Build.Tags) > 0 {
		what = "build of " + named(repository(e), e.Build.Tags)
	}
	_, status, _ := strings.Cut(string(e.Type), ".")
	b.e.Status = event.Status(status)
	b.ended(what)
	if e.Build == nil {
		return
	}
	if c := e.Build.Commit; c != nil {
		b.fact("Commit", c.SHA[:min(len(c.SHA), 12)])
		b.fact("Branch", strings.TrimPrefix(strings.TrimPrefix(c.Ref, "refs/heads/"), "refs/tags/"))
		b.fact("Message", firstLine(c.Message))
		b.fact("Author", c.Author)
	}
	if t := e.Build.Trigger; t != nil {
		b.fact("Started by", or(t.User, t.Kind))
	}
	b.Text = prose(e.Build.Error)
	b.link(e.Build.URL)
	if e.Build.Commit != nil {
		b.link(e.Build.Commit.URL)
	}
}

func (b *brief) replication(what string) {
	r := b.e.Replication
	_, status, _ := strings.Cut(string(b.e.Type), ".")
	b.e.Status = event.Status(status)
	b.ended("replication of " + what)
	if r == nil {
		return
	}
	b.fact("From", end(r.Source))
	b.fact("To", end(r.Destination))
	if n := len(r.Succeeded); n > 0 {
		b.fact("Copied", contents(r.Succeeded))
	}
	if n := len(r.Failed); n > 0 {
		b.fact("Not copied", contents(r.Failed))
	}
	b.Text = prose(r.Message)
}

func end(e *event.ReplicationEnd) string {
	if e == nil {
		return ""
	}
	return or(e.Registry, or(e.Endpoint, e.Region))
}

func contents(list []event.ReplicatedContent) string {
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return some(names)
}

func (b *brief) chain(what string) {
	c := b.e.DeliveryChain
	run := "delivery chain of " + what
	if c != nil && c.Name != "" {
		run = "delivery chain " + word(c.Name) + " of " + what
	}
	b.ended(run)
}

func (b *brief) quota() {
	where := or(repository(b.e), b.e.Registry.Name)
	if b.e.Type == event.QuotaExceeded {
		b.title(Bad, "quota of %s is used up", where)
	} else {
		b.title(Warning, "quota of %s is nearly used up", where)
	}
	q := b.e.Quota
	if q == nil {
		return
	}
	if q.Percent != nil {
		b.fact("In use", strconv.FormatFloat(*q.Percent, 'f', -1, 64)+" %")
	}
	if q.Used != nil && q.Limit != nil {
		b.fact("Space", size(*q.Used)+" of "+size(*q.Limit))
	}
	b.Text = prose(q.Message)
}

func (b *brief) retention() {
	r := b.e.Retention
	b.title(Info, "tag retention ran on %s", repository(b.e))
	if r == nil {
		return
	}
	b.fact("Kept", fmt.Sprintf("%d of %d", r.Retained, r.Total))
	var gone []string
	for _, d := range r.Deleted {
		gone = append(gone, d.Name)
	}
	b.fact("Deleted", some(gone))
}

func (b *brief) target() {
	t := b.e.Target
	if t == nil {
		t = &event.Target{Name: "unknown"}
	}
	target := "target " + word(t.Name)
	switch b.e.Type {
	case event.TargetFailing:
		b.title(Bad, "%s is failing", target)
	case event.TargetDisabled:
		b.title(Bad, "%s was disabled; what comes for it is parked", target)
	case event.TargetRecovered:
		b.title(Good, "%s works again", target)
	case event.Expired:
		b.title(Bad, "%s for %s expired: it was not there for too long", counted(float64(t.Deliveries), "delivery", "deliveries"), target)
	}
	b.Text = prose(t.Reason)
	if t.Failures > 0 {
		b.fact("Failed in a row", counted(float64(t.Failures), "delivery", "deliveries"))
	}
	if t.Since != nil {
		b.fact("Since", clock(*t.Since))
	}
}
