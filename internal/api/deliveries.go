package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// deliveries lists deliveries, those planned last first.
func (s *server) deliveries(w http.ResponseWriter, r *http.Request) {
	now := s.now()
	v, err := readValues(r.URL.RawQuery, deliveryFilters())
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	sel, err := readSelection(v, now)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	list, err := s.Store.Deliveries(r.Context(), sel)
	switch {
	case errors.Is(err, store.ErrBadQuery):
		fail(w, http.StatusBadRequest, "%v", err)
		return
	case err != nil:
		s.failStore(w, r, err)
		return
	}
	if len(list) == sel.Limit {
		for name, t := range map[string]time.Time{"since": sel.Since, "until": sel.Until} {
			if !t.IsZero() { // fixed, so that the pages are of one list
				v.Set(name, t.Format(time.RFC3339Nano))
			}
		}
		nextIs(w, r, v, sel.Limit, list[len(list)-1].Cursor)
	}
	answer(w, list)
}

// delivery tells of one delivery.
func (s *server) delivery(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	list, err := s.Store.Deliveries(r.Context(), store.Selection{ID: id, Query: store.Query{Limit: store.MaxLimit}})
	if err != nil {
		s.failStore(w, r, err)
		return
	}
	i := slices.IndexFunc(list, func(d store.ListedDelivery) bool { return d.ID == id })
	if i < 0 {
		fail(w, http.StatusNotFound, "there is no delivery %q: a trace lists those of an event with their ids", id)
		return
	}
	answer(w, list[i])
}

// deliveryFilters are the query parameters of the list of deliveries.
func deliveryFilters() []string {
	return []string{
		"id", "state", "type", "registry", "repository", "tag", "digest", "native_id",
		"rule", "target", "since", "until", "limit", "before",
	}
}

// readSelection reads what chooses deliveries; its error names all that is wrong.
func readSelection(v url.Values, now time.Time) (store.Selection, error) {
	ofEvent := url.Values{}
	for name := range v {
		if name != "id" && name != "state" {
			ofEvent[name] = v[name]
		}
	}
	var faults []string
	q, err := readQuery(ofEvent.Encode(), now)
	if err != nil {
		faults = append(faults, err.Error())
	}
	sel := store.Selection{Query: q, ID: v.Get("id")}
	if sel.States, err = readStates(v.Get("state")); err != nil {
		faults = append(faults, err.Error())
	}
	if len(faults) > 0 {
		return sel, fmt.Errorf("%s", strings.Join(faults, "; "))
	}
	return sel, nil
}

// readStates reads states with commas between them.
func readStates(s string) ([]store.State, error) {
	if s == "" {
		return nil, nil
	}
	var out []store.State
	for name := range strings.SplitSeq(s, ",") {
		state := store.State(strings.TrimSpace(name))
		if !slices.Contains(store.States(), state) {
			return nil, fmt.Errorf("state: %q is none of %s", state, joined(store.States()))
		}
		if !slices.Contains(out, state) {
			out = append(out, state)
		}
	}
	return out, nil
}
