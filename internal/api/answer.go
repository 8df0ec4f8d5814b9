package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/objects"
	"github.com/bellbuoy/bellbuoy/internal/store"
)

// problem is an error as RFC 9457 has it. Its type is about:blank, so the title is
// the status in words and the detail says what happened and what to do.
type problem struct {
	Title  string `json:"title" doc:"The status in words."`
	Status int    `json:"status" doc:"The status of the answer."`
	Detail string `json:"detail" doc:"What happened, and what to do."`
	// Errors are all that is wrong with what was asked, where that can be told apart.
	Errors []objects.Fault `json:"errors,omitempty" doc:"All that is wrong with what was asked, where that can be told apart."`

	header http.Header
}

// problemf returns the error that a handler answers with: what happened, and what to do.
func problemf(status int, format string, args ...any) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// with adds a header to the answer.
func (p *problem) with(name, value string) *problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(name, value)
	return p
}

func (p *problem) Error() string { return p.Detail }

// fault says where something is wrong as people write it, without the part of the request.
func fault(d *huma.ErrorDetail) objects.Fault {
	part, path, _ := strings.Cut(d.Location, ".")
	f := objects.Fault{Path: path, Message: d.Message}
	// What is in a body may be secret, and is not repeated.
	repeat := d.Value != nil && (part == "query" || part == "path")
	list, isList := strings.CutPrefix(d.Message, `expected value to be one of "`)
	lacks, isLack := strings.CutPrefix(d.Message, "expected required property ")
	switch {
	case isLack:
		f.Path = strings.TrimPrefix(path+"."+strings.TrimSuffix(lacks, " to be present"), ".")
		f.Message = "it must be given"
	case isList:
		f.Message = "it is none of " + strings.TrimSuffix(list, `"`)
		if repeat {
			f.Message = fmt.Sprintf("%q is none of %s", fmt.Sprint(d.Value), strings.TrimSuffix(list, `"`))
		}
	case d.Message == validation.MsgUnexpectedProperty:
		f.Message = "there is no such field here"
	case d.Location == "body" && d.Message == validation.MsgExpectedObject:
		f.Message = "the request is no JSON object"
	case repeat:
		f.Message = fmt.Sprintf("%q is wrong: %s", fmt.Sprint(d.Value), d.Message)
	}
	return f
}

// problem is what is answered for an error of a handler. What is not the caller's fault is
// logged: the store is ours, so that whoever runs bellbuoy should know.
func (s *server) problem(ctx context.Context, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		return refused(r)
	}
	if e, ok := errors.AsType[*objects.InvalidError](err); ok {
		p := problemf(http.StatusBadRequest, "%v", err)
		p.Errors = e.Faults
		return p
	}
	if _, ok := errors.AsType[*objects.OwnedError](err); ok {
		return problemf(http.StatusConflict, "%v", err)
	}
	if _, ok := errors.AsType[*objects.InUseError](err); ok {
		return problemf(http.StatusConflict, "%v", err)
	}
	switch {
	case errors.Is(err, store.ErrBadQuery):
		return problemf(http.StatusBadRequest, "%v", err)
	case errors.Is(err, objects.ErrNotFound):
		return problemf(http.StatusNotFound, "%v", err)
	case errors.Is(err, objects.ErrExists), errors.Is(err, store.ErrOtherRun):
		return problemf(http.StatusConflict, "%v", err)
	case errors.Is(err, objects.ErrVersion):
		return problemf(http.StatusPreconditionFailed, "%v: read it again, and make the change to that", err)
	case ctx.Err() != nil: // nobody is there to be told
		return problemf(http.StatusServiceUnavailable, "the caller went away")
	}
	s.Log.ErrorContext(ctx, "admin request failed", "path", asked(ctx).Path, "error", err)
	if errors.Is(err, store.ErrUnavailable) {
		return problemf(http.StatusServiceUnavailable, "the store cannot be read now, try again: %v", err).with("Retry-After", "5")
	}
	return problemf(http.StatusInternalServerError, "the store failed: %v", err)
}

// fail answers with a problem.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	problemf(status, format, args...).write(w)
}

func (p *problem) write(w http.ResponseWriter) {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	write(w, p.Status, "application/problem+json", p)
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
