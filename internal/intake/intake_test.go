package intake

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/config"
	"github.com/bellbuoy/bellbuoy/internal/rules"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/translator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "a-registrys-secret"

// house is a handler on a real store behind a real server.
type house struct {
	*Handler
	url string
}

// rule delivers events of some types to some targets.
func rule(name string, events []string, targets ...string) config.Rule {
	r := config.Rule{Name: name, Enabled: true, Events: events}
	for _, t := range targets {
		r.Deliver = append(r.Deliver, config.Deliver{Target: t})
	}
	return r
}

func compile(t testing.TB, list ...config.Rule) *rules.Set {
	t.Helper()
	set, faults := rules.Compile(list)
	if set == nil {
		t.Fatalf("compile rules: %v", faults)
	}
	return set
}

// plan has registry hub with a secret, registry open without one, and target ci.
func plan(t testing.TB, list ...config.Rule) Plan {
	t.Helper()
	hub := Registry{
		Type:      "distribution",
		Auth:      []Credential{Bearer("another-secret"), Bearer(secret)},
		Adapter:   distribution.Adapter{},
		Translate: translator.Distribution,
	}
	open := hub
	open.Auth = nil
	return Plan{
		Registries: map[string]Registry{"hub": hub, "open": open},
		Targets: map[string]Target{
			"ci":   {Type: "webhook", Ordered: true, FirstDelay: time.Minute, GiveUpAfter: 72 * time.Hour, Hold: 5 * time.Minute},
			"chat": {Type: "slack", GiveUpAfter: time.Hour},
		},
		Rules: compile(t, list...),
	}
}

func openStore(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path, store.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a second time where the test closed it
	return s
}

func temp(t testing.TB) string { return filepath.Join(t.TempDir(), "bellbuoy.db") }

func newHandler(t testing.TB, s *store.Store, p Plan) *Handler {
	t.Helper()
	h, err := New(t.Context(), s, p, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func newHouse(t testing.TB, p Plan) house {
	t.Helper()
	h := newHandler(t, openStore(t, temp(t)), p)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return house{h, srv.URL}
}

// got is an answer, whole.
type got struct {
	status int
	header http.Header
	body   string
}

// post sends body to path as registry hub does; headers come in pairs and are added.
func (h house) post(t testing.TB, path, body string, headers ...string) got {
	t.Helper()
	return h.do(t, http.MethodPost, path, body, append([]string{"Authorization", "Bearer " + secret}, headers...)...)
}

func (h house) do(t testing.TB, method, path, body string, headers ...string) got {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/vnd.docker.distribution.events.v2+json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got{resp.StatusCode, resp.Header, string(b)}
}

// accepted checks that g is a 202 and returns what it says.
func accepted(t testing.TB, g got) answer {
	t.Helper()
	if g.status != http.StatusAccepted {
		t.Fatalf("status = %d %s, want 202", g.status, g.body)
	}
	var a answer
	if err := json.Unmarshal([]byte(g.body), &a); err != nil {
		t.Fatalf("answer %s: %v", g.body, err)
	}
	return a
}

func (h house) trace(t testing.TB, id string) store.Trace {
	t.Helper()
	tr, err := h.store.Trace(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func decode(t testing.TB, b []byte) event.Event {
	t.Helper()
	var e event.Event
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// request is a registry's, in memory.
func request(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/in/hub", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+secret)
	r.Header.Set("Content-Type", "application/vnd.docker.distribution.events.v2+json")
	r.Header.Set("User-Agent", "Go-http-client/1.1")
	return r
}

// push is a manifest push of tag v1, one of a registry's events.
func push(id, repository string) string {
	return fmt.Sprintf(`{"id":%q,"timestamp":"2026-11-20T23:22:58Z","action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":7,"digest":"sha256:68d8a8636649f980dc2162de2b314dddabe2d9c29ca45cb25dfdbac6ef5385d8","repository":%q,"tag":"v1"},"request":{"method":"PUT"}}`, id, repository)
}

func pull(id, repository string) string {
	return strings.NewReplacer(`"push"`, `"pull"`, `"PUT"`, `"GET"`).Replace(push(id, repository))
}

func envelope(events ...string) string { return `{"events":[` + strings.Join(events, ",") + `]}` }

func captured(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/push.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
