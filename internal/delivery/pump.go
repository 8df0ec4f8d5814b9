package delivery

import (
	"context"
	"slices"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// pump is the loop of one target, from when there is something to claim until there
// is nothing more. Only its own goroutine touches its fields.
type pump struct {
	d       *Dispatcher
	target  string
	poke    chan struct{} // there may be more to claim
	results chan store.Outcome

	lanes    map[string]*lane
	runnable []*lane // lanes whose head may be sent now, longest first
	queued   int     // claimed and not in flight
	inFlight int
}

// lane is the deliveries of one key, to be attempted one after the other. Those
// without a key have a lane each.
type lane struct {
	key   string
	queue []store.Claimed
}

func newPump(d *Dispatcher, target string) *pump {
	return &pump{
		d: d, target: target,
		poke:    make(chan struct{}, 1),
		results: make(chan store.Outcome),
		lanes:   map[string]*lane{},
	}
}

// run claims and sends until nothing is left or ctx ends; then it gives back what it
// has not begun and waits for what it has.
func (p *pump) run(ctx context.Context) {
	for {
		if ctx.Err() != nil || p.d.Store.Err() != nil { // what is sent now could not be recorded
			p.stop()
			return
		}
		t, known := p.d.Target(p.target)
		if !known && p.leave(ctx) {
			continue
		}
		if known && p.d.Rests != nil && p.d.Rests(t.Type) {
			p.rest(ctx)
			continue
		}
		if known && p.d.Store.Recalled(p.target) {
			p.shed(ctx)
		}
		if known && (p.queued < t.Concurrency || len(p.runnable) == 0 && p.inFlight < t.Concurrency) {
			p.claim(ctx, min(4*t.Concurrency, claimMost))
		}
		if known && !p.d.Store.Sends(p.target) {
			p.shed(ctx)
		}
		for known && p.inFlight < t.Concurrency && p.mayStart() {
			p.start(t)
		}
		if p.inFlight == 0 {
			if p.d.retire(p) {
				p.giveBack()
				return
			}
			<-p.poke
			continue
		}
		select {
		case o := <-p.results:
			if p.settle(o) {
				p.d.recorder.flush(ctx)
			}
		case <-p.poke:
		case <-ctx.Done():
		}
	}
}

// lookAgain is how often a target whose sender rests is looked at.
const lookAgain = 500 * time.Millisecond

// rest gives back what is not begun, while the sender of the target's type does not run
// and is not to be started yet: what waits in the store burns no attempts.
func (p *pump) rest(ctx context.Context) {
	p.take(p.d.Store.Handed(p.target))
	if p.queued > 0 {
		p.giveBack()
		p.d.recorder.flush(ctx)
	}
	again := time.NewTimer(lookAgain)
	defer again.Stop()
	select {
	case o := <-p.results:
		if p.settle(o) {
			p.d.recorder.flush(ctx)
		}
	case <-p.poke:
	case <-again.C:
	case <-ctx.Done():
	}
}

// mayStart reports whether there is a delivery that may be sent now. The target is asked
// about before each one: what came of the last may have closed it.
func (p *pump) mayStart() bool {
	return len(p.runnable) > 0 && (p.runnable[0].queue[0].Probe || p.d.Store.Sends(p.target))
}

// settle takes in a result and the others that are there already, and reports whether
// they must be written down before more is sent: one failed, and until the store knows, it
// would hand out what stands behind it, or what its target takes no more.
func (p *pump) settle(o store.Outcome) (again bool) {
	for {
		p.ended(o)
		again = again || o.State == store.Waiting || o.State == store.Dead
		select {
		case o = <-p.results:
		default:
			return again
		}
	}
}

// claimMost is how many deliveries are claimed in one transaction at the most: whoever is
// accepting an event may wait for it.
const claimMost = 64

func (p *pump) claim(ctx context.Context, n int) {
	claimed, err := p.d.Store.Claim(ctx, p.target, n)
	if err != nil {
		if ctx.Err() == nil && p.d.Store.Err() == nil {
			p.d.Log.Error("claim deliveries", "target", p.target, "error", err)
			pause(ctx, time.Second)
			p.d.wake(ctx, p.target) // what there is to claim was said once
		}
		return
	}
	p.take(claimed)
}

// take puts what was claimed into its lanes.
func (p *pump) take(claimed []store.Claimed) {
	for _, c := range claimed {
		p.queued++
		l := p.lanes[c.Key]
		if c.Key != "" && l != nil {
			l.queue = append(l.queue, c)
			continue
		}
		l = &lane{key: c.Key, queue: []store.Claimed{c}}
		if c.Key != "" {
			p.lanes[c.Key] = l
		}
		p.runnable = append(p.runnable, l)
	}
}

// start sends the head of the next lane. The lane is runnable again when it ended.
func (p *pump) start(t Target) {
	l := p.runnable[0]
	p.runnable[0] = nil
	p.runnable = p.runnable[1:]
	c := l.queue[0]
	l.queue = l.queue[1:]
	p.queued--
	p.inFlight++
	go func() {
		o := p.d.attempt(t, c)
		if p.d.Watch != nil && !o.Returned {
			p.d.Watch(t.Type, c, o, time.Since(o.Time))
		}
		o.Key = c.Key
		p.results <- o
	}()
}

// ended takes in how an attempt ended. Where it is to be tried again, what is behind
// it in its lane is given back: it waits in the store for its turn.
func (p *pump) ended(o store.Outcome) {
	p.inFlight--
	outcomes := []store.Outcome{o}
	l := p.lanes[o.Key]
	switch {
	case o.Key == "":
	case o.State == store.Waiting:
		outcomes = append(outcomes, returned(l.queue)...)
		p.queued -= len(l.queue)
		delete(p.lanes, o.Key)
	case len(l.queue) > 0:
		p.runnable = append(p.runnable, l)
	default:
		delete(p.lanes, o.Key)
	}
	p.d.recorder.add(outcomes...)
}

func returned(cs []store.Claimed) []store.Outcome {
	out := make([]store.Outcome, len(cs))
	for i, c := range cs {
		out[i] = store.Outcome{Seq: c.Seq, Lease: c.Lease, Target: c.Target, Attempt: c.Attempt, Probe: c.Probe, Probes: c.Probes, Returned: true}
	}
	return out
}

// leave gives back what is not begun, and what was handed over for this target: it is
// gone from the config, so that the store parks it. The store must have it before more is
// claimed, or that could overtake it. It reports whether the target has come back instead.
func (p *pump) leave(ctx context.Context) (back bool) {
	p.take(p.d.Store.Handed(p.target))
	if _, known := p.d.Target(p.target); known {
		return true
	}
	if p.queued > 0 {
		p.giveBack()
		p.d.recorder.flush(ctx)
	}
	return false
}

// shed gives back what is not begun, and what was handed over, as long as nothing is to
// be sent to this target. A probe stays: it is to be sent all the same.
func (p *pump) shed(ctx context.Context) {
	p.take(p.d.Store.Handed(p.target))
	var probes []store.Claimed
	for _, l := range p.runnable {
		probes = append(probes, l.probes()...)
	}
	for _, l := range p.lanes {
		if !slices.Contains(p.runnable, l) {
			probes = append(probes, l.probes()...)
		}
	}
	p.queued -= len(probes)
	given := p.queued > 0
	p.giveBack()
	if given {
		p.d.recorder.flush(ctx)
	}
	p.take(probes)
}

// probes takes the probes out of the lane.
func (l *lane) probes() (out []store.Claimed) {
	l.queue = slices.DeleteFunc(l.queue, func(c store.Claimed) bool {
		if c.Probe {
			out = append(out, c)
		}
		return c.Probe
	})
	return out
}

// giveBack ends the claims of what was not begun.
func (p *pump) giveBack() {
	for _, l := range p.runnable {
		p.d.recorder.add(returned(l.queue)...)
		l.queue = nil
		delete(p.lanes, l.key)
	}
	for _, l := range p.lanes { // behind one in flight
		p.d.recorder.add(returned(l.queue)...)
		l.queue = nil
	}
	p.queued, p.runnable = 0, nil
}

// stop gives back what is not begun and waits for what is.
func (p *pump) stop() {
	p.giveBack()
	for p.inFlight > 0 {
		p.ended(<-p.results)
	}
}
