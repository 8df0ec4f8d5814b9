package console

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/access"
	"github.com/bellbuoy/bellbuoy/internal/client"
)

const (
	liveEvery = time.Second      // between looks for new events, while somebody watches
	liveAlive = 15 * time.Second // after which a silent stream says something, for proxies
	liveMost  = 64               // who may watch at a time
)

// live tells those who watch of new events. It asks once for all of them, and nothing
// while nobody watches.
type live struct {
	*console
	mu       sync.Mutex
	watchers map[chan []client.Event]bool
	stop     context.CancelFunc // of the asking; nil while nobody watches
}

func newLive(s *console) *live {
	return &live{console: s, watchers: map[chan []client.Event]bool{}}
}

// serve streams rows of the list of events, newest first, as server-sent events. They are
// those of the whole list: a page that shows a part of it does not watch.
func (l *live) serve(w http.ResponseWriter, r *http.Request) {
	if !access.From(r.Context()).May("events", access.Viewer) { // it is asked for all in nobody's name
		http.Error(w, "events are not for you", http.StatusForbidden)
		return
	}
	news, ok := l.watch(r.Context())
	if !ok {
		http.Error(w, "too many watch already: load the page again to see what is new", http.StatusServiceUnavailable)
		return
	}
	defer l.leave(news)
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	if out.Flush() != nil {
		return
	}
	alive := time.NewTicker(liveAlive)
	defer alive.Stop()
	for {
		var b bytes.Buffer
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			b.WriteString(": nothing new\n\n")
		case events := <-news:
			var rows bytes.Buffer
			if err := l.pages["events"].ExecuteTemplate(&rows, "rows", events); err != nil {
				l.Log.ErrorContext(r.Context(), "make rows of events", "error", err)
				return
			}
			for line := range bytes.Lines(rows.Bytes()) {
				b.WriteString("data: ")
				b.Write(bytes.TrimRight(line, "\r\n"))
				b.WriteByte('\n')
			}
			b.WriteByte('\n')
		}
		_ = out.SetWriteDeadline(time.Now().Add(liveAlive)) // who does not read is let go
		if _, err := b.WriteTo(w); err != nil || out.Flush() != nil {
			return
		}
	}
}

// watch adds somebody, in whose name is asked while he is the first.
func (l *live) watch(ctx context.Context) (chan []client.Event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.watchers) >= liveMost {
		return nil, false
	}
	news := make(chan []client.Event, 4)
	l.watchers[news] = true
	if l.stop == nil {
		// What all who may look see is the same; the first of them may be gone before the last.
		asking, stop := context.WithCancel(access.With(context.Background(), access.Identity{Name: access.From(ctx).Name, Role: access.Viewer}))
		l.stop = stop
		go l.ask(asking)
	}
	return news, true
}

func (l *live) leave(news chan []client.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.watchers, news)
	if len(l.watchers) == 0 {
		l.stop()
		l.stop = nil
	}
}

// ask looks for new events until ctx ends.
func (l *live) ask(ctx context.Context) {
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	known := map[string]bool{}
	for first := true; ; first = false {
		list, _, err := l.api.EventPage(ctx, map[string]string{"limit": pageSize})
		if err == nil {
			known = l.tell(list, known, first)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell hands on those of list that are not known, and returns what is known then.
func (l *live) tell(list []client.Event, known map[string]bool, first bool) map[string]bool {
	seen := make(map[string]bool, len(list))
	var fresh []client.Event
	for _, e := range list {
		seen[e.ID] = true
		if !known[e.ID] {
			fresh = append(fresh, e)
		}
	}
	if first || len(fresh) == 0 {
		return seen
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for news := range l.watchers {
		select {
		case news <- fresh:
		default: // he reads more slowly than they come, and misses some
		}
	}
	return seen
}
