package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// say finds what is wrong with messages; the paths begin behind s's.
func (b *beside) say(ctx context.Context, sender plugin.Sender, s *said) ([]objects.Fault, error) {
	b.messages.senders[s.typ] = sender
	found, err := b.messages.check(ctx, s)
	if err != nil {
		return nil, err
	}
	var faults []objects.Fault
	for _, f := range found {
		if f.Severity == config.Error {
			faults = append(faults, objects.Fault{Path: s.path + f.Path, Message: f.Message})
		}
	}
	return faults, nil
}

// refer finds out whether what a rule refers to is there, and takes its messages.
func (b *beside) refer(ctx context.Context, m *made, targets map[string]*config.Target, unused map[key]*made) error {
	for _, f := range b.beyond.References(m.is) {
		if f.Severity == config.Error {
			m.broken = append(m.broken, objects.Fault{Path: f.Path, Message: f.Message})
		}
	}
	if len(m.broken) > 0 {
		m.explain(unused)
		m.inactive = faultLine(m.broken)
		return nil
	}
	told := make([]string, len(m.is.Rule.Deliver))
	for i, d := range m.is.Rule.Deliver {
		t := targets[d.Target]
		told[i] = t.Type + " " + render.Of(t.Message).Encode()
	}
	if m.told == nil || !slices.Equal(m.told, told) {
		m.told, m.toldBad = told, nil
		var err error
		if m.toldBad, err = b.tells(ctx, *m.is.Rule, targets); err != nil {
			return err
		}
	}
	m.inactive = faultLine(m.toldBad)
	return nil
}

// explain says of what m refers to and is there, but not in use, why that is.
func (m *made) explain(unused map[key]*made) {
	why := func(path string, k key) {
		u, ok := unused[k]
		if !ok {
			return
		}
		for i, f := range m.broken {
			if f.Path == path {
				m.broken[i].Message = fmt.Sprintf("%s %q is not in use: %s", k.kind, k.name, u.inactive)
			}
		}
	}
	for i, name := range m.is.Rule.Scope.Registries {
		why(fmt.Sprintf("scope.registries[%d]", i), key{objects.Registry, name})
	}
	for i, d := range m.is.Rule.Deliver {
		why(fmt.Sprintf("deliver[%d]", i), key{objects.Target, d.Target})
	}
}

// tells finds what is wrong with the messages that a rule has made. What is wrong with one
// that its target makes of its events is wrong with the rule, which asks for it.
func (b *beside) tells(ctx context.Context, r config.Rule, targets map[string]*config.Target) ([]objects.Fault, error) {
	var faults []objects.Fault
	for i, d := range r.Deliver {
		t := targets[d.Target]
		of, own := render.Of(t.Message), render.Of(d.Message)
		if of == (render.Rendering{}) && own == (render.Rendering{}) {
			continue
		}
		sender, _, why, err := b.sender(ctx, t.Type)
		if err != nil {
			return nil, err
		}
		if why != "" {
			continue // which is said of the target
		}
		types, path := rules.TypesOf(r), fmt.Sprintf("deliver[%d]", i)
		if own != (render.Rendering{}) {
			found, err := b.say(ctx, sender, &said{path: path + ".", typ: t.Type, says: own, types: types})
			if err != nil {
				return nil, err
			}
			faults = append(faults, found...)
		}
		if of == (render.Rendering{}) || replaces(own, of) {
			continue
		}
		found, err := b.say(ctx, sender, &said{typ: t.Type, says: of, types: types})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			faults = append(faults, objects.Fault{Path: path, Message: fmt.Sprintf("the %s of target %q does not work for all that the rule takes: %s", f.Path, d.Target, f.Message)})
		}
	}
	return faults, nil
}
