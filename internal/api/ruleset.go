package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

func (s *server) ruleSetOps() {
	handle(s, op{
		route: "GET /api/v1/rule-sets/{hash}", role: access.Viewer, noun: "rules",
		summary: "Show the rules that judged an event",
		detail:  "They are the enabled ones, as they are kept. Trace and list name them by their hash.",
	}, s.ruleSetOf)
}

// ruleSource is the source of a rule set: what it holds is package rules' own.
type ruleSource struct{ json.RawMessage }

// Schema tells no more of it than that.
func (ruleSource) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Description: "A rule set. What is in it changes with versions of bellbuoy."}
}

// ruleSetOf shows the rules that judged events, by the hash that these name: the
// enabled ones, as they are kept.
func (s *server) ruleSetOf(ctx context.Context, in *struct {
	Hash string `path:"hash" doc:"As events have it in their trace: rule_set."`
}) (*body[ruleSource], error) {
	if now := s.Rules(); now != nil && now.Hash() == in.Hash {
		return &body[ruleSource]{ruleSource{now.Source()}}, nil
	}
	source, err := s.Store.RuleSet(ctx, in.Hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problemf(http.StatusNotFound, "there is no rule set %q: rules are kept while an event refers to them", in.Hash)
	}
	return &body[ruleSource]{ruleSource{source}}, err
}
