package integration_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/process"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// again kills the sidecar and starts another over the same store, once its senders are
// gone too: until then they may be sending.
func (s *stage) again() {
	s.t.Helper()
	senders, err := process.Children(s.sidecar.PID())
	if err != nil {
		s.t.Fatal(err)
	}
	s.sidecar.Kill()
	s.until("the senders are gone too", func() bool { return !anyRuns(senders) })
	s.start()
	s.ready()
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

// No window has more arrivals than the rate says, though bellbuoy is killed in the middle
// of several; and all that was accepted arrives.
func TestRateAcrossKills(t *testing.T) {
	const sends, events, kills = 4, 24, 3
	const per = time.Second
	o := hasty
	o.Rate = fmt.Sprintf("%d/%v", sends, per)
	s := newStage(t, o)
	p := s.poster()
	for i := range events {
		s.insist(p, fmt.Sprintf("n%02d", i), fmt.Sprintf("team/app-%d", i%6))
	}
	for kill := range kills {
		s.wait(func(all []receiver.Arrival) bool { return len(all) >= 2+5*kill })
		s.again()
	}
	s.wait(func(all []receiver.Arrival) bool { return len(natives(t, all)) == events })
	all := s.rec.Arrivals()
	for i := 0; i+sends < len(all); i++ {
		if gap := all[i+sends].Time.Sub(all[i].Time); gap < per {
			t.Errorf("arrivals %d to %d came within %v", i, i+sends, gap)
		}
	}
}

// natives are the native ids of what arrived with success.
func natives(t *testing.T, all []receiver.Arrival) map[string]bool {
	got := map[string]bool{}
	for _, e := range succeeded(t, all) {
		got[e.Native.ID] = true
	}
	return got
}

// What a slow target cannot be told one by one comes in few messages, with nothing left
// out, each repository's in order, also when bellbuoy is killed after it made them; each
// event's trace says where it was told.
func TestDigestOfWhatWaits(t *testing.T) {
	const each = 20
	o := hasty
	o.Rate, o.Digest = "2/1s", 5
	s := newStage(t, o)
	p := s.poster()
	for i := range each {
		for _, repository := range []string{"team/one", "team/two"} {
			s.insist(p, fmt.Sprintf("%s %02d", repository, i), repository)
		}
	}
	accepted := map[string]event.Event{} // by id
	list, err := s.sidecar.Events(s.ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Type != event.Digest {
			accepted[e.ID] = e.Event
		}
	}
	if len(accepted) != 2*each {
		t.Fatalf("%d events are listed", len(accepted))
	}
	s.again()
	told := func(all []receiver.Arrival) (order map[string][]string, digests []event.Event) {
		order = map[string][]string{}
		seen := map[string]bool{}
		for _, a := range all {
			e := read(t, a)
			if a.Status/100 != 2 || seen[a.WebhookID] { // a kill may repeat one
				continue
			}
			seen[a.WebhookID] = true
			ids := []string{e.ID}
			if e.Type == event.Digest {
				ids, digests = e.Digest, append(digests, e)
			}
			for _, id := range ids {
				of := accepted[id]
				order[of.Repository.FullName] = append(order[of.Repository.FullName], of.Native.ID)
			}
		}
		return order, digests
	}
	s.wait(func(all []receiver.Arrival) bool {
		order, _ := told(all)
		return len(order["team/one"]) >= each && len(order["team/two"]) >= each
	})
	all := s.rec.Arrivals()
	order, digests := told(all)
	for repository, got := range order {
		if len(got) != each || !slices.IsSorted(got) {
			t.Errorf("%s: told of %q", repository, got)
		}
	}
	if len(digests) == 0 || len(all) > each {
		t.Fatalf("%d messages, %d of them digests", len(all), len(digests))
	}
	for _, digest := range digests {
		var own sidecar.Delivery
		s.until("the digest is recorded", func() bool {
			own = s.trace(digest.ID).Deliveries[0]
			return own.State == "delivered"
		})
		for _, id := range digest.Digest {
			d := s.trace(id).Deliveries[0]
			if want := "told in digest " + digest.ID + ", delivery " + own.ID; d.State != "folded" || d.Reason != want {
				t.Errorf("a member is %s: %s; want %s", d.State, d.Reason, want)
			}
		}
	}
}
