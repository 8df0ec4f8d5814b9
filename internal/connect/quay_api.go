package connect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
)

// organizationMark stands before the places that are a whole organization.
const organizationMark = "organization "

// quaySide is a Quay.
type quaySide struct {
	*caller
	organizations []string
	remove        bool
	// repository and organization are what each should have.
	repository, organization quayWant
	// unknown are the events that this Quay does not have, as far as it said so.
	unknown map[string]bool
}

// Quay makes a notification for each event in each repository of m, and those of quotas in
// each organization. The secret in the URL of o is given to Quay.
func Quay(o Options, m Make) (*Side, error) {
	if err := checkURL(o.URL); err != nil {
		return nil, err
	}
	if why := refusedByQuay(o.URL); why != "" && !m.Remove {
		return nil, errors.New(why)
	}
	for _, r := range m.Places {
		if namespace, name, ok := strings.Cut(r, "/"); !ok || namespace == "" || name == "" {
			return nil, fmt.Errorf("%q is no repository of Quay: write NAMESPACE/NAME", r)
		}
	}
	o.ShowSecrets = true
	secret, _, err := o.quaySecret()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, e := range quayEvents {
		known = append(known, e.name)
	}
	events, err := m.choose(known)
	if err != nil {
		return nil, err
	}
	c, err := newCaller("Quay", m.API, "/api/v1", o.secrets())
	if err != nil {
		return nil, err
	}
	c.authorize = func(r *http.Request, secret string) { r.Header.Set("Authorization", "Bearer "+secret) }
	c.advice = func(status int) string {
		switch status {
		case http.StatusUnauthorized:
			return "make a new token: one of an OAuth application of the organization, with the scope repo:admin"
		case http.StatusForbidden:
			return "use a token with the scope repo:admin (for quotas org:admin too) of a user who administers it; Quay answers so also where it does not exist"
		}
		return ""
	}
	q := &quaySide{caller: c, remove: m.Remove, organizations: m.Organizations}
	q.repository = quayWant{title: m.name(), registry: o.Registry.Name}
	q.organization = q.repository
	for _, e := range quayEvents {
		if !slices.Contains(events, e.name) {
			continue
		}
		n := o.quayNotification(e, secret)
		n.Title = m.name()
		if e.organization {
			q.organization.list = append(q.organization.list, n)
		} else {
			q.repository.list = append(q.repository.list, n)
		}
	}
	s := &Side{caller: c, named: m.Places, plan: q.plan, begin: func() { q.unknown = map[string]bool{} }}
	if len(m.Organizations) > 0 {
		s.list = q.places
	}
	return s, nil
}

// quaySecret is what the path of a URL for Quay holds.
func (o Options) quaySecret() (string, config.AuthList, error) {
	list, err := o.choose("Quay", "{path: {file: PATH}}", func(a config.Auth) bool { return a.Path != nil || a.ClientCA != nil })
	return o.pathSecret(list), list, err
}

// quayNotification is the one for an event.
func (o Options) quayNotification(e quayEvent, secret string) quayNotification {
	n := quayNotification{Event: e.name, Method: "webhook", EventConfig: e.config, Title: "bellbuoy"}
	if n.EventConfig == nil {
		n.EventConfig = map[string]any{}
	}
	n.Config.URL = o.url(secret, e.name)
	if o.Template {
		n.Config.URL = o.url(secret)
		n.Config.Template = e.template()
	}
	return n
}

// plan reads the notifications of a place.
func (q *quaySide) plan(ctx context.Context, place string) ([]step, error) {
	want, path := q.repository, "/repository/"+escaped(place)+"/notification/"
	organization, whole := strings.CutPrefix(place, organizationMark)
	if whole {
		want, path = q.organization, "/organization/"+url.PathEscape(organization)+"/notifications"
	}
	var all []string
	for _, e := range quayEvents {
		if e.organization == whole {
			all = append(all, e.name)
		}
	}
	var found struct {
		Notifications []quayFound `json:"notifications"`
	}
	if _, err := q.do(ctx, http.MethodGet, path, nil, &found); err != nil {
		switch {
		case faultOf(err) == faultMissing && whole:
			note := "this Quay has no notifications of quotas"
			return []step{{row: Row{Place: place, What: "quota", Action: Skipped, Note: note}}}, nil
		case faultOf(err) == faultMissing:
			return nil, &apiError{fault: faultMissing, status: http.StatusNotFound, text: fmt.Sprintf("there is no repository %q, or it is hidden from this token: %v", place, err)}
		}
		return nil, err
	}
	deeds := want.plan(found.Notifications, all)
	if q.remove {
		deeds = want.remove(found.Notifications, all)
	}
	one := strings.TrimSuffix(path, "/") + "/"
	var steps []step
	for _, d := range deeds {
		s := step{row: Row{Place: place, What: d.event, Action: d.action, Changes: d.changes, Note: d.note}}
		switch {
		case d.make != nil && q.unknown[d.event]:
			s.row = Row{Place: place, What: d.event, Action: Skipped, Note: notOfThisQuay}
		case d.make != nil || d.reset != "" || len(d.remove) > 0:
			s.do = func(ctx context.Context) error { return q.act(ctx, path, one, d) }
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// escaped writes a repository's name into a path: it may have slashes of its own.
func escaped(repository string) string {
	parts := strings.Split(repository, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// act does what d says. What is new is made before the old goes: an event may come twice
// meanwhile, and none is missed.
func (q *quaySide) act(ctx context.Context, list, one string, d quayDeed) error {
	if d.make != nil {
		_, err := q.do(ctx, http.MethodPost, list, d.make, nil)
		if e, ok := errors.AsType[*apiError](err); ok && e.status == http.StatusBadRequest && noSuchEvent.MatchString(e.text) {
			q.unknown[d.event] = true
			return &skipped{notOfThisQuay}
		}
		if err != nil {
			return withEventHint(err, d.event)
		}
	}
	for _, uuid := range d.remove {
		_, err := q.do(ctx, http.MethodDelete, one+url.PathEscape(uuid), nil, nil)
		if err := gone(err); err != nil {
			return err
		}
	}
	if d.reset != "" {
		_, err := q.do(ctx, http.MethodPost, one+url.PathEscape(d.reset), nil, nil)
		return err
	}
	return nil
}

const notOfThisQuay = "this Quay does not have the event"

// noSuchEvent is how Quay says that it does not know an event.
var noSuchEvent = regexp.MustCompile(`(?i)(unknown|invalid|unsupported|no such|not a valid|unable to find)[^.]*\bevent\b|\bevent\b[^.]*(unknown|not supported|not found|is not one of)`)

// withEventHint: a Quay that does not know an event may fail over it.
func withEventHint(err error, event string) error {
	e, ok := errors.AsType[*apiError](err)
	if !ok || e.status != http.StatusInternalServerError {
		return err
	}
	return &apiError{fault: e.fault, status: e.status, text: e.text + fmt.Sprintf(": a Quay that does not have the event %s may answer so too, then leave it out by naming the others with --event", event)}
}

// gone is err, but for the answer that what is to be deleted is not there.
func gone(err error) error {
	e, ok := errors.AsType[*apiError](err)
	if ok && (e.status == http.StatusNotFound || e.status == http.StatusBadRequest && strings.Contains(e.text, "No repository notification found")) {
		return nil
	}
	return err
}

// places are the organizations, for quotas, and all their repositories.
func (q *quaySide) places(ctx context.Context) ([]string, error) {
	var all []string
	for _, o := range q.organizations {
		if len(q.organization.list) > 0 {
			all = append(all, organizationMark+o)
		}
		next := ""
		for pages := 0; ; pages++ {
			if pages == maxPages {
				return nil, q.endless("repositories of " + o)
			}
			query := url.Values{"namespace": {o}}
			if next != "" {
				query.Set("next_page", next)
			}
			var page struct {
				Repositories []struct {
					Namespace, Name, State string
				} `json:"repositories"`
				Next string `json:"next_page"`
			}
			if _, err := q.do(ctx, http.MethodGet, "/repository?"+query.Encode(), nil, &page); err != nil {
				return nil, err
			}
			for _, r := range page.Repositories {
				name := r.Namespace + "/" + r.Name
				if r.Namespace == o && r.State != "MARKED_FOR_DELETION" && !slices.Contains(all, name) {
					all = append(all, name)
				}
			}
			if page.Next == "" {
				break
			}
			next = page.Next
		}
	}
	return all, nil
}
