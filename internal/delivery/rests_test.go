package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// What no sender got was no attempt: the schedule stands where it stood, and the order is
// kept.
func TestUnsentIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		r := newRig(t, nil)
		r.answer = func(s sent) error {
			switch {
			case !up.Load():
				return fmt.Errorf("%w: it does not start", ErrUnsent)
			case s.attempt == 1:
				return errors.New("not yet")
			}
			return nil
		}
		defer r.end()
		r.accept("a", "app", "ci")
		r.accept("b", "app", "ci")
		time.Sleep(time.Minute)
		if d := r.trace("a"); d.State != store.Waiting || len(d.Attempts) != 0 {
			t.Errorf("while there is no sender: %+v", d)
		}
		if n := len(r.attempts()); n < 100 || n > 1200 {
			t.Errorf("a minute without a sender was asked for %d times", n)
		}
		if c := r.store.Conditions()["ci"]; c.Retries != 0 || !c.Open.IsZero() {
			t.Errorf("the target is blamed: %+v", c)
		}
		up.Store(true)
		time.Sleep(time.Minute)
		for _, native := range []string{"a", "b"} {
			if d := r.trace(native); d.State != store.Delivered || len(d.Attempts) != 2 {
				t.Errorf("%s: %+v", native, d)
			}
		}
	})
}

// While a sender rests nothing of its targets is attempted, what was handed over in memory
// neither; then all of it is, in its order.
func TestNothingIsAttemptedWhileTheSenderRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(sent) error { return nil })
		defer r.end()
		r.accept("before", "app", "ci")
		time.Sleep(time.Second)
		r.rests.Store(true)
		for i := range 20 {
			r.accept(fmt.Sprint(i), "app", "ci")
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		if got := r.order("ci"); got != "before" {
			t.Errorf("while it rests it saw %s", got)
		}
		r.rests.Store(false)
		time.Sleep(2 * time.Second)
		const want = "before 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"
		if got := r.order("ci"); got != want {
			t.Errorf("it saw %s, want %s", got, want)
		}
		for _, s := range r.attempts() {
			if s.attempt != 1 {
				t.Errorf("%s took attempt %d", s.native, s.attempt)
			}
		}
	})
}

// A dispatcher ends while senders rest, and leaves what waits to the next.
func TestStopWhileTheSenderRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(sent) error { return nil })
		r.rests.Store(true)
		r.accept("a", "app", "ci")
		time.Sleep(time.Minute)
		r.end()
		r.rests.Store(false)
		r.run()
		defer r.end()
		time.Sleep(2 * time.Minute)
		tr, err := r.store.Trace(context.Background(), "a")
		if err != nil || tr.Deliveries[0].State != store.Delivered {
			t.Errorf("%+v, %v", tr, err)
		}
	})
}
