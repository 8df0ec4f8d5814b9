package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// maxBy bounds how somebody names himself.
const maxBy = 200

// who names who asks. The guard lets only programs of this machine pass, and knows no
// more of them than that: what they say of themselves is believed.
func who(r *http.Request, claimed string) (string, error) {
	if len(claimed) > maxBy || strings.ContainsFunc(claimed, func(c rune) bool { return unicode.IsControl(c) || !unicode.IsPrint(c) }) {
		return "", fmt.Errorf("by: write who wants it, in one line of at most %d bytes", maxBy)
	}
	if claimed == "" {
		return "a request to " + r.URL.Path + " from this machine", nil
	}
	return claimed, nil
}

// audit lists what people had done, newest first.
func (s *server) audit(w http.ResponseWriter, r *http.Request) {
	v, err := readValues(r.URL.RawQuery, []string{"what", "object", "limit", "before"})
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	q := store.AuditQuery{What: v.Get("what"), Object: v.Get("object"), Before: v.Get("before")}
	if q.Limit, err = readLimit(v); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	list, err := s.Store.Audit(r.Context(), q)
	switch {
	case errors.Is(err, store.ErrBadQuery):
		fail(w, http.StatusBadRequest, "%v", err)
		return
	case err != nil:
		s.failStore(w, r, err)
		return
	}
	if len(list) == q.Limit {
		nextIs(w, r, v, q.Limit, list[len(list)-1].Cursor)
	}
	answer(w, list)
}

// nextIs says where the next page is: the same question, from cursor on.
func nextIs(w http.ResponseWriter, r *http.Request, v url.Values, limit int, cursor string) {
	v.Set("limit", strconv.Itoa(limit))
	v.Set("before", cursor)
	w.Header().Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", r.URL.Path, v.Encode()))
}
