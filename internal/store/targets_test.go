package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// say tells the store which targets there are.
func say(t *testing.T, s *Store, names ...string) {
	t.Helper()
	named := map[string]Target{}
	for _, n := range names {
		named[n] = Target{}
	}
	if err := s.Targets(t.Context(), named); err != nil {
		t.Fatal(err)
	}
}

// states is the state of an event's only delivery.
func stateOf(t *testing.T, s *Store, native string) TracedDelivery {
	t.Helper()
	tr, err := s.Trace(t.Context(), native)
	if err != nil || len(tr.Deliveries) != 1 {
		t.Fatalf("trace of %s: %+v %v", native, tr.Deliveries, err)
	}
	return tr.Deliveries[0]
}

// Wherever a delivery is when its target goes, it is parked as soon as nobody holds it;
// when the target returns, all are claimed in the order of acceptance, before newer ones.
func TestTargetGoesWhileDeliveriesAreUnderWay(t *testing.T) {
	s := open(t, temp(t)) // 8 are handed over, or claimed, at a time
	say(t, s, "ci")
	for i := range 12 {
		accept(t, s, push(fmt.Sprintf("n%02d", i), "a", "ci"))
	}
	begun := claim(t, s, "ci", 2)
	handed := s.Handed("ci")
	if len(begun) != 2 || len(handed) != 6 {
		t.Fatalf("claimed %d, handed over %d", len(begun), len(handed))
	}
	say(t, s)
	accept(t, s, push("n12", "a", "ci")) // whoever planned it had not heard
	for native, want := range map[string]State{"n00": Waiting, "n07": Waiting, "n08": Parked, "n11": Parked, "n12": Parked} {
		if d := stateOf(t, s, native); d.State != want {
			t.Errorf("%s is %s, want %s", native, d.State, want)
		}
	}
	record(t, s, begun[0], Delivered, time.Time{})
	record(t, s, begun[1], Waiting, time.Now())
	for _, c := range handed {
		if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Returned: true}}); err != nil {
			t.Fatal(err)
		}
	}
	if d := stateOf(t, s, "n01"); d.State != Parked || d.Reason != goneTarget || len(d.Attempts) != 1 || d.Attempts[0].Next != nil {
		t.Errorf("what was to be tried again is %+v", d)
	}
	if d := stateOf(t, s, "n00"); d.State != Delivered {
		t.Errorf("what was delivered is %s", d.State)
	}
	if got := claim(t, s, "ci", 10); len(got) != 0 {
		t.Fatalf("claimed for a target that is gone: %s", natives(t, got))
	}

	say(t, s, "ci")
	accept(t, s, push("n13", "a", "ci"))
	// The one that was tried holds back the others of its key, as it did.
	got := claim(t, s, "ci", 10)
	if natives(t, got) != "n01" || got[0].Attempt != 2 {
		t.Fatalf("claimed %q", natives(t, got))
	}
	record(t, s, got[0], Delivered, time.Time{})
	var order string
	for len(order) < 12*4 {
		got := claim(t, s, "ci", 5)
		if len(got) == 0 {
			t.Fatalf("no more to claim after %q", order)
		}
		for _, c := range got {
			record(t, s, c, Delivered, time.Time{})
		}
		order += natives(t, got) + " "
	}
	if want := "n02 n03 n04 n05 n06 n07 n08 n09 n10 n11 n12 n13 "; order != want {
		t.Errorf("claimed %q\nwant    %q", order, want)
	}
}

// The time for which a delivery is parked does not bring it nearer to its end.
func TestParkedTimeDoesNotCount(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	accept(t, s, push("n1", "a", "ci"))
	before := claim(t, s, "ci", 1)[0]
	say(t, s)
	o := Outcome{Seq: before.Seq, Target: "ci", Key: before.Key, Attempt: 1, Returned: true}
	if err := s.Record(t.Context(), []Outcome{o}); err != nil {
		t.Fatal(err)
	}
	const parked = time.Hour
	if err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, `UPDATE delivery SET ended = ended - ?1`, parked.Microseconds())
		return err
	}}); err != nil {
		t.Fatal(err)
	}
	say(t, s, "ci")
	after := claim(t, s, "ci", 1)
	if len(after) != 1 || after[0].GiveUp.Sub(before.GiveUp) < parked {
		t.Errorf("given up %v, after an hour %+v", before.GiveUp, after)
	}
}

// More are moved than one transaction takes, of more targets, and all of them.
func TestManyAreParkedAndReleased(t *testing.T) {
	s := open(t, temp(t))
	var all []string
	for i := range targetsAtOnce + 2 {
		all = append(all, fmt.Sprintf("t%d", i))
	}
	say(t, s, append(all, "ci")...)
	a := push("n", "a", append(all, "ci")...)
	one := a.Items[0].Routing.Deliveries[len(all)]
	for i := range movedAtOnce + 10 {
		one.ID = fmt.Sprint("more-", i)
		a.Items[0].Routing.Deliveries = append(a.Items[0].Routing.Deliveries, one)
	}
	accept(t, s, a)
	s.Handed("ci")
	parked := func() (n int) {
		t.Helper()
		counts, err := s.TargetCounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range counts {
			n += c.States[Parked]
		}
		return n
	}
	say(t, s, "t0")
	leased := 8 + len(all) - 1 // in somebody's hands
	if got, want := parked(), len(all)+1+movedAtOnce+10-1-leased; got != want {
		t.Errorf("%d are parked, want %d", got, want)
	}
	say(t, s, append(all, "ci")...)
	if got := parked(); got != 0 {
		t.Errorf("%d are parked still", got)
	}
}

func TestCancel(t *testing.T) {
	s := open(t, temp(t))
	if _, err := s.Cancel(t.Context(), "ci", "r"); !errors.Is(err, ErrConfigured) {
		t.Errorf("before the targets are known: %v", err)
	}
	say(t, s, "ci", "ops")
	if _, err := s.Cancel(t.Context(), "ci", "r"); !errors.Is(err, ErrConfigured) {
		t.Errorf("a target of the config: %v", err)
	}
	say(t, s, "ops")
	for i := range 3 {
		accept(t, s, push(fmt.Sprint("n", i), "a", "ci"))
	}
	if n, err := s.Cancel(t.Context(), "ops2", "r"); n != 0 || err != nil {
		t.Errorf("another: %d %v", n, err)
	}
	if n, err := s.Cancel(t.Context(), "ci", "alice"); n != 3 || err != nil {
		t.Errorf("cancelled %d, %v", n, err)
	}
	if d := stateOf(t, s, "n1"); d.State != Cancelled || d.Reason != "cancelled by alice" || d.Next != nil {
		t.Errorf("it is %+v", d)
	}
	say(t, s, "ci", "ops")
	if got := claim(t, s, "ci", 10); len(got) != 0 {
		t.Errorf("claimed %s, which was cancelled", natives(t, got))
	}
}

// What a transaction said of the targets is taken back with it.
func TestTargetsOfAFailedTransaction(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	failed := errors.New("no")
	err := s.write(t.Context(), &job{run: func(context.Context) error {
		s.present = presence{named: map[string]Target{}, here: map[string]bool{}}
		return failed
	}})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	accept(t, s, push("n1", "a", "ci"))
	if d := stateOf(t, s, "n1"); d.State != Waiting {
		t.Errorf("it is %s", d.State)
	}
}
