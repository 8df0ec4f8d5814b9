// Package delivery empties the queue into the targets: each target at its own pace,
// in order where order was asked for, again where it failed. What it does is in the
// store before and after; in between it holds nothing that a crash could lose.
package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// Target is one target as it is configured now.
type Target struct {
	Type        string
	Options     json.RawMessage
	Timeout     time.Duration // of one attempt
	Concurrency int           // sends at a time, at least 1
	Policy      Policy
	// Message is how messages are made where the rule says nothing else.
	Message render.Rendering
	// Shadow has requests made and kept, and not sent.
	Shadow bool
	// Egress says what the sender may connect to.
	Egress plugin.Egress
	// Masks are the secrets among Options. A sender masks them in what it tells; this
	// is the second lock: no receipt and no error is written down with one in it.
	Masks []string
}

// Config is what a dispatcher works with.
type Config struct {
	Store *store.Store
	// Send makes one attempt; see [plugin.Sender]. Its error is read as a verdict, or is
	// [ErrUnsent].
	Send func(context.Context, plugin.Delivery) (plugin.Receipt, error)
	// Rests reports whether the sender of a target type does not run and is not to be
	// started yet: then nothing of its targets is attempted. May be nil: none ever does.
	Rests func(typ string) bool
	// Render makes the request that Send would make; see [plugin.Sender].
	Render func(context.Context, plugin.Delivery) (plugin.Request, error)
	// Target finds a target by name. It is asked again for each attempt, so that
	// what waits is sent with today's options.
	Target func(name string) (Target, bool)
	Log    *slog.Logger
	// Grace is how long sends in flight may take to end when Run is told to.
	Grace time.Duration
	// Watch is told of each attempt that ended, and how long it took; may be nil.
	Watch func(typ string, c store.Claimed, o store.Outcome, took time.Duration)
}

// ErrUnsent is for errors of Send that mean that no attempt was made: there was no sender
// to make it. The delivery waits on as if nothing had been.
var ErrUnsent = errors.New("the sender did not get it")

// Dispatcher attempts what is due. It runs one small loop for each target that has
// something to send, so that a slow target delays no other.
type Dispatcher struct {
	Config

	mu    sync.Mutex
	pumps map[string]*pump
	loops sync.WaitGroup
	sends context.Context // of the sends in flight

	recorder  recorder
	renderers renderers
}

// New makes a dispatcher; Run starts it.
func New(c Config) *Dispatcher {
	d := &Dispatcher{Config: c, pumps: map[string]*pump{}}
	d.recorder = recorder{store: c.Store, log: c.Log, more: make(chan struct{}, 1), ended: make(chan struct{})}
	return d
}

// Run delivers until ctx ends, then lets the sends in flight end, for at most Grace,
// and writes down how they did. It returns nil then, or the error that keeps it from
// going on: the store has failed.
func (d *Dispatcher) Run(ctx context.Context) error {
	sends, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	d.sends = sends

	recorded := make(chan error, 1)
	stop := make(chan struct{})
	go func() { recorded <- d.recorder.run(stop) }()

	loops, end := context.WithCancel(ctx)
	defer end()
	d.loops.Go(func() { d.tend(loops) })
	err := d.watch(loops)
	end()
	grace := time.AfterFunc(d.Grace, cancel)
	d.loops.Wait()
	grace.Stop()
	close(stop)
	return errors.Join(err, <-recorded)
}

// watch wakes the loops of targets that have something to claim, until ctx ends or the
// store has failed.
func (d *Dispatcher) watch(ctx context.Context) error {
	for {
		targets, err := d.Store.Ready(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("deliver: %w", err)
		}
		for _, t := range targets {
			d.wake(ctx, t)
		}
	}
}

// tendEvery is how often the store looks for what time asks of it.
const tendEvery = time.Minute

// tend has the store do what time asks for, until ctx ends.
func (d *Dispatcher) tend(ctx context.Context) {
	for {
		if err := d.Store.Tend(ctx); err != nil && ctx.Err() == nil && d.Store.Err() == nil {
			d.Log.Error("targets are not tended; trying again", "error", err)
		}
		again := time.NewTimer(tendEvery)
		select {
		case <-d.Store.Untended():
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// unsentPause is how long a delivery rests that its sender did not get.
const unsentPause = 100 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (d *Dispatcher) wake(ctx context.Context, target string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pumps[target]
	if p == nil {
		p = newPump(d, target)
		d.pumps[target] = p
		d.loops.Go(func() { p.run(ctx) })
		return
	}
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// retire takes an idle pump away, unless it has been woken just now.
func (d *Dispatcher) retire(p *pump) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(p.poke) > 0 {
		return false
	}
	delete(d.pumps, p.target)
	return true
}

// attempt sends one delivery and reads what that means.
func (d *Dispatcher) attempt(t Target, c store.Claimed) store.Outcome {
	ctx, cancel := context.WithTimeout(d.sends, t.Timeout)
	defer cancel()
	o := store.Outcome{Seq: c.Seq, Lease: c.Lease, Target: c.Target, Attempt: c.Attempt, Probe: c.Probe, Probes: c.Probes, Time: time.Now()}
	delivery := plugin.Delivery{
		ID: c.ID, Attempt: c.Attempt + c.Probes, Target: c.Target, Type: t.Type, Options: t.Options,
		Event: c.Event, Resume: c.Resume, Egress: t.Egress,
	}
	native := false
	var err error
	if c.Rendering != "" || t.Message != (render.Rendering{}) { // else the event is the message
		native, err = d.compose(ctx, t, c, &delivery)
	}
	if skip, ok := errors.AsType[*render.Skip](err); ok {
		o.State, o.Reason = store.Skipped, skip.Reason
		return o
	}
	if t.Shadow || c.Shadow { // one that was claimed as such took nothing of what the target's rate allows
		return d.shadow(t, delivery, native, o, err)
	}
	if err == nil {
		failpoint.At("send begun")
		o.Receipt, err = d.Send(ctx, delivery)
		failpoint.At("send ended")
		if errors.Is(err, ErrUnsent) {
			pause(d.sends, unsentPause) // whoever says so should rest, but need not yet
			o.State, o.Returned = store.Waiting, true
			return o
		}
		keep(&o, delivery.Body, native)
	}
	v := plugin.ReadVerdict(err)
	o.Outcome = v.Outcome
	if err != nil {
		o.Error = err.Error()
	}
	t.mask(&o)
	if today, known := d.Target(c.Target); known {
		today.mask(&o) // it was given other secrets meanwhile, which it may repeat as well
	}
	now := time.Now()
	o.Asked = Asked(v, now)
	switch {
	case v.Outcome == plugin.Delivered:
		o.State = store.Delivered
	case v.Outcome == plugin.PermanentFail:
		o.State, o.Reason = store.Dead, "the answer was final"
	case o.Receipt.Scope == plugin.ScopeTargetGone:
		o.State, o.Reason = store.Dead, "the target is gone"
	default:
		o.State = store.Waiting
		o.Next = t.Policy.Next(c.Attempt-c.Earlier, v, now)
		if unanswered := c.Probe && v.Outcome == plugin.Retry; o.Next.After(c.GiveUp) && !unanswered {
			o.State, o.Next = store.Dead, time.Time{}
			o.Reason = fmt.Sprintf("given up after %d attempts", c.Attempt-c.Earlier)
		}
	}
	return o
}
