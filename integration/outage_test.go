package integration_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// hasty keeps trying, without end and without long waits, and lets nothing pass.
var hasty = sidecar.Options{Retry: []string{"0s", "100ms", "200ms"}, Hold: "10m"}

func TestReceiverDownAndBack(t *testing.T) {
	s := newStage(t, hasty)
	s.rec.Down()
	pushed := pushTen(s)
	// In one repository at least: where its attempts open the circuit, the other gets none,
	// and bellbuoy has an event of its own to tell.
	s.until("all are there, and an attempt has failed", func() bool {
		list, err := s.sidecar.Events(s.ctx, 100)
		if err != nil {
			t.Fatal(err)
		}
		list = slices.DeleteFunc(list, func(e sidecar.Listed) bool { return e.Type != event.ArtifactPushed })
		return len(list) == 10 && slices.ContainsFunc(list, func(e sidecar.Listed) bool {
			return slices.ContainsFunc(s.trace(e.ID).Deliveries, func(d sidecar.Delivery) bool { return d.Count("retry") > 0 })
		})
	})
	if err := s.rec.Up(); err != nil {
		t.Fatal(err)
	}
	checkTen(s, pushed)
}

func TestReceiverFailsAndRecovers(t *testing.T) {
	s := newStage(t, hasty)
	s.rec.Answer(func(receiver.Arrival) int { return http.StatusServiceUnavailable })
	pushed := pushTen(s)
	s.wait(func(all []receiver.Arrival) bool { return len(all) >= 3 })
	s.rec.Answer(func(receiver.Arrival) int { return http.StatusOK })
	checkTen(s, pushed)
}

// pushTen pushes five images to each of two repositories and returns what the
// deliveries of each must tell, in order.
func pushTen(s *stage) map[string][]string {
	s.t.Helper()
	reg := s.registry()
	pushed := make(map[string][]string)
	for i := range 5 {
		for _, repository := range []string{"team/one", "team/two"} {
			tag := fmt.Sprintf("v%d", i)
			digest, err := reg.Push(s.ctx, repository, tag)
			if err != nil {
				s.t.Fatal(err)
			}
			pushed[repository] = append(pushed[repository], "artifact.pushed "+tag+" "+digest)
		}
	}
	return pushed
}

// checkTen waits for the ten and checks that each was delivered once, in order.
func checkTen(s *stage, pushed map[string][]string) {
	s.t.Helper()
	s.wait(func(all []receiver.Arrival) bool { return len(succeeded(s.t, all)) >= 10 })
	got := make(map[string][]string)
	for _, e := range succeeded(s.t, s.rec.Arrivals()) {
		got[e.Repository.FullName] = append(got[e.Repository.FullName], say(e))
	}
	for repository, want := range pushed {
		if !slices.Equal(got[repository], want) {
			s.t.Errorf("%s: delivered %q, want %q", repository, got[repository], want)
		}
	}
}
