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

// plan is a [Test] prepared: rules and targets have numbers, and what both sets have
// alike, which is most of a config, is judged once.
type plan struct {
	Test
	rules   names
	targets names
	in      []side // of each rule
	// same are the rules that both sets have, word for word; before and after the others
	// of each. wheres are those of after that have an expression, which may fail; nil
	// where none has.
	same, before, after, wheres *rules.Set
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

// plan numbers the rules and targets of both sets, the new ones first, and takes the
// sets apart.
func (t Test) plan() (*plan, error) {
	p := &plan{Test: t}
	old, err := read(t.Before)
	if err != nil {
		return nil, err
	}
	changed, err := read(t.After)
	if err != nil {
		return nil, err
	}
	was := map[string]bool{}
	for _, raw := range old.Rules {
		was[string(raw)] = true
	}
	var same, before, after, wheres []json.RawMessage
	is := map[string]bool{}
	for _, raw := range changed.Rules {
		h, n, err := p.number(raw)
		if err != nil {
			return nil, err
		}
		if p.in[n].after {
			return nil, fmt.Errorf("%w: two of them are named %q", ErrRules, h.Name)
		}
		p.in[n].after, is[string(raw)] = true, true
		if was[string(raw)] {
			same = append(same, raw)
			continue
		}
		after = append(after, raw)
		if h.Where != "" {
			wheres = append(wheres, raw)
		}
	}
	for _, raw := range old.Rules {
		_, n, err := p.number(raw)
		if err != nil {
			return nil, err
		}
		p.in[n].before = true
		if !is[string(raw)] {
			before = append(before, raw)
		}
	}
	for _, part := range []struct {
		set   **rules.Set
		rules []json.RawMessage
	}{{&p.same, same}, {&p.before, before}, {&p.after, after}, {&p.wheres, wheres}} {
		if *part.set, err = compile(kept{changed.V, part.rules}); err != nil {
			return nil, err
		}
	}
	if wheres == nil {
		p.wheres = nil
	}
	return p, nil
}

// number gives the rule in raw and its targets their numbers.
func (p *plan) number(raw json.RawMessage) (head, int, error) {
	var h head
	if err := json.Unmarshal(raw, &h); err != nil {
		return h, 0, fmt.Errorf("%w: read their source: %w", ErrRules, err)
	}
	for _, d := range h.Deliver {
		p.targets.add(d.Target)
	}
	n := p.rules.add(h.Name)
	if n == len(p.in) {
		p.in = append(p.in, side{})
	}
	return h, n, nil
}

func read(set *rules.Set) (kept, error) {
	var k kept
	if err := json.Unmarshal(set.Source(), &k); err != nil {
		return k, fmt.Errorf("%w: read their source: %w", ErrRules, err)
	}
	return k, nil
}

// compile makes a set of some of the rules of another.
func compile(k kept) (*rules.Set, error) {
	source, err := json.Marshal(k)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	set, err := rules.FromSource(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	return set, nil
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
