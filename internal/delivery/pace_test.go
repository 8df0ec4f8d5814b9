package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/render"
	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// pacedRig is a rig whose target ci has a pace.
func pacedRig(t *testing.T, pace store.Target, answer func(sent) error) *rig {
	t.Helper()
	r := newRig(t, answer)
	if err := r.store.Targets(t.Context(), map[string]store.Target{"ci": pace, "slow": {}, "ops": {}}); err != nil {
		t.Fatal(err)
	}
	return r
}

// A target with a rate is sent as much as that allows and no more, whether it fails or
// takes its time, and other targets know nothing of it.
func TestRate(t *testing.T) {
	const sends, per = 3, 10 * time.Second
	synctest.Test(t, func(t *testing.T) {
		r := pacedRig(t, store.Target{Rate: store.Rate{Sends: sends, Per: per}}, func(s sent) error {
			if s.target == "ci" {
				time.Sleep(2 * time.Second)
				if s.attempt == 1 && strings.HasSuffix(s.native, "5") {
					return fmt.Errorf("no")
				}
			}
			return nil
		})
		defer r.end()
		const events, tries = 30, 33
		for i := range events {
			r.accept(fmt.Sprintf("n%d", i), fmt.Sprintf("app-%d", i%7), "ci", "ops")
		}
		time.Sleep(time.Second)
		if got := strings.Count(r.order("ops"), "n"); got != events {
			t.Errorf("the other target has %d", got)
		}
		time.Sleep(tries / sends * (per + 2*time.Second) * 11 / 10)
		var at []time.Duration
		for _, s := range r.attempts() {
			if s.target == "ci" {
				at = append(at, s.at)
			}
		}
		for i := 0; i+sends < len(at); i++ {
			if at[i+sends]-at[i] < per {
				t.Errorf("attempts %d to %d were made within %v", i, i+sends, at[i+sends]-at[i])
			}
		}
		if len(at) != tries {
			t.Errorf("%d attempts, want %d", len(at), tries)
		}
		for i := range events {
			tr, err := r.store.Trace(t.Context(), fmt.Sprintf("n%d", i))
			if err != nil || tr.Deliveries[0].State != store.Delivered {
				t.Errorf("n%d: %+v, %v", i, tr.Deliveries, err)
			}
		}
	})
}

// A target that gets a rate is sent nothing beyond it that was claimed before.
func TestRateHoldsForWhatIsClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const per = 20 * time.Second
		r := pacedRig(t, store.Target{}, func(sent) error { time.Sleep(time.Second); return nil })
		defer r.end()
		for i := range 12 {
			r.accept(fmt.Sprint("n", i), fmt.Sprint("app-", i), "ci")
		}
		time.Sleep(500 * time.Millisecond) // 4 are under way, the others are claimed
		if err := r.store.Targets(t.Context(), map[string]store.Target{"ci": {Rate: store.Rate{Sends: 1, Per: per}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		log := r.attempts()
		if len(log) != 12 {
			t.Fatalf("%d sends, want 12", len(log))
		}
		for i := 4; i < len(log); i++ {
			if gap := log[i].at - log[i-1].at; gap < per {
				t.Errorf("send %d came %v after the last, want at least %v", i+1, gap, per)
			}
		}
	})
}

// A digest is the event itself, whatever template its target has.
func TestDigestIsItsOwnMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := pacedRig(t, store.Target{Rate: store.Rate{Sends: 1, Per: time.Minute}, DigestAfter: 2}, func(sent) error { return nil })
		r.end() // to look closer at what is sent
		to := Target{Type: "webhook", Timeout: time.Minute, Concurrency: 1, Message: render.Rendering{JSON: `{"only": "${id}"}`, Title: "{{.id}}"}}
		r.targets["ci"] = to
		r.run()
		defer r.end()
		if err := r.store.Targets(t.Context(), map[string]store.Target{"ci": {Rate: store.Rate{Sends: 1, Per: time.Minute}, DigestAfter: 2}}); err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			r.accept(fmt.Sprintf("n%d", i), "app", "ci")
			synctest.Wait()
		}
		time.Sleep(2 * time.Minute)
		tr, err := r.store.Trace(t.Context(), "n4")
		if err != nil {
			t.Fatal(err)
		}
		d := tr.Deliveries[0]
		if d.State != store.Folded {
			t.Fatalf("the last is %+v", d)
		}
		id := strings.TrimSuffix(strings.Fields(d.Reason)[3], ",")
		if tr, err = r.store.Trace(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		attempt := tr.Deliveries[0].Attempts[0]
		var e event.Event
		if err := json.Unmarshal([]byte(attempt.Request.Body), &e); err != nil || e.Type != event.Digest || len(e.Digest) != 4 {
			t.Errorf("it was sent %s", attempt.Request.Body)
		}

		var given plugin.Delivery
		one := New(Config{Store: r.store, Target: func(string) (Target, bool) { return to, true },
			Send: func(_ context.Context, d plugin.Delivery) (plugin.Receipt, error) {
				given = d
				return plugin.Receipt{}, nil
			}})
		one.sends = t.Context()
		one.attempt(to, store.Claimed{Target: "ci", Attempt: 1, Event: tr.Event, Rendering: string(tr.Deliveries[0].Rendering)})
		if given.Body != nil || given.Title != "" || given.Template != "" || string(given.Event) != string(tr.Event) {
			t.Errorf("a sender is given %+v", given)
		}
	})
}
