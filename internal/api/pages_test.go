package api

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/access"
)

// paged is an API that serves pages, to who shows the token "secret-of-the-test".
func paged(t *testing.T) http.Handler {
	t.Helper()
	w := newWorld(t)
	guard := access.New(access.Config{Store: w.store, Log: slog.New(slog.DiscardHandler)})
	secret := config.NewSecret("secret-of-the-test")
	guard.Use(config.Admin{Tokens: []config.Token{{Name: "ci", Role: "viewer", Secret: &secret}}})
	return New(Config{
		Store: w.store, Access: guard, Log: slog.New(slog.DiscardHandler), Ready: func() error { return nil }, Running: func() Running { return Running{} },
		Pages: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "the page for "+access.From(r.Context()).Name)
			})
		},
	})
}

// Who has not logged in is led to where he does and back to his page, and nowhere else; who
// showed something wrong is told so; the API leads nobody anywhere.
func TestPagesAreForThoseWhoMay(t *testing.T) {
	h := paged(t)
	followed := func(r *http.Request) {
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"} {
			r.Header.Set(name, value)
		}
	}
	for name, c := range map[string]struct {
		method, path, query string
		change              func(*http.Request)
		status              int
		want                string // the Location, or in the body
	}{
		"nobody":              {"GET", "/rules", "name=a", nil, 303, "/login?next=%2Frules%3Fname%3Da"},
		"nobody with a form":  {"POST", "/rules", "", nil, 303, "/login?next=%2F"},
		"somebody":            {"GET", "/rules", "", header("Authorization", "Bearer secret-of-the-test"), 200, "the page for ci"},
		"a wrong token":       {"GET", "/rules", "", header("Authorization", "Bearer x"), 401, "Unauthorized"},
		"nobody asks the API": {"GET", "/api/v1/rules", "", nil, 401, "Unauthorized"},
		"a link elsewhere":    {"GET", "/events/1", "a=b", followed, 200, `content="0;url=/events/1?a=b"`},
		"a link with markup":  {"GET", `/events/"><script>`, `q="><script>`, followed, 200, `content="0;url=/events/%22%3E%3Cscript%3E?q=&#34;&gt;&lt;script&gt;"`},
		"a form elsewhere":    {"POST", "/rules", "", followed, 403, "Forbidden"},
		"an embedded page":    {"GET", "/rules", "", header("Sec-Fetch-Site", "cross-site"), 403, "Forbidden"},
	} {
		rec := ask(h, c.method, "/", func(r *http.Request) {
			r.URL.Path, r.URL.RawQuery = c.path, c.query
			if c.change != nil {
				c.change(r)
			}
		})
		got := rec.Body.String()
		if rec.Code == http.StatusSeeOther {
			got = rec.Header().Get("Location")
		}
		if rec.Code != c.status || !strings.Contains(got, c.want) || rec.Code == http.StatusSeeOther && got != c.want {
			t.Errorf("%s: %d %s, want %d %s", name, rec.Code, got, c.status, c.want)
		}
	}
}

// An address that begins as another site's does is one of ours.
func TestOwnAddress(t *testing.T) {
	for path, want := range map[string]string{"//evil.example/x": "/evil.example/x", "///x": "/x", "/": "/", "": "/"} {
		r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path = path
		if got := ownAddress(r); got != want {
			t.Errorf("%q becomes %q, want %q", path, got, want)
		}
	}
}
