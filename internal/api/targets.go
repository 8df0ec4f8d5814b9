package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// targetPage is one target, and how many deliveries to it are in which state.
type targetPage struct {
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	InConfig   bool                `json:"in_config"`
	Source     *Source             `json:"source"` // null where nothing defines it any more
	Condition  condition           `json:"condition"`
	Deliveries map[store.State]int `json:"deliveries"`
}

// targets lists those of the configuration, in its order, then those that it does not
// name any more and that once had a delivery.
func (s *server) targets(w http.ResponseWriter, r *http.Request) {
	counts, err := s.Store.TargetCounts(r.Context())
	if err != nil {
		s.failStore(w, r, err)
		return
	}
	conditions, now := s.Store.Conditions(), s.now().UTC()
	list := []targetPage{}
	for _, t := range s.Running().Targets {
		p := targetPage{Name: t.Name, Type: t.Type, InConfig: true, Source: t.Source,
			Condition: conditionOf(conditions[t.Name], true, now), Deliveries: counts[t.Name].States}
		if p.Deliveries == nil {
			p.Deliveries = map[store.State]int{}
		}
		list = append(list, p)
		delete(counts, t.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, targetPage{Name: name, Type: counts[name].Type,
			Condition: conditionOf(conditions[name], false, now), Deliveries: counts[name].States})
	}
	answer(w, list)
}

// cancelTarget ends the deliveries to a target that nothing defines any more.
func (s *server) cancelTarget(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	by, err := readBy(w, r)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	n, err := s.Store.Cancel(r.Context(), name, by)
	switch {
	case errors.Is(err, store.ErrConfigured):
		where := "the config"
		for _, t := range s.Running().Targets {
			if t.Name == name && t.Source != nil {
				where = t.Source.String()
			}
		}
		fail(w, http.StatusConflict, "target %q is defined in %s, so that its deliveries are made: remove it there first", name, where)
	case err != nil:
		s.failStore(w, r, err)
	case n == 0:
		fail(w, http.StatusNotFound, "nothing is parked for a target %q: list what there is with `bellbuoy targets`", name)
	default:
		s.Log.InfoContext(r.Context(), "deliveries cancelled", "target", name, "deliveries", n, "by", by)
		answer(w, struct {
			Cancelled int `json:"cancelled"`
		}{n})
	}
}

// readJSON reads the body of a request, a JSON object. A browser sends that type to
// nobody without asking first.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	return readInto(w, r, v, false)
}

// readStrict is readJSON for what chooses: a field that is not known is refused, since a
// misspelt filter that was ignored would choose everything.
func readStrict(w http.ResponseWriter, r *http.Request, v any) error {
	return readInto(w, r, v, true)
}

func readInto(w http.ResponseWriter, r *http.Request, v any, strict bool) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return errors.New("send a JSON object, {} at least, with Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if strict {
		dec.DisallowUnknownFields()
	}
	err = dec.Decode(v)
	if err == nil && dec.More() {
		err = errors.New("there is more behind it")
	}
	if err != nil {
		return fmt.Errorf("the request is no JSON object that is understood here: %w", err)
	}
	return nil
}

// post serves path for POST and answers 405 to the other methods.
func post(mux *http.ServeMux, path string, h http.HandlerFunc) {
	mux.HandleFunc("POST "+path, h)
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", "POST")
		fail(w, http.StatusMethodNotAllowed, "%s takes POST only, not %s", r.URL.Path, r.Method)
	})
}
