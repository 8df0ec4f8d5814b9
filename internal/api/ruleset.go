package api

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// showRuleSet shows the rules that judged events, by the hash that these name: the
// enabled ones, as they are kept.
func (s *server) showRuleSet(w http.ResponseWriter, r *http.Request) {
	hash := r.PathValue("hash")
	if now := s.Rules(); now != nil && now.Hash() == hash {
		answer(w, json.RawMessage(now.Source()))
		return
	}
	source, err := s.Store.RuleSet(r.Context(), hash)
	if errors.Is(err, store.ErrNotFound) {
		fail(w, http.StatusNotFound, "there is no rule set %q: rules are kept while an event refers to them", hash)
		return
	}
	if err != nil {
		s.failStore(w, r, err)
		return
	}
	answer(w, json.RawMessage(source))
}
