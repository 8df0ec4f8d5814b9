package quay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// prefix begins the names of the targets and rules that are notifications.
const prefix = "quay-"

// disableAfter is after how many events in a row that could not be delivered Quay sends no
// more.
const disableAfter = 3

// note is what was asked for. The target of a notification keeps it.
type note struct {
	Quay *asked `json:"quay"`
}

// asked is what a request asked for, secrets masked.
type asked struct {
	Repository  string          `json:"repository,omitempty"`
	Namespace   string          `json:"namespace,omitempty"` // of those about a namespace
	Title       *string         `json:"title"`
	Event       string          `json:"event"`
	Method      string          `json:"method"`
	Config      json.RawMessage `json:"config"`
	EventConfig json.RawMessage `json:"event_config"`
}

// notification is one, as it is shown.
type notification struct {
	UUID        string          `json:"uuid"`
	Title       *string         `json:"title"`
	Event       string          `json:"event"`
	Method      string          `json:"method"`
	Config      json.RawMessage `json:"config"`
	EventConfig json.RawMessage `json:"event_config"`
	Failures    int             `json:"number_of_failures"`
}

// Owner is what a mail address of a notification is verified for, as in Quay its
// repository, or its namespace; "" where note is none of a notification.
func Owner(kept json.RawMessage) string {
	var n note
	switch {
	case len(kept) == 0 || json.Unmarshal(kept, &n) != nil || n.Quay == nil:
		return ""
	case n.Quay.Repository != "":
		return "repository " + n.Quay.Repository
	}
	return "namespace " + n.Quay.Namespace
}

// view shows a notification.
func (a *asked) view(name string, conditions map[string]store.Condition) notification {
	return notification{strings.TrimPrefix(name, prefix), a.Title, a.Event, a.Method, a.Config, a.EventConfig, conditions[name].Failures}
}

// is reports whether the notification is one of a place.
func (a *asked) is(p place) bool {
	if p.repository != "" {
		return a.Repository == p.repository
	}
	return a.Repository == "" && a.Namespace == p.namespace
}

// notifications are those of a place, in the order in which they were made: all of them,
// or the one that it names.
func (a *api) notifications(p place, each func(name string, of *asked)) {
	for _, o := range a.Objects() {
		if o.Kind != objects.Target || !strings.HasPrefix(o.Name, prefix) || !bytes.Contains(o.Note, []byte(p.owner())) ||
			p.uuid != "" && o.Name != prefix+p.uuid {
			continue
		}
		var n note
		if json.Unmarshal(o.Note, &n) == nil && n.Quay != nil && n.Quay.is(p) {
			each(o.Name, n.Quay)
		}
	}
}

// find returns the notification that a place names.
func (a *api) find(p place) (name string, found *asked, err error) {
	a.notifications(p, func(n string, of *asked) { name, found = n, of })
	switch {
	case found != nil:
		return name, found, nil
	case p.repository == "":
		return "", nil, notFound()
	}
	repository := p.repository
	if p.namespace != "" {
		repository = strings.TrimPrefix(repository, p.namespace+"/")
	}
	return "", nil, invalid("No repository notification found for: %s, %s, %s", p.namespace, repository, p.uuid)
}

func (a *api) list(w http.ResponseWriter, _ *http.Request, p place) error {
	list := struct {
		Notifications []notification `json:"notifications"`
	}{[]notification{}}
	conditions := a.Conditions()
	a.notifications(p, func(name string, of *asked) {
		list.Notifications = append(list.Notifications, of.view(name, conditions))
	})
	answer(w, http.StatusOK, list)
	return nil
}

func (a *api) get(w http.ResponseWriter, _ *http.Request, p place) error {
	name, found, err := a.find(p)
	if err != nil {
		return notFound()
	}
	answer(w, http.StatusOK, found.view(name, a.Conditions()))
	return nil
}

func (a *api) create(w http.ResponseWriter, r *http.Request, p place) error {
	wanted, err := readWish(w, r)
	if err != nil {
		return err
	}
	made, err := a.plan(wanted, p)
	if err != nil {
		return err
	}
	// A caller that hangs up leaves no half of it behind.
	err = a.Change(context.WithoutCancel(r.Context()), a.By(r), made.changes)
	if bad, ok := errors.AsType[*objects.InvalidError](err); ok {
		return invalid("%s", made.way.faults(bad))
	}
	if err != nil {
		return err
	}
	a.Log.InfoContext(r.Context(), "notification made", "target", made.name, "repository", p.owner(), "event", wanted.event, "by", a.By(r))
	answer(w, http.StatusCreated, made.asked.view(made.name, nil))
	return nil
}

// planned is a notification that can be made.
type planned struct {
	name    string
	way     way
	asked   *asked
	changes []objects.Change
}

// plan says what a notification is to us.
func (a *api) plan(v wish, p place) (planned, error) {
	// Quay asks for the event first where it is a namespace's, else for the method.
	about, isEvent := happenings()[v.event]
	if p.repository == "" && (!isEvent || !about.quota) {
		return planned{}, invalid("Invalid event '%s'. Must be one of: quota_error, quota_warning", v.event)
	}
	by, ok := ways()[v.method]
	switch {
	case !ok && p.repository == "":
		return planned{}, invalid("Unknown notification method '%s'", v.method)
	case !ok:
		return planned{}, invalid("Unable to find method: %s", v.method)
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return planned{}, err
	}
	name := prefix + id.String()
	read := reading{
		place: p, config: v.config, known: a.Known, shown: map[string]any{},
		target: &target{Name: name, Type: by.typ, Options: map[string]any{}, DisableAfter: disableAfter},
	}
	if err := v.config.unmasked(); err != nil {
		return planned{}, err
	}
	if err := by.read(&read); err != nil {
		return planned{}, err
	}
	if p.repository != "" && (!isEvent || about.quota) {
		return planned{}, invalid("Unable to find event: %s", v.event)
	}
	decide := rule{Name: name, Scope: scope{Repositories: []string{p.repository}}, Deliver: []delivery{{name}}}
	if p.repository == "" {
		decide.Scope = scope{Namespaces: []string{p.namespace}}
	}
	if v.title != nil {
		decide.Description = *v.title
	}
	for _, t := range about.types {
		decide.Events = append(decide.Events, string(t))
	}
	if about.narrow != nil {
		if err := about.narrow(&decide, v.eventConfig); err != nil {
			return planned{}, err
		}
	}
	kept := &asked{Repository: p.repository, Title: v.title, Event: v.event, Method: v.method, EventConfig: v.rawEvent}
	if p.repository == "" {
		kept.Namespace = p.namespace
	}
	made := planned{name: name, way: by, asked: kept}
	if kept.Config, err = read.show(); err != nil {
		return planned{}, err
	}
	made.changes, err = changes(read.target, decide, note{kept})
	return made, err
}

// changes make a target and a rule.
func changes(t *target, r rule, n note) (list []objects.Change, err error) {
	body := func(v any) json.RawMessage {
		b, failed := compact(v)
		err = errors.Join(err, failed)
		return b
	}
	list = []objects.Change{
		{Kind: objects.Target, Name: t.Name, Body: body(t), Note: body(n)},
		{Kind: objects.Rule, Name: r.Name, Body: body(r)},
	}
	return list, err
}

func (a *api) delete(w http.ResponseWriter, r *http.Request, p place) error {
	name, _, err := a.find(p)
	if err != nil {
		return err
	}
	var gone []objects.Change
	for _, kind := range []objects.Kind{objects.Rule, objects.Target} {
		for _, o := range a.Objects() {
			if o.Kind == kind && o.Name == name {
				gone = append(gone, objects.Change{Kind: kind, Name: name, Version: objects.Any})
			}
		}
	}
	if err := a.Change(context.WithoutCancel(r.Context()), a.By(r), gone); err != nil {
		return err
	}
	a.Log.InfoContext(r.Context(), "notification deleted", "target", name, "repository", p.owner(), "by", a.By(r))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *api) reset(w http.ResponseWriter, r *http.Request, p place) error {
	name, _, err := a.find(p)
	if err != nil {
		return err
	}
	_, err = a.Reset(context.WithoutCancel(r.Context()), name, a.By(r))
	if errors.Is(err, store.ErrNotFound) {
		err = nil // it never failed, and is not in use
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// try makes an event to try a notification with. As in Quay, one that is disabled gets
// none, and one whose rule does not take the sample none either, and both are answered
// alike.
func (a *api) try(w http.ResponseWriter, r *http.Request, p place) error {
	name, found, err := a.find(p)
	if err != nil {
		return err
	}
	about := happenings()[found.Event]
	if a.Conditions()[name].Disabled.IsZero() && len(about.types) > 0 {
		var config fields
		_ = json.Unmarshal(found.EventConfig, &config) // it was an object when it was kept
		err := a.Try(context.WithoutCancel(r.Context()), Trial{
			Rule: name, Target: name, By: a.By(r), Type: about.types[0], Repository: found.Repository, Namespace: found.Namespace,
			Shape: func(e *event.Event) {
				if about.shape != nil {
					about.shape(e, config)
				}
			},
		})
		if err != nil {
			return err
		}
	}
	answer(w, http.StatusOK, struct{}{})
	return nil
}
