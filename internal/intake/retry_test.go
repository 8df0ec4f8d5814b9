package intake

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/adapters"
	"github.com/bellbuoy/bellbuoy/adapters/distribution"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// outlasting is an adapter that reads a request marked with X-Hang when its client has
// hung up.
type outlasting struct{ distribution.Adapter }

func (o outlasting) Read(r *http.Request, body []byte) ([]adapters.Notification, error) {
	if r.Header.Get("X-Hang") != "" {
		<-r.Context().Done()
	}
	return o.Adapter.Read(r, body)
}

// caller is a house whose clients hang up.
type caller struct {
	house
	addr string
}

func newCaller(t *testing.T, change func(*Registry)) caller {
	t.Helper()
	p := plan(t, rule("all", []string{"artifact.pushed"}, "ci"))
	for name, reg := range p.Registries {
		reg.Adapter = outlasting{}
		if change != nil {
			change(&reg)
		}
		p.Registries[name] = reg
	}
	h := newHandler(t, openStore(t, temp(t)), p)
	addr := serve(t, h, nil)
	return caller{house{h, "http://" + addr}, addr}
}

// hangUp posts body to path, closes the connection before there is an answer, with a
// reset or in good order, and waits until the events are stored all the same.
func (l caller) hangUp(t testing.TB, path, body string, reset bool) {
	t.Helper()
	before := len(l.events(t))
	repeats := l.repeats(t)
	c, err := net.Dial("tcp", l.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nX-Hang: 1\r\nContent-Type: application/vnd.docker.distribution.events.v2+json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body); err != nil {
		t.Fatal(err)
	}
	if reset {
		if err := c.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		if len(l.events(t)) > before || l.repeats(t) > repeats {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("a request whose client hung up was not stored")
}

func (l caller) events(t testing.TB) []event.Event {
	t.Helper()
	list, err := l.store.Events(t.Context(), store.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var out []event.Event
	for _, e := range list {
		out = append(out, decode(t, e.Event))
	}
	return out
}

// repeats is how many repeats all events have.
func (l caller) repeats(t testing.TB) int {
	t.Helper()
	n := 0
	for _, e := range l.events(t) {
		n += l.trace(t, e.ID).Received.Repeats
	}
	return n
}

// send posts body, hears the answer, and hangs up at once.
func (l caller) send(t testing.TB, path, body string, headers ...string) answer {
	t.Helper()
	return accepted(t, l.do(t, "POST", path, body, headers...))
}

func TestRetryAfterHangingUp(t *testing.T) {
	for _, reset := range []bool{false, true} {
		t.Run(fmt.Sprintf("reset=%t", reset), func(t *testing.T) {
			l := newCaller(t, nil)
			body := envelope(push("", "a/b"), push("", "a/c"))
			l.hangUp(t, "/in/open", body, reset)
			if a := l.send(t, "/in/open", body); len(a.Accepted) != 0 || a.Duplicates != 2 {
				t.Errorf("answer to the retry = %+v, want two duplicates", a)
			}
			events := l.events(t)
			if len(events) != 2 {
				t.Fatalf("%d events, want 2", len(events))
			}
			for _, e := range events {
				if tr := l.trace(t, e.ID); tr.Received.Repeats != 1 || tr.Received.Conflicts != 0 || len(tr.Deliveries) != 1 {
					t.Errorf("%d repeats, %d conflicts, %d deliveries, want 1, 0, 1", tr.Received.Repeats, tr.Received.Conflicts, len(tr.Deliveries))
				}
			}
			// The retry was answered, so what comes now is new.
			if a := l.send(t, "/in/open", body); len(a.Accepted) != 2 || a.Duplicates != 0 {
				t.Errorf("answer to the next push = %+v, want two events", a)
			}
		})
	}
}

// A registry that hangs up each time, as on a slow disk, is still heard once.
func TestRetriesThatHangUp(t *testing.T) {
	l := newCaller(t, nil)
	body := envelope(push("", "a/b"))
	for i := range 5 {
		l.hangUp(t, "/in/open", body, i%2 == 0)
	}
	if a := l.send(t, "/in/open", body); a.Duplicates != 1 {
		t.Errorf("answer to the last = %+v, want a duplicate", a)
	}
	if events, n := l.events(t), l.repeats(t); len(events) != 1 || n != 5 {
		t.Errorf("%d events with %d repeats, want 1 with 5", len(events), n)
	}
}

// Two pushes of which both answers were lost have two retries.
func TestTwoLostAnswers(t *testing.T) {
	rs := newRetries()
	gone := make(chan struct{})
	close(gone)
	depart := func(id string, gone <-chan struct{}) (*flight, *flight) {
		f := &flight{all: rs, ids: []string{id}, gone: gone, began: time.Now(), patience: time.Hour, settled: make(chan struct{})}
		return f, rs.depart(f)
	}
	open := make(chan struct{})
	one, _ := depart("1", open)
	two, of := depart("2", open)
	if of != nil {
		t.Fatal("the second is taken for a retry while the first waits for its answer")
	}
	one.gone, two.gone = gone, gone
	for _, f := range []*flight{one, two} {
		f.settle(true)
		f.answering()
	}
	for _, want := range []*flight{one, two, nil} {
		f, of := depart("3", open)
		if of != want {
			t.Errorf("is the retry of %v, want %v", of, want)
		}
		f.settle(true)
		f.answering()
	}
	if len(rs.flights) != 0 || rs.lost.Len() != 0 || rs.lostIDs != 0 {
		t.Errorf("%d flights, %d lost with %d ids are left", len(rs.flights), rs.lost.Len(), rs.lostIDs)
	}
}

// Whatever registries do after they have read an answer, the same bytes are another event:
// close in good order or not, at once or never, ask for the connection's end or not.
func TestRealPushesAreNeverFolded(t *testing.T) {
	l := newCaller(t, nil)
	body := envelope(push("", "a/b"))
	const clients, each = 16, 12
	var wait sync.WaitGroup
	errs := make(chan error, clients)
	for i := range clients {
		wait.Go(func() { errs <- l.client(body, i, each) })
	}
	wait.Wait()
	for range clients {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if events, n := l.events(t), l.repeats(t); len(events) != clients*each || n != 0 {
		t.Errorf("%d events with %d repeats, want %d with none", len(events), n, clients*each)
	}
	if n := l.remembered(); n != 0 {
		t.Errorf("%d bodies are still remembered", n)
	}
}

// client posts body n times in the manner of client i.
func (l caller) client(body string, i, n int) error {
	version, header := "1.1", ""
	if i&1 != 0 {
		header = "Connection: close\r\n"
	}
	if i&2 != 0 {
		version = "1.0"
	}
	for range n {
		c, err := net.Dial("tcp", l.addr)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "POST /in/open HTTP/%s\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", version, header, len(body), body); err != nil {
			return err
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusAccepted || !strings.Contains(string(b), `"duplicates":0`) {
			return fmt.Errorf("client %d: %d %s, %v", i, resp.StatusCode, b, err)
		}
		if i&4 != 0 {
			if err := c.(*net.TCPConn).SetLinger(0); err != nil {
				return err
			}
		}
		if i&8 != 0 {
			_ = c.Close()
		}
	}
	return nil
}

// Pushes and lost answers in any order: each push is an event, each retry is none.
func TestPushesAndRetries(t *testing.T) {
	l := newCaller(t, nil)
	random := rand.New(rand.NewPCG(1, 2))
	stored, retried := map[string]int{}, 0
	for range 60 {
		repository := string(rune('a' + random.IntN(3)))
		body := envelope(push("", "x/"+repository))
		stored[repository]++
		if random.IntN(2) == 0 {
			for range 1 + random.IntN(2) {
				l.hangUp(t, "/in/open", body, random.IntN(2) == 0)
				retried++
			}
		}
		l.send(t, "/in/open", body)
	}
	got := map[string]int{}
	for _, e := range l.events(t) {
		got[strings.TrimPrefix(e.Repository.FullName, "x/")]++
	}
	for repository, n := range stored {
		if got[repository] != n {
			t.Errorf("%d events of %s, want %d", got[repository], repository, n)
		}
	}
	if n := l.repeats(t); n != retried {
		t.Errorf("%d repeats, want %d", n, retried)
	}
}

// What has an id of its own is told by that, whatever became of the answer.
func TestLostAnswerWithNativeID(t *testing.T) {
	l := newCaller(t, nil)
	l.hangUp(t, "/in/open", envelope(push("1", "a/b"), push("", "a/c")), false)
	if a := l.send(t, "/in/open", envelope(push("1", "a/b"), push("", "a/c"))); len(a.Accepted) != 0 || a.Duplicates != 2 {
		t.Errorf("answer to the retry = %+v, want two duplicates", a)
	}
	l.hangUp(t, "/in/open", envelope(push("2", "a/b")), false)
	if l.remembered() != 0 {
		t.Error("an answer is remembered without need")
	}
}

func TestNoRetry(t *testing.T) {
	body := envelope(push("", "a/b"))
	tests := []struct {
		name, path, body string
		headers          []string
		later            time.Duration
		duplicates       int
	}{
		{name: "the same", path: "/in/open", body: body, duplicates: 1},
		{name: "at the last moment", path: "/in/open", body: body, later: retryWindow, duplicates: 1},
		{name: "too late", path: "/in/open", body: body, later: retryWindow + 1},
		{name: "other bytes", path: "/in/open", body: body + " "},
		{name: "another registry", path: "/in/hub", body: body, headers: []string{"Authorization", "Bearer " + secret}},
		{name: "another event", path: "/in/open/push", body: body},
		{name: "another event in a header", path: "/in/open", body: body, headers: []string{"X-Bellbuoy-Event", "push"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newCaller(t, nil)
			l.hangUp(t, "/in/open", body, false)
			lost := l.lostNow(t)
			l.retries.mu.Lock()
			l.retries.now = func() time.Time { return lost.Add(tt.later) }
			l.retries.mu.Unlock()
			a := l.send(t, tt.path, tt.body, tt.headers...)
			if a.Duplicates != tt.duplicates || len(a.Accepted) != 1-tt.duplicates {
				t.Errorf("answer = %+v, want %d duplicates", a, tt.duplicates)
			}
		})
	}
}

// lostNow waits until an answer is known to be lost, and returns since when.
func (l caller) lostNow(t *testing.T) time.Time {
	t.Helper()
	for range 3000 {
		l.retries.mu.Lock()
		first := l.retries.lost.Front()
		l.retries.mu.Unlock()
		if first != nil {
			return first.Value.(*flight).lostAt
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no answer is known to be lost")
	return time.Time{}
}

// remembered is how many kinds of bodies may be followed by a retry.
func (l caller) remembered() int {
	l.retries.mu.Lock()
	defer l.retries.mu.Unlock()
	return len(l.retries.flights)
}

// A registry that has stopped waiting did not read the answer, though a proxy in between
// keeps the connection.
func TestAnswerAfterPatience(t *testing.T) {
	l := newCaller(t, func(r *Registry) { r.Patience = time.Nanosecond })
	body := envelope(push("", "a/b"))
	for i, want := range []int{0, 1, 1} {
		if a := l.send(t, "/in/open", body); a.Duplicates != want {
			t.Errorf("answer %d = %+v, want %d duplicates", i, a, want)
		}
	}
	if p := newCaller(t, nil); len(p.send(t, "/in/open", body).Accepted)+len(p.send(t, "/in/open", body).Accepted) != 2 {
		t.Error("two pushes that were answered in time are not two events")
	}
}

// mute is a connection on which nothing can be sent.
type mute struct{ *httptest.ResponseRecorder }

func (mute) FlushError() error { return errors.New("broken pipe") }

func TestAnswerThatCannotBeSent(t *testing.T) {
	l := newCaller(t, nil)
	body := envelope(push("", "a/b"))
	l.ServeHTTP(mute{httptest.NewRecorder()}, request(body))
	for i, want := range []int{1, 0} {
		w := httptest.NewRecorder()
		l.ServeHTTP(w, request(body))
		if a := accepted(t, got{w.Code, w.Header(), w.Body.String()}); a.Duplicates != want {
			t.Errorf("answer %d = %+v, want %d duplicates", i, a, want)
		}
	}
}

// A retry that overtakes its first waits for it, and is the first itself where that was
// not stored.
func TestRetryOvertakes(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprintf("stored=%t", stored), func(t *testing.T) {
			l := newCaller(t, nil)
			body := envelope(push("", "a/b"))
			p := l.plan.Load()
			r := request(body)
			ctx, hangUp := context.WithCancel(r.Context())
			r = r.WithContext(ctx)
			a := l.arrival(r, p, "hub", p.Registries["hub"], []byte(body))
			first := l.retries.begin(t.Context(), r, p.Registries["hub"], time.Now(), &a)
			hangUp()

			answers := make(chan answer)
			go func() {
				w := httptest.NewRecorder()
				l.ServeHTTP(w, request(body))
				answers <- accepted(t, got{w.Code, w.Header(), w.Body.String()})
			}()
			select {
			case a := <-answers:
				t.Fatalf("answer = %+v before the first was stored", a)
			case <-time.After(50 * time.Millisecond):
			}
			want := 1
			if stored {
				want = 0
				if _, err := l.accept(t.Context(), a, Registry{}); err != nil {
					t.Fatal(err)
				}
			}
			first.settle(stored)
			if a := <-answers; len(a.Accepted) != want || a.Duplicates != 1-want {
				t.Errorf("answer = %+v, want %d new", a, want)
			}
			// The retry has had its answer: that the first had none matters no more.
			first.answering()
			first.unsent()
			if a := accepted(t, l.post(t, "/in/hub", body)); len(a.Accepted) != 1 {
				t.Errorf("answer to the next push = %+v, want an event", a)
			}
		})
	}
}

func TestLostAnswersAreBounded(t *testing.T) {
	rs := newRetries()
	gone := make(chan struct{})
	close(gone)
	now := time.Now()
	rs.now = func() time.Time { return now }
	lose := func(event string, ids int) {
		f := &flight{all: rs, key: retryKey{event: event}, ids: slices.Repeat([]string{"id"}, ids), gone: gone, began: now, settled: make(chan struct{})}
		rs.depart(f)
		f.settle(true)
		f.answering()
	}
	for i := range 3 * maxLostIDs / maxFlightIDs {
		lose(fmt.Sprint(i), maxFlightIDs)
	}
	if n := maxLostIDs / maxFlightIDs; rs.lostIDs != maxLostIDs || rs.lost.Len() != n || len(rs.flights) != n {
		t.Errorf("%d ids of %d answers (%d) are kept, want %d of %d", rs.lostIDs, rs.lost.Len(), len(rs.flights), maxLostIDs, n)
	}
	now = now.Add(retryWindow + 1)
	lose("last", 1)
	if rs.lostIDs != 1 || rs.lost.Len() != 1 || len(rs.flights) != 1 {
		t.Errorf("%d ids of %d answers (%d) are kept, want the last", rs.lostIDs, rs.lost.Len(), len(rs.flights))
	}

	l := newCaller(t, nil)
	many := make([]string, maxFlightIDs+1)
	for i := range many {
		many[i] = push("", "a/b")
	}
	l.hangUp(t, "/in/open", envelope(many...), false)
	if l.remembered() != 0 {
		t.Error("the answer to very many events is remembered")
	}
}
