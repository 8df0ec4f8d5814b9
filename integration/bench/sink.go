//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
)

// An event's native id is a UUID that says its batch and its place in it: the mark,
// four digits of the batch, version and variant, twelve digits of the place.
const (
	mark     = "b0a7be11-"
	idFormat = mark + "%04x-7000-8000-%012x"
	idLength = 36
)

// sink is the receiver of all: it notes when each event of the batches that are
// awaited first came, and answers at once.
type sink struct {
	addr   string
	server *http.Server
	served chan struct{}

	mu      sync.Mutex
	last    int            // number of the newest batch
	batches map[int]*batch // those that are awaited
}

// stored is the number of the batch that was put into a store before it was started.
// No other batch of a run has the number of another.
const stored = 0

// batch is a number of events that are posted and awaited together.
type batch struct {
	number   int
	due      []time.Time // when each was posted, or was to be
	answered []time.Time // when it was accepted
	first    []time.Time // when it came to the sink; zero until then
	left     int         // that have not come
	all      chan struct{}
}

func startSink() (*sink, error) {
	l, err := loopback.Listen()
	if err != nil {
		return nil, err
	}
	s := &sink{addr: l.Addr().String(), served: make(chan struct{}), batches: map[int]*batch{}}
	s.server = &http.Server{Handler: http.HandlerFunc(s.take), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(l) // ends with Close
	}()
	return s, nil
}

func (s *sink) URL() string { return "http://" + s.addr + "/" }

func (s *sink) Close() {
	s.server.Close()
	<-s.served
}

// expect begins a new batch of n events.
func (s *sink) expect(n int) *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	b := s.begin(s.last, n)
	b.due, b.answered = make([]time.Time, n), make([]time.Time, n)
	return b
}

// expectStored begins the batch of n events that wait in a store.
func (s *sink) expectStored(n int) *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begin(stored, n)
}

func (s *sink) begin(number, n int) *batch {
	b := &batch{number: number, first: make([]time.Time, n), left: n, all: make(chan struct{})}
	s.batches[number] = b
	return b
}

// left is how many of b have not come yet.
func (s *sink) left(b *batch) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return b.left
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	body := bytes.NewBuffer(make([]byte, 0, max(r.ContentLength, 0)+bytes.MinRead))
	if _, err := io.Copy(body, r.Body); err != nil {
		return
	}
	number, place, err := readID(body.Bytes())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.batches[number]; b != nil && place < len(b.first) && b.first[place].IsZero() {
		b.first[place] = now
		if b.left--; b.left == 0 {
			close(b.all)
		}
	}
}

// readID finds the first native id of ours in body.
func readID(body []byte) (number, place int, err error) {
	at := bytes.Index(body, []byte(mark))
	if at < 0 || len(body) < at+idLength {
		return 0, 0, fmt.Errorf("no event of this bench in %d bytes", len(body))
	}
	id := string(body[at : at+idLength])
	n, err := strconv.ParseInt(id[len(mark):len(mark)+4], 16, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("read id %s: %w", id, err)
	}
	p, err := strconv.ParseInt(id[idLength-12:], 16, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("read id %s: %w", id, err)
	}
	return int(n), int(p), nil
}

// wait waits until every event of b has come. What comes again later is not looked at.
func (s *sink) wait(ctx context.Context, b *batch) error {
	select {
	case <-b.all:
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.batches, b.number)
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Errorf("%d of %d events have not come: %w", b.left, len(b.first), context.Cause(ctx))
	}
}
