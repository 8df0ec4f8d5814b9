package api

import (
	"errors"
	"io"
	"net/http"
	"runtime"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// quarantinedPage is one body that could not be read, shown whole. Where it is no
// text it is in base64, and BodyEncoding says so.
type quarantinedPage struct {
	store.Quarantined
	Body         string `json:"body"`
	BodyEncoding string `json:"body_encoding,omitempty"`
}

// quarantine lists what could not be read, without the bodies.
func (s *server) quarantine(w http.ResponseWriter, r *http.Request) {
	v, err := readValues(r.URL.RawQuery, []string{"limit"})
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	limit, err := readLimit(v)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	list, err := s.Store.Quarantine(r.Context(), limit)
	if err != nil {
		s.failStore(w, r, err)
		return
	}
	if list == nil {
		list = []store.Quarantined{}
	}
	answer(w, list)
}

// quarantined shows one body that could not be read.
func (s *server) quarantined(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	q, err := s.Store.Quarantined(r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		fail(w, http.StatusNotFound, "there is no %q in quarantine: list what there is with `bellbuoy quarantine`", id)
		return
	}
	if err != nil {
		s.failStore(w, r, err)
		return
	}
	p := quarantinedPage{Quarantined: q}
	p.Body, p.BodyEncoding = textBody(q.Body)
	answer(w, p)
}

// version says which bellbuoy this is.
func (s *server) version(w http.ResponseWriter, _ *http.Request) {
	answer(w, struct {
		Version string `json:"version"`
		Go      string `json:"go"`
	}{s.Version, runtime.Version()})
}

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
		if foreign(r) == "" {
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
