package backtest

import (
	"encoding/json"
	"fmt"

	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// kept is what is read of the source of a rule set.
type kept struct {
	V     int               `json:"v"`
	Rules []json.RawMessage `json:"rules"`
}

// head is what is read of one rule of it.
type head struct {
	Name    string `json:"name"`
	Where   string `json:"where"`
	Deliver []struct {
		Target string `json:"target"`
	} `json:"deliver"`
}

// plan is a [Test] prepared: rules and targets have numbers.
type plan struct {
	Test
	rules   names
	targets names
	in      []side // of each rule
	// wheres are the new rules that have an expression, which may fail; nil where none
	// has.
	wheres *rules.Set
}

// side says which of the two sets has a rule.
type side struct{ before, after bool }

// names are numbered in the order in which they came.
type names struct {
	list []string
	at   map[string]int
}

func (n *names) add(name string) int {
	i, ok := n.at[name]
	if !ok {
		if n.at == nil {
			n.at = map[string]int{}
		}
		i = len(n.list)
		n.at[name] = i
		n.list = append(n.list, name)
	}
	return i
}

// plan numbers the rules and targets of both sets, the new ones first.
func (t Test) plan() (*plan, error) {
	p := &plan{Test: t}
	wheres := kept{Rules: []json.RawMessage{}}
	err := p.read(t.After, func(raw json.RawMessage, h head) error {
		if n := p.rules.add(h.Name); n < len(p.in) {
			return fmt.Errorf("%w: two of them are named %q", ErrRules, h.Name)
		}
		p.in = append(p.in, side{after: true})
		if h.Where != "" {
			wheres.Rules = append(wheres.Rules, raw)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = p.read(t.Before, func(_ json.RawMessage, h head) error {
		n := p.rules.add(h.Name)
		if n == len(p.in) {
			p.in = append(p.in, side{})
		}
		p.in[n].before = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, p.compileWheres(t.After, wheres)
}

// read gives each the rules of a set, and numbers their targets.
func (p *plan) read(set *rules.Set, each func(json.RawMessage, head) error) error {
	var k kept
	if err := json.Unmarshal(set.Source(), &k); err != nil {
		return fmt.Errorf("%w: read their source: %w", ErrRules, err)
	}
	for _, raw := range k.Rules {
		var h head
		if err := json.Unmarshal(raw, &h); err != nil {
			return fmt.Errorf("%w: read their source: %w", ErrRules, err)
		}
		for _, d := range h.Deliver {
			p.targets.add(d.Target)
		}
		if err := each(raw, h); err != nil {
			return err
		}
	}
	return nil
}

// compileWheres makes a set of the rules of after in k.
func (p *plan) compileWheres(after *rules.Set, k kept) error {
	if len(k.Rules) == 0 {
		return nil
	}
	var all kept
	if err := json.Unmarshal(after.Source(), &all); err != nil {
		return fmt.Errorf("%w: read their source: %w", ErrRules, err)
	}
	k.V = all.V
	source, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRules, err)
	}
	if p.wheres, err = rules.FromSource(source); err != nil {
		return fmt.Errorf("%w: %w", ErrRules, err)
	}
	return nil
}

// notStored are the types of events that only the new rules take, and that are only
// counted unless a rule takes them.
func (p *plan) notStored(seen map[event.Type]bool) []event.Type {
	list := []event.Type{}
	for _, t := range event.Types() {
		if t.OnRequest() && p.After.Wants(t) && !p.Before.Wants(t) && !seen[t] {
			list = append(list, t)
		}
	}
	return list
}
