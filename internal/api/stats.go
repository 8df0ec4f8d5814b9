package api

import (
	"net/http"
	"time"
)

// statsFor is how far back counters go where nothing is said.
const statsFor = 24 * time.Hour

// stats tells what happened by the hour, from counters.
func (s *server) stats(w http.ResponseWriter, r *http.Request) {
	v, err := readValues(r.URL.RawQuery, []string{"since"})
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	since, err := readTime(v, "since", s.now())
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	if since.IsZero() {
		since = s.now().Add(-statsFor)
	}
	hours, err := s.Store.Hours(r.Context(), since)
	if err != nil {
		s.failStore(w, r, err)
		return
	}
	answer(w, hours)
}
