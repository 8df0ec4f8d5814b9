package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers every request of the client that it returns by h.
func serve(t *testing.T, token string, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(s.URL+"/base", token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func respond(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestNewRefuses(t *testing.T) {
	for server, want := range map[string]string{
		"127.0.0.1:5081":          "is no http or https URL",
		"localhost:5081":          "is no http or https URL",
		"ftp://127.0.0.1":         "is no http or https URL",
		"http://":                 "is no http or https URL",
		"http://bob:pw@127.0.0.1": "and no more",
		"http://127.0.0.1/?a=b":   "and no more",
	} {
		_, err := New(server, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", server, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: the error shows the password: %v", server, err)
		}
	}
	if _, err := New(DefaultServer, "two\nlines"); err == nil || strings.Contains(err.Error(), "two") {
		t.Errorf("a token of two lines: got %v", err)
	}
}

func TestAsksWithTokenAndEscapedPath(t *testing.T) {
	c := serve(t, "s3cret", func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer s3cret" {
			t.Errorf("Authorization is %q", got)
		}
		if got := r.URL.EscapedPath(); got != "/base/api/v1/events/a%2Fb%3Fc" {
			t.Errorf("path is %s", got)
		}
		respond(w, 200, "application/json", `{"event":{"type":"artifact.pushed"},"later":1}`)
	})
	tr, err := c.Trace(context.Background(), "a/b?c")
	if err != nil {
		t.Fatal(err)
	}
	if tr.Event.Type != "artifact.pushed" || !strings.Contains(string(tr.JSON), `"later":1`) {
		t.Errorf("got %+v with %s", tr.Event, tr.JSON)
	}
}

func TestEventsPageByPage(t *testing.T) {
	const have = 2300
	c := serve(t, "", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("tag") != "v1" {
			t.Errorf("page %s loses the filter: %s", q.Get("before"), r.URL.RawQuery)
		}
		var from, limit int
		_, _ = fmt.Sscan(q.Get("before"), &from)
		_, _ = fmt.Sscan(q.Get("limit"), &limit)
		to := min(from+limit, have)
		var list []string
		for i := from; i < to; i++ {
			list = append(list, fmt.Sprintf(`{"id":"%d"}`, i))
		}
		if len(list) == limit {
			q.Set("before", fmt.Sprint(to))
			w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.Path, q.Encode()))
		}
		respond(w, 200, "application/json", "["+strings.Join(list, ",")+"]")
	})
	for limit, want := range map[int]struct {
		n    int
		more bool
	}{1: {1, true}, 1000: {1000, true}, 1001: {1001, true}, 2299: {2299, true}, 5000: {2300, false}} {
		events, more, err := c.Events(context.Background(), Filter{Tag: "v1", Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != want.n || more != want.more {
			t.Errorf("limit %d: got %d events, more %t; want %+v", limit, len(events), more, want)
		}
		for i, e := range events {
			if e.ID != fmt.Sprint(i) {
				t.Fatalf("limit %d: event %d is %s", limit, i, e.ID)
			}
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		kind, body string
		want       string
	}{
		"a problem":          {404, "application/problem+json", `{"title":"Not Found","detail":"there is no event \"x\""}`, `there is no event "x"`},
		"without a detail":   {500, "application/problem+json; charset=utf-8", `{"title":"Internal Server Error"}`, "Internal Server Error"},
		"an empty problem":   {502, "application/problem+json", `{}`, "the server answered 502"},
		"a broken problem":   {400, "application/problem+json", `nonsense`, "not as bellbuoy does"},
		"another server":     {404, "text/html", `<h1>404</h1>`, "answered 404 Not Found, but not as bellbuoy does: name bellbuoy's admin listener with --server"},
		"a page":             {200, "text/html", `<h1>hi</h1>`, "not as bellbuoy does"},
		"a redirect":         {302, "text/html", ``, "answered 302 Found, but not as bellbuoy does"},
		"JSON that is short": {200, "application/json", `{"event":`, "read the answer of http://127.0.0.1:"},
		"JSON of other kind": {200, "application/json", `[1]`, "trace: read the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			cl := serve(t, "", func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.Header().Set("Location", "/elsewhere")
				respond(w, c.status, c.kind, c.body)
			})
			_, err := cl.Trace(context.Background(), "x")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := New(server, "")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Events(context.Background(), Filter{Limit: 1})
	want := "list events: bellbuoy is not running at " + server + ": start it with `bellbuoy run`, or name it with --server"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestNoAnswer(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, "", func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Trace(ctx, "x")
	if err == nil || !strings.Contains(err.Error(), "no answer from http://127.0.0.1:") {
		t.Errorf("got %v", err)
	}
}
