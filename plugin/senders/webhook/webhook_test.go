package webhook

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// newSender is a sender whose connections end with the test.
func newSender(t testing.TB) *sender {
	t.Helper()
	s := New("1.2.3").(*sender)
	t.Cleanup(s.client.CloseIdle)
	return s
}

func to(t testing.TB, url string, headers map[string]string) plugin.Delivery {
	t.Helper()
	options, err := json.Marshal(map[string]any{"url": url, "headers": headers})
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Delivery{ID: "0192-d1", Attempt: 2, Target: "ci", Type: "webhook", Options: options, Event: json.RawMessage(`{"v":1}`)}
}

func TestRequest(t *testing.T) {
	type request struct {
		Method, Path, Body string
		Header             http.Header
	}
	got := make(chan request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Method, r.URL.String(), string(body), r.Header}
		w.Header().Set("Content-Encoding", "gzip") // not asked for, not undone
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks for s3cret and t0ken \xff"+strings.Repeat("y", 5000))
	}))
	defer server.Close()
	s := newSender(t)
	d := to(t, server.URL+"/hook/?key=s3cret", map[string]string{"authorization": "Bearer t0ken", "X-Env": "prod"})
	before := time.Now().Unix()
	receipt, err := s.Send(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	r := <-got
	stamp, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	if err != nil || stamp < before || stamp > time.Now().Unix() {
		t.Errorf("webhook-timestamp: %v", r.Header["Webhook-Timestamp"])
	}
	r.Header.Del("webhook-timestamp")
	want := request{"POST", "/hook/?key=s3cret", `{"v":1}`, http.Header{
		"Authorization": {"Bearer t0ken"}, "X-Env": {"prod"}, "Webhook-Id": {"0192-d1"},
		"Content-Type": {"application/json"}, "User-Agent": {"bellbuoy/1.2.3"}, "Content-Length": {"7"},
	}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}

	if receipt.Latency <= 0 || len(receipt.Reply) != plugin.MaxReply || !strings.HasPrefix(receipt.Reply, "thanks for *** and *** \uFFFDyyy") {
		t.Errorf("latency %s, reply %q", receipt.Latency, receipt.Reply)
	}
	delete(receipt.Request.Headers, "webhook-timestamp")
	shown := plugin.Request{
		Method: "POST", URL: server.URL + "/hook/?key=***",
		Headers: map[string]string{"Authorization": "***", "X-Env": "***", "webhook-id": "0192-d1", "Content-Type": "application/json", "User-Agent": "bellbuoy/1.2.3"},
	}
	if diff := cmp.Diff(shown, receipt.Request); diff != "" || receipt.Status != 202 || receipt.Scope != "" {
		t.Errorf("receipt: %+v\n%s", receipt, diff)
	}
	rendered, err := s.Render(t.Context(), d)
	delete(rendered.Headers, "webhook-timestamp")
	shown.Body = `{"v":1}`
	if diff := cmp.Diff(shown, rendered); diff != "" || err != nil {
		t.Errorf("render: %v\n%s", err, diff)
	}

	d.Body, d.ContentType = []byte("text"), "text/plain"
	d.Options = json.RawMessage(`{"url":"` + server.URL + `","method":"PUT"}`)
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.Method != "PUT" || r.Body != "text" || r.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("rendered message: %+v", r)
	}
}

func TestStatusSaysWhatIsNext(t *testing.T) {
	var status atomic.Int64
	var after atomic.Value
	after.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if s := after.Load().(string); s != "" {
			w.Header().Set("Retry-After", s)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(int(status.Load()))
	}))
	defer server.Close()
	s := newSender(t)
	want := map[int]plugin.Outcome{408: plugin.Retry, 425: plugin.Retry, 429: plugin.ThrottledTarget}
	for code := 200; code <= 699; code++ {
		if _, ok := want[code]; ok {
			continue
		}
		switch {
		case code < 300:
			want[code] = plugin.Delivered
		case code < 500:
			want[code] = plugin.PermanentFail
		default:
			want[code] = plugin.Retry
		}
	}
	for code, outcome := range maps.All(want) {
		status.Store(int64(code))
		receipt, err := s.Send(t.Context(), to(t, server.URL, nil))
		if got := plugin.ReadVerdict(err); got != (plugin.Verdict{Outcome: outcome}) || receipt.Status != code {
			t.Errorf("%d: %+v, %v", code, got, err)
		}
		scope := plugin.Scope("")
		switch code {
		case http.StatusGone:
			scope = plugin.ScopeTargetGone
		case http.StatusUnauthorized, http.StatusProxyAuthRequired:
			scope = plugin.ScopeMisconfigured
		}
		if receipt.Scope != scope {
			t.Errorf("%d: scope %q", code, receipt.Scope)
		}
	}

	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "5": 5 * time.Second, " 7 ": 7 * time.Second, "-3": 0, "soon": 0, "1.5": 0,
		in(time.Minute): time.Minute, in(-time.Minute): 0,
		"315360000": 365 * 24 * time.Hour, "99999999999999999999": 365 * 24 * time.Hour, in(1e5 * time.Hour): 365 * 24 * time.Hour,
	} {
		after.Store(value)
		status.Store(429)
		before := time.Now()
		_, err := s.Send(t.Context(), to(t, server.URL, nil))
		v := plugin.ReadVerdict(err)
		got := time.Duration(0)
		if !v.Until.IsZero() {
			got = v.Until.Sub(before)
		}
		if v.Outcome != plugin.ThrottledTarget || !near(got, want) {
			t.Errorf("429 with Retry-After %q: %s, want %s", value, got, want)
		}
		status.Store(503)
		_, err = s.Send(t.Context(), to(t, server.URL, nil))
		if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || !near(v.After, want) {
			t.Errorf("503 with Retry-After %q: %s, want %s", value, v.After, want)
		}
	}
}

// near allows for a date's full seconds and for the time that a test takes.
func near(got, want time.Duration) bool {
	if want == 0 {
		return got == 0
	}
	return got > want-30*time.Second && got < want+30*time.Second
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var hits atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hits.Add(1) < 20 { // who follows gets somewhere, so that this test ends
			http.Redirect(w, r, r.URL.String(), http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	_, err := newSender(t).Send(t.Context(), to(t, server.URL+"/?key=s3cret", nil))
	if plugin.ReadVerdict(err).Outcome != plugin.PermanentFail || hits.Load() != 1 {
		t.Errorf("%d requests, %v", hits.Load(), err)
	}
	if want := "the target answered 307 Temporary Redirect: redirects are not followed, give the URL that it leads to"; err.Error() != want {
		t.Errorf("error: %v", err)
	}
}

func TestHostileServers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
	for _, c := range []struct {
		name   string
		play   func(net.Conn) // after the request is read
		status int
		want   plugin.Outcome
		err    string
	}{
		{"says nothing", func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, 0, plugin.Retry, "no answer in time"},
		{"a byte at a time of the head", func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("y", 1000)) }, 0, plugin.Retry, "no answer in time"},
		{"a byte at a time of the body", func(c net.Conn) { _, _ = io.WriteString(c, head); drip(c, strings.Repeat("y", 1000)) }, 200, plugin.Delivered, ""},
		{"closes at once", func(net.Conn) {}, 0, plugin.Retry, "EOF"},
		{"resets at once", reset, 0, plugin.Retry, "reset"},
		{"resets within the head", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200"); reset(c) }, 0, plugin.Retry, "send to "},
		{"closes within the body", func(c net.Conn) { _, _ = io.WriteString(c, head+"some") }, 200, plugin.Delivered, ""},
		{"endless body", func(c net.Conn) { _, _ = io.WriteString(c, head); flood(c, "body") }, 200, plugin.Delivered, ""},
		{"endless refusal", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 1000000000\r\n\r\n")
			flood(c, "body")
		}, 400, plugin.PermanentFail, "400"},
		{"endless head", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"); flood(c, "X: y\r\n") }, 0, plugin.Retry, "header"},
		{"endless interim answers", func(c net.Conn) { flood(c, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n") }, 0, plugin.Retry, "send to "},
		{"not HTTP", func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n") }, 0, plugin.Retry, "malformed"},
		{"switches protocols", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		}, 101, plugin.Retry, "101"},
		{"repeats the secrets", func(c net.Conn) { _, _ = io.WriteString(c, "s3cret t0ken passw0rd\r\n") }, 0, plugin.Retry, "send to "},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := listen(t, c.play)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if c.err != "no answer in time" && !strings.Contains(c.name, "a byte at a time") {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
			}
			defer cancel()
			receipt, err := newSender(t).Send(ctx, to(t, "http://user:passw0rd@"+address+"/?key=s3cret", map[string]string{"X-Token": "t0ken"}))
			if v := plugin.ReadVerdict(err); v.Outcome != c.want || receipt.Status != c.status || receipt.Scope != "" {
				t.Errorf("%+v, status %d, scope %q: %v", v, receipt.Status, receipt.Scope, err)
			}
			if c.err != "" && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error: %v", err)
			}
			for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", receipt)} {
				for _, secret := range []string{"s3cret", "t0ken", "passw0rd"} {
					if strings.Contains(text, secret) {
						t.Errorf("%s is shown: %s", secret, text)
					}
				}
			}
			if len(receipt.Reply) > plugin.MaxReply {
				t.Errorf("%d bytes of reply", len(receipt.Reply))
			}
		})
	}
}

// listen serves one connection after the other with play and returns its address.
func listen(t *testing.T, play func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				play(conn)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func drip(c net.Conn, s string) {
	for _, b := range []byte(s) {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func flood(c net.Conn, s string) {
	chunk := []byte(strings.Repeat(s, 1000))
	for {
		if _, err := c.Write(chunk); err != nil {
			return
		}
	}
}

func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

func TestConnectionsThatAreNotMade(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = newSilentLog()
	secure.StartTLS()
	defer secure.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()

	for _, c := range []struct {
		name, url string
		scope     plugin.Scope
		err       string
	}{
		{"nobody listens", "http://" + l.Addr().String(), "", "connection refused"},
		{"certificate of nobody", secure.URL, plugin.ScopeMisconfigured, "its certificate is not accepted"},
		{"no TLS there", "https" + strings.TrimPrefix(plain.URL, "http"), "", "server gave HTTP response to HTTPS client"},
		{"no such host", "http://no..such..host/?key=s3cret", plugin.ScopeMisconfigured, "there is no such host"},
	} {
		receipt, err := newSender(t).Send(t.Context(), to(t, c.url, nil))
		if v := plugin.ReadVerdict(err); v != (plugin.Verdict{Outcome: plugin.Retry}) || receipt.Scope != c.scope || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %+v, scope %q, %v", c.name, v, receipt.Scope, err)
		}
	}
}

func TestWrongOptionsAreTriedAgain(t *testing.T) {
	d := to(t, "gopher://s3cret", map[string]string{"Host": "t0ken"})
	receipt, err := newSender(t).Send(t.Context(), d)
	want := "read the options of target ci: url is neither http nor https; write it as https://host/path; headers.Host belongs to the connection and cannot be set; remove it"
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || receipt.Scope != plugin.ScopeMisconfigured || err.Error() != want {
		t.Errorf("%+v, %q, %v", v, receipt.Scope, err)
	}
}

func TestControlCharactersDoNotReachAHeader(t *testing.T) {
	d := to(t, "http://127.0.0.1:1", nil)
	d.Body, d.ContentType = []byte("x"), "text/plain\r\nX-Evil: 1"
	if _, err := newSender(t).Send(t.Context(), d); plugin.ReadVerdict(err).Outcome != plugin.PermanentFail {
		t.Errorf("error: %v", err)
	}
}

// A failure of one target must not cost the others their connections.
func TestConnectionsAreKept(t *testing.T) {
	var conns atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s := newSender(t)
	for range 5 {
		if _, err := s.Send(t.Context(), to(t, server.URL, nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Send(t.Context(), to(t, "http://127.0.0.1:1", nil)); err == nil {
			t.Fatal("no error")
		}
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
