package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// An outcome that comes after a probe of the same attempt is too late, and is dropped.
func TestOutcomeOfAnEarlierClaimAfterAProbe(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	accept(t, s, push("a", "x", "ci"))
	first := claim(t, s, "ci", 1)[0]
	outcome := func(c Claimed, probe bool) Outcome {
		return Outcome{Seq: c.Seq, Target: "ci", Attempt: c.Attempt, Probe: probe, Probes: c.Probes, State: Waiting,
			Time: time.Now(), Next: time.Now().Add(time.Hour), Outcome: plugin.Retry, Error: "refused"}
	}
	if err := s.Record(t.Context(), []Outcome{outcome(first, true)}); err != nil {
		t.Fatal(err)
	}
	s.shelves.mark("ci", true) // as if it were time for the next probe
	if c := claim(t, s, "ci", 1)[0]; c.Probes != 1 || c.Attempt != 1 {
		t.Fatalf("claimed %+v", c)
	}
	if err := s.Record(t.Context(), []Outcome{outcome(first, false)}); err != nil {
		t.Fatalf("the outcome of the first claim, again: %v", err)
	}
	tr, err := s.Trace(t.Context(), "a")
	if err != nil || len(tr.Deliveries[0].Attempts) != 1 {
		t.Errorf("%+v %v", tr.Deliveries, err)
	}
}

// A probe may be under way when somebody closes the circuit. It was not answered: then its
// delivery is as any other that is to be tried again.
func TestProbeOfACircuitThatIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, temp(t))
		say(t, s, "ci")
		a := push("a", "x", "ci")
		a.Items[0].Routing.Deliveries[0].Hold = 0 // the end of one would wake it
		accept(t, s, a)
		try := func() {
			t.Helper()
			c := claim(t, s, "ci", 1)
			if len(c) != 1 {
				t.Fatalf("claimed %q", natives(t, c))
			}
			if c[0].Probe {
				if _, err := s.Reset(t.Context(), "ci", "me"); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, _ = s.Ready(ctx) // what was said before
				cancel()
				if more := claim(t, s, "ci", 1); len(more) != 0 {
					t.Fatalf("claimed %q beside it", natives(t, more))
				}
			}
			err := s.Record(t.Context(), []Outcome{{Seq: c[0].Seq, Target: "ci", Key: c[0].Key, Attempt: c[0].Attempt, Probe: c[0].Probe,
				Probes: c[0].Probes, State: Waiting, Time: time.Now(), Next: time.Now(), Outcome: plugin.Retry, Error: "refused"}})
			if err != nil {
				t.Fatal(err)
			}
		}
		for range openAfter {
			try()
		}
		time.Sleep(firstProbe)
		try()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if ready, err := s.Ready(ctx); err != nil || !slices.Equal(ready, []string{"ci"}) {
			t.Fatalf("to be claimed: %q, %v", ready, err)
		}
		if c := claim(t, s, "ci", 1); len(c) != 1 || c[0].Probe {
			t.Errorf("claimed %+v", c)
		}
	})
}

// A target that waits for what its rate allows waits no longer when it goes into shadow
// mode, and goes by it again when it is live.
func TestRateAndShadow(t *testing.T) {
	s := open(t, temp(t))
	live := Target{Rate: Rate{Sends: 1, Per: 24 * time.Hour}}
	shadow := live
	shadow.Shadow = true
	mode := func(m Target) {
		t.Helper()
		if err := s.Targets(t.Context(), map[string]Target{"ci": m}); err != nil {
			t.Fatal(err)
		}
	}
	mode(live)
	for _, n := range []string{"a", "b", "c"} {
		accept(t, s, push(n, n, "ci"))
	}
	if got := natives(t, claim(t, s, "ci", 8)); got != "a" {
		t.Fatalf("claimed %q", got)
	}
	if got := claim(t, s, "ci", 8); len(got) != 0 {
		t.Fatalf("claimed %q beyond the rate", natives(t, got))
	}
	mode(shadow)
	if got := natives(t, claim(t, s, "ci", 8)); got != "b c" {
		t.Errorf("claimed %q in shadow mode", got)
	}
	accept(t, s, push("d", "d", "ci")) // handed over, on the shelf
	mode(live)
	if got := claim(t, s, "ci", 8); len(got) != 0 {
		t.Errorf("claimed %q beyond the rate, once live", natives(t, got))
	}
}

// A member of a digest that somebody has made again by itself ends by itself from then on:
// it does not end as its digest does, and is chosen among the dead ones.
func TestMemberMadeAgainIsItsOwn(t *testing.T) {
	s := digesting(t, temp(t), 1)
	die := func(c Claimed) {
		t.Helper()
		if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: "chat", Attempt: c.Attempt, State: Dead,
			Reason: "the answer was final", Time: time.Now(), Outcome: plugin.PermanentFail}}); err != nil {
			t.Fatal(err)
		}
	}
	accept(t, s, about("a", "x", "", nil))
	accept(t, s, about("b", "x", "", nil))
	digest := claim(t, s, "chat", 8)[0]
	die(digest)
	a := stateOf(t, s, "a")
	toTheEnd(t, s, Redelivery{Select: Selection{ID: a.ID}, By: "alice"})
	again := claim(t, s, "chat", 8)
	if natives(t, again) != "a" {
		t.Fatalf("claimed %q", told(t, s, again))
	}
	die(again[0])
	toTheEnd(t, s, Redelivery{Select: Selection{ID: digest.ID}, By: "alice"})
	if got := stateOf(t, s, "a"); got.State != Dead || got.Reason != "the answer was final" {
		t.Errorf("with its digest, a is %s: %s", got.State, got.Reason)
	}
	if got := stateOf(t, s, "b"); got.State != Folded {
		t.Errorf("b is %s: %s", got.State, got.Reason)
	}
	if r := toTheEnd(t, s, Redelivery{Select: Selection{Query: Query{Target: "chat"}}, By: "alice"}); r.Done != 1 {
		t.Errorf("of the dead ones: %+v", r)
	}
	if got := stateOf(t, s, "a"); got.State != Waiting {
		t.Errorf("a is %s", got.State)
	}
}

// What a target was told in a digest it has.
func TestToldInADigestIsPresent(t *testing.T) {
	s := open(t, temp(t))
	if err := s.Targets(t.Context(), map[string]Target{"chat": {DigestAfter: 1}, "ci": {}}); err != nil {
		t.Fatal(err)
	}
	accept(t, s, push("a", "x", "ci", "chat"))
	accept(t, s, push("b", "x", "ci", "chat"))
	record(t, s, claim(t, s, "chat", 8)[0], Delivered, time.Time{})
	for _, c := range claim(t, s, "ci", 8) {
		record(t, s, c, Dead, time.Time{})
	}
	r := toTheEnd(t, s, Redelivery{Select: Selection{Query: Query{Target: "ci"}}, To: "chat", By: "alice"})
	if r.Present != 2 || r.Done != 0 {
		t.Errorf("%+v", r)
	}
}

// A digest is its own message at another target too.
func TestDigestElsewhere(t *testing.T) {
	s := open(t, temp(t))
	if err := s.Targets(t.Context(), map[string]Target{"chat": {DigestAfter: 1}, "ops": {}}); err != nil {
		t.Fatal(err)
	}
	accept(t, s, about("a", "x", "", nil))
	accept(t, s, about("b", "x", "", nil))
	record(t, s, claim(t, s, "chat", 8)[0], Dead, time.Time{})
	toTheEnd(t, s, Redelivery{Select: Selection{Query: Query{Target: "chat"}}, To: "ops", By: "alice"})
	cs := claim(t, s, "ops", 8)
	if len(cs) != 1 || decode(t, cs[0]).Type != event.Digest || cs[0].Rendering != digestRendering {
		t.Errorf("claimed %+v", cs)
	}
}

// A claim that was asked for while a delivery was being accepted, and handed over, does
// not overtake it with a later one of its repository.
func TestClaimDoesNotOvertakeTheShelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, temp(t))
		say(t, s, "ci")
		first := push("first", "x", "ci")
		first.Items[0].keys = keys(&first.Items[0].Event, first.Items[0].Routing)
		release, accepted := make(chan struct{}), make(chan error, 2)
		go func() {
			w := &acceptance{s: s, a: &first, headers: "{}"}
			accepted <- s.write(t.Context(), &job{run: func(ctx context.Context) error {
				err := w.events(ctx)
				s.shelves.found([]string{"ci"}) // as when something else is due, or another process says so
				<-release
				return err
			}})
		}()
		synctest.Wait() // it is written, and not on the shelf yet
		var got []Claimed
		claimed := make(chan error, 1)
		go func() {
			var err error
			got, err = s.Claim(t.Context(), "ci", 1)
			claimed <- err
		}()
		go func() {
			_, err := s.Accept(t.Context(), push("second", "x", "ci"))
			accepted <- err
		}()
		synctest.Wait()
		close(release)
		if err := errors.Join(<-accepted, <-accepted, <-claimed); err != nil {
			t.Fatal(err)
		}
		if natives(t, got) != "first second" {
			t.Fatalf("claimed %q", natives(t, got))
		}
		retried := Outcome{Seq: got[0].Seq, Target: "ci", Key: "x", Attempt: 1, State: Waiting, Time: time.Now(), Next: time.Now(), Outcome: plugin.Retry}
		if err := s.Record(t.Context(), []Outcome{retried}); err != nil {
			t.Fatal(err)
		}
		if out := s.shelves.at("ci").out; out != 0 {
			t.Errorf("%d are in the hands of nobody", out)
		}
	})
}
