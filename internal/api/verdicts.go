package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// verdicts returns what each rule made of the event of t. Only the names of the
// rules that matched are stored; the reasons of the others are computed again, by
// the rule set that judged the event then.
//
// Where that cannot be done, or would tell another story than what was done, the
// stored names are returned with an error that says why.
func (s *server) verdicts(ctx context.Context, t store.Trace) ([]rules.Verdict, error) {
	var e event.Event
	if err := json.Unmarshal(t.Event, &e); err != nil {
		return stored(t.Matched), fmt.Errorf("decode stored event: %w", err)
	}
	if !rules.Asked(e.Type) {
		return []rules.Verdict{}, nil
	}
	set, err := s.ruleSet(ctx, t.RuleSet)
	if err != nil {
		return stored(t.Matched), err
	}
	verdicts := set.Explain(&e)
	var matched []string
	for _, v := range verdicts {
		if v.Matched {
			matched = append(matched, v.Rule)
		}
	}
	if e.Origin == event.OriginTest { // it was made for one rule, and goes by no other
		verdicts = slices.DeleteFunc(verdicts, func(v rules.Verdict) bool { return v.Matched && !slices.Contains(t.Matched, v.Rule) })
		return verdicts, nil
	}
	if !slices.Equal(matched, t.Matched) {
		return stored(t.Matched), fmt.Errorf("computed again, the rules that match are %q, but those that matched when the event was routed are %q: this bellbuoy reads the rules otherwise than the one that routed it", matched, t.Matched)
	}
	return verdicts, nil
}

// ruleSet returns the rule set with that hash: the one in force, or an older one
// made again from its source.
func (s *server) ruleSet(ctx context.Context, hash string) (*rules.Set, error) {
	if now := s.Rules(); now != nil && now.Hash() == hash {
		return now, nil
	}
	source, err := s.Store.RuleSet(ctx, hash)
	if err != nil {
		return nil, fmt.Errorf("read the rules that judged the event: %w", err)
	}
	set, err := rules.FromSource(source)
	if err != nil {
		return nil, fmt.Errorf("read the rules that judged the event: %w", err)
	}
	return set, nil
}

// stored returns the verdicts that need no computing.
func stored(matched []string) []rules.Verdict {
	list := make([]rules.Verdict, len(matched))
	for i, rule := range matched {
		list[i] = rules.Verdict{Rule: rule, Matched: true}
	}
	return list
}
