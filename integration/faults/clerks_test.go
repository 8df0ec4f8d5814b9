package faults_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

const (
	storeName = "bellbuoy.db"
	rulesHash = "rules"
)

// bookTargets are the targets that the stores here deliver to.
func bookTargets() []string { return []string{"chat", "ci", "ops"} }

// openStore opens a store as bellbuoy does.
func openStore(dir string) (*store.Store, error) {
	ctx := context.Background()
	s, err := store.Open(ctx, filepath.Join(dir, storeName), store.Options{Version: "test", Window: 8})
	if err != nil {
		return nil, err
	}
	err = s.PutRuleSet(ctx, rulesHash, []byte("[]"))
	if err == nil {
		named := map[string]store.Target{}
		for _, t := range bookTargets() {
			named[t] = store.Target{Type: "webhook"}
		}
		err = s.Targets(ctx, named)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// work has registries and targets write to the store at once, until so many arrivals were
// posted, and those who delete and ask for things again. What the store refuses is not
// promised, and no error.
func (p *promises) work(s *store.Store, arrivals int, r *rand.Rand) error {
	var posters, targets, others sync.WaitGroup
	var posted atomic.Int64
	errs := make(chan error, 16)
	try := func(err error) (ok bool) {
		if err != nil && !errors.Is(err, store.ErrUnavailable) && s.Err() == nil {
			select {
			case errs <- err:
			default:
			}
		}
		return err == nil
	}
	ctx, stop := context.WithCancel(context.Background())
	for range 2 {
		r := rand.New(rand.NewPCG(r.Uint64(), 0))
		posters.Go(func() {
			for posted.Add(1) <= int64(arrivals) && s.Err() == nil {
				try(p.post(s, r))
			}
		})
	}
	for _, target := range bookTargets() {
		r := rand.New(rand.NewPCG(r.Uint64(), 0))
		targets.Go(func() {
			for ctx.Err() == nil && s.Err() == nil {
				try(p.deliver(s, target, r))
			}
		})
	}
	if p.deletes {
		s.Keep(store.Retention{Age: time.Nanosecond, Size: 1 << 30})
		others.Go(func() { s.Retain(ctx, slog.New(slog.DiscardHandler)) })
	}
	posters.Wait()
	stop()
	targets.Wait()
	others.Wait()
	close(errs)
	return <-errs
}

// post sends what a registry sends: events, one that must wait to be routed, or what cannot
// be read.
func (p *promises) post(s *store.Store, r *rand.Rand) error {
	body := make([]byte, 1+r.IntN(600))
	if r.IntN(16) == 0 {
		body = make([]byte, 4000+r.IntN(12000))
	}
	for i := range body {
		body[i] = byte(r.Uint32())
	}
	a := store.Arrival{
		Registry: "hub", Received: time.Now(), Remote: "127.0.0.1:1", Headers: map[string]string{"User-Agent": "x"},
		Body: store.Raw{Bytes: body, Size: int64(len(body)), SHA256: sha256.Sum256(body)},
	}
	switch r.IntN(20) {
	case 0:
		return p.unreadable(s, a)
	case 1, 2:
		return p.held(s, a, r)
	}
	var made []*promised
	for range 1 + r.IntN(2)*r.IntN(3) {
		e, it := p.event(body, r)
		made, a.Items = append(made, e), append(a.Items, it)
	}
	p.note(made, func(at int) span { return span{at, never} })
	if _, err := s.Accept(context.Background(), a); err != nil {
		return p.refused(s, err, func() {
			for _, e := range made {
				e.stored = span{never, never}
				e.routedAt(e.stored)
			}
		})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range made {
		e.stored.acked = p.now()
		e.routedAt(span{e.routed.begun, p.now()})
	}
	return nil
}

// refused says that nothing was written of something, unless the store has failed: then
// nobody knows.
func (p *promises) refused(s *store.Store, err error, undo func()) error {
	if s.Err() == nil {
		p.mu.Lock()
		undo()
		p.mu.Unlock()
	}
	return err
}

// note remembers what is to be sent, and when its events will be routed.
func (p *promises) note(made []*promised, routed func(now int) span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range made {
		e.stored = span{p.now(), never}
		e.routedAt(routed(p.now()))
		p.events[e.id] = e
		for _, d := range e.deliveries {
			p.deliveries[d.id] = d
		}
	}
}

// routedAt says when the event is routed, which is when its deliveries come to be.
func (e *promised) routedAt(at span) {
	e.routed = at
	for _, d := range e.deliveries {
		d.stages[0].span = at
	}
}

func (p *promises) unreadable(s *store.Store, a store.Arrival) error {
	a.Quarantine = "no JSON"
	p.mu.Lock()
	q := &span{p.now(), never}
	p.quarantine[a.Body.SHA256] = q
	p.mu.Unlock()
	if _, err := s.Accept(context.Background(), a); err != nil {
		return p.refused(s, err, func() { *q = span{never, never} })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	q.acked = p.now()
	return nil
}

// held sends an event that is not routed at once.
func (p *promises) held(s *store.Store, a store.Arrival, r *rand.Rand) error {
	e, it := p.event(a.Body.Bytes, r)
	routing := it.Routing
	it.Hold, it.Routing = &store.Hold{Reason: "lookup", RouteAt: time.Now().Add(time.Hour)}, store.Routing{}
	a.Items = []store.Item{it}
	p.note([]*promised{e}, func(int) span { return span{never, never} })
	if _, err := s.Accept(context.Background(), a); err != nil {
		return p.refused(s, err, func() { e.stored = span{never, never} })
	}
	p.mu.Lock()
	e.stored.acked = p.now()
	e.routedAt(span{p.now(), never})
	p.mu.Unlock()
	if err := s.Route(context.Background(), e.id, routing); err != nil {
		return p.refused(s, err, func() { e.routedAt(span{never, never}) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e.routedAt(span{e.routed.begun, p.now()})
	return nil
}

// event makes an event, with deliveries to some targets.
func (p *promises) event(body []byte, r *rand.Rand) (*promised, store.Item) {
	p.mu.Lock()
	p.n++
	native := fmt.Sprint("n", p.n)
	p.mu.Unlock()
	repository := fmt.Sprint("team/app", r.IntN(3))
	e := event.Event{
		V: 1, ID: uuid.NewString(), Type: event.ArtifactPushed, Time: time.Now().UTC(),
		Registry: event.Registry{Name: "hub", Type: "distribution"}, Repository: &event.Repository{FullName: repository},
		Artifact: &event.Artifact{Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(native)))},
		Native:   event.Native{ID: native}, Origin: event.OriginNative,
	}
	full := e
	full.Artifact = &event.Artifact{Digest: e.Artifact.Digest, Tags: []string{"v1", "latest"}}
	out := &promised{id: e.ID, body: body, held: encoded(e), json: encoded(full)}
	routing := store.Routing{JSON: out.json, RuleSet: rulesHash, Matched: []string{"all"}}
	for _, target := range bookTargets() {
		if r.IntN(3) == 0 {
			continue
		}
		key := repository
		if r.IntN(2) == 0 {
			key = ""
		}
		d := &owed{id: uuid.NewString(), target: target, of: out, stages: []*stage{{state: store.Waiting}}}
		out.deliveries = append(out.deliveries, d)
		routing.Deliveries = append(routing.Deliveries, store.Planned{
			ID: d.id, Target: target, Type: "webhook", Rule: "all", Rules: []string{"all"}, Key: key,
			Due: time.Now(), GiveUp: time.Now().Add(72 * time.Hour), Hold: time.Millisecond,
		})
	}
	return out, store.Item{Event: e, Dedupe: true, Fingerprint: sha256.Sum256(out.held), Routing: routing}
}

func encoded(e event.Event) []byte {
	b, err := json.Marshal(e)
	if err != nil { // it is made of what can be encoded
		panic(err)
	}
	return b
}

// deliver makes some attempts for a target, and sometimes has one made again that ended.
func (p *promises) deliver(s *store.Store, target string, r *rand.Rand) error {
	claimed, err := s.Claim(context.Background(), target, 1+r.IntN(8))
	if err != nil {
		return err
	}
	var outcomes []store.Outcome
	var next []*stage
	retried := map[string]bool{} // keys that are held back
	p.mu.Lock()
	for _, c := range claimed {
		o := store.Outcome{
			Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Probe: c.Probe, Probes: c.Probes, Time: time.Now(),
			Receipt: plugin.Receipt{Request: plugin.Request{Method: "POST", URL: "http://127.0.0.1/"}, Status: 200, Reply: strings.Repeat("ok", r.IntN(100))},
		}
		d := p.deliveries[c.ID]
		last := d.stages[len(d.stages)-1]
		to := &stage{span{p.now(), never}, store.Delivered, last.tries + 1}
		o.State, o.Outcome = store.Delivered, plugin.Delivered
		switch n := r.IntN(10); {
		case retried[c.Key] || n == 0:
			o.Returned, o.State, o.Outcome, to = true, "", "", nil
		case n == 1:
			o.State, o.Outcome, o.Error, o.Next = store.Waiting, plugin.Retry, "no", time.Now()
			to.state, retried[c.Key] = store.Waiting, c.Key != ""
		case n == 2:
			o.State, o.Outcome, o.Error, o.Reason = store.Dead, plugin.PermanentFail, "never", "refused"
			to.state = store.Dead
		}
		if to != nil {
			d.stages = append(d.stages, to)
			next = append(next, to)
		}
		outcomes = append(outcomes, o)
	}
	p.mu.Unlock()
	for {
		err := s.RecordNow(context.Background(), outcomes)
		if err == nil {
			break
		}
		if s.Err() != nil {
			return err
		}
		time.Sleep(time.Millisecond) // as delivery does
	}
	p.mu.Lock()
	for _, to := range next {
		to.acked = p.now()
	}
	p.mu.Unlock()
	if r.IntN(8) == 0 {
		return p.again(s, target)
	}
	if len(claimed) == 0 {
		time.Sleep(100 * time.Microsecond) // leave the machine to those who post
	}
	return nil
}

// again has a delivery to the target made again that has ended.
func (p *promises) again(s *store.Store, target string) error {
	p.mu.Lock()
	var d *owed
	for _, one := range p.deliveries {
		if last := one.stages[len(one.stages)-1]; one.target == target && last.state != store.Waiting && last.acked != never {
			d = one
			break
		}
	}
	if d == nil {
		p.mu.Unlock()
		return nil
	}
	to := &stage{span{p.now(), never}, store.Waiting, d.stages[len(d.stages)-1].tries}
	d.stages = append(d.stages, to)
	p.mu.Unlock()
	ended := []store.State{store.Delivered, store.Dead}
	run, err := s.Redeliver(context.Background(), store.Redelivery{Select: store.Selection{ID: d.id, States: ended}, By: "test"},
		func(string) (store.Terms, bool) {
			return store.Terms{Type: "webhook", Ordered: true, GiveUpAfter: time.Hour}, true
		})
	undo := func() { d.stages = slices.DeleteFunc(d.stages, func(s *stage) bool { return s == to }) }
	if err != nil {
		return p.refused(s, err, undo)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if to.acked = p.now(); run.Done == 0 { // it is deleted
		undo()
	}
	return nil
}
