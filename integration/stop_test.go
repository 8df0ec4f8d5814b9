package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/integration/ledger"
	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
)

// Asked to stop, bellbuoy takes nothing new, finishes the sends that it has begun
// and ends well; the next life does the rest, and nothing twice.
func TestStopDrains(t *testing.T) {
	s := newStage(t, hasty)
	led := ledger.New()
	release := make(chan struct{})
	var hanging atomic.Int64
	s.rec.Answer(func(a receiver.Arrival) int {
		e := read(t, a)
		led.Arrived(ledger.Arrival{ID: e.Native.ID, Key: e.Repository.FullName, WebhookID: a.WebhookID, Status: http.StatusOK})
		hanging.Add(1)
		<-release
		return http.StatusOK
	})
	p := s.poster()
	for i := range 24 {
		id, repository := uuid.NewString(), fmt.Sprintf("team/app-%d", i%6)
		led.Posted(id, repository)
		s.insist(p, id, repository)
		led.Accepted(id)
	}
	s.until("a send of each repository hangs", func() bool { return hanging.Load() == 6 })

	// 25 s are promised to sends in flight; the rest is for ending.
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	type end struct {
		status int
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		status, err := s.sidecar.Stop(ctx)
		ended <- end{status, err}
	}()
	lateID := uuid.NewString()
	led.Posted(lateID, "team/late")
	body, err := poster.Envelope(lateID, "team/late", "latest", time.Now().UTC())
	if err != nil {
		t.Fatal(err)
	}
	late := s.poster()
	var taken int // before the signal was seen
	s.until("the intake is closed", func() bool {
		status, err := late.Post(s.ctx, body)
		if err == nil && status == http.StatusAccepted {
			taken = 1
		}
		return err != nil || status == http.StatusServiceUnavailable
	})
	select {
	case e := <-ended:
		t.Fatalf("bellbuoy ended (%+v) while sends were in flight", e)
	default:
	}
	close(release)
	if e := <-ended; e.err != nil || e.status != 0 {
		t.Fatalf("exit status %d, %v; want 0", e.status, e.err)
	}

	s.start()
	s.ready()
	s.until("everything has arrived", led.Settled)
	s.until("every delivery is recorded", func() bool { return delivered(s) >= 24+taken })
	r := led.Report()
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if len(r.Repeats) > 0 {
		t.Errorf("sent again after a clean stop: %v", r.Repeats)
	}
}
