package console

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve is a console over an API that is told by answers, by path; others are not there.
// Who asks is an admin of this machine.
func serve(t *testing.T, answers map[string]func() string) (base string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"status":404,"detail":"there is nothing at `+r.URL.Path+`"}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer())
	})
	pages := New(Config{API: api, Connect: func(string) []Connection { return nil }, Version: "1.2.3", Log: slog.New(slog.DiscardHandler)})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Identity{Role: access.Admin})))
	}))
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return s.URL, asked
}

func said(s string) func() string { return func() string { return s } }

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func eventJSON(id string) string {
	return fmt.Sprintf(`{"v":1,"id":%q,"type":"artifact.pushed","time":"2026-01-02T03:04:05Z","received":"2026-01-02T03:04:05Z","registry":{"name":"hub"},
		"repository":{"full_name":"prod/api"},"artifact":{"tags":[%q]},"deliveries":{"delivered":1}}`, id, id)
}

// Nobody's look costs nothing: the API is asked for new events while somebody watches, and
// not before or after.
func TestLiveAsksWhileSomebodyWatches(t *testing.T) {
	var n atomic.Int64
	n.Store(1)
	base, asked := serve(t, map[string]func() string{"/api/v1/events": func() string {
		var list []string
		for i := n.Load(); i > 0; i-- {
			list = append(list, eventJSON(fmt.Sprint("event-", i)))
		}
		return "[" + strings.Join(list, ",") + "]"
	}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := func() *bufio.Scanner {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/events/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Fatalf("the stream is %s", got)
		}
		return bufio.NewScanner(resp.Body)
	}
	if asked.Load() != 0 {
		t.Fatalf("the API was asked %d times before somebody watched", asked.Load())
	}
	one, two := watch(), watch()
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	n.Store(2)
	for _, s := range []*bufio.Scanner{one, two} {
		for s.Scan() && !strings.Contains(s.Text(), "event-2") {
			if strings.Contains(s.Text(), "event-1") {
				t.Errorf("an old event is told as new: %s", s.Text())
			}
		}
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
	}
	cancel()
	// The one question that may be under way ends; then there are none.
	time.Sleep(50 * time.Millisecond)
	before := asked.Load()
	time.Sleep(liveEvery + 200*time.Millisecond)
	if after := asked.Load(); after != before {
		t.Errorf("the API was asked %d times while nobody watched", after-before)
	}
}

// Who may not list events does not watch them either.
func TestLiveIsForThoseWhoMay(t *testing.T) {
	pages := New(Config{API: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)})
	for _, id := range []access.Identity{{}, {Name: "ci", Role: access.Admin, Scopes: []string{"targets:write"}}} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/events/live", nil)
		pages.ServeHTTP(w, r.WithContext(access.With(r.Context(), id)))
		if w.Code != http.StatusForbidden {
			t.Errorf("%+v: %d %s", id, w.Code, w.Body)
		}
	}
}

// Every answer keeps browsers from loading, telling and running anything else.
func TestPagesAreConfined(t *testing.T) {
	base, _ := serve(t, map[string]func() string{"/api/v1/events": said(`[]`), "/api/v1/inbox/unread": said(`{"unread":3}`)})
	for path, status := range map[string]int{"/events": 200, "/nothing": 404, "/static/style.css": 200, "/static/none.js": 404, "/events/none": 404} {
		resp, text := get(t, base+path)
		if resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
		policy := resp.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers are %v", path, resp.Header)
		}
		if strings.Contains(text, "<script>") || strings.Contains(text, " style=") || strings.Contains(text, " onclick=") {
			t.Errorf("%s has what the policy forbids", path)
		}
	}
	if _, text := get(t, base+"/events"); !strings.Contains(text, "3 unread") || !strings.Contains(text, "Nothing has come yet") {
		t.Error("the page of no events does not say so, or has no bell")
	}
}

// The SHA-256 of htmx 4.0.1 and of its extension for server-sent events, which are there as
// their makers released them (Zero-Clause BSD).
const (
	htmxSum    = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
	htmxSSESum = "18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103"
)

// What comes from elsewhere is as its makers released it.
func TestVendored(t *testing.T) {
	for name, want := range map[string]string{"htmx.js": htmxSum, "hx-sse.js": htmxSSESum} {
		b, err := files.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is %x", name, sum)
		}
	}
}

func TestWorries(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		target    client.Target
		bad, warn []string
	}{
		"healthy":  {client.Target{Name: "ci", Condition: client.Condition{State: "healthy"}, Deliveries: map[string]int{"waiting": 3}}, nil, nil},
		"failing":  {client.Target{Name: "ci", Condition: client.Condition{State: "failing", Since: &since}, Deliveries: map[string]int{"waiting": 1}}, []string{"Target ci is failing. 1 event waits for it."}, nil},
		"disabled": {client.Target{Name: "ci", Condition: client.Condition{State: "disabled"}, Deliveries: map[string]int{"parked": 2}}, []string{"Target ci is disabled. 2 events wait for it."}, nil},
		"gone":     {client.Target{Name: "ci", Condition: client.Condition{State: "gone"}}, nil, nil},
		"gone with something": {client.Target{Name: "ci", Condition: client.Condition{State: "gone"}, Deliveries: map[string]int{"parked": 1}},
			[]string{"Target ci is not in the configuration any more. 1 event waits for it."}, nil},
		"marked": {client.Target{Name: "ci", Condition: client.Condition{State: "healthy", Marked: &client.Mark{Reason: "expired"}}}, nil, []string{"The options of target ci are wrong."}},
		"dead":   {client.Target{Name: "ci", Condition: client.Condition{State: "healthy"}, Deliveries: map[string]int{"dead": 1, "expired": 1}}, nil, []string{"2 events could not be delivered to ci."}},
	} {
		bad, warn := worryOf(c.target, nil, nil)
		for _, got := range []struct {
			list []worry
			want []string
		}{{bad, c.bad}, {warn, c.warn}} {
			var texts []string
			for _, w := range got.list {
				texts = append(texts, w.Text)
			}
			if strings.Join(texts, "|") != strings.Join(got.want, "|") {
				t.Errorf("%s: %q, want %q", name, texts, got.want)
			}
		}
	}
}

func TestChart(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 30, 0, 0, time.UTC)
	var s client.Stats
	err := json.Unmarshal([]byte(`{"deliveries":[
		{"hour":"2026-01-02T03:00:00Z","state":"delivered","count":30},{"hour":"2026-01-02T03:00:00Z","state":"dead","count":10},
		{"hour":"2026-01-02T02:00:00Z","state":"delivered","count":80},{"hour":"2026-01-02T02:00:00Z","state":"parked","count":80},
		{"hour":"2026-01-01T03:00:00Z","state":"dead","count":1000},{"hour":"2026-01-02T04:00:00Z","state":"dead","count":1000}]}`), &s)
	if err != nil {
		t.Fatal(err)
	}
	c := deliveryChart(s, now)
	if len(c.Hours) != chartFor || c.Most != 80 || c.Kinds[0].Total != 110 || c.Kinds[2].Total != 10 {
		t.Errorf("%d hours, the highest %d, %+v", len(c.Hours), c.Most, c.Kinds)
	}
	last := c.Hours[chartFor-1]
	if !last.Hour.Equal(now.Truncate(time.Hour)) || last.Total != 40 || last.Says != "03:00 UTC, 30 delivered, 10 not delivered" {
		t.Errorf("the last hour is %+v", last)
	}
	if good, bad := last.Parts[0], last.Parts[2]; good.H != 37.5 || good.Y != 62.5 || bad.H != 12.5 || bad.Y != 50 {
		t.Errorf("its parts are drawn as %+v", last.Parts)
	}
}
