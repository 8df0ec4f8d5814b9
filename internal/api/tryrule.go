package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

type ruleTest struct {
	ByRequest
	Type       eventType `json:"type,omitempty" doc:"Of the event; one that the rule takes where nothing is said."`
	Registry   string    `json:"registry,omitempty" doc:"That it is from; one of the rule's scope where nothing is said."`
	Repository string    `json:"repository,omitempty" doc:"That it is about, by its full name." example:"prod/api"`
	Tag        string    `json:"tag,omitempty" doc:"Of the artifact that it is about."`
}

// ruleTested is what became of it.
type ruleTested struct {
	Event      string        `json:"event,omitempty"` // its id; absent where none was stored
	Verdict    rules.Verdict `json:"verdict"`
	Deliveries []string      `json:"deliveries"` // their ids
}

// testRule makes an event and has a rule judge it.
func (s *server) testRule(ctx context.Context, in *struct {
	ByName
	Body ruleTest
}) (*body[ruleTested], error) {
	by, err := who(ctx, in.Body.By)
	if err != nil {
		return nil, err
	}
	rule, ok := s.ruleNamed(in.Name)
	if !ok {
		return nil, problemf(http.StatusNotFound, "there is no rule %q in use: list what there is with `bellbuoy rules`", in.Name)
	}
	types := slices.DeleteFunc(rules.TypesNamed(rule.Events), func(t event.Type) bool { return !rules.Asked(t) })
	t := event.Type(in.Body.Type)
	switch {
	case t == "" && len(types) == 0:
		return nil, wrong("type", "the rule takes no events that can be made to try it")
	case t == "" && slices.Contains(types, event.ArtifactPushed):
		t = event.ArtifactPushed
	case t == "":
		t = types[0]
	case !rules.Asked(t):
		return nil, wrong("type", "no rule is asked about an event of type %s: it goes to one target", t)
	}
	e, err := sample(t, in.Body.Repository)
	if err != nil {
		return nil, err
	}
	s.fit(&e, in.Name, in.Body)
	out := ruleTested{Deliveries: []string{}, Verdict: rules.Verdict{Rule: in.Name, Predicate: "enabled", Reason: "the rule is disabled"}}
	if !rule.Enabled {
		return &body[ruleTested]{out}, nil
	}
	verdict, asked := s.Rules().ExplainOne(in.Name, &e)
	if !asked {
		verdict = rules.Verdict{Rule: in.Name, Predicate: "event", Reason: "the rule takes no events of type " + string(t)}
	}
	routing, err := s.tryRule(ctx, e, in.Name, "", by)
	if err != nil {
		return nil, err
	}
	out.Event, out.Verdict = e.ID, verdict
	for _, d := range routing.Deliveries {
		out.Deliveries = append(out.Deliveries, d.ID)
	}
	return &body[ruleTested]{out}, nil
}

// fit gives e the registry and the tag that are asked for: a rule that hears of some
// registries is tried with the first of them, unless another is named.
func (s *server) fit(e *event.Event, rule string, as ruleTest) {
	if as.Tag != "" && e.Artifact != nil {
		e.Artifact.Tags = []string{as.Tag}
	}
	name := as.Registry
	if at, err := s.reply(collections()[0], rule); name == "" && err == nil {
		var has struct {
			Scope struct {
				Registries []string `json:"registries"`
			} `json:"scope"`
		}
		if json.Unmarshal(at.Body.Object, &has) == nil && len(has.Scope.Registries) > 0 {
			name = has.Scope.Registries[0]
		}
	}
	if name == "" {
		return
	}
	e.Registry = event.Registry{Name: name, Type: e.Registry.Type}
	for _, r := range s.Running().Registries {
		if r.Name == name {
			e.Registry.Type = r.Type
		}
	}
}
