package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/api/quay"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// besideQuay serves Quay's API behind guard, and has rest serve all else. What the guard
// refuses is refused in Quay's words, which its clients read.
func (s *server) besideQuay(guard func(http.Handler) http.Handler, rest http.Handler) http.Handler {
	if s.Objects == nil || s.Change == nil {
		return rest
	}
	inside := guard(quay.New(quay.Config{
		Objects: s.Objects, Change: s.Change, Conditions: s.Store.Conditions, Reset: s.Store.Reset, Known: s.Known,
		By: requester, Try: s.tryNotification, Log: s.Log,
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !quay.Serves(r.URL.Path) {
			rest.ServeHTTP(w, r)
			return
		}
		said := &refusal{ResponseWriter: w}
		inside.ServeHTTP(said, r)
		if said.status != 0 {
			w.Header().Del("Content-Length")
			quay.Refuse(w, r, said.status, said.detail())
		}
	})
}

// requester names who asks.
func requester(r *http.Request) string {
	name, _ := who(askedFor(r), "") // there is no fault in nothing
	return name
}

// tryNotification makes an event to try a notification with.
func (s *server) tryNotification(ctx context.Context, t quay.Trial) error {
	repository := t.Repository
	if repository == "" {
		repository = t.Namespace + "/"
	}
	e, err := sample(t.Type, repository)
	if err != nil {
		return err
	}
	if t.Repository == "" { // the event is about all that is in the namespace
		e.Repository, e.Artifact = &event.Repository{Namespace: t.Namespace}, nil
	}
	t.Shape(&e)
	_, err = s.tryRule(ctx, e, t.Rule, t.Target, t.By)
	return err
}

// refusal holds back a problem as this API tells them, so that it can be told otherwise.
// All else goes through.
type refusal struct {
	http.ResponseWriter
	status int // 0 = it is no problem
	body   bytes.Buffer
}

func (w *refusal) WriteHeader(status int) {
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") {
		w.status = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *refusal) Write(b []byte) (int, error) {
	if w.status != 0 {
		return w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// detail is what the problem says.
func (w *refusal) detail() string {
	var p problem
	if json.Unmarshal(w.body.Bytes(), &p) != nil || p.Detail == "" {
		return http.StatusText(w.status)
	}
	return p.Detail
}
