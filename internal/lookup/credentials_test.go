package lookup

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// protected lets bob read, after it has said how.
func protected(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "bob" || password != "hunter2" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

func TestCredentials(t *testing.T) {
	r := newServer(t, protected(sends(image)))
	s, _ := source(t, Distribution, Options{URL: r.URL, Username: "bob", Password: "hunter2"})
	if body, err := s.Read(t.Context(), "prod/api", imageDigest); err != nil || string(body) != image {
		t.Errorf("Read() = %s, %v", body, err)
	}
	s, log := source(t, Distribution, Options{URL: r.URL, Username: "bob", Password: "swordfish"})
	if _, err := s.Read(t.Context(), "prod/api", imageDigest); !errors.Is(err, errFinal) || strings.Contains(err.Error(), "swordfish") {
		t.Errorf("Read() with a wrong password = %v", err)
	}
	if strings.Contains(log.String(), "swordfish") {
		t.Errorf("the log has the password: %s", log)
	}
}

// A registry may leave tokens to a service.
func TestTokenService(t *testing.T) {
	var r *server
	r = newServer(t, func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/token":
			protected(func(w http.ResponseWriter, req *http.Request) {
				if scope := req.FormValue("scope"); scope != "repository:prod/api:pull" {
					t.Errorf("asked for a token for %q", scope)
				}
				fmt.Fprint(w, `{"token":"let-me-in"}`)
			})(w, req)
		case req.Header.Get("Authorization") == "Bearer let-me-in":
			sends(image)(w, req)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+r.URL+`/token",service="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	s, _ := source(t, Distribution, Options{URL: r.URL, Username: "bob", Password: "hunter2"})
	if body, err := s.Read(t.Context(), "prod/api", imageDigest); err != nil || string(body) != image {
		t.Errorf("Read() = %s, %v", body, err)
	}
	for _, req := range r.requests() {
		if !Own(req.UserAgent()) {
			t.Errorf("%s with user agent %q", req.URL, req.UserAgent())
		}
	}
}

func TestRedirects(t *testing.T) {
	elsewhere := newServer(t, sends(image))
	for hops, ok := range map[int]bool{1: true, maxRedirects: true, maxRedirects + 1: false} {
		n := 0
		var r *server
		r = newServer(t, protected(func(w http.ResponseWriter, req *http.Request) {
			to := r.URL + req.URL.Path
			if n++; n == hops {
				to = elsewhere.URL + "/blob"
			}
			http.Redirect(w, req, to, http.StatusTemporaryRedirect)
		}))
		s, _ := source(t, Distribution, Options{URL: r.URL, Username: "bob", Password: "hunter2"})
		body, err := s.Read(t.Context(), "prod/api", imageDigest)
		if (err == nil && string(body) == image) != ok {
			t.Errorf("after %d redirects: Read() = %s, %v", hops, body, err)
		}
	}
	for _, req := range elsewhere.requests() {
		if req.Header.Get("Authorization") != "" {
			t.Error("credentials were sent to another host")
		}
	}
}

// harborReply is what Harbor answers, in short.
func harborReply(d string) string { return `{"type":"IMAGE","digest":"` + d + `"}` }

func TestHarbor(t *testing.T) {
	d := digest.FromString("x").String()
	r := newServer(t, func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		if user != "robot$bellbuoy" || password != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, harborReply(d))
	})
	s, _ := source(t, Harbor, Options{URL: r.URL, Username: "robot$bellbuoy", Password: "hunter2"})
	if body, err := s.Read(t.Context(), "123/team/app", d); err != nil || string(body) != harborReply(d) {
		t.Fatalf("Read() = %s, %v", body, err)
	}
	req := r.requests()[0]
	if want := "/api/v2.0/projects/123/repositories/team%252Fapp/artifacts/" + d + "?with_accessory=true"; req.RequestURI != want {
		t.Errorf("asked for %s, want %s", req.RequestURI, want)
	}
	if req.Header.Get("X-Is-Resource-Name") != "true" {
		t.Error("a project that is named with digits is taken for an id")
	}
	if !Own(req.UserAgent()) {
		t.Errorf("user agent = %q", req.UserAgent())
	}
	if _, err := s.Read(t.Context(), "library", digest.FromString("y").String()); !errors.Is(err, errFinal) {
		t.Errorf("Read() of what is in no project = %v", err)
	}
}

func TestHarborIsNotFollowedElsewhere(t *testing.T) {
	elsewhere := newServer(t, sends(harborReply(imageDigest)))
	r := newServer(t, func(w http.ResponseWriter, req *http.Request) {
		u, _ := url.Parse(elsewhere.URL)
		u.Path = req.URL.Path
		http.Redirect(w, req, u.String(), http.StatusFound)
	})
	s, _ := source(t, Harbor, Options{URL: r.URL, Username: "bob", Password: "hunter2"})
	if _, err := s.Read(t.Context(), "prod/api", imageDigest); !errors.Is(err, errFinal) || !strings.Contains(err.Error(), "answers 302") {
		t.Errorf("Read() = %v", err)
	}
	if len(elsewhere.requests()) > 0 {
		t.Error("a redirect was followed with credentials")
	}
}
