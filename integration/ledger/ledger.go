// Package ledger compares what was promised with what came: the registry's side
// enters every event that was answered 202, the receiver's side every request.
package ledger

import (
	"fmt"
	"sync"
)

// Ledger is safe for use from many goroutines.
type Ledger struct {
	mu       sync.Mutex
	accepted []entry
	first    []entry             // the first arrival of each event, in order
	ids      map[string][]string // native id -> webhook ids that it came under
	sends    map[string]int      // webhook id -> arrivals
}

type entry struct{ id, key string }

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{ids: make(map[string][]string), sends: make(map[string]int)}
}

// Accepted enters an event that was answered 202. Events with the same key are to
// arrive in the order in which they were accepted.
func (l *Ledger) Accepted(id, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = append(l.accepted, entry{id, key})
}

// Arrived enters one request at the receiver: the native id of its event, the key
// and the webhook id.
func (l *Ledger) Arrived(id, key, webhookID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ids[id]) == 0 {
		l.first = append(l.first, entry{id, key})
	}
	if l.sends[webhookID] == 0 {
		l.ids[id] = append(l.ids[id], webhookID)
	}
	l.sends[webhookID]++
}

// Report is what a ledger says.
type Report struct {
	Accepted int // events answered 202
	Arrived  int // different events that arrived
	// Lost are events answered 202 that never arrived.
	Lost []string
	// Split are events that arrived under more than one webhook id: a receiver
	// could not tell the repeat.
	Split []string
	// Repeats are the webhook ids that arrived more than once, with how often
	// beyond the first.
	Repeats map[string]int
	// Disorder names first arrivals that came before an earlier event of their key.
	Disorder []string
}

// Report compares the two sides as they stand.
func (l *Ledger) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Report{Accepted: len(l.accepted), Arrived: len(l.first), Repeats: make(map[string]int)}
	place := make(map[string]int, len(l.accepted))
	for i, e := range l.accepted {
		place[e.id] = i
		if len(l.ids[e.id]) == 0 {
			r.Lost = append(r.Lost, e.id)
		}
	}
	latest := make(map[string]entry)
	for _, e := range l.first {
		if n := len(l.ids[e.id]); n > 1 {
			r.Split = append(r.Split, e.id)
		}
		at, known := place[e.id]
		if !known {
			continue // posted, stored, and its answer never read
		}
		if before, ok := latest[e.key]; ok && place[before.id] > at {
			r.Disorder = append(r.Disorder, fmt.Sprintf("%s: %s arrived after the later %s", e.key, e.id, before.id))
			continue
		}
		latest[e.key] = e
	}
	for id, n := range l.sends {
		if n > 1 {
			r.Repeats[id] = n - 1
		}
	}
	return r
}

// Settled reports whether every accepted event has arrived.
func (l *Ledger) Settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.accepted {
		if len(l.ids[e.id]) == 0 {
			return false
		}
	}
	return true
}
