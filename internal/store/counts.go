package store

import (
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// What the tally counts.
const (
	tallyStored      = "stored"
	tallyCounted     = "counted" // an event of a type that nobody asked to keep
	tallyDuplicate   = "duplicate"
	tallyConflict    = "conflict"
	tallyQuarantined = "quarantined"
)

// tallyKey is one counter.
type tallyKey struct {
	hour           int64
	registry, what string
	typ            event.Type
}

// counts are counters on their way to the tally. Those of events that are only
// counted wait in memory for the next commit, for a second or so: nobody waits for a
// disk sync to have a blob counted.
type counts struct {
	mu      sync.Mutex
	waiting map[tallyKey]int
	more    chan struct{}    // one when something waits
	inTx    map[tallyKey]int // of the running transaction; the writer's
}

func (c *counts) init() {
	c.waiting, c.inTx = map[tallyKey]int{}, map[tallyKey]int{}
	c.more = make(chan struct{}, 1)
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// add counts outside of a transaction.
func (c *counts) add(registry string, at time.Time, what string, typ event.Type, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[tallyKey{hourOf(at), registry, what, typ}] += n
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// addInTx counts in the running transaction. Only the writer calls it.
func (c *counts) addInTx(registry string, at time.Time, what string, typ event.Type) {
	c.inTx[tallyKey{hourOf(at), registry, what, typ}]++
}

func (c *counts) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) == 0
}

// take hands what waits to a transaction, which gives it back where it fails.
func (c *counts) take() map[tallyKey]int {
	clear(c.inTx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return nil
	}
	taken := c.waiting
	c.waiting = map[tallyKey]int{}
	return taken
}

func (c *counts) putBack(taken map[tallyKey]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, n := range taken {
		c.waiting[k] += n
	}
}
