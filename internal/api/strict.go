package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// maxRequest is how large the body of a request may be.
	maxRequest = 64 << 10
	// requestTime is how long it may take to arrive.
	requestTime = 10 * time.Second
	// mergePatch is what the body of a PATCH may say that it is, and is in any case: RFC 7396.
	mergePatch = "application/merge-patch+json"
)

// checkQuery refuses a query string in which there are others than the known parameters,
// or one more than once. Ignored, a misspelt filter would list everything.
func checkQuery(raw string, known []string) *problem {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return problemf(http.StatusBadRequest, "the query cannot be read: %v", err)
	}
	for name, values := range v {
		switch {
		case len(known) == 0:
			return problemf(http.StatusBadRequest, "there is no filter %q; there are none here", name)
		case !slices.Contains(known, name):
			return problemf(http.StatusBadRequest, "there is no filter %q; there are %s", name, strings.Join(known, ", "))
		case len(values) > 1:
			return problemf(http.StatusBadRequest, "%s: it is given %d times; give it once", name, len(values))
		}
	}
	return nil
}

// readBody reads the body of r, so that r.Body is the whole of it. A browser sends JSON to
// nobody without asking first, and forms to anybody.
func readBody(w http.ResponseWriter, r *http.Request) *problem {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" && (kind != mergePatch || r.Method != http.MethodPatch) {
		return problemf(http.StatusUnsupportedMediaType, "send a JSON object, {} at least, with Content-Type: application/json")
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(requestTime)) // not all writers have one
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	// Left behind, it would end the request when its time comes.
	_ = control.SetReadDeadline(time.Time{})
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problemf(http.StatusRequestEntityTooLarge, "the request is larger than %d KiB", maxRequest>>10)
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		return problemf(http.StatusRequestTimeout, "the request did not arrive within %s", requestTime)
	}
	if err != nil {
		return problemf(http.StatusBadRequest, "the request did not arrive whole: %v", err)
	}
	if len(body) == 0 {
		return problemf(http.StatusBadRequest, "the request has no body: send a JSON object, {} at least")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// orProblem serves what mux has, and answers with a problem where it has nothing: 404, or
// 405 with the methods that there are.
func orProblem(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var takes, allow []string
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			if _, pattern := mux.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); pattern == "" {
				continue
			}
			if allow = append(allow, method); method != "HEAD" {
				takes = append(takes, method)
			}
		}
		if len(allow) == 0 {
			fail(w, http.StatusNotFound, "there is nothing at %s: the API is below /api/v1", r.URL.Path)
			return
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		fail(w, http.StatusMethodNotAllowed, "%s takes %s only, not %s", r.URL.Path, strings.Join(takes, " and "), r.Method)
	})
}
