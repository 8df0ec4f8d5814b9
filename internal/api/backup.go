package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// backupType is the content type of a backup.
const backupType = "application/vnd.sqlite3"

func (s *server) backupOps() {
	stream(s, op{
		route: "POST /api/v1/backup", role: access.Admin, noun: "backup",
		summary: "Send a copy of the store, a SQLite file",
		errors:  []int{http.StatusConflict, http.StatusInsufficientStorage},
	}, huma.Operation{
		RequestBody: &huma.RequestBody{
			Required: true, Description: "Nothing is asked, and it keeps other sites' pages out.",
			Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}},
		},
		Responses: map[string]*huma.Response{"200": {
			Description: "The file.",
			Content:     map[string]*huma.MediaType{backupType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
		}},
	}, s.backup)
}

// backup sends a copy of the store. It is a POST although it only reads: it costs the
// disk as much again, and no page's picture or link is to cause that.
func (s *server) backup(w http.ResponseWriter, r *http.Request) {
	c, err := s.Store.Backup(r.Context())
	switch {
	case errors.Is(err, store.ErrCopying):
		w.Header().Set("Retry-After", "30")
		fail(w, http.StatusConflict, "a backup is being made already: wait until it is done")
		return
	case errors.Is(err, store.ErrNoCopy):
		fail(w, http.StatusConflict, "%v", err)
		return
	case errors.Is(err, store.ErrFull):
		fail(w, http.StatusInsufficientStorage, "%v: make room on the disk of %s", err, s.Store.Path())
		return
	case err != nil:
		s.problem(r.Context(), err).write(w)
		return
	}
	defer c.Close()
	w.Header().Set("Content-Type", backupType)
	w.Header().Set("Content-Length", strconv.FormatInt(c.Bytes, 10))
	if n, err := io.Copy(w, c); err != nil && r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "send a backup", "sent", n, "of", c.Bytes, "error", err)
		panic(http.ErrAbortHandler) // so that the other end sees that it is not whole
	}
}
