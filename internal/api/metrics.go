package api

import (
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

// metrics serves the metrics to viewers, or to anybody who reaches the listener where the
// configuration says so.
func (s *server) metrics() http.Handler {
	viewers := s.guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := (op{role: access.Viewer, noun: "metrics"}).allowed(access.From(r.Context())); p != nil {
			p.write(w)
			return
		}
		s.Metrics.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.MetricsOpen() {
			s.Metrics.ServeHTTP(w, r)
			return
		}
		viewers.ServeHTTP(w, r)
	})
}
