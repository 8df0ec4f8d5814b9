package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Explained is one event that a notification becomes, and what the rules of a
// configuration make of it.
type Explained struct {
	Event event.Event `json:"event"`
	// Stored is false where a running bellbuoy would only count the event: its type is
	// kept only where a rule or the key keep names it.
	Stored   bool            `json:"stored"`
	Verdicts []rules.Verdict `json:"verdicts"`
	// Deliveries are those that would be made: one for each target and each message that
	// it is to get.
	Deliveries []WouldDeliver `json:"deliveries"`
}

// WouldDeliver is one delivery that rules ask for.
type WouldDeliver struct {
	Target string   `json:"target"`
	Rules  []string `json:"rules"`

	message render.Rendering
}

// RuleHead is what of a rule says which types it takes.
type RuleHead struct {
	Name    string   `json:"name"`
	Enabled bool     `json:"enabled"`
	Events  []string `json:"events"` // as written; empty = those that are taken unasked
}

// Asked is [rules.Asked].
func Asked(t event.Type) bool { return rules.Asked(t) }

// Explanation is what a configuration makes of a notification.
type Explanation struct {
	Events []Explained
	Rules  []RuleHead // of the configuration, the disabled ones too
	// Lookup: a running bellbuoy would ask the registry what an artifact is before it
	// asks the rules. Nobody was asked here.
	Lookup   bool
	Warnings config.Faults
}

// Explain says what the configuration in files makes of r. The registry is the one
// that r names, else the configuration's first of r's type. Errors are those of
// [Translate], or wrap [ErrConfig].
func Explain(ctx context.Context, files Files, r Request) (Explanation, error) {
	s, faults, err := load(ctx, files, "")
	if err != nil {
		return Explanation{}, err
	}
	reg, err := s.origin(r)
	if err != nil {
		return Explanation{}, err
	}
	r.Registry, r.RegistryType = reg.Name, reg.Type
	events, err := Translate(ctx, r)
	if err != nil {
		return Explanation{}, err
	}
	out := Explanation{Lookup: reg.Lookup, Warnings: faults.Warnings()}
	for _, rule := range s.config.Rules {
		out.Rules = append(out.Rules, RuleHead{rule.Name, rule.Enabled, rule.Events})
	}
	for _, e := range events {
		out.Events = append(out.Events, s.explain(e))
	}
	return out, nil
}

// origin is the registry that r is of.
func (s settings) origin(r Request) (config.Registry, error) {
	if _, ok := registryTypes()[r.RegistryType]; !ok {
		return config.Registry{}, unknownRegistryType(r.RegistryType)
	}
	var names []string
	for _, reg := range s.config.Registries {
		switch {
		case r.Registry == "" && reg.Type == r.RegistryType:
			return reg, nil
		case r.Registry == "" || reg.Name != r.Registry:
			names = append(names, reg.Name)
		case reg.Type != r.RegistryType:
			return reg, wrongUse("registry %q is of type %s in the configuration, not %s", reg.Name, reg.Type, r.RegistryType)
		default:
			return reg, nil
		}
	}
	if r.Registry == "" {
		return config.Registry{}, wrongUse("the configuration has no registry of type %s", r.RegistryType)
	}
	return config.Registry{}, wrongUse("the configuration has no registry %q: %s", r.Registry, config.Suggest(r.Registry, names))
}

func (s settings) explain(e event.Event) Explained {
	out := Explained{
		Event: e, Verdicts: s.rules.Explain(&e), Deliveries: []WouldDeliver{},
		Stored: !e.Type.OnRequest() || s.rules.Wants(e.Type) || slices.Contains(s.config.Keep, string(e.Type)),
	}
	for _, m := range s.rules.Route(&e) {
		for _, d := range m.Deliver {
			message := render.Of(d.Message).Over(s.message(d.Target))
			i := slices.IndexFunc(out.Deliveries, func(w WouldDeliver) bool { return w.Target == d.Target && w.message == message })
			if i < 0 {
				i = len(out.Deliveries)
				out.Deliveries = append(out.Deliveries, WouldDeliver{Target: d.Target, message: message})
			}
			if w := &out.Deliveries[i]; !slices.Contains(w.Rules, m.Rule) {
				w.Rules = append(w.Rules, m.Rule)
			}
		}
	}
	return out
}

// message is what a target says of its messages.
func (s settings) message(target string) render.Rendering {
	i := slices.IndexFunc(s.config.Targets, func(t config.Target) bool { return t.Name == target })
	if i < 0 {
		return render.Rendering{}
	}
	return s.rendering(s.config.Targets[i])
}

// LeftOut says why rule name is not among those that were asked about an event of type
// t: the rules there are say so. The answer is one sentence without an end.
func LeftOut(name string, list []RuleHead, t event.Type) string {
	var names []string
	for _, r := range list {
		if r.Name != name {
			if !slices.Contains(names, r.Name) {
				names = append(names, r.Name)
			}
			continue
		}
		if !r.Enabled {
			return fmt.Sprintf("rule %q is disabled (enabled: false)", name)
		}
		return fmt.Sprintf("rule %q is not for events of type %s: it takes %s", name, t, r.takes())
	}
	return fmt.Sprintf("there is no rule %q: %s", name, config.Suggest(name, names))
}

// takes names the types that the rule takes.
func (r RuleHead) takes() string {
	const unasked = "all but pulls, inspections, blobs, unknown and bellbuoy's own events, which a rule must name"
	if len(r.Events) == 0 {
		return unasked
	}
	const most = 8
	out := ""
	for i, p := range r.Events {
		switch {
		case i == most:
			return out + fmt.Sprintf(" and %d more", len(r.Events)-most)
		case i > 0:
			out += ", "
		}
		if p == "*" {
			p = "* (" + unasked + ")"
		}
		out += p
	}
	return out
}

// NewRules is the rule set of a configuration that is not in force.
type NewRules struct {
	Source   []byte // for a running bellbuoy to try
	Warnings config.Faults
}

// Rules reads the configuration in files and checks all of it. The error wraps
// [ErrConfig] where there are faults.
func Rules(ctx context.Context, files Files) (NewRules, error) {
	s, faults, err := load(ctx, files, "")
	if err != nil {
		return NewRules{}, err
	}
	return NewRules{s.rules.Source(), faults.Warnings()}, nil
}
