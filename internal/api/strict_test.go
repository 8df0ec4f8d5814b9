package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
)

// timed is a writer on a connection that has deadlines.
type timed struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (t *timed) SetReadDeadline(at time.Time) error {
	t.set = append(t.set, at)
	return nil
}

type fails struct{ err error }

func (f fails) Read([]byte) (int, error) { return 0, f.err }

// A body that does not arrive is waited for, not for ever, and the wait does not go on for
// the rest of the request.
func TestBodyHasATime(t *testing.T) {
	h := pets(t)
	for name, c := range map[string]struct {
		rest   io.Reader
		status int
		detail string
	}{
		"whole":    {strings.NewReader(""), 201, ""},
		"too late": {fails{os.ErrDeadlineExceeded}, 408, "did not arrive within 10s"},
		"cut off":  {fails{io.ErrUnexpectedEOF}, 400, "did not arrive whole"},
	} {
		r := httptest.NewRequest("POST", "/pets", io.MultiReader(strings.NewReader(`{"name":"rex"}`), c.rest))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		before := time.Now()
		h.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Identity{Role: access.Admin})))
		if w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if c.detail != "" {
			wantProblem(t, w.ResponseRecorder, c.detail)
		}
		if len(w.set) != 2 || w.set[0].Before(before.Add(requestTime)) || !w.set[1].IsZero() {
			t.Errorf("%s: deadlines are %v", name, w.set)
		}
	}
}

// What is not asked for by anybody who may is not read.
func TestBodyIsNotReadForNobody(t *testing.T) {
	h := pets(t)
	r := httptest.NewRequest("POST", "/pets", fails{io.ErrUnexpectedEOF})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
