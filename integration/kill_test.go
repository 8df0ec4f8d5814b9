package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/integration/ledger"
	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/process"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
)

// Twenty times bellbuoy is killed at a random moment under load, while the receiver
// now and then fails. What was answered 202 arrives; what arrives twice was on its way
// at a kill; order holds.
func TestKillUnderLoad(t *testing.T) {
	const kills, connections, repositories = 20, 8, 4
	s := newStage(t, hasty)
	led := ledger.New()
	var events sync.Map // webhook id -> event id
	s.rec.Answer(func(a receiver.Arrival) int {
		if rand.IntN(20) == 0 { // so that order does not come by itself
			return http.StatusServiceUnavailable
		}
		e := read(t, a)
		events.Store(a.WebhookID, e.ID)
		led.Arrived(e.Native.ID, e.Repository.FullName, a.WebhookID)
		return http.StatusOK
	})

	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	var accepted atomic.Int64
	var load sync.WaitGroup
	for c := range connections {
		p := s.poster()
		load.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				repository := fmt.Sprintf("team/app-%d-%d", c, i%repositories)
				if id, ok := post(t, ctx, s.ctx, p, repository); ok {
					led.Accepted(id, repository)
					accepted.Add(1)
				}
			}
		})
	}

	for kill := range kills {
		if kill%4 == 3 { // in the middle of the start
			pause(s.ctx, 60)
		} else {
			before := accepted.Load()
			s.until("something is accepted", func() bool { return accepted.Load() > before })
			pause(s.ctx, 400)
		}
		senders, err := process.Children(s.sidecar.PID())
		if err != nil {
			t.Fatal(err)
		}
		s.sidecar.Kill()
		s.until("the senders are gone too", func() bool { return !anyRuns(senders) })
		s.start()
	}
	stop()
	load.Wait()
	s.ready()
	s.settle(led)

	r := led.Report()
	t.Logf("%d kills: accepted %d, arrived %d, of them repeated %d", kills, r.Accepted, r.Arrived, len(r.Repeats))
	check(t, r)
	// A repeat is right only where the earlier send was not on record: then the
	// trace knows of one success.
	for webhookID := range r.Repeats {
		id, _ := events.Load(webhookID)
		s.until("the outcome of a repeated delivery is recorded", func() bool {
			for _, d := range s.trace(id.(string)).Deliveries {
				if d.ID == webhookID && d.Count("delivered") > 1 {
					t.Errorf("delivery %s was on record as delivered and was sent again", webhookID)
				}
				if d.ID == webhookID && d.State == "delivered" {
					return true
				}
			}
			return false
		})
	}
}

// settle waits until everything accepted has arrived, or will not.
func (s *stage) settle(led *ledger.Ledger) {
	s.t.Helper()
	quiet, cancel := context.WithTimeout(s.ctx, patience/2)
	defer cancel()
	for !led.Settled() {
		select {
		case <-quiet.Done():
			check(s.t, led.Report())
			s.t.FailNow()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// check reports everything in r that must never be.
func check(t *testing.T, r ledger.Report) {
	t.Helper()
	if r.Accepted == 0 {
		t.Error("nothing was accepted, so nothing was tested")
	}
	if len(r.Lost) > 0 {
		t.Errorf("%d events were answered 202 and lost, such as %s", len(r.Lost), r.Lost[0])
	}
	if len(r.Split) > 0 {
		t.Errorf("%d events came under several webhook ids, such as %s", len(r.Split), r.Split[0])
	}
	if len(r.Disorder) > 0 {
		t.Errorf("%d events came out of order: %s", len(r.Disorder), r.Disorder[0])
	}
}

// post posts one new event until it is accepted. Once load has ended it starts no
// new one, but what is begun is brought to its end within all.
func post(t *testing.T, load, all context.Context, p *poster.Poster, repository string) (id string, ok bool) {
	if load.Err() != nil {
		return "", false
	}
	id = uuid.NewString()
	body, err := poster.Envelope(id, repository, "latest", time.Now().UTC())
	if err == nil {
		err = p.Insist(all, body)
	}
	if err != nil {
		t.Error(err)
		return "", false
	}
	return id, true
}

// pause waits for a random time of at most so many milliseconds.
func pause(ctx context.Context, most int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(rand.IntN(most*1000)) * time.Microsecond):
	}
}

func anyRuns(pids []int) bool {
	for _, pid := range pids {
		f, err := process.Stat(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && f[0] != "Z" { // a zombie has ended; who reaps it is not our affair
			return true
		}
	}
	return false
}

// A sender that is killed in the middle of its sends takes none of them with it.
func TestKillSender(t *testing.T) {
	s := newStage(t, hasty)
	led := ledger.New()
	release := make(chan struct{})
	var hanging atomic.Int64
	var hung sync.Map // webhook ids of the sends that the kill cut off
	s.rec.Answer(func(a receiver.Arrival) int {
		e := read(t, a)
		led.Arrived(e.Native.ID, e.Repository.FullName, a.WebhookID)
		select {
		case <-release:
		default:
			hung.Store(a.WebhookID, true)
			hanging.Add(1)
			<-release
		}
		return http.StatusOK
	})
	p := s.poster()
	for i := range 24 {
		id, repository := uuid.NewString(), fmt.Sprintf("team/app-%d", i%6)
		s.insist(p, id, repository)
		led.Accepted(id, repository)
	}
	s.until("a send of each repository hangs", func() bool { return hanging.Load() == 6 })
	senders, err := process.Children(s.sidecar.PID())
	if err != nil {
		t.Fatal(err)
	}
	if len(senders) != 1 {
		t.Fatalf("bellbuoy has %d children, want one sender", len(senders))
	}
	if err := syscall.Kill(senders[0], syscall.SIGKILL); err != nil {
		t.Fatal(os.NewSyscallError("kill", err))
	}
	close(release)
	s.settle(led)
	s.until("every delivery is recorded", func() bool { return delivered(s) == 24 })

	r := led.Report()
	check(t, r)
	for webhookID := range r.Repeats {
		if _, ok := hung.Load(webhookID); !ok {
			t.Errorf("delivery %s was repeated, though no send of it was cut off", webhookID)
		}
	}
	select {
	case <-s.sidecar.Exited():
		t.Error("bellbuoy ended with its sender")
	default:
	}
}

// delivered counts the deliveries that are on record as made.
func delivered(s *stage) int {
	s.t.Helper()
	list, err := s.sidecar.Events(s.ctx, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		n += e.Deliveries["delivered"]
	}
	return n
}
