package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
)

// Written is what a file has under a name: a JSON object with the keys that stand there, its
// secrets masked.
type Written struct {
	Body   json.RawMessage
	Source *Source // nil for what bellbuoy has without a configuration
}

// collection is where the objects of a kind are.
type collection struct {
	kind objects.Kind
	noun string // "rules"
}

func collections() []collection {
	return []collection{{objects.Rule, "rules"}, {objects.Target, "targets"}, {objects.Registry, "registries"}}
}

// path is that of one of them, or of all where name is "".
func (c collection) path(name string) string {
	if name == "" {
		return "/api/v1/" + c.noun
	}
	return "/api/v1/" + c.noun + "/" + name
}

// objectPage is one registry, target or rule.
type objectPage struct {
	Kind objects.Kind `json:"kind"`
	Name string       `json:"name"`
	// Object has the keys that a file has. Its secrets are masked: a change that has the
	// mask keeps the secret.
	Object json.RawMessage `json:"object"`
	Owner  Owner           `json:"owner"`
	// ReadOnly is true for what a file has: it is changed there.
	ReadOnly bool `json:"read_only"`
	// InUse is true where events are judged and sent by it.
	InUse bool `json:"in_use"`
	// Why it is not in use, and what to do.
	Why     string     `json:"why,omitempty"`
	Created *time.Time `json:"created,omitempty"` // when it was made
	// Condition is how a target is.
	Condition *condition `json:"condition,omitempty"`
	// Unused is what was made through the API under the name that a file has now.
	Unused *objectPage `json:"unused,omitempty"`
	// DryRun is true where nothing was changed.
	DryRun bool `json:"dry_run,omitempty"`
}

// objectReply answers with an object.
type objectReply struct {
	Status   int
	ETag     string `header:"ETag" doc:"Of what was made through the API: the version that If-Match asks for."`
	Location string `header:"Location" doc:"Where it is, where it was made."`
	Body     objectPage
}

// Changing is in the input of what changes an object.
type Changing struct {
	DryRun bool   `query:"dry_run" doc:"Say what is wrong with it, and change nothing."`
	By     string `query:"by" doc:"Who wants it, where nothing tells: the audit says so."`
}

func (s *server) objectOps() {
	for _, c := range collections() {
		all, one := c.path(""), c.path("{name}")
		handle(s, op{
			route: "GET " + one, role: access.Viewer, noun: c.noun, summary: fmt.Sprintf("Show one %s", c.kind),
			detail: "As its file has it, or as it was made; secrets are masked.",
		}, s.object(c))
		handle(s, op{
			route: "POST " + all, role: access.Editor, noun: c.noun, status: http.StatusCreated,
			summary: fmt.Sprintf("Make a %s", c.kind), detail: "The body has the keys that a file has. " + noFiles,
			errors: []int{http.StatusConflict},
		}, s.create(c))
		handle(s, op{
			route: "PUT " + one, role: access.Editor, noun: c.noun,
			summary: fmt.Sprintf("Put another %s in the place of one, or make it", c.kind), detail: noFiles,
			errors: []int{http.StatusConflict, http.StatusPreconditionFailed},
		}, s.put(c))
		handle(s, op{
			route: "PATCH " + one, role: access.Editor, noun: c.noun,
			summary: fmt.Sprintf("Change parts of a %s", c.kind),
			detail:  "The body is a JSON merge patch (RFC 7396): keys that it has are changed, those that are null are taken away.",
			errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
		}, s.patch(c))
		handle(s, op{
			route: "DELETE " + one, role: access.Editor, noun: c.noun, summary: fmt.Sprintf("Delete a %s", c.kind),
			errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
		}, s.remove(c))
		s.describeBodies(c)
	}
	rules := collections()[0]
	for _, enabled := range []bool{true, false} {
		verb := map[bool]string{true: "enable", false: "disable"}[enabled]
		handle(s, op{
			route: "POST " + rules.path("{name}") + "/" + verb, role: access.Editor, noun: rules.noun,
			summary: map[bool]string{true: "Have a rule take events again", false: "Have a rule take no events for now"}[enabled],
			errors:  []int{http.StatusNotFound, http.StatusConflict},
		}, s.turn(rules, enabled))
	}
	handle(s, op{
		route: "POST " + rules.path("{name}") + "/test", role: access.Editor, noun: rules.noun,
		summary: "Try a rule with an event that is made for it",
		detail: "The answer has the rule's verdict. Where it takes the event, its targets get it, as they get all others: " +
			"the trace tells of it.",
		errors: []int{http.StatusNotFound},
	}, s.testRule)
}

const noFiles = "Secrets are given themselves, and are never shown again: {env: NAME} and {file: PATH} are for files alone. " +
	"Each reason for which it cannot be made is in errors."

// madeHere returns what was made through the API under a name.
func (s *server) madeHere(kind objects.Kind, name string) (objects.Object, bool) {
	if s.Objects == nil {
		return objects.Object{}, false
	}
	for _, o := range s.Objects() {
		if o.Kind == kind && o.Name == name {
			return o, true
		}
	}
	return objects.Object{}, false
}

// object shows one.
func (s *server) object(c collection) func(context.Context, *struct{ ByName }) (*objectReply, error) {
	return func(_ context.Context, in *struct{ ByName }) (*objectReply, error) {
		return s.reply(c, in.Name)
	}
}

// written returns what a file has under a name.
func (s *server) written(kind objects.Kind, name string) (Written, bool) {
	if s.Written == nil {
		return Written{}, false
	}
	return s.Written(kind, name)
}

// reply answers with the object of a name as it is now.
func (s *server) reply(c collection, name string) (*objectReply, error) {
	o, here := s.madeHere(c.kind, name)
	var own *objectPage
	out := &objectReply{Status: http.StatusOK}
	if here {
		own = &objectPage{
			Kind: o.Kind, Name: o.Name, Object: o.Body, InUse: o.Inactive == "", Why: o.Inactive, Created: &o.Created,
			Owner: Owner{Kind: OwnedByAPI, Version: o.Version, By: o.By, Changed: &o.Changed},
		}
	}
	switch w, written := s.written(c.kind, name); {
	case written:
		out.Body = objectPage{Kind: c.kind, Name: name, Object: w.Body, ReadOnly: true, InUse: true, Owner: ownerAt(w.Source), Unused: own}
	case here:
		out.Body, out.ETag = *own, etag(o.Version)
	default:
		return nil, s.none(c, name)
	}
	if c.kind == objects.Target {
		is := conditionOf(s.Store.Conditions()[name], out.Body.InUse, s.now().UTC())
		out.Body.Condition = &is
	}
	return out, nil
}

func ownerAt(at *Source) Owner {
	if at == nil {
		return Owner{Kind: OwnedByDefault}
	}
	return Owner{Kind: OwnedByFile, File: at.File, Line: at.Line}
}

func (s *server) none(c collection, name string) error {
	return problemf(http.StatusNotFound, "there is no %s %q: list what there is with `bellbuoy %s`", c.kind, name, c.noun)
}
