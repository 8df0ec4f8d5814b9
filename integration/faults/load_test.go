package faults_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/ledger"
	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// load is a registry that posts over several connections until it is told to end,
// whatever becomes of bellbuoy.
type load struct {
	accepted atomic.Int64
	stop     context.CancelFunc
	posters  sync.WaitGroup
}

// loads makes the ids of several loads on one world differ.
var loads atomic.Int64

// load begins to post over so many connections, with a pause after each event.
func (w *world) load(connections int, pause time.Duration) *load {
	ctx, stop := context.WithCancel(w.ctx)
	l := &load{stop: stop}
	n := loads.Add(1)
	for c := range connections {
		l.posters.Go(func() {
			transport := &http.Transport{MaxConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			p := w.poster(&http.Client{Transport: transport})
			for i := 0; ctx.Err() == nil; i++ {
				id, repository := fmt.Sprintf("%d-%d-%d", n, c, i), fmt.Sprintf("team/app-%d-%d-%d", n, c, i%3)
				if !w.post(p, id, repository) {
					return
				}
				l.accepted.Add(1)
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	w.t.Cleanup(l.end)
	return l
}

// post posts one event until it is accepted, by whichever life.
func (w *world) post(p *poster.Poster, id, repository string) bool {
	body, err := poster.Envelope(id, repository, "latest", time.Now().UTC())
	if err != nil {
		w.t.Error(err)
		return false
	}
	return w.postBody(p, id, repository, body)
}

// poster is one that posts to hub.
func (w *world) poster(client *http.Client) *poster.Poster {
	return &poster.Poster{URL: "http://" + w.config.Listen + "/in/hub", Bearer: sidecar.Bearer, Client: client}
}

// postBody is post for a body that is made already.
func (w *world) postBody(p *poster.Poster, id, repository string, body []byte) bool {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	w.posting.RLock()
	defer w.posting.RUnlock()
	w.ledger.Posted(id, repository)
	if err := p.Insist(ctx, body); err != nil {
		if w.ctx.Err() == nil {
			w.t.Error(err)
		}
		return false
	}
	w.ledger.Accepted(id)
	return true
}

// end lets what is begun come to its end, and begins nothing more.
func (l *load) end() {
	l.stop()
	l.posters.Wait()
}

// more waits until n more events are accepted.
func (w *world) more(l *load, n int64) {
	w.t.Helper()
	before := l.accepted.Load()
	w.until(fmt.Sprintf("%d more events are accepted", n), func() bool { return l.accepted.Load() >= before+n })
}

// audit reads all traces and checks what the ledger says then.
func (w *world) audit() ledger.Report {
	w.t.Helper()
	w.traces()
	r := w.ledger.Report()
	if err := r.Err(); err != nil {
		w.t.Error(err)
	}
	return r
}

// traces has the ledger read the trace of each event that was accepted until now, once it
// has come to its end.
func (w *world) traces() {
	ids := make(chan string)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for id := range ids {
				w.trace(id)
			}
		})
	}
	for _, id := range w.ledger.Unaudited() {
		ids <- id
	}
	close(ids)
	readers.Wait()
}

// trace enters the trace of an event, once all its deliveries have ended.
func (w *world) trace(id string) {
	for end := time.Now().Add(patience); ; w.pause(10 * time.Millisecond) {
		t, err := w.life.Trace(w.ctx, id)
		if err != nil {
			w.t.Errorf("trace event %s: %v", id, err)
			return
		}
		ds, open := make([]ledger.Delivery, len(t.Deliveries)), false
		for i, d := range t.Deliveries {
			ds[i] = ledger.Delivery{Target: d.Target, WebhookID: d.ID, State: d.State, Reason: d.Reason}
			for _, a := range d.Attempts {
				ds[i].Attempts = append(ds[i].Attempts, ledger.Attempt{Outcome: a.Outcome, Status: a.Status})
			}
			open = open || ds[i].Open()
		}
		if !open || time.Now().After(end) {
			w.ledger.Traced(id, ds)
			return
		}
	}
}

// upTo is a random time of at most so many milliseconds.
func upTo(r *rand.Rand, most int) time.Duration {
	return time.Duration(r.IntN(most*1000)) * time.Microsecond
}

// tell logs the figures of a report.
func tell(t *testing.T, what string, r ledger.Report) {
	t.Helper()
	t.Logf("%s: %d events accepted, %d lost, %d repeated after success (at most %d at a target for one cut), ended %v",
		what, r.Accepted, len(r.Lost), len(r.Repeats), r.Most, r.Ends)
}
