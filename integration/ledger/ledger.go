// Package ledger compares what was promised with what came: the registry's side
// enters every event that it posts and every one that was answered 202, the receivers'
// side every request, and what the trace says of each delivery is held against both.
package ledger

import (
	"slices"
	"sync"
)

// Ledger is safe for use from many goroutines.
type Ledger struct {
	targets []string

	mu         sync.Mutex
	posted     map[string]string // native id -> key
	accepted   []string          // native ids
	place      map[string]int    // of a native id in accepted
	deliveries map[pair]*delivery
	first      map[string][]entry // target -> the first success of each event, in order
	stray      []Arrival          // of events that nobody posted, or of another key
	life       int
	requests   int
	audited    map[string]bool
	disagree   []string
	ends       map[string]int
}

type entry struct{ id, key string }

// pair is one event for one target.
type pair struct{ id, target string }

// delivery is what came of a pair.
type delivery struct {
	ids      []string // webhook ids, in the order in which they came first
	arrivals []Arrival
	again    int // how often it came after a success in the same life, or one on record
	unread   int // attempts on record the answer of which was not read
}

func (d *delivery) succeeded() int {
	n := 0
	for _, a := range d.arrivals {
		if a.Status/100 == 2 {
			n++
		}
	}
	return n
}

// New returns an empty ledger of events each of which is to reach all targets; without
// any, the one target "".
func New(targets ...string) *Ledger {
	if len(targets) == 0 {
		targets = []string{""}
	}
	return &Ledger{
		targets: targets, posted: map[string]string{}, place: map[string]int{}, deliveries: map[pair]*delivery{},
		first: map[string][]entry{}, audited: map[string]bool{}, ends: map[string]int{},
	}
}

// Posted enters an event that is about to be posted, by its native id. Events with the
// same key are to arrive at each target in the order in which they were accepted.
func (l *Ledger) Posted(id, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posted[id] = key
}

// Accepted enters that a posted event was answered 202.
func (l *Ledger) Accepted(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.place[id] = len(l.accepted)
	l.accepted = append(l.accepted, id)
}

// Arrival is one request at a receiver.
type Arrival struct {
	Target    string
	ID        string // native id of its event
	Key       string
	WebhookID string
	Status    int // that it is answered
	life      int
}

// Arrived enters a request, before it is answered.
func (l *Ledger) Arrived(a Arrival) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	if key, ok := l.posted[a.ID]; !ok || key != a.Key || !slices.Contains(l.targets, a.Target) {
		l.stray = append(l.stray, a)
		return
	}
	p := pair{a.ID, a.Target}
	d := l.deliveries[p]
	if d == nil {
		d = &delivery{}
		l.deliveries[p] = d
	}
	if !slices.Contains(d.ids, a.WebhookID) {
		d.ids = append(d.ids, a.WebhookID)
	}
	a.life = l.life
	if n := len(d.arrivals); n > 0 {
		last := d.arrivals[n-1]
		if last.Status/100 == 2 && (last.life == a.life || l.audited[a.ID]) {
			d.again++
		}
	}
	if a.Status/100 == 2 && d.succeeded() == 0 {
		l.first[a.Target] = append(l.first[a.Target], entry{a.ID, a.Key})
	}
	d.arrivals = append(d.arrivals, a)
}

// Arrivals is how many requests were entered.
func (l *Ledger) Arrivals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests
}

// Came is how often an event has arrived at a target.
func (l *Ledger) Came(id, target string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.deliveries[pair{id, target}]; d != nil {
		return len(d.arrivals)
	}
	return 0
}

// Cut enters that bellbuoy broke off, so that sends are repeated which were under way.
// All that came before must have been entered. The death of a sender is no cut: what it
// had under way is on record as attempts without an answer.
func (l *Ledger) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.life++
}

// Settled reports whether every accepted event has arrived at each target and was
// answered with success, or with what is final.
func (l *Ledger) Settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.accepted {
		for _, target := range l.targets {
			d := l.deliveries[pair{id, target}]
			if d == nil || !slices.ContainsFunc(d.arrivals, func(a Arrival) bool { return a.Status/100 == 2 || a.Status/100 == 4 }) {
				return false
			}
		}
	}
	return true
}

// Unaudited returns the accepted events that no trace was entered for.
func (l *Ledger) Unaudited() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for _, id := range l.accepted {
		if !l.audited[id] {
			ids = append(ids, id)
		}
	}
	return ids
}
