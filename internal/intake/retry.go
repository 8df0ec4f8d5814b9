package intake

import (
	"container/list"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

const (
	// retryWindow is how long after an answer that was lost the same bytes are the retry.
	retryWindow = 5 * time.Minute
	// defaultPatience is how long a registry waits for an answer where nothing is known of it.
	defaultPatience = 5 * time.Second
	// maxLostIDs is how many events' lost answers are remembered, the latest.
	maxLostIDs = 1 << 16
	// maxFlightIDs is how many events a request may carry for its answer to be remembered.
	maxFlightIDs = 1 << 10
)

// retries tells the retry of a request from another one with the same bytes, for events
// without a native id. Two identical bodies are two events: Quay sends the same bytes for
// two pushes of a tag, Harbor for two pulls within a second. But a registry that did not
// get its answer sends the same bytes, too, and those are the first event again.
//
// So an answer counts as lost only where that is known before its first byte is sent (the
// connection was gone, or the registry waits no longer than so), or where sending it
// fails. After that, a client that hangs up may have read it. What is lost without
// anybody knowing gives an event twice, never none. So does a restart, which forgets all
// of this.
type retries struct {
	now func() time.Time

	mu      sync.Mutex
	flights map[retryKey][]*flight // unanswered, or answered in vain; oldest first
	lost    list.List              // the flights that were answered in vain, oldest first
	lostIDs int
}

// retryKey is what a retry has in common with its first.
type retryKey struct {
	registry, event, header, contentType string
	sum                                  [32]byte
}

// flight is one request with events that have no native id, from when they are known
// until its answer is.
type flight struct {
	all      *retries
	key      retryKey
	ids      []string
	gone     <-chan struct{} // closed when the connection is
	began    time.Time
	patience time.Duration

	settled chan struct{} // closed when stored is known
	stored  bool

	inLost *list.Element // while the answer is known to be lost
	lostAt time.Time
	taken  bool // by its retry
}

func newRetries() *retries {
	return &retries{now: time.Now, flights: map[retryKey][]*flight{}}
}

// begin is called when it is known what r carries. Where r is the retry of a request
// whose answer was lost, the events of a become repeats of the first's, after waiting
// for that to be stored, at most until ctx ends. The result is nil where every event
// has a native id.
func (rs *retries) begin(ctx context.Context, r *http.Request, reg Registry, began time.Time, a *store.Arrival) *flight {
	var unnamed []*store.Item
	for i := range a.Items {
		if !a.Items[i].Dedupe {
			unnamed = append(unnamed, &a.Items[i])
		}
	}
	if len(unnamed) == 0 || len(unnamed) > maxFlightIDs {
		return nil
	}
	f := &flight{
		all: rs,
		key: retryKey{
			a.Registry, r.PathValue("event"), r.Header.Get("X-Bellbuoy-Event"), r.Header.Get("Content-Type"),
			a.Body.SHA256,
		},
		gone: r.Context().Done(), began: began, patience: reg.Patience,
		settled: make(chan struct{}),
	}
	if f.patience == 0 {
		f.patience = defaultPatience
	}
	for _, it := range unnamed {
		f.ids = append(f.ids, it.Event.ID)
	}
	first := rs.depart(f)
	if first == nil {
		return f
	}
	select {
	case <-first.settled:
	case <-ctx.Done():
		return f
	}
	// Where a reload changed which events are stored, they are not the same events.
	if first.stored && len(first.ids) == len(unnamed) {
		for i, it := range unnamed {
			it.Event.ID, it.Dedupe = first.ids[i], true
		}
		f.ids = first.ids
	}
	return f
}

// depart enters f and takes out the flight of which it is the retry, nil for none. Each
// lost answer has one retry: the next request with these bytes is another event.
func (rs *retries) depart(f *flight) *flight {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := rs.now()
	rs.forget(now)
	var first *flight
	for _, other := range rs.flights[f.key] {
		if other.inLost != nil || other.isLost(now) {
			first = other
			first.taken = true
			rs.remove(first)
			break
		}
	}
	rs.flights[f.key] = append(rs.flights[f.key], f)
	return first
}

// isLost reports whether an answer that is still to be sent comes too late.
func (f *flight) isLost(now time.Time) bool {
	select {
	case <-f.gone:
		return true
	default:
		return now.Sub(f.began) > f.patience
	}
}

// settle says whether the store has the events. Only the first call counts.
func (f *flight) settle(stored bool) {
	if f == nil {
		return
	}
	f.all.mu.Lock()
	defer f.all.mu.Unlock()
	select {
	case <-f.settled:
		return
	default:
	}
	f.stored = stored
	close(f.settled)
	if !stored {
		f.all.remove(f)
	}
}

// answering is called before the first byte of the answer is sent, and forgets f unless
// that is in vain. From here on, a client that hangs up may have read the answer.
func (f *flight) answering() {
	if f == nil {
		return
	}
	rs := f.all
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.remove(f)
	if now := rs.now(); !f.taken && f.isLost(now) {
		rs.lose(f, now)
	}
}

// unsent is called where sending the answer failed.
func (f *flight) unsent() {
	if f == nil {
		return
	}
	rs := f.all
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if !f.taken && f.inLost == nil {
		rs.lose(f, rs.now())
	}
}

// lose enters f among the flights whose answer was lost. rs is locked.
func (rs *retries) lose(f *flight, now time.Time) {
	f.lostAt = now
	f.inLost = rs.lost.PushBack(f)
	rs.lostIDs += len(f.ids)
	rs.flights[f.key] = append(rs.flights[f.key], f)
	rs.forget(now)
}

// forget removes the flights that were lost too long ago, or that are too many. rs is
// locked.
func (rs *retries) forget(now time.Time) {
	for e := rs.lost.Front(); e != nil; e = rs.lost.Front() {
		f := e.Value.(*flight)
		if now.Sub(f.lostAt) <= retryWindow && rs.lostIDs <= maxLostIDs {
			return
		}
		rs.remove(f)
	}
}

// remove takes f out, and reports whether it was in. rs is locked.
func (rs *retries) remove(f *flight) bool {
	if f.inLost != nil {
		rs.lost.Remove(f.inLost)
		rs.lostIDs -= len(f.ids)
		f.inLost = nil
	}
	same := rs.flights[f.key]
	i := slices.Index(same, f)
	if i < 0 {
		return false
	}
	if same = slices.Delete(same, i, i+1); len(same) == 0 {
		delete(rs.flights, f.key)
	} else {
		rs.flights[f.key] = same
	}
	return true
}
