package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// problem is an error as RFC 9457 has it. Its type is about:blank, so the title is
// the status in words and the detail says what happened and what to do.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// fail answers with a problem.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	p := problem{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
	write(w, status, "application/problem+json", p)
}

// failStore answers for an error of the store, and logs it: the store is ours, so
// that whoever runs bellbuoy should know.
func (s *server) failStore(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to be told
	}
	s.Log.ErrorContext(r.Context(), "admin request failed", "path", r.URL.Path, "error", err)
	if errors.Is(err, store.ErrUnavailable) {
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "the store cannot be read now, try again: %v", err)
		return
	}
	fail(w, http.StatusInternalServerError, "the store failed: %v", err)
}

// answer answers 200 with v.
func answer(w http.ResponseWriter, v any) {
	write(w, http.StatusOK, "application/json", v)
}

// write encodes v before anything is sent, so that what cannot be encoded is an
// error to the caller and not half an answer. Stored events keep their bytes:
// nothing is escaped for HTML.
func write(w http.ResponseWriter, status int, contentType string, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		http.Error(w, "encode answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // an error here is a caller that went away
}
