package store

import (
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
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
