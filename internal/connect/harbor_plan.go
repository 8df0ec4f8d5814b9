package connect

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
)

// harborOffer is what a Harbor has for webhooks; that differs by version.
type harborOffer struct {
	Events  []string `json:"event_type"`
	Formats []struct {
		NotifyType string   `json:"notify_type"`
		Formats    []string `json:"formats"`
	} `json:"payload_formats"`
}

// format is what of the formats on offer is nearest to wanted: "" where none can be asked
// for, as before 2.8.
func (h harborOffer) format(wanted string) string {
	for _, f := range h.Formats {
		if f.NotifyType != "http" || len(f.Formats) == 0 {
			continue
		}
		if slices.Contains(f.Formats, wanted) {
			return wanted
		}
		return f.Formats[0]
	}
	return ""
}

// harborWant is the policy that a project should have.
type harborWant struct {
	name     string
	registry string // its name in the config, of which the URL is made
	events   []string
	target   harborTarget
}

// offered is w as far as a Harbor has it.
func (w harborWant) offered(o harborOffer) harborWant {
	w.events = slices.DeleteFunc(slices.Clone(w.events), func(e string) bool { return !slices.Contains(o.Events, e) })
	w.target.PayloadFormat = o.format(w.target.PayloadFormat)
	return w
}

// harborFound is a policy as Harbor tells it, with all that is not known here: a PUT takes
// away what it does not name.
type harborFound map[string]json.RawMessage

// field reads one of its fields, and is the zero value where that is another.
func field[T any](f map[string]json.RawMessage, key string) (v T) {
	if json.Unmarshal(f[key], &v) != nil {
		var zero T
		return zero
	}
	return v
}

// harborDeed is what is to be done about a project's policies.
type harborDeed struct {
	action  Action
	id      int64
	body    harborFound // what to POST or PUT; nil = DELETE, or nothing at all
	changes []string
	note    string
}

// mine finds the policy that is called as ours, and says which others post here too: each
// of those has every event come once more.
func (w harborWant) mine(found []harborFound) (ours harborFound, note string) {
	var others []string
	for _, f := range found {
		name := field[string](f, "name")
		at := w.ourTarget(targetsOf(f))
		switch {
		case name == w.name && (ours == nil || at >= 0 && w.ourTarget(targetsOf(ours)) < 0):
			ours = f
		case name != w.name && field[bool](f, "enabled") && slices.ContainsFunc(targetsOf(f), func(t harborFound) bool { return field[string](t, "address") == w.target.Address }):
			others = append(others, fmt.Sprintf("%q", name))
		}
	}
	if len(others) > 0 {
		note = "policy " + strings.Join(others, ", ") + " posts here too, so that events come twice: remove it if it is not needed"
	}
	return ours, note
}

func targetsOf(f harborFound) []harborFound { return field[[]harborFound](f, "targets") }

// ourTarget is the index of the target that is ours: the one with our URL, else the only
// one whose URL ends as ours do, which was made when bellbuoy was elsewhere or had another
// secret; -1 where there is none.
func (w harborWant) ourTarget(targets []harborFound) int {
	alike := -1
	for i, t := range targets {
		address := field[string](t, "address")
		if address == w.target.Address {
			return i
		}
		if forRegistry(address, w.registry) {
			if alike >= 0 {
				alike = len(targets) // several: which is not known
				continue
			}
			alike = i
		}
	}
	if alike == len(targets) {
		return -1
	}
	return alike
}

// forRegistry reports whether address is where a bellbuoy takes what this registry posts.
func forRegistry(address, registry string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	path := "/" + strings.Trim(u.Path, "/") + "/"
	_, rest, ok := cutLast(path, "/in/"+registry+"/")
	rest = strings.TrimSuffix(rest, "/")
	return ok && (rest == "" || strings.HasPrefix(rest, "-/") || !strings.Contains(rest, "/"))
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// plan says what to do so that the project has the policy.
func (w harborWant) plan(found []harborFound) (harborDeed, error) {
	ours, note := w.mine(found)
	if ours == nil {
		body := harborFound{}
		err := body.set(map[string]any{
			"name": w.name, "description": "all events to bellbuoy", "enabled": true,
			"event_types": w.events, "targets": []any{w.made()},
		})
		return harborDeed{action: Made, body: body, note: note}, err
	}
	deed := harborDeed{action: Unchanged, id: field[int64](ours, "id"), note: note}
	body := harborFound{}
	for k, v := range ours {
		body[k] = v
	}
	targets := targetsOf(ours)
	at := w.ourTarget(targets)
	if !field[bool](ours, "enabled") {
		deed.changes = append(deed.changes, "was not enabled")
	}

	have := field[[]string](ours, "event_types")
	want := slices.Clone(w.events)
	if len(targets) > 1 || len(targets) == 1 && at < 0 { // what the others get stays
		for _, e := range have {
			if !slices.Contains(want, e) {
				want = append(want, e)
			}
		}
	}
	deed.changes = append(deed.changes, eventChanges(have, want)...)

	next := slices.Clone(targets)
	if at < 0 {
		t := harborFound{}
		if err := t.set(w.made()); err != nil {
			return deed, err
		}
		next = append(next, t)
		deed.changes = append(deed.changes, "did not post here")
	} else {
		changed, changes, err := w.target.change(targets[at])
		if err != nil {
			return deed, err
		}
		next[at] = changed
		deed.changes = append(deed.changes, changes...)
		// The same URL twice has each event come twice.
		for i := len(next) - 1; i > at; i-- {
			if field[string](next[i], "address") == w.target.Address {
				next = slices.Delete(next, i, i+1)
				deed.changes = append(deed.changes, "posted here twice")
			}
		}
	}
	if len(deed.changes) == 0 {
		return deed, nil
	}
	deed.action, deed.body = Changed, body
	return deed, body.set(map[string]any{"enabled": true, "event_types": want, "targets": next})
}

// remove says what to do so that nothing of a project posts here.
func (w harborWant) remove(found []harborFound) (harborDeed, error) {
	ours, _ := w.mine(found)
	if ours == nil {
		return harborDeed{action: Absent}, nil
	}
	targets := targetsOf(ours)
	at := w.ourTarget(targets)
	deed := harborDeed{action: Removed, id: field[int64](ours, "id")}
	switch {
	case at < 0:
		return harborDeed{action: Absent, note: "the policy of that name posts elsewhere, and is left alone"}, nil
	case len(targets) == 1:
		return deed, nil
	}
	deed.note = "its other targets are kept"
	deed.body = harborFound{}
	for k, v := range ours {
		deed.body[k] = v
	}
	rest := slices.DeleteFunc(slices.Delete(slices.Clone(targets), at, at+1), func(t harborFound) bool { return field[string](t, "address") == w.target.Address })
	return deed, deed.body.set(map[string]any{"targets": rest})
}

// made is our target in a policy that has none yet.
func (w harborWant) made() map[string]any {
	t := map[string]any{"type": w.target.Type, "address": w.target.Address, "auth_header": w.target.AuthHeader, "skip_cert_verify": false}
	if w.target.PayloadFormat != "" {
		t["payload_format"] = w.target.PayloadFormat
	}
	return t
}

// change makes of a target one that is as t; what t does not say is kept, such as whether
// a certificate is looked at. Neither the address nor the header is shown, for both may
// hold a secret.
func (t harborTarget) change(found harborFound) (harborFound, []string, error) {
	next := harborFound{}
	for k, v := range found {
		next[k] = v
	}
	var changes []string
	set := map[string]any{"auth_header": t.AuthHeader}
	check := func(key, want, what string) {
		if field[string](found, key) != want {
			set[key] = want
			changes = append(changes, what)
		}
	}
	check("type", t.Type, "was of type "+orNone(field[string](found, "type")))
	check("address", t.Address, "posted to another URL")
	check("auth_header", t.AuthHeader, "showed another secret")
	if t.PayloadFormat != "" {
		check("payload_format", t.PayloadFormat, "sent format "+orNone(field[string](found, "payload_format")))
	}
	return next, changes, next.set(set)
}

func (f harborFound) set(values map[string]any) error {
	for k, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("write Harbor's policy: %w", err)
		}
		f[k] = b
	}
	return nil
}

// eventChanges says how the events of a policy differ from those it should have. One that
// is named twice is delivered twice.
func eventChanges(have, want []string) (changes []string) {
	var more, less []string
	for _, e := range want {
		if !slices.Contains(have, e) {
			more = append(more, e)
		}
	}
	seen := map[string]bool{}
	twice := false
	for _, e := range have {
		if !slices.Contains(want, e) {
			less = append(less, e)
		}
		twice = twice || seen[e]
		seen[e] = true
	}
	if len(more) > 0 {
		changes = append(changes, "did not send "+strings.Join(more, ", "))
	}
	if len(less) > 0 {
		changes = append(changes, "sent "+strings.Join(less, ", "))
	}
	if twice {
		changes = append(changes, "sent events twice")
	}
	return changes
}

// harborTarget is where Harbor is to post, and what to show there.
func (o Options) harborTarget() (harborTarget, config.AuthList, error) {
	list, err := o.choose("Harbor", "{bearer: {file: PATH}}", func(a config.Auth) bool {
		_, ok := o.authorization(a)
		return ok || a.Path != nil
	})
	if err != nil {
		return harborTarget{}, nil, err
	}
	target := harborTarget{Type: "http", Address: o.url(o.pathSecret(list)), PayloadFormat: "CloudEvents"}
	if o.Plain {
		target.PayloadFormat = "Default"
	}
	for _, a := range list {
		if v, ok := o.authorization(a); ok {
			target.AuthHeader = v
		}
	}
	return target, list, nil
}
