package api

import "net/http"

// metrics serves the metrics to programs on this machine, or to anybody who reaches the
// listener where the configuration says so.
func (s *server) metrics() http.Handler {
	local := localOnly(s.Metrics)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.MetricsOpen() {
			s.Metrics.ServeHTTP(w, r)
			return
		}
		local.ServeHTTP(w, r)
	})
}
