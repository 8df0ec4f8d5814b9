package faults_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// promises are what a store was asked to write down, and what it said that it had, by a
// clock that counts what was done to the disk.
type promises struct {
	now     func() int
	deletes bool // what has ended may be gone

	mu         sync.Mutex
	n          int
	events     map[string]*promised
	deliveries map[string]*owed
	quarantine map[[32]byte]*span
}

func newPromises(now func() int) *promises {
	return &promises{now: now, events: map[string]*promised{}, deliveries: map[string]*owed{}, quarantine: map[[32]byte]*span{}}
}

// span is when something was asked for, and when it was answered.
type span struct{ begun, acked int }

// never is later than all that is done to a disk.
const never = 1 << 62

// promised is one event.
type promised struct {
	id             string
	stored, routed span
	body           []byte
	held, json     []byte // before it is routed, and then
	deliveries     []*owed
}

// owed is one delivery.
type owed struct {
	id, target string
	of         *promised
	stages     []*stage // that it came through
}

type stage struct {
	span
	state store.State
	tries int
}

// possible are the stages in which the delivery may be at a time: the last that was
// answered, and the one that was asked for then.
func (d *owed) possible(at int) []*stage {
	var out []*stage
	for _, s := range d.stages {
		switch {
		case s.acked <= at:
			out = []*stage{s}
		case s.begun <= at:
			out = append(out, s)
		}
	}
	return out
}

// wrong is what a store has that does not fit its promises.
type wrong []string

func (w *wrong) say(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

func (w wrong) err() error {
	if len(w) == 0 {
		return nil
	}
	slices.Sort(w)
	return fmt.Errorf("%d faults, the first: %s", len(w), w[0])
}

// kept compares the store in a file to what was promised at a time.
func (p *promises) kept(db *sql.DB, at int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var w wrong
	found := map[string]string{} // the states of events
	err := each(db, `SELECT e.id, e.state, e.json, a.body, a.sha256 FROM event e LEFT JOIN arrival a ON a.seq = e.arrival
		WHERE e.type NOT LIKE 'bellbuoy.%'`, func(scan func(...any) error) error {
		var id, state string
		var json, body, sum []byte
		if err := scan(&id, &state, &json, &body, &sum); err != nil {
			return err
		}
		e := p.events[id]
		if e == nil || e.stored.begun > at {
			w.say("event %s was not sent", id)
			return nil
		}
		found[id] = state
		want := e.json
		if state == "held" {
			want = e.held
		}
		if !bytes.Equal(json, want) || !bytes.Equal(body, e.body) || string(sum) != string(hashed(e.body)) {
			w.say("event %s has other bytes", id)
		}
		if state == "held" && e.routed.acked <= at || state != "held" && e.routed.begun > at {
			w.say("event %s is %s", id, state)
		}
		return nil
	})
	if err != nil {
		return err
	}
	there := map[string]bool{}
	err = each(db, `SELECT d.id, d.target, e.id, d.state, (SELECT count(*) FROM attempt a WHERE a.delivery = d.seq)
		FROM delivery d LEFT JOIN event e ON e.seq = d.event`, func(scan func(...any) error) error {
		var id, target, of string
		var state store.State
		var tries int
		if err := scan(&id, &target, &of, &state, &tries); err != nil {
			return err
		}
		there[id] = true
		d := p.deliveries[id]
		if d == nil || d.target != target || d.of.id != of {
			w.say("delivery %s of event %s to %s was not planned", id, of, target)
			return nil
		}
		fits := func(s *stage) bool { return s.state == state && s.tries == tries }
		if !slices.ContainsFunc(d.possible(at), fits) {
			w.say("delivery %s is %s after %d attempts, which it was not", id, state, tries)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, e := range p.events {
		state, ok := found[id]
		if !ok {
			if e.stored.acked <= at && !(p.deletes && e.mayHaveEnded(at)) {
				w.say("event %s is lost", id)
			}
			continue
		}
		for _, d := range e.deliveries {
			if there[d.id] != (state == "routed") {
				w.say("event %s is %s, and its delivery is there: %t", id, state, there[d.id])
			}
		}
	}
	bodies := map[[32]byte]bool{}
	err = each(db, `SELECT body FROM quarantine`, func(scan func(...any) error) error {
		var b []byte
		if err := scan(&b); err != nil {
			return err
		}
		bodies[sha256.Sum256(b)] = true
		return nil
	})
	if err != nil {
		return err
	}
	for sum, q := range p.quarantine {
		if q.acked <= at && !bodies[sum] && !p.deletes {
			w.say("a body is lost from quarantine")
		}
	}
	return errors.Join(w.err(), whole(db))
}

// mayHaveEnded reports whether each of its deliveries may have ended by then.
func (e *promised) mayHaveEnded(at int) bool {
	ended := func(s *stage) bool { return s.state != store.Waiting }
	for _, d := range e.deliveries {
		if !slices.ContainsFunc(d.possible(at), ended) {
			return false
		}
	}
	return e.routed.begun <= at
}

func hashed(b []byte) []byte { h := sha256.Sum256(b); return h[:] }

// each reads all rows of a query.
func each(db *sql.DB, query string, row func(scan func(...any) error) error) error {
	rows, err := db.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// whole finds rows that belong to nothing, counters that do not add up, and faults in the
// file.
func whole(db *sql.DB) error {
	var w wrong
	for what, query := range map[string]string{
		"deliveries without an event": `SELECT count(*) FROM delivery WHERE event NOT IN (SELECT seq FROM event)`,
		"attempts without a delivery": `SELECT count(*) FROM attempt WHERE delivery NOT IN (SELECT seq FROM delivery)`,
		"arrivals without an event":   `SELECT count(*) FROM arrival WHERE seq NOT IN (SELECT arrival FROM event)`,
		"events without an arrival":   `SELECT count(*) FROM event WHERE arrival NOT IN (SELECT seq FROM arrival)`,
		"events without their rules":  `SELECT count(*) FROM event WHERE rule_set <> 0 AND rule_set NOT IN (SELECT id FROM rule_set)`,
		"keys without an event":       `SELECT count(*) FROM event_key WHERE event NOT IN (SELECT seq FROM event)`,
		"indexed events without an id": `SELECT count(*) FROM event WHERE seq NOT IN (SELECT event FROM seen)
			AND seq <= (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'indexed')`,
		"counters that are wrong": `SELECT count(*) FROM (
			SELECT target, state, sum(n) AS n FROM standing GROUP BY 1, 2 HAVING sum(n) <> 0
			EXCEPT SELECT target, state, count(*) FROM delivery GROUP BY 1, 2)`,
	} {
		var n int
		if err := db.QueryRow(query).Scan(&n); err != nil {
			return fmt.Errorf("look for %s: %w", what, err)
		}
		if n > 0 {
			w.say("there are %d %s", n, what)
		}
	}
	err := each(db, `PRAGMA integrity_check(1)`, func(scan func(...any) error) error {
		var verdict string
		err := scan(&verdict)
		if verdict != "ok" {
			w.say("the file has faults: %s", verdict)
		}
		return err
	})
	return errors.Join(err, w.err())
}
