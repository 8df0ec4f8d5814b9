package backtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// count is what one worker has found so far.
type count struct {
	*plan
	rules      []tally // by the rule's number
	targets    []tally // by the target's
	deliveries map[config.Deliver]*delivery
	errors     map[string]*Error // by rule
	seen       map[event.Type]bool

	// The event that is being judged, and the marks that it leaves.
	at    int
	ruled []mark // by the rule's number
}

// tally is a [Change] with examples.
type tally struct {
	change   Change
	examples Examples
}

// mark is the last event that a rule or a delivery was for, from 1 on.
type mark struct{ before, after int }

// delivery is one way in which a target is told of an event.
type delivery struct {
	mark
	target int
}

func (p *plan) count() *count {
	return &count{
		plan: p, rules: make([]tally, len(p.rules.list)), targets: make([]tally, len(p.targets.list)),
		deliveries: map[config.Deliver]*delivery{}, errors: map[string]*Error{}, seen: map[event.Type]bool{},
		ruled: make([]mark, len(p.rules.list)),
	}
}

// page judges some events by both sets.
func (c *count) page(p page) error {
	for i, raw := range p.events {
		var e event.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("decode stored event: %w", err)
		}
		c.at = p.first + i + 1
		c.seen[e.Type] = true
		c.event(&e)
	}
	return nil
}

func (c *count) event(e *event.Event) {
	same := slices.Clip(c.plan.same.Route(e))
	before, after := append(same, c.plan.before.Route(e)...), append(same, c.plan.after.Route(e)...)
	// All marks are set before any is compared.
	for _, m := range before {
		c.ruled[c.plan.rules.at[m.Rule]].before = c.at
		for _, d := range m.Deliver {
			c.delivery(d).before = c.at
		}
	}
	for _, m := range after {
		c.ruled[c.plan.rules.at[m.Rule]].after = c.at
		for _, d := range m.Deliver {
			c.delivery(d).after = c.at
		}
	}
	for _, m := range before {
		n := c.plan.rules.at[m.Rule]
		c.rules[n].add(e, c.at, &c.ruled[n])
		for _, d := range m.Deliver {
			d := c.delivery(d)
			c.targets[d.target].add(e, c.at, &d.mark)
		}
	}
	for _, m := range after {
		n := c.plan.rules.at[m.Rule]
		c.rules[n].add(e, c.at, &c.ruled[n])
		for _, d := range m.Deliver {
			d := c.delivery(d)
			c.targets[d.target].add(e, c.at, &d.mark)
		}
	}
	if c.wheres != nil {
		c.failures(e)
	}
}

func (c *count) delivery(d config.Deliver) *delivery {
	known, ok := c.deliveries[d]
	if !ok {
		known = &delivery{target: c.plan.targets.at[d.Target]}
		c.deliveries[d] = known
	}
	return known
}

// add counts what the event at has left on m, and takes it off: several rules may ask
// for one delivery.
func (t *tally) add(e *event.Event, at int, m *mark) {
	was, is := m.before == at, m.after == at
	*m = mark{}
	if was {
		t.change.Before++
	}
	if is {
		t.change.After++
	}
	switch {
	case was && !is:
		t.change.OnlyBefore++
		t.examples.OnlyBefore = example(t.examples.OnlyBefore, e, at)
	case is && !was:
		t.change.OnlyAfter++
		t.examples.OnlyAfter = example(t.examples.OnlyAfter, e, at)
	}
}

// example adds e to list while there is room: a worker sees newer events first.
func example(list []Example, e *event.Event, at int) []Example {
	if len(list) == maxExamples {
		return list
	}
	return append(list, exampleOf(e, at))
}

func exampleOf(e *event.Event, at int) Example {
	x := Example{ID: e.ID, Type: e.Type, at: at}
	if e.Repository != nil {
		x.About = e.Repository.FullName
		if a := e.Artifact; a != nil && len(a.Tags) > 0 {
			x.About += ":" + strings.Join(a.Tags, ",")
		} else if a != nil && a.Digest != "" {
			x.About += "@" + a.Digest
		}
	}
	return x
}

// failures counts the expressions of new and changed rules that cannot be computed for e.
func (c *count) failures(e *event.Event) {
	for _, v := range c.wheres.Uncomputed(e) {
		known, ok := c.errors[v.Rule]
		if !ok {
			known = &Error{Rule: v.Rule, Reason: v.Reason, First: exampleOf(e, c.at)}
			c.errors[v.Rule] = known
		}
		known.Events++
	}
}

// sum puts together what the workers found.
func (p *plan) sum(counts []*count, out *Result) {
	out.Rules = make([]Rule, len(p.rules.list))
	for i, name := range p.rules.list {
		r := Rule{Name: name}
		r.Change, r.Examples = merge(counts, func(c *count) tally { return c.rules[i] })
		switch in := p.in[i]; {
		case !in.before:
			r.Is = "new"
		case !in.after:
			r.Is = "gone"
		}
		r.Dead = p.in[i].after && r.After == 0
		out.Rules[i] = r
	}
	out.Targets = make([]Target, len(p.targets.list))
	for i, name := range p.targets.list {
		t := Target{Name: name, Missing: !p.HasTarget(name)}
		t.Change, t.Examples = merge(counts, func(c *count) tally { return c.targets[i] })
		out.Targets[i] = t
	}
	out.Errors = []Error{}
	seen := map[event.Type]bool{}
	for _, name := range p.rules.list {
		var sum *Error
		for _, c := range counts {
			e, ok := c.errors[name]
			switch {
			case !ok:
			case sum == nil:
				sum = e
			case e.First.at < sum.First.at:
				e.Events += sum.Events
				sum = e
			default:
				sum.Events += e.Events
			}
		}
		if sum != nil {
			out.Errors = append(out.Errors, *sum)
		}
	}
	for _, c := range counts {
		for t := range c.seen {
			seen[t] = true
		}
	}
	out.NotStored = p.notStored(seen)
}

// merge adds up one tally of each worker.
func merge(counts []*count, of func(*count) tally) (Change, Examples) {
	var sum tally
	for _, c := range counts {
		t := of(c)
		sum.change.Before += t.change.Before
		sum.change.After += t.change.After
		sum.change.OnlyBefore += t.change.OnlyBefore
		sum.change.OnlyAfter += t.change.OnlyAfter
		sum.examples.OnlyBefore = append(sum.examples.OnlyBefore, t.examples.OnlyBefore...)
		sum.examples.OnlyAfter = append(sum.examples.OnlyAfter, t.examples.OnlyAfter...)
	}
	return sum.change, Examples{newest(sum.examples.OnlyBefore), newest(sum.examples.OnlyAfter)}
}

// newest returns the first of list in the order of the events; never nil.
func newest(list []Example) []Example {
	slices.SortFunc(list, func(a, b Example) int { return a.at - b.at })
	return append([]Example{}, list[:min(len(list), maxExamples)]...)
}
