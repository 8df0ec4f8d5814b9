package delivery

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// shadowed is a rig whose target ci is in shadow mode, and whose requests render makes.
func shadowed(t *testing.T, render func(plugin.Delivery) (plugin.Request, error)) *rig {
	r := newRig(t, func(sent) error { return nil })
	r.render = func(_ context.Context, d plugin.Delivery) (plugin.Request, error) { return render(d) }
	ci := r.targets["ci"]
	ci.Shadow, ci.Masks = true, []string{"hush-hush"}
	r.setTarget("ci", ci)
	if err := r.store.Targets(t.Context(), map[string]store.Target{"ci": {Shadow: true}, "ops": {}}); err != nil {
		t.Fatal(err)
	}
	return r
}

// A target in shadow mode gets nothing; what it would have got is kept, without secrets.
// When it goes live, that stays so, and is sent only when it is asked for.
func TestShadow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := shadowed(t, func(d plugin.Delivery) (plugin.Request, error) {
			body, _ := d.Message()
			return plugin.Request{Method: "POST", URL: "http://ci/hush-hush", Headers: map[string]string{"X": "hush-hush"}, Body: string(body)}, nil
		})
		defer r.end()
		r.accept("a", "app", "ci")
		r.accept("b", "app", "ops")
		time.Sleep(time.Second)
		if r.order("ci") != "" || r.order("ops") != "b" {
			t.Fatalf("sent %+v", r.attempts())
		}
		d := r.trace("a")
		if d.State != store.Shadowed || len(d.Attempts) != 0 || d.Shadow == nil || d.Next != nil {
			t.Fatalf("%+v", d)
		}
		got := d.Shadow.Request
		if got.URL != "http://ci/***" || got.Headers["X"] != "***" || !strings.Contains(got.Body, `"native":{"id":"a"}`) || d.Shadow.Error != "" {
			t.Errorf("%+v", d.Shadow)
		}

		ci := r.targets["ci"]
		ci.Shadow = false
		r.setTarget("ci", ci)
		if err := r.store.Targets(t.Context(), map[string]store.Target{"ci": {}, "ops": {}}); err != nil {
			t.Fatal(err)
		}
		r.accept("c", "app", "ci")
		time.Sleep(time.Second)
		if r.order("ci") != "c" || r.trace("a").State != store.Shadowed {
			t.Errorf("sent %q, the first is %s", r.order("ci"), r.trace("a").State)
		}
		run, err := r.store.Redeliver(t.Context(), store.Redelivery{
			Select: store.Selection{Query: store.Query{Target: "ci"}, States: []store.State{store.Shadowed}},
		}, func(string) (store.Terms, bool) { return store.Terms{Type: "webhook", GiveUpAfter: time.Hour}, true })
		if err != nil || run.Done != 1 {
			t.Fatalf("%+v %v", run, err)
		}
		time.Sleep(time.Second)
		if d := r.trace("a"); r.order("ci") != "c a" || d.State != store.Delivered || d.Shadow == nil {
			t.Errorf("sent %q, %+v", r.order("ci"), d)
		}
	})
}

// A sender that cannot say what it would send is asked again, and not for ever.
func TestShadowWithoutARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		r := shadowed(t, func(d plugin.Delivery) (plugin.Request, error) {
			e, err := d.DecodeEvent()
			if err != nil {
				return plugin.Request{}, err
			}
			n := e.Native.ID
			asked[n]++
			switch {
			case n == "never":
				return plugin.Request{}, errors.New("no: hush-hush")
			case n == "final":
				return plugin.Request{}, plugin.Permanent(errors.New("not this one"))
			case n == "empty", n == "late" && asked[n] < shadowTries:
				return plugin.Request{}, nil
			}
			return plugin.Request{Method: "POST", URL: "http://ci", Body: "x"}, nil
		})
		ci := r.targets["ci"]
		ci.Concurrency = 1 // asked has no lock
		r.setTarget("ci", ci)
		for _, n := range []string{"never", "final", "empty", "late"} {
			r.accept(n, n, "ci")
		}
		time.Sleep(time.Minute)
		for n, want := range map[string]struct {
			tries int
			error string
		}{
			"never": {shadowTries, "no: ***"},
			"final": {1, "not this one"},
			"empty": {shadowTries, "the sender does not say what it would send"},
			"late":  {shadowTries, ""},
		} {
			d := r.trace(n)
			if d.State != store.Shadowed || d.Shadow == nil || d.Shadow.Error != want.error || asked[n] != want.tries || len(d.Attempts) != 0 {
				t.Errorf("%s was asked for %d times: %+v, %+v", n, asked[n], d, d.Shadow)
			}
		}
		r.end()
	})
}

// A stop does not wait for what is made for nobody: it waits for the next process.
func TestShadowAtAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := shadowed(t, func(plugin.Delivery) (plugin.Request, error) { return plugin.Request{}, errors.New("not now") })
		r.render = func(ctx context.Context, _ plugin.Delivery) (plugin.Request, error) {
			<-ctx.Done()
			return plugin.Request{}, ctx.Err()
		}
		ci := r.targets["ci"]
		ci.Timeout = time.Hour
		r.setTarget("ci", ci)
		r.accept("a", "app", "ci")
		time.Sleep(time.Second)
		r.end()
		r.render = func(context.Context, plugin.Delivery) (plugin.Request, error) {
			return plugin.Request{Method: "POST", URL: "http://ci"}, nil
		}
		r.run()
		defer r.end()
		time.Sleep(time.Second)
		if d := r.trace("a"); d.State != store.Shadowed || d.Shadow.Error != "" || len(d.Attempts) != 0 {
			t.Errorf("%+v", d)
		}
	})
}

// An attempt that is asked for again follows the schedule from its beginning, and has its
// own time until it is given up; its number goes on.
func TestRedeliveredBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(sent) error { return errors.New("not yet") })
		defer r.end()
		quick, slow := r.targets["ci"], r.targets["ci"]
		slow.Policy.Schedule = []time.Duration{0, 20 * time.Hour}
		r.setTarget("ci", slow)
		if err := r.store.Targets(t.Context(), map[string]store.Target{"ci": {}}); err != nil {
			t.Fatal(err)
		}
		r.accept("a", "app", "ci")
		time.Sleep(80 * time.Hour)
		before := r.trace("a")
		if before.State != store.Dead {
			t.Fatalf("%+v", before)
		}
		made := len(r.attempts())
		r.setTarget("ci", quick)
		if _, err := r.store.Reset(t.Context(), "ci", "alice"); err != nil { // else its circuit opens
			t.Fatal(err)
		}
		if _, err := r.store.Redeliver(t.Context(), store.Redelivery{Select: store.Selection{ID: before.ID}},
			func(string) (store.Terms, bool) { return store.Terms{Type: "webhook", GiveUpAfter: time.Minute}, true }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		got := r.attempts()[made:]
		if len(got) < 3 || len(got) > 5 || got[0].attempt != made+1 || got[1].at-got[0].at > 7*time.Second {
			t.Fatalf("attempts %+v, after %d", got, made)
		}
		d := r.trace("a")
		if want := "given up after " + string(rune('0'+len(got))) + " attempts"; d.State != store.Dead || d.Reason != want {
			t.Errorf("%s: %q, want %q", d.State, d.Reason, want)
		}
	})
}
