package connect

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched is a watch that runs.
type watched struct {
	t     *testing.T
	rows  chan Row
	said  chan string
	stop  context.CancelFunc
	ended chan error
}

func watch(t *testing.T, s *Side, err error) *watched {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	w := &watched{t: t, rows: make(chan Row, 100), said: make(chan string, 100), stop: stop, ended: make(chan error, 1)}
	go func() {
		defer s.Close()
		w.ended <- s.Watch(ctx, 5*time.Millisecond, func(r Row) { w.rows <- r }, func(s string) { w.said <- s })
	}()
	return w
}

// next is what is told next, which must begin so.
func (w *watched) next(want string) {
	w.t.Helper()
	got := ""
	select {
	case r := <-w.rows:
		got = strings.TrimSpace(strings.Join(append(say([]Row{r}), r.Error), " "))
	case got = <-w.said:
	case <-time.After(30 * time.Second):
	}
	if !strings.HasPrefix(got, want) {
		w.t.Fatalf("tells %q, want %q", got, want)
	}
}

// end ends it; nothing more is told.
func (w *watched) end() {
	w.t.Helper()
	w.stop()
	if err := <-w.ended; err != nil {
		w.t.Errorf("ends with %v", err)
	}
	if len(w.rows) > 0 || len(w.said) > 0 {
		w.t.Errorf("tells %d rows and %d sentences more", len(w.rows), len(w.said))
	}
}

// rounds waits until the list of projects was asked for so many times more.
func rounds(t *testing.T, lists *atomic.Int64, n int64) {
	t.Helper()
	for from, deadline := lists.Load(), time.Now().Add(30*time.Second); lists.Load() < from+n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not look again")
		}
	}
}

func TestWatchHarbor(t *testing.T) {
	h := newHarbor(t, "a")
	h.events = slices.DeleteFunc(h.events, func(e string) bool { return e == "TAG_RETENTION" })
	var lists atomic.Int64
	var down, closed atomic.Bool
	h.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/projects") {
			lists.Add(1)
			if down.Load() {
				w.WriteHeader(503)
				return true
			}
		}
		if closed.Load() && strings.Contains(r.URL.Path, "/c/") {
			harborError(w, 403, "FORBIDDEN", "forbidden")
			return true
		}
		return false
	}
	s, err := Harbor(goals, h.make(Make{All: true}))
	w := watch(t, s, err)
	w.next("a bellbuoy made")
	w.next("1 looked after, 0 failed; looking again every 5ms")
	h.set(func() { h.projects = []string{"a", "b"} })
	w.next("b bellbuoy made")
	h.set(func() { h.policies["b"][0]["enabled"] = false })
	w.next("b bellbuoy changed: was not enabled")

	h.set(func() { h.events = append(h.events, "TAG_RETENTION") }) // a newer Harbor
	w.next("a bellbuoy changed: did not send TAG_RETENTION")
	w.next("b bellbuoy changed: did not send TAG_RETENTION")

	h.set(func() { h.projects = []string{"b"}; delete(h.policies, "a") })
	rounds(t, &lists, 3)
	down.Store(true)
	w.next("Harbor, asked to GET /projects?page=1&page_size=100, answers 503; trying on")
	rounds(t, &lists, 9)
	down.Store(false)
	w.next("Harbor answers again")

	closed.Store(true)
	h.set(func() { h.projects = []string{"b", "c"} })
	w.next("c  failed Harbor, asked to GET /projects/c/webhook/policies?page=1&page_size=100, answers 403")
	rounds(t, &lists, 3)
	closed.Store(false)
	w.next("c bellbuoy made")
	rounds(t, &lists, 3)
	w.end()
}

// A Quay that is not there yet is waited for, and an account that is refused is not asked
// without end.
func TestWatchQuay(t *testing.T) {
	q := newQuay(t, "team/a")
	m := q.make(Make{Organizations: []string{"team"}, Events: []string{"repo_push"}})
	token := "not-yet"
	m.API.Secret = func() (string, error) {
		q.mu.Lock()
		defer q.mu.Unlock()
		return token, nil
	}
	s, err := Quay(red, m)
	w := watch(t, s, err)
	w.next("Quay, asked to GET /repository?namespace=team, answers 401 (Requires authentication): make a new token")
	q.mu.Lock()
	token = q.token
	q.mu.Unlock()
	w.next("team/a repo_push made")
	w.next("Quay answers again")
	w.next("1 looked after, 0 failed")
	q.mu.Lock()
	q.lists["team/a"][0]["number_of_failures"] = 3
	q.repositories = append(q.repositories, "team/b")
	q.mu.Unlock()
	w.next("team/a repo_push reset: was off after 3 failures")
	w.next("team/b repo_push made")
	w.end()
}

// The context may end while an answer is waited for.
func TestWatchEndsWhileWaiting(t *testing.T) {
	h := newHarbor(t, "a")
	asked := make(chan struct{}, 1)
	h.refuse = func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
		return true
	}
	s, err := Harbor(goals, h.make(Make{All: true}))
	w := watch(t, s, err)
	<-asked
	w.end()
}

func TestAfter(t *testing.T) {
	var got []time.Duration
	for n := range 7 {
		got = append(got, after(n, 5*time.Minute))
	}
	want := []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 5 * time.Minute, 5 * time.Minute}
	if !slices.Equal(got, want) || after(3, time.Second) != time.Second {
		t.Errorf("got %v", got)
	}
}
