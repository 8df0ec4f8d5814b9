package client

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
)

// Inside returns a client of an API in this process: h, asked without a network. Who asks is
// what the context of each call says; no guard stands between.
func Inside(h http.Handler) *Client {
	return &Client{
		server: &url.URL{Scheme: "http", Host: "localhost"},
		http:   &http.Client{Timeout: timeout, Transport: inside{h}},
	}
}

// inside has requests answered by a handler.
type inside struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t inside) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := r.Clone(r.Context())
	asked.RequestURI, asked.Host = r.URL.RequestURI(), r.URL.Host
	asked.RemoteAddr = "127.0.0.1:0"
	if asked.Body == nil {
		asked.Body = http.NoBody
	}
	a := &answered{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(a, asked)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// answered is an answer as it is written.
type answered struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (a *answered) Header() http.Header { return a.header }

func (a *answered) WriteHeader(status int) {
	if !a.wrote {
		a.status, a.wrote = status, true
	}
}

func (a *answered) Write(b []byte) (int, error) {
	a.wrote = true
	return a.body.Write(b)
}
