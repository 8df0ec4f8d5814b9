package quay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// The types of errors that Quay has and this API uses.
const (
	invalidRequest    = "invalid_request"
	invalidToken      = "invalid_token"
	insufficientScope = "insufficient_scope"
	notFoundType      = "not_found"
	downstreamIssue   = "downstream_issue"
)

// meanings say what the types mean.
func meanings() map[string]string {
	return map[string]string{
		invalidRequest:    "The request was invalid: a value in it, or its form.",
		invalidToken:      "The access token is not one that is known here, or is good no more.",
		insufficientScope: "The access token may not do what was asked.",
		notFoundType:      "There is no such resource.",
		downstreamIssue:   "Something that the answer depends on failed.",
	}
}

// problem is why a request is refused.
type problem struct {
	status int
	typ    string
	detail string
}

func (p *problem) Error() string { return p.detail }

// refused is a problem of the request itself.
func refused(status int, format string, args ...any) *problem {
	return &problem{status, invalidRequest, fmt.Sprintf(format, args...)}
}

// invalid is a request that cannot be carried out.
func invalid(format string, args ...any) *problem {
	return refused(http.StatusBadRequest, format, args...)
}

func notFound() *problem { return &problem{http.StatusNotFound, notFoundType, "Not Found"} }

func unauthorized() *problem {
	return &problem{http.StatusForbidden, insufficientScope, "Unauthorized"}
}

func unauthenticated() *problem {
	return &problem{http.StatusUnauthorized, invalidToken, "Requires authentication"}
}

// Refuse answers as Quay does a request that was not let through to this API: with its
// error for a token that is not good (401), for what is not allowed (403), or for a request
// that is wrong. Headers that belong to the status are the caller's.
func Refuse(w http.ResponseWriter, r *http.Request, status int, detail string) {
	p := &problem{status, invalidRequest, detail}
	switch {
	case status == http.StatusUnauthorized:
		p.typ = invalidToken
	case status == http.StatusForbidden:
		p.typ = insufficientScope
	case status == http.StatusNotFound:
		p.typ = notFoundType
	case status >= http.StatusInternalServerError:
		p.typ = downstreamIssue
	}
	fail(w, r, p)
}

// fail answers with a problem, in the words and the keys of Quay.
func fail(w http.ResponseWriter, r *http.Request, p *problem) {
	if p.status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer error=%q, error_description=%q", p.typ, p.detail))
	}
	answer(w, p.status, struct {
		Detail  string `json:"detail"`
		Message string `json:"error_message"`
		Of      string `json:"error_type"`
		Title   string `json:"title"`
		Type    string `json:"type"`
		Status  int    `json:"status"`
	}{p.detail, p.detail, p.typ, p.typ, typeURL(r, p.typ), p.status})
}

// typeURL is where an error's type is explained.
func typeURL(r *http.Request, typ string) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + errorTypes + typ
}

// failed answers for what kept a request from being carried out.
func (a *api) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there to be told
	}
	if p, ok := errors.AsType[*problem](err); ok {
		fail(w, r, p)
		return
	}
	_, bad := errors.AsType[*objects.InvalidError](err)
	_, owned := errors.AsType[*objects.OwnedError](err)
	_, used := errors.AsType[*objects.InUseError](err)
	switch {
	case bad, owned, used, errors.Is(err, objects.ErrVersion), errors.Is(err, objects.ErrExists), errors.Is(err, objects.ErrNotFound):
		fail(w, r, invalid("%s", err))
		return
	}
	a.Log.ErrorContext(r.Context(), "admin request failed", "path", r.URL.Path, "error", err)
	p := &problem{http.StatusInternalServerError, downstreamIssue, "The notification could not be written down or read: " + err.Error()}
	if errors.Is(err, store.ErrUnavailable) {
		w.Header().Set("Retry-After", "5")
		p.status = http.StatusServiceUnavailable
	}
	fail(w, r, p)
}

// faults says what is wrong with what a notification was to be, in terms of the request.
func (m way) faults(e *objects.InvalidError) string {
	var list []string
	for _, f := range e.Faults {
		list = append(list, strings.TrimSpace(m.inRequest(e.Kind, f.Path)+" "+f.Message))
	}
	return strings.Join(list, "; ")
}

// inRequest is where in the request stands what became of it at a path of a target or a
// rule.
func (m way) inRequest(kind objects.Kind, path string) string {
	option, isOption := strings.CutPrefix(path, "options.")
	switch {
	case strings.Contains(path, "template"):
		return "config.template"
	case kind == objects.Target && option == "url" && m.url != "":
		return m.url + ": it"
	case kind == objects.Target && m.typ == "email" && (option == "host" || option == "from"):
		return "No e-mail can be sent, since bellbuoy's configuration names no mail server (mail: {host, from}):"
	case kind == objects.Target && m.typ == "email" && strings.HasPrefix(option, "to"):
		return "config.email"
	case kind == objects.Target && m.typ == "inbox" && isOption:
		return "config.target." + option
	case kind == objects.Target && isOption:
		return "config." + option
	case kind == objects.Rule && strings.HasPrefix(path, "ref"):
		return "eventConfig.ref-regex"
	}
	return path
}

// answer encodes v before anything is sent. Nothing is escaped for HTML.
func answer(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		http.Error(w, "encode answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // an error here is a caller that went away
}
