package api

import (
	"io"
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

// Health serves /healthz, which answers as long as the process does, and /readyz,
// which answers 200 once events are taken and delivered, else 503 with the reason
// that ready gives. It is for any listener: only requests from this machine are told
// which configuration is in use, and what is wrong with a newer one.
func Health(ready func() error, running func() Running) http.Handler {
	mux := http.NewServeMux()
	get(mux, "/healthz", func(w http.ResponseWriter, _ *http.Request) { okay(w, "ok\n") })
	get(mux, "/readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(); err != nil {
			fail(w, http.StatusServiceUnavailable, "not ready: %v", err)
			return
		}
		text := "ready\n"
		if access.Foreign(r) == "" {
			text += running().status()
		}
		okay(w, text)
	})
	return secureHeaders(mux)
}

func okay(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text) // an error here is a caller that went away
}
