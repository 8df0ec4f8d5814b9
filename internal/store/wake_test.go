package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A failed store gives nothing out: its outcome could not be written down, so that it
// would be sent again.
func TestFailedStoreHandsNothingOut(t *testing.T) {
	s := open(t, temp(t))
	accept(t, s, push("a", "a", "ci"))
	gone := errors.New("the disk is gone")
	s.fail(gone)
	if cs, err := s.Claim(t.Context(), "ci", 10); len(cs) > 0 || !errors.Is(err, gone) {
		t.Errorf("claimed %d, %v", len(cs), err)
	}
	if _, err := s.Ready(t.Context()); !errors.Is(err, gone) {
		t.Errorf("Ready: %v", err)
	}
	if _, err := s.Accept(t.Context(), push("b", "b", "ci")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Accept: %v", err)
	}
}

// A delivery that falls due while the commit that says so is still on its way is found.
func TestDueBeforeItsCommit(t *testing.T) {
	s := open(t, temp(t))
	accept(t, s, push("a", "a", "ci"))
	c := claim(t, s, "ci", 1)[0]
	if err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
		err := s.record(ctx, Outcome{Seq: c.Seq, Target: "ci", Key: c.Key, Attempt: 1, State: Waiting, Next: time.Now().Add(20 * time.Millisecond),
			Time: time.Now(), Outcome: "retry"}, "{}")
		time.Sleep(60 * time.Millisecond) // a slow disk
		return err
	}}); err != nil {
		t.Fatal(err)
	}
	until(t, s, "ci", "a")
}

// A claim that finds nothing looks up when there will be something: nobody else would.
func TestClaimKnowsWhenToComeAgain(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	accept(t, s, push("a", "a", "ci"))
	record(t, s, claim(t, s, "ci", 1)[0], Waiting, time.Now().Add(300*time.Millisecond))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path) // it knows only what is in the rows
	until(t, s, "ci", "a")
}

// until does as delivery does, until the delivery of an event is claimed.
func until(t *testing.T, s *Store, target, native string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		if got := natives(t, claim(t, s, target, 10)); got == native {
			return
		}
		if _, err := s.Ready(ctx); err != nil {
			t.Fatalf("%s is never claimed: %v", native, err)
		}
	}
}

// What runs in the writer for each event or claim finds its rows by an index: a scan
// would hold up everybody once a receiver has been down for a day.
func TestWriterScansNothing(t *testing.T) {
	s := open(t, file(t))
	x := s.stmts.text
	for name, text := range map[string]string{
		"findSeen": x.findSeen, "countRepeat": x.countRepeat, "keyWaits": x.keyWaits, "keyHeldBack": x.keyHeldBack,
		"claim": x.claim, "anyWaiting": x.anyWaiting, "nextWake": x.nextWake, "free": x.free, "keysBehind": x.keysBehind,
		"holdsEnded": x.holdsEnded, "record": x.record, "holdUntil": x.holdUntil, "holdBack": x.holdBack,
		"giveBack": x.giveBack, "giveBackBehind": x.giveBackBehind, "routeEvent": x.routeEvent, "park": x.park,
		"release": x.release, "indexSeen": x.indexSeen, "indexKeys": x.indexKeys, "waitingTargets": x.waitingTargets,
		"voidLeases": x.voidLeases,
	} {
		args := make([]any, strings.Count(text, "?"))
		for n := len(args); n > 0; n-- {
			if strings.Contains(text, fmt.Sprint("?", n)) {
				args = args[:n]
				break
			}
		}
		rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			full := strings.HasPrefix(detail, "SCAN") && !strings.Contains(detail, "INDEX delivery_leased") // which is small
			for _, small := range []string{"SUBQUERY", "CONSTANT", " k", " t", "VIRTUAL", "(subquery", "4 ", "rule_set",
				" again", " fresh", " held", " merged"} {
				full = full && !strings.Contains(detail, small)
			}
			if full || strings.Contains(detail, "delivery") && strings.Contains(detail, "AUTOMATIC") {
				t.Errorf("%s: %s", name, detail)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// A question that takes its time holds up no commit.
func TestSlowReaderHoldsUpNobody(t *testing.T) {
	s := open(t, temp(t))
	accept(t, s, push("first", "a", "ci"))
	tx, err := s.read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM event`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	for i := range 1200 { // with checkpoints on the way, on a log that is long
		a := push(fmt.Sprint("n", i), "a", "ci")
		if i < 80 {
			a.Body.Bytes = make([]byte, 1<<20)
		}
		accept(t, s, a)
	}
}
