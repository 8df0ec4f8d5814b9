package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// bare is an API that can say its version and how it feels.
func bare(ready error) http.Handler {
	return New(Config{Version: "1.2.3", Ready: func() error { return ready }})
}

// ask makes a request as a program on this machine makes it, changed by change.
func ask(h http.Handler, method, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:5081"
	r.RemoteAddr = "127.0.0.1:40000"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func peer(addr string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = addr }
}

func host(name string) func(*http.Request) {
	return func(r *http.Request) { r.Host = name }
}

func TestServesThisMachineOnly(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
		detail string
	}{
		"a program on this machine": {nil, 200, ""},
		"by IPv6":                   {func(r *http.Request) { r.RemoteAddr, r.Host = "[::1]:4000", "[::1]:5081" }, 200, ""},
		"by mapped IPv4":            {peer("[::ffff:127.0.0.1]:4000"), 200, ""},
		"by another loopback":       {func(r *http.Request) { r.RemoteAddr, r.Host = "127.9.9.9:1", "127.9.9.9" }, 200, ""},
		"localhost":                 {host("LocalHost:5081"), 200, ""},
		"IPv6 without a port":       {host("[::1]"), 200, ""},
		"another port":              {host("127.0.0.1:80"), 200, ""},
		"typed into a browser":      {header("Sec-Fetch-Site", "none"), 200, ""},
		"own page":                  {header("Sec-Fetch-Site", "same-origin"), 200, ""},
		"own origin":                {header("Origin", "http://127.0.0.1:5081"), 200, ""},

		"another machine":          {peer("192.0.2.7:4000"), 403, "only requests from this machine"},
		"another machine by IPv6":  {peer("[2001:db8::1]:4000"), 403, "only requests from this machine"},
		"no address at all":        {peer(""), 403, "only requests from this machine"},
		"a rebound name":           {host("evil.example:5081"), 403, "Host header names no loopback"},
		"a name under localhost":   {host("localhost.evil.example"), 403, "Host header names no loopback"},
		"a name like an address":   {host("127.0.0.1.evil.example"), 403, "Host header names no loopback"},
		"the wildcard address":     {host("0.0.0.0:5081"), 403, "Host header names no loopback"},
		"a short form of loopback": {host("127.1:5081"), 403, "Host header names no loopback"},
		"no Host":                  {host(""), 403, "Host header names no loopback"},
		"through a proxy":          {header("X-Forwarded-For", "192.0.2.7"), 403, "X-Forwarded-For"},
		"through a newer proxy":    {header("Forwarded", "for=192.0.2.7"), 403, "Forwarded"},
		"another site's page":      {header("Sec-Fetch-Site", "cross-site"), 403, "another site's page"},
		"a page on another port":   {header("Sec-Fetch-Site", "same-site"), 403, "another site's page"},
		"a foreign origin":         {header("Origin", "https://evil.example"), 403, "another origin"},
		"an origin on another port": {
			header("Origin", "http://127.0.0.1:3000"), 403, "another origin"},
		"an opaque origin": {header("Origin", "null"), 403, "another origin"},
		"two origins": {func(r *http.Request) {
			r.Header["Origin"] = []string{"http://127.0.0.1:5081", "https://evil.example"}
		}, 403, "another origin"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(bare(nil), "GET", "/api/v1/version", c.change)
			if w.Code != c.status {
				t.Fatalf("got %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if c.status == 200 {
				if !strings.Contains(w.Body.String(), `"version":"1.2.3"`) {
					t.Errorf("answer is %s", w.Body)
				}
				return
			}
			wantProblem(t, w, c.detail)
			if strings.Contains(w.Body.String(), "1.2.3") {
				t.Errorf("a refusal tells the version: %s", w.Body)
			}
		})
	}
}

// wantProblem fails t unless w is a problem whose detail contains detail.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, detail string) {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type is %q", got)
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("read problem: %v in %s", err, w.Body)
	}
	if p.Status != w.Code || p.Title != http.StatusText(w.Code) {
		t.Errorf("problem says %d %q, the status is %d", p.Status, p.Title, w.Code)
	}
	if !strings.Contains(p.Detail, detail) {
		t.Errorf("detail %q does not say %q", p.Detail, detail)
	}
}

func TestHeadersForBrowsers(t *testing.T) {
	for _, path := range []string{"/api/v1/version", "/healthz", "/nowhere"} {
		h := ask(bare(nil), "GET", path, header("Origin", "http://127.0.0.1:5081")).Header()
		if got := h.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options is %q", path, got)
		}
		for name := range h {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: answers with %s, which lets other origins read", path, name)
			}
		}
	}
}

func TestHealthIsForEverybody(t *testing.T) {
	anyone := func(r *http.Request) { r.RemoteAddr, r.Host = "192.0.2.7:4000", "10.1.2.3:5081" }
	for _, c := range []struct {
		path   string
		ready  error
		status int
		want   string
	}{
		{"/healthz", errors.New("store is not open"), 200, "ok"},
		{"/readyz", nil, 200, "ready"},
		{"/readyz", errors.New("store is not open"), 503, "not ready: store is not open"},
	} {
		w := ask(bare(c.ready), "GET", c.path, anyone)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s with ready %v: got %d %q", c.path, c.ready, w.Code, w.Body)
		}
		if c.status == 503 {
			wantProblem(t, w, c.want)
		}
	}
}

func TestOtherMethodsAndPaths(t *testing.T) {
	for _, path := range []string{"/api/v1/events", "/api/v1/events/x", "/api/v1/quarantine", "/api/v1/version", "/healthz", "/readyz"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			w := ask(bare(nil), method, path, nil)
			if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: got %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
			}
			wantProblem(t, w, "takes GET only")
		}
	}
	if w := ask(bare(nil), "HEAD", "/api/v1/version", nil); w.Code != 200 {
		t.Errorf("HEAD: got %d", w.Code)
	}
	for _, path := range []string{"/", "/api/v1", "/api/v1/event", "/debug/pprof/", "/metrics"} {
		w := ask(bare(nil), "GET", path, nil)
		if w.Code != 404 {
			t.Errorf("GET %s: got %d", path, w.Code)
		}
		wantProblem(t, w, "below /api/v1")
	}
}
