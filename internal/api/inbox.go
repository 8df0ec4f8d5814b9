package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// operator is who reads where nobody is named: the one who may use this machine, and so
// sees every inbox that there is.
const operator = "operator"

// reader is who reads as user, "" being the [operator]. There are no tokens yet by which
// somebody could be told from another: whoever may ask may ask as anybody.
func (s *server) reader(user string) (store.Reader, error) {
	if user == "" {
		return store.Reader{Person: operator, All: true}, nil
	}
	if len(user) > maxBy || strings.ContainsFunc(user, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return store.Reader{}, fmt.Errorf("user: write a name in one line of at most %d bytes", maxBy)
	}
	return store.Reader{Person: user, Inboxes: s.Inboxes(user)}, nil
}

// inbox lists what the reader is told, the newest first.
func (s *server) inbox(w http.ResponseWriter, r *http.Request) {
	v, err := readValues(r.URL.RawQuery, []string{"user", "unread", "level", "limit", "before"})
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	q := store.NoticeQuery{Level: v.Get("level"), Before: v.Get("before")}
	if text := v.Get("unread"); text != "" {
		if q.Unread, err = strconv.ParseBool(text); err != nil {
			err = fmt.Errorf("unread: %q is neither true nor false", text)
		}
	}
	if err == nil {
		q.Reader, err = s.reader(v.Get("user"))
	}
	if err == nil {
		q.Limit, err = readLimit(v)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	list, err := s.Store.Notices(r.Context(), q)
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

// notice shows one of them. To look at it does not mark it.
func (s *server) notice(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	v, err := readValues(r.URL.RawQuery, []string{"user"})
	var reader store.Reader
	if err == nil {
		reader, err = s.reader(v.Get("user"))
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	n, err := s.Store.Notice(r.Context(), reader, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.noNotice(w, id, reader)
	case err != nil:
		s.failStore(w, r, err)
	default:
		answer(w, n)
	}
}

// unread counts what the reader has not read.
func (s *server) unread(w http.ResponseWriter, r *http.Request) {
	v, err := readValues(r.URL.RawQuery, []string{"user"})
	var reader store.Reader
	if err == nil {
		reader, err = s.reader(v.Get("user"))
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	n, err := s.Store.Unread(r.Context(), reader)
	if err != nil {
		s.failStore(w, r, err)
		return
	}
	answer(w, n)
}

// mark marks one notice as read by the reader, or as unread, and answers with it.
func (s *server) mark(read bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		var request struct {
			User string `json:"user"`
		}
		err := readStrict(w, r, &request)
		var reader store.Reader
		if err == nil {
			reader, err = s.reader(request.User)
		}
		if err != nil {
			fail(w, http.StatusBadRequest, "%v", err)
			return
		}
		n, err := s.Store.Mark(r.Context(), reader, id, read)
		switch {
		case errors.Is(err, store.ErrNotFound):
			s.noNotice(w, id, reader)
		case err != nil:
			s.failStore(w, r, err)
		default:
			answer(w, n)
		}
	}
}

// markAll marks as read all that the reader is told, up to one of them.
func (s *server) markAll(w http.ResponseWriter, r *http.Request) {
	var request struct {
		User string `json:"user"`
		UpTo string `json:"up_to"` // an id: it and what is older; "" = all that there is now
	}
	err := readStrict(w, r, &request)
	var reader store.Reader
	if err == nil {
		reader, err = s.reader(request.User)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	// A caller that hangs up leaves no half of it behind.
	n, err := s.Store.MarkAll(context.WithoutCancel(r.Context()), reader, request.UpTo)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.noNotice(w, request.UpTo, reader)
	case err != nil:
		s.failStore(w, r, err)
	default:
		answer(w, struct {
			Marked int `json:"marked"`
		}{n})
	}
}

func (s *server) noNotice(w http.ResponseWriter, id string, r store.Reader) {
	fail(w, http.StatusNotFound, "there is no notice %q in an inbox that %s reads: it never was, or its time to be kept is over; list what there is with `bellbuoy inbox`", id, r.Person)
}
