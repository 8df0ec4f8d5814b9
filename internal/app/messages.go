package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// said is what one place of a configuration says of messages.
type said struct {
	path  string // of the target or the delivery
	typ   string // of the target
	says  render.Rendering
	types []event.Type // that rules may send to it so, each once
}

// messages finds what is wrong with the formats, templates and titles in c: each
// template is tried on an event of every type that may be told by it, texts and titles
// by the sender of the target's type.
func messages(ctx context.Context, c *config.Config, senders map[string]plugin.Sender) (config.Faults, error) {
	m := newMessageChecker()
	m.senders = senders
	var faults config.Faults
	for _, s := range sayings(c) {
		found, err := m.check(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("check the messages of %s: %w", s.path, err)
		}
		for _, f := range found {
			f.Path = s.path + "." + f.Path
			faults = append(faults, f)
		}
	}
	return c.Locate(faults), nil
}

// sayings lists the places that say something of messages.
func sayings(c *config.Config) []*said {
	var list []*said
	targets := map[string]*said{}
	for i, t := range c.Targets {
		s := &said{path: fmt.Sprintf("targets[%d]", i), typ: t.Type, says: render.Of(t.Message)}
		targets[t.Name] = s
		if s.says != (render.Rendering{}) {
			list = append(list, s)
		}
	}
	for i, r := range c.Rules {
		var types []event.Type
		for j, d := range r.Deliver {
			t, ok := targets[d.Target]
			says := render.Of(d.Message)
			if !ok || says == (render.Rendering{}) && t.says == (render.Rendering{}) {
				continue
			}
			if types == nil {
				types = rules.TypesOf(r)
			}
			if says != (render.Rendering{}) {
				list = append(list, &said{fmt.Sprintf("rules[%d].deliver[%d]", i, j), t.typ, says, types})
			}
			if !replaces(says, t.says) {
				t.types = union(t.types, types)
			}
		}
	}
	return list
}

// replaces reports whether nothing is left of what a target says where a rule says own.
func replaces(own, target render.Rendering) bool {
	return own.Format+own.JSON+own.Text != "" && (own.Title != "" || target.Title == "")
}

func union(a, b []event.Type) []event.Type {
	both := slices.Clone(a)
	for _, t := range b {
		if !slices.Contains(both, t) {
			both = append(both, t)
		}
	}
	return both
}

// messageChecker checks what is said, the same but once.
type messageChecker struct {
	senders map[string]plugin.Sender // by target type
	samples map[event.Type]json.RawMessage
	found   map[string]config.Faults
}

func newMessageChecker() messageChecker {
	return messageChecker{senders: map[string]plugin.Sender{}, samples: map[event.Type]json.RawMessage{}, found: map[string]config.Faults{}}
}

// check returns what is wrong with s; the paths begin behind its own.
func (m *messageChecker) check(ctx context.Context, s *said) (config.Faults, error) {
	key := strings.Join([]string{s.typ, s.says.Encode(), fmt.Sprint(s.types)}, "\x00")
	if found, ok := m.found[key]; ok {
		return found, nil
	}
	samples := make([]json.RawMessage, len(s.types))
	for i, t := range s.types {
		var err error
		if samples[i], err = m.sample(t); err != nil {
			return nil, err
		}
	}
	renderer, found := render.Compile(s.says)
	if renderer != nil {
		found = renderer.Try(samples)
	}
	sender, ok := m.senders[s.typ]
	if ok && (s.says.Text != "" || s.says.Title != "") {
		faults, err := sender.Check(ctx, plugin.Check{Template: s.says.Text, Title: s.says.Title, Samples: samples})
		if err != nil {
			return nil, err
		}
		for _, f := range faults {
			path := "title"
			if f.Part == plugin.PartTemplate {
				path = "template.text"
			}
			fault := config.Faultf(path, "%s", f.Message)
			fault.Severity = severity(f)
			found = append(found, fault)
		}
	}
	m.found[key] = found
	return found, nil
}

// severity is that of what a sender found.
func severity(f plugin.Fault) config.Severity {
	if f.Warning {
		return config.Warning
	}
	return config.Error
}

func (m *messageChecker) sample(t event.Type) (json.RawMessage, error) {
	b, ok := m.samples[t]
	if ok {
		return b, nil
	}
	b, err := json.Marshal(event.Sample(t))
	if err != nil {
		return nil, fmt.Errorf("encode a sample of %s: %w", t, err)
	}
	m.samples[t] = b
	return b, nil
}
