package lookup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	image     = `{"schemaVersion":2,"mediaType":"` + imageType + `"}`
)

var imageDigest = digest.FromString(image).String()

// server is a registry that answers with handler and keeps what it was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
}

func newServer(t *testing.T, handler http.HandlerFunc) *server {
	t.Helper()
	r := new(server)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, req)
		r.mu.Unlock()
		handler(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *server) requests() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// sends answers with a manifest.
func sends(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", imageType)
		fmt.Fprint(w, body)
	}
}

func answers(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// source asks r, and is closed before r is.
func source(t *testing.T, make func(Options) (*Source, error), o Options) (*Source, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	o.Registry, o.Version, o.Log = "hub", "1.2.3", slog.New(slog.NewTextHandler(&log, nil))
	s, err := make(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, &log
}

func TestReadManifest(t *testing.T) {
	r := newServer(t, sends(image))
	s, _ := source(t, Distribution, Options{URL: r.URL})
	if _, ok := s.Known(imageDigest); ok {
		t.Error("an answer is known before the registry was asked")
	}
	for range 2 {
		body, err := s.Read(t.Context(), "prod/api", imageDigest)
		if err != nil || string(body) != image {
			t.Fatalf("Read() = %s, %v", body, err)
		}
	}
	if body, ok := s.Known(imageDigest); !ok || string(body) != image {
		t.Errorf("Known() = %s, %t", body, ok)
	}
	// What has that digest is the same in every repository.
	if _, err := s.Read(t.Context(), "prod/web", imageDigest); err != nil {
		t.Error(err)
	}
	asked := r.requests()
	if len(asked) != 1 {
		t.Fatalf("asked %d times, want once", len(asked))
	}
	req := asked[0]
	if req.Method != http.MethodGet || req.URL.Path != "/v2/prod/api/manifests/"+imageDigest {
		t.Errorf("%s %s", req.Method, req.URL)
	}
	if ua := req.UserAgent(); ua != "bellbuoy/1.2.3 (lookup)" || !Own(ua) {
		t.Errorf("user agent = %q, own: %t", ua, Own(ua))
	}
}

func TestOwn(t *testing.T) {
	for _, ua := range []string{"bellbuoy/1.2.3", "bellbuoy", "docker/28.0 (lookup)", "x bellbuoy/1 (lookup)", ""} {
		if Own(ua) {
			t.Errorf("%q is taken for a lookup's", ua)
		}
	}
	if !Own("bellbuoy/0.0.9-dev (lookup)") {
		t.Error("that of another version is not known")
	}
}

// Of many who want the same at once, one asks.
func TestAskedOnceAtATime(t *testing.T) {
	release := make(chan struct{})
	r := newServer(t, func(w http.ResponseWriter, req *http.Request) {
		<-release
		sends(image)(w, req)
	})
	s, _ := source(t, Distribution, Options{URL: r.URL})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.Read(t.Context(), "prod/api", imageDigest); err != nil {
				t.Error(err)
			}
		})
	}
	close(release)
	all.Wait()
	if n := len(r.requests()); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestRequestsAtOnce(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	full := make(chan struct{})
	r := newServer(t, func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		now++
		if most = max(most, now); most == atOnce {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full
		mu.Lock()
		now--
		mu.Unlock()
		w.WriteHeader(http.StatusForbidden)
	})
	s, _ := source(t, Distribution, Options{URL: r.URL})
	var all sync.WaitGroup
	for i := range 3 * atOnce {
		all.Go(func() { _, _ = s.Read(t.Context(), "prod/api", digest.FromString(fmt.Sprint(i)).String()) })
	}
	all.Wait()
	if most != atOnce {
		t.Errorf("%d requests at once, want %d", most, atOnce)
	}
}

// A registry notifies before it can be read everywhere, and may be restarting.
func TestAskedAgain(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		n := 0
		r := newServer(t, func(w http.ResponseWriter, req *http.Request) {
			if n++; n < 3 {
				w.WriteHeader(status)
				return
			}
			sends(image)(w, req)
		})
		s, _ := source(t, Distribution, Options{URL: r.URL})
		if body, err := s.Read(t.Context(), "prod/api", imageDigest); err != nil || string(body) != image {
			t.Errorf("after %d: Read() = %s, %v", status, body, err)
		}
		if len(r.requests()) != 3 {
			t.Errorf("after %d: asked %d times, want 3", status, len(r.requests()))
		}
	}
}

func TestNotAskedAgain(t *testing.T) {
	large := `{"a":"` + strings.Repeat("x", maxAnswer) + `"}`
	other := digest.FromString("other").String()
	for _, tt := range []struct {
		name, digest, want string
		handler            http.HandlerFunc
	}{
		{"forbidden", imageDigest, "the registry answers 403: correct its credentials", answers(http.StatusForbidden)},
		{"not authorized", imageDigest, "the registry answers 401: correct its credentials", answers(http.StatusUnauthorized)},
		{"no registry", imageDigest, "the registry answers 400", answers(http.StatusBadRequest)},
		{"too large", digest.FromString(large).String(), "the answer is larger than 4 MiB", sends(large)},
		{"another digest", other, "has another digest", sends(image)},
		{"wants credentials", imageDigest, "the registry wants credentials: add them", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newServer(t, tt.handler)
			s, log := source(t, Distribution, Options{URL: r.URL})
			for range 2 { // the failure is remembered for a while
				_, err := s.Read(t.Context(), "prod/api", tt.digest)
				if !errors.Is(err, errFinal) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Read() = %v, want %s", err, tt.want)
				}
			}
			if n := len(r.requests()); n != 1 {
				t.Errorf("asked %d times, want once", n)
			}
			if _, ok := s.Known(tt.digest); ok {
				t.Error("what failed is known")
			}
			if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "registry=hub") {
				t.Errorf("log = %s, want one warning", got)
			}
		})
	}
}

// Nobody waits longer than they can, and the registry has its whole time.
func TestReadEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	r := newServer(t, func(w http.ResponseWriter, req *http.Request) {
		<-release
		sends(image)(w, req)
	})
	s, _ := source(t, Distribution, Options{URL: r.URL})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Read(ctx, "prod/api", imageDigest); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Read() = %v, want that the time is over", err)
	}
	close(release)
	if body, err := s.Read(t.Context(), "prod/api", imageDigest); err != nil || string(body) != image {
		t.Errorf("Read() = %s, %v", body, err)
	}
	if n := len(r.requests()); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	begun := make(chan struct{})
	r := newServer(t, func(w http.ResponseWriter, req *http.Request) {
		close(begun)
		<-req.Context().Done()
	})
	s, _ := source(t, Distribution, Options{URL: r.URL})
	go func() {
		<-begun
		s.Close()
	}()
	if _, err := s.Read(t.Context(), "prod/api", imageDigest); !errors.Is(err, context.Canceled) {
		t.Errorf("Read() = %v, want that it was ended", err)
	}
}

func TestRegistryThatIsDown(t *testing.T) {
	r := newServer(t, sends(image))
	r.Close()
	s, log := source(t, Distribution, Options{URL: r.URL})
	if _, err := s.Read(t.Context(), "prod/api", imageDigest); err == nil || errors.Is(err, errFinal) {
		t.Errorf("Read() = %v, want an error that may go away", err)
	}
	if !strings.Contains(log.String(), "refused") {
		t.Errorf("log = %s, want why", log)
	}
}

// What a notification names is chosen by whoever pushes, and becomes part of a URL.
func TestWhatIsNotAsked(t *testing.T) {
	r := newServer(t, sends(image))
	for _, make := range []func(Options) (*Source, error){Distribution, Harbor} {
		s, _ := source(t, make, Options{URL: r.URL})
		for _, q := range []question{
			{"prod/api", ""}, {"prod/api", "latest"}, {"prod/api", "sha256:../../x"}, {"prod/api", "md5:d41d8cd98f00b204e9800998ecf8427e"},
			{"", imageDigest}, {"..", imageDigest}, {"../api", imageDigest}, {"prod/..", imageDigest}, {"prod//api", imageDigest},
			{"prod/api?x", imageDigest}, {"prod/api#x", imageDigest}, {"Prod/API", imageDigest}, {"prod/%2e%2e", imageDigest},
			{"prod/a\n", imageDigest}, {strings.Repeat("a", maxRepository+1), imageDigest},
		} {
			if body, err := s.Read(t.Context(), q.repository, q.digest); err == nil {
				t.Errorf("Read(%q) = %s", q, body)
			}
		}
	}
	if n := len(r.requests()); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestWrongURL(t *testing.T) {
	for _, u := range []string{"", "registry:5000", "ftp://registry", "http://", "https://registry/v2", "http://a b"} {
		for _, make := range []func(Options) (*Source, error){Distribution, Harbor} {
			if _, err := make(Options{Registry: "hub", URL: u}); err == nil {
				t.Errorf("%q is taken for a registry's URL", u)
			}
		}
	}
}

func TestKeptWithinBounds(t *testing.T) {
	var k kept
	body := make([]byte, maxKept/4)
	for i := range 8 {
		k.put(fmt.Sprint(i), body)
		k.put(fmt.Sprint(i), body)
		k.get("0") // so that it stays
	}
	if k.bytes > maxKept || len(k.entries) != 3 || k.recent.Len() != 3 {
		t.Errorf("%d bytes in %d entries, a list of %d", k.bytes, len(k.entries), k.recent.Len())
	}
	for digest, want := range map[string]bool{"0": true, "5": false, "6": true, "7": true} {
		if _, ok := k.get(digest); ok != want {
			t.Errorf("%s is kept: %t, want %t", digest, ok, want)
		}
	}
}
