package wire

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// MaxSends is how many sends a process makes at a time. Beyond that it takes no
// more from the stream, and the host's queue grows instead.
const MaxSends = 4096

// Service is the sender's end of the wire, in front of the senders of one process.
type Service struct {
	UnimplementedSenderServer

	senders map[string]plugin.Sender
	log     io.Writer
}

// NewService serves senders by their types. What a sender panics with is written to
// log; the call that it panicked in fails, the process goes on.
func NewService(senders map[string]plugin.Sender, log io.Writer) *Service {
	return &Service{senders: senders, log: log}
}

func (s *Service) sender(typ string) (plugin.Sender, error) {
	if sender, ok := s.senders[typ]; ok {
		return sender, nil
	}
	return nil, fmt.Errorf("this process has no sender of type %q", cut(typ, 64))
}

// Describe answers for the sender of the request's type.
func (s *Service) Describe(ctx context.Context, m *DescribeRequest) (reply *Description, err error) {
	sender, err := s.sender(m.GetType())
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	defer s.recovered("describe", &err)
	d, err := sender.Describe(ctx)
	if err != nil {
		return nil, failed(err)
	}
	return writeDescription(d), nil
}

// Check answers for the sender of the request's type.
func (s *Service) Check(ctx context.Context, m *CheckRequest) (reply *CheckReply, err error) {
	sender, err := s.sender(m.GetType())
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	defer s.recovered("check", &err)
	faults, err := sender.Check(ctx, readCheck(m))
	if err != nil {
		return nil, failed(err)
	}
	return writeFaults(faults), nil
}

// Render answers for the sender of the request's type.
func (s *Service) Render(ctx context.Context, m *RenderRequest) (reply *RenderReply, err error) {
	d := m.GetDelivery().read()
	sender, err := s.sender(d.Type)
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	defer s.recovered("render", &err)
	request, err := sender.Render(ctx, d)
	if err != nil {
		return nil, failed(err)
	}
	return &RenderReply{Request: writeRequest(&d, request)}, nil
}

func failed(err error) error {
	return status.Error(codes.Unknown, cut(err.Error(), maxError))
}

// recovered turns a panic into an error. The stack goes to the log only: it may
// hold what was sent.
func (s *Service) recovered(doing string, err *error) {
	if p := recover(); p != nil {
		fmt.Fprintf(s.log, "panic in %s: %v\n%s", doing, p, debug.Stack())
		*err = fmt.Errorf("the sender panicked in %s; its log says more", doing)
	}
}

// Send serves one stream until the host closes it. Sends that are still being made
// then have their contexts ended; nobody hears of them.
func (s *Service) Send(stream grpc.BidiStreamingServer[Deliveries, Acks]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	desk := &desk{
		service: s,
		acks:    newQueue[*Ack](),
		slots:   make(chan struct{}, MaxSends),
		more:    make(chan sending),
		idle:    make(chan struct{}, maxIdle),
		cancels: make(map[uint64]context.CancelFunc),
	}
	var writer sync.WaitGroup
	writer.Go(func() { desk.write(ctx, stream) })
	defer writer.Wait()
	defer cancel()
	for {
		batch, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, number := range batch.GetCancelled() {
			desk.cancel(number)
		}
		for _, m := range batch.GetDeliveries() {
			select {
			case desk.slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			work := sending{desk.begin(ctx, m), m}
			select {
			case desk.more <- work:
			default: // none waits
				go desk.serve(ctx, work)
			}
		}
	}
}

// desk keeps the deliveries of one stream that are being sent.
type desk struct {
	service *Service
	acks    *queue[*Ack]
	slots   chan struct{}
	more    chan sending  // to those who wait for it
	idle    chan struct{} // has an entry for each of them

	mu      sync.Mutex
	cancels map[uint64]context.CancelFunc
}

// sending is one delivery that is to be sent.
type sending struct {
	ctx     context.Context
	message *Delivery
}

// maxIdle is how many goroutines that have sent wait for more.
const maxIdle = 64

// serve sends one delivery and then others, until ctx ends or enough wait for them: a
// goroutine that has sent before need not grow its stack again.
func (d *desk) serve(ctx context.Context, work sending) {
	for {
		d.send(work.ctx, work.message)
		select {
		case d.idle <- struct{}{}:
		default:
			return
		}
		select {
		case work = <-d.more:
			<-d.idle
		case <-ctx.Done():
			return
		}
	}
}

func (d *desk) begin(ctx context.Context, m *Delivery) context.Context {
	var cancel context.CancelFunc
	if ms := m.GetTimeoutMs(); ms > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cancels[m.GetNumber()] = cancel
	return ctx
}

func (d *desk) cancel(number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cancel, ok := d.cancels[number]; ok {
		cancel()
	}
}

func (d *desk) end(number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cancel, ok := d.cancels[number]; ok {
		cancel()
		delete(d.cancels, number)
	}
}

func (d *desk) send(ctx context.Context, m *Delivery) {
	delivery := m.read()
	receipt, err := d.service.attempt(ctx, delivery)
	ack := writeAck(m.GetNumber(), &delivery, receipt, err)
	d.end(m.GetNumber())
	<-d.slots
	d.acks.put(ack)
}

// attempt makes one send; a panic in it is a failure to be tried again.
func (s *Service) attempt(ctx context.Context, d plugin.Delivery) (receipt plugin.Receipt, err error) {
	sender, err := s.sender(d.Type)
	if err != nil {
		return plugin.Receipt{}, err
	}
	defer s.recovered("send", &err)
	return sender.Send(ctx, d)
}

// write sends the acks that there are, all of them at a time, until ctx ends.
func (d *desk) write(ctx context.Context, stream grpc.BidiStreamingServer[Deliveries, Acks]) {
	var acks []*Ack
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.acks.ready:
		}
		acks = d.acks.take(acks)
		for rest := acks; len(rest) > 0; {
			n := fit(rest)
			if stream.Send(&Acks{Acks: rest[:n]}) != nil {
				return
			}
			rest = rest[n:]
		}
	}
}

// fit is how many of acks go into one message, which the host takes only up to
// MaxAnswer bytes; one always does.
func fit(acks []*Ack) int {
	size := 0
	for i, a := range acks {
		if size += a.weight(); size > fillBatch && i > 0 {
			return i
		}
	}
	return len(acks)
}

// weight is about how many bytes a is on the wire, and never less.
func (a *Ack) weight() int {
	r := a.GetReceipt()
	q := r.GetRequest()
	n := 128 + len(a.GetError()) + len(r.GetReply()) + len(r.GetResume()) + len(r.GetScope()) +
		len(q.GetMethod()) + len(q.GetUrl()) + len(q.GetBody())
	for _, h := range q.GetHeaders() {
		n += 16 + len(h.GetName()) + len(h.GetValue())
	}
	return n
}
