package connect

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// quayOff is how many failures in a row switch a notification off.
const quayOff = 3

// quayFound is a notification as Quay tells it.
type quayFound struct {
	UUID     string         `json:"uuid"`
	Title    string         `json:"title"`
	Event    string         `json:"event"`
	Method   string         `json:"method"`
	Config   quayConfig     `json:"config"`
	Filter   map[string]any `json:"event_config"`
	Failures int            `json:"number_of_failures"`
}

// quayWant is what a repository or an organization should have.
type quayWant struct {
	title    string
	registry string // its name in the config, of which the URLs are made
	list     []quayNotification
}

// quayDeed is what is to be done about the notifications of one event.
type quayDeed struct {
	event   string
	action  Action
	reset   string // the UUID of one that is switched off
	make    *quayNotification
	remove  []string // the UUIDs of those that are not as they should be
	changes []string
	note    string
}

// ours reports whether a notification was made for this bellbuoy: it posts to the URL that
// it should, or has our title and posts where some bellbuoy takes this registry's.
func (w quayWant) ours(f quayFound) bool {
	if f.Method != "webhook" {
		return false
	}
	return slices.ContainsFunc(w.list, func(n quayNotification) bool { return n.Config.URL == f.Config.URL }) ||
		f.Title == w.title && forRegistry(f.Config.URL, w.registry)
}

// plan says what to do so that each event has its one notification. all are the events
// that a place can have; notifications of ours for others of them than are wanted go.
func (w quayWant) plan(found []quayFound, all []string) []quayDeed {
	byEvent := w.byEvent(found)
	var deeds []quayDeed
	for _, n := range w.list {
		deeds = append(deeds, planQuay(n, byEvent[n.Event]))
	}
	for _, event := range all {
		wanted := slices.ContainsFunc(w.list, func(n quayNotification) bool { return n.Event == event })
		if !wanted && len(byEvent[event]) > 0 {
			deeds = append(deeds, quayDeed{event: event, action: Removed, remove: uuids(byEvent[event])})
		}
	}
	return deeds
}

// remove says what to do so that nothing of ours is left.
func (w quayWant) remove(found []quayFound, all []string) []quayDeed {
	byEvent := w.byEvent(found)
	var deeds []quayDeed
	for _, event := range all {
		if list := byEvent[event]; len(list) > 0 {
			deeds = append(deeds, quayDeed{event: event, action: Removed, remove: uuids(list)})
		}
	}
	if len(deeds) == 0 {
		return []quayDeed{{event: w.title, action: Absent}}
	}
	return deeds
}

func (w quayWant) byEvent(found []quayFound) map[string][]quayFound {
	byEvent := map[string][]quayFound{}
	for _, f := range found {
		if w.ours(f) {
			byEvent[f.Event] = append(byEvent[f.Event], f)
		}
	}
	return byEvent
}

func uuids(list []quayFound) (ids []string) {
	for _, f := range list {
		ids = append(ids, f.UUID)
	}
	return ids
}

// planQuay compares one that should be with those of ours that are there. Quay cannot
// change one: it is made anew, with the filter that the old one had.
func planQuay(want quayNotification, found []quayFound) quayDeed {
	deed := quayDeed{event: want.Event, action: Unchanged}
	if len(found) == 0 {
		deed.action, deed.make = Made, &want
		return deed
	}
	keep := slices.IndexFunc(found, func(f quayFound) bool { return len(differs(want, f)) == 0 })
	if keep < 0 {
		deed.action, deed.make, deed.remove = Changed, &want, uuids(found)
		deed.changes = differs(want, found[0])
		want.EventConfig = maps.Clone(want.EventConfig)
		for key, value := range found[0].Filter {
			if _, number := value.(float64); number || want.EventConfig[key] == nil {
				want.EventConfig[key] = value
			}
		}
		return deed
	}
	kept := found[keep]
	if rest := slices.Delete(slices.Clone(found), keep, keep+1); len(rest) > 0 {
		deed.action, deed.remove = Changed, uuids(rest)
		deed.changes = append(deed.changes, fmt.Sprintf("posted %d times", len(found)))
	}
	if kept.Failures >= quayOff {
		deed.reset = kept.UUID
		deed.changes = append(deed.changes, fmt.Sprintf("was off after %d failures", kept.Failures))
		deed.note = "what happened meanwhile is lost"
		if deed.action == Unchanged {
			deed.action = Reset
		}
	}
	return deed
}

// differs says what of a notification is not as wanted. Its URL is not shown, for it may
// hold a secret. A filter is the choice of whoever set it, but Quay never sends an expiry
// that has no days.
func differs(want quayNotification, f quayFound) (changes []string) {
	if f.Config.URL != want.Config.URL {
		changes = append(changes, "posted to another URL")
	}
	if !sameJSON(f.Config.Template, want.Config.Template) {
		changes = append(changes, "had another template")
	}
	for key := range want.EventConfig {
		if _, ok := f.Filter[key].(float64); !ok {
			changes = append(changes, "had no "+key)
		}
	}
	return changes
}

// sameJSON compares two templates, whatever their blanks.
func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	var x, y map[string]string
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil || len(x) != len(y) {
		return false
	}
	for k, v := range x {
		if w, ok := y[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// refusedByQuay says why Quay would refuse a URL, "" where it would not.
func refusedByQuay(base string) string {
	u, err := url.Parse(base)
	if err == nil && slices.Contains([]string{"localhost", "127.0.0.1"}, strings.ToLower(u.Hostname())) {
		return fmt.Sprintf("Quay refuses URLs with %s: name bellbuoy with --url as Quay reaches it by another name", u.Hostname())
	}
	return ""
}
