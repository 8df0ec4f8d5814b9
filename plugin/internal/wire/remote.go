package wire

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// Remote is the host's end of one connection to a sender. It does not outlive the
// connection: once [Remote.Broken] is closed every call returns [Remote.Err].
type Remote struct {
	conn   grpc.ClientConnInterface
	api    SenderClient
	stream grpc.BidiStreamingClient[Deliveries, Acks]
	queue  *queue[item]

	mu       sync.Mutex
	last     uint64           // the number given last
	pending  map[uint64]*call // on the wire, without an ack
	broken   chan struct{}
	err      error // why broken is closed
	writerUp sync.WaitGroup
}

// item is something to be written: a call, or the number of one that was given up.
type item struct {
	call   *call
	cancel uint64
}

// call is one Send. Its message lives in it so that there is one allocation a call.
type call struct {
	msg      Delivery
	size     int
	deadline time.Time // when the sender should have answered; zero = never
	done     chan struct{}
	ack      *Ack // set before done is closed

	// Under Remote.mu:
	givenUp time.Time // when the caller went away; zero = it waits
}

// Open starts the stream on conn. It ends with ctx, or by [Remote.Break].
func Open(ctx context.Context, conn grpc.ClientConnInterface) (*Remote, error) {
	r := &Remote{
		conn:    conn,
		api:     NewSenderClient(conn),
		queue:   newQueue[item](),
		pending: make(map[uint64]*call),
		broken:  make(chan struct{}),
	}
	stream, err := r.api.Send(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the stream to a sender: %w", rpcError(err))
	}
	r.stream = stream
	go r.read()
	r.writerUp.Go(r.write)
	return r, nil
}

// Broken is closed when the connection carries nothing any more.
func (r *Remote) Broken() <-chan struct{} { return r.broken }

// Err says why the connection is broken; nil while it is not.
func (r *Remote) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Break makes all calls return err at once, those in flight too. The first break
// counts.
func (r *Remote) Break(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		close(r.broken)
	}
}

// Overdue reports whether a sender has kept a delivery for longer than limit after
// its caller went away, which a sender that heeds its context does not.
func (r *Remote) Overdue(limit time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.pending {
		if !c.givenUp.IsZero() && time.Since(c.givenUp) > limit {
			return true
		}
	}
	return false
}

// Health asks the process whether it serves.
func (r *Remote) Health(ctx context.Context) error {
	reply, err := grpc_health_v1.NewHealthClient(r.conn).Check(ctx,
		&grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	if err != nil {
		return rpcError(err)
	}
	if s := reply.GetStatus(); s != grpc_health_v1.HealthCheckResponse_SERVING {
		return fmt.Errorf("it reports %s", s)
	}
	return nil
}

// Describe is [plugin.Sender.Describe] of the sender of type typ.
func (r *Remote) Describe(ctx context.Context, typ string) (plugin.Description, error) {
	m, err := r.api.Describe(ctx, &DescribeRequest{Type: typ})
	if err != nil {
		return plugin.Description{}, rpcError(err)
	}
	return readDescription(typ, m)
}

// Check is [plugin.Sender.Check] of the sender of type typ.
func (r *Remote) Check(ctx context.Context, typ string, c plugin.Check) ([]plugin.Fault, error) {
	request, err := writeCheck(typ, c)
	if err != nil {
		return nil, err
	}
	m, err := r.api.Check(ctx, request)
	if err != nil {
		return nil, rpcError(err)
	}
	return readFaults(m), nil
}

// Render is [plugin.Sender.Render] of the sender of type d.Type.
func (r *Remote) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	if _, err := checkSize(&d); err != nil {
		return plugin.Request{}, err
	}
	m := &Delivery{}
	m.fill(&d)
	reply, err := r.api.Render(ctx, &RenderRequest{Delivery: m})
	if err != nil {
		return plugin.Request{}, rpcError(err)
	}
	return readRequest(&d, reply.GetRequest()), nil
}

// Send is [plugin.Sender.Send] of the sender of type d.Type. It returns as soon as
// ctx ends, whatever the sender does; the slices of d may then still be read.
func (r *Remote) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	size, err := checkSize(&d)
	if err != nil {
		return plugin.Receipt{}, err
	}
	c := &call{size: size, done: make(chan struct{})}
	c.msg.fill(&d)
	if deadline, ok := ctx.Deadline(); ok {
		c.deadline = earlier(deadline)
	}
	r.queue.put(item{call: c})
	select {
	case <-c.done:
	case <-ctx.Done():
		if !r.giveUp(c) {
			break // the ack was faster
		}
		return plugin.Receipt{}, fmt.Errorf("wait for the sender's answer: %w", context.Cause(ctx))
	case <-r.broken:
		select {
		case <-c.done: // its ack was the last thing heard
		default:
			return plugin.Receipt{}, r.Err()
		}
	}
	return c.ack.read(&d)
}

// earlier leaves a little of the time to the way back, so that a sender that runs
// into its deadline can still hand in its receipt.
func earlier(deadline time.Time) time.Time {
	return deadline.Add(-min(100*time.Millisecond, time.Until(deadline)/10))
}

// giveUp tells the sender to stop with c, and reports whether there was no answer yet.
func (r *Remote) giveUp(c *call) bool {
	r.mu.Lock()
	if c.ack != nil {
		r.mu.Unlock()
		return false
	}
	c.givenUp = time.Now()
	number := c.msg.Number
	r.mu.Unlock()
	if number != 0 {
		r.queue.put(item{cancel: number})
	}
	return true
}

// write sends what is queued, all of it at a time, until the stream is broken.
func (r *Remote) write() {
	var items []item
	for {
		select {
		case <-r.broken:
			return
		case <-r.queue.ready:
		}
		items = r.queue.take(items)
		for rest := items; len(rest) > 0; {
			var batch *Deliveries
			batch, rest = r.batch(rest)
			if len(batch.Deliveries) == 0 && len(batch.Cancelled) == 0 {
				continue
			}
			if r.stream.Send(batch) != nil {
				return // the reader gets the reason
			}
		}
	}
}

// batch numbers the first of items, as many as go into one message.
func (r *Remote) batch(items []item) (batch *Deliveries, rest []item) {
	batch = &Deliveries{}
	now := time.Now()
	size := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, it := range items {
		c := it.call
		if c == nil {
			batch.Cancelled = append(batch.Cancelled, it.cancel)
			continue
		}
		if !c.givenUp.IsZero() {
			continue
		}
		if size += c.size; size > fillBatch && len(batch.Deliveries) > 0 {
			return batch, items[i:]
		}
		if !c.deadline.IsZero() {
			c.msg.TimeoutMs = max(1, c.deadline.Sub(now).Milliseconds())
		}
		if batch.Deliveries == nil {
			batch.Deliveries = make([]*Delivery, 0, len(items)-i)
		}
		r.last++
		c.msg.Number = r.last
		r.pending[r.last] = c
		batch.Deliveries = append(batch.Deliveries, &c.msg)
	}
	return batch, nil
}

// read hands acks to their calls until the stream is broken.
func (r *Remote) read() {
	for {
		acks, err := r.stream.Recv()
		if err != nil {
			r.Break(fmt.Errorf("connection to the sender lost: %w", rpcError(err)))
			r.writerUp.Wait()
			return
		}
		r.mu.Lock()
		for _, ack := range acks.GetAcks() {
			c, ok := r.pending[ack.GetNumber()]
			if !ok {
				continue // made up, or acked twice
			}
			delete(r.pending, ack.GetNumber())
			c.ack = ack
			close(c.done)
		}
		r.mu.Unlock()
	}
}

// rpcError is what a failed call says, without gRPC's trimmings.
func rpcError(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	return errors.New(cut(s.Message(), maxError))
}
