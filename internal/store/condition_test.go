package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

var (
	retried   = answer{outcome: plugin.Retry, error: "refused"}
	probeFail = answer{outcome: plugin.Retry, error: "refused again", probe: true}
	has       = answer{outcome: plugin.Delivered}
	refused   = answer{outcome: plugin.PermanentFail, dead: true, error: "status 400"}
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// taking is the condition after answers that came a second apart, from noon on.
func taking(c Condition, t Target, answers ...answer) Condition {
	for i, a := range answers {
		c = c.after(a, t, noon().Add(time.Duration(i)*time.Second))
	}
	return c
}

func TestConditionAfter(t *testing.T) {
	at := func(d time.Duration) time.Time { return noon().Add(d) }
	gave := answer{outcome: plugin.Retry, dead: true, error: "timeout"}
	mark := answer{outcome: plugin.Retry, scope: plugin.ScopeMisconfigured, error: "no such host"}
	wrong := answer{outcome: plugin.PermanentFail, dead: true, scope: plugin.ScopeMisconfigured, error: "signature"}
	died := answer{outcome: plugin.Retry, scope: plugin.ScopeSender, error: "the sender died"}
	open := Condition{Retries: 5, Open: at(4 * time.Second), Probe: at(34 * time.Second), Wait: 30 * time.Second, Why: "refused"}
	for name, c := range map[string]struct {
		answers []answer
		target  Target
		want    Condition
	}{
		"healthy stays so":              {[]answer{has, has}, Target{}, Condition{}},
		"four retries":                  {[]answer{retried, retried, retried, retried}, Target{}, Condition{Retries: 4}},
		"an answer begins anew":         {[]answer{retried, retried, retried, retried, has, retried}, Target{}, Condition{Retries: 1}},
		"so does a refusal":             {[]answer{retried, retried, retried, retried, refused, retried}, Target{}, Condition{Retries: 1, Failures: 1}},
		"the sender died":               {[]answer{retried, died, died, died, died, died}, Target{}, Condition{Retries: 1}},
		"five open":                     {[]answer{retried, retried, retried, retried, retried}, Target{}, open},
		"what was under way adds none":  {[]answer{retried, retried, retried, retried, retried, retried}, Target{}, func() Condition { c := open; c.Retries = 6; return c }()},
		"a probe that fails":            {[]answer{retried, retried, retried, retried, retried, probeFail}, Target{}, Condition{Retries: 6, Open: at(4 * time.Second), Probe: at(65 * time.Second), Wait: time.Minute, Why: "refused again"}},
		"and one that is answered":      {[]answer{retried, retried, retried, retried, retried, has}, Target{}, Condition{Lost: time.Second}},
		"a wish delays the probe":       {[]answer{retried, retried, retried, retried, {outcome: plugin.Retry, error: "503", asked: at(time.Hour)}}, Target{}, Condition{Retries: 5, Open: at(4 * time.Second), Probe: at(time.Hour), Wait: 30 * time.Second, Why: "503"}},
		"throttled":                     {[]answer{retried, {outcome: plugin.ThrottledTarget, asked: at(time.Minute), next: at(time.Hour)}}, Target{}, Condition{Paused: at(time.Minute)}},
		"throttled, until nobody knows": {[]answer{{outcome: plugin.ThrottledTarget, next: at(time.Hour)}}, Target{}, Condition{Paused: at(time.Hour)}},
		"the longer pause holds":        {[]answer{{outcome: plugin.ThrottledTarget, asked: at(time.Hour)}, {outcome: plugin.ThrottledTarget, asked: at(time.Minute)}}, Target{}, Condition{Paused: at(time.Hour)}},
		"failures":                      {[]answer{refused, gave, refused}, Target{}, Condition{Failures: 3}},
		"a delivery ends them":          {[]answer{refused, refused, has}, Target{DisableAfter: 3}, Condition{}},
		"too many disable":              {[]answer{refused, gave, refused, retried, has}, Target{DisableAfter: 3}, Condition{Failures: 3, Disabled: at(2 * time.Second), Why: "3 deliveries in a row ended dead, the last with: status 400"}},
		"410":                           {[]answer{{outcome: plugin.PermanentFail, dead: true, status: 410}}, Target{}, Condition{Failures: 1, Disabled: noon(), Why: "the target says that it is gone"}},
		"gone by its sender":            {[]answer{{outcome: plugin.PermanentFail, dead: true, scope: plugin.ScopeTargetGone}}, Target{}, Condition{Failures: 1, Disabled: noon(), Why: "the target says that it is gone"}},
		"410 of a retry is none":        {[]answer{{outcome: plugin.Retry, status: 410}}, Target{}, Condition{Retries: 1}},
		"marked, and tried again":       {[]answer{mark, mark}, Target{}, Condition{Retries: 2, Marked: noon(), Mark: "no such host"}},
		"marked by an answer":           {[]answer{wrong}, Target{}, Condition{Failures: 1, Marked: noon(), Mark: "signature"}},
		"no answer leaves the mark":     {[]answer{mark, retried}, Target{}, Condition{Retries: 2, Marked: noon(), Mark: "no such host"}},
		"another takes it away":         {[]answer{mark, refused}, Target{}, Condition{Failures: 1}},
	} {
		if got := taking(Condition{}, c.target, c.answers...); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, c.want)
		}
	}
}

func TestGate(t *testing.T) {
	now := noon()
	later, before := now.Add(time.Minute), now.Add(-time.Minute)
	for name, c := range map[string]struct {
		of   Condition
		want gate
	}{
		"healthy":             {Condition{Retries: 4, Failures: 9, Marked: before}, gate{sends: math.MaxInt}},
		"disabled":            {Condition{Disabled: before, Paused: later}, gate{}},
		"paused":              {Condition{Paused: later}, gate{again: later}},
		"paused once":         {Condition{Paused: before}, gate{sends: math.MaxInt}},
		"open":                {Condition{Open: before, Probe: later}, gate{again: later}},
		"a probe is due":      {Condition{Open: before, Probe: now}, gate{sends: 1, probe: true}},
		"paused, and is open": {Condition{Open: before, Probe: before, Paused: later}, gate{again: later}},
	} {
		if got := c.of.gate(now); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// A target's own clock stands still while its circuit is open, and only then.
func TestLost(t *testing.T) {
	c := taking(Condition{}, Target{}, retried, retried, retried, retried, retried)
	if got := c.lost(noon().Add(time.Hour)); got != time.Hour-4*time.Second {
		t.Errorf("lost %v", got)
	}
	c = c.after(has, Target{}, noon().Add(time.Hour))
	for _, after := range []time.Duration{time.Hour, 2 * time.Hour} {
		if got := c.lost(noon().Add(after)); got != time.Hour-4*time.Second {
			t.Errorf("after %v: lost %v", after, got)
		}
	}
	if got := c.lost(noon().Add(-time.Hour)); got < 0 {
		t.Errorf("lost %v", got)
	}
}

// pairs reads the arrows of a diagram, and the first two columns of a table.
func pairs(t *testing.T, section string) (arrows, rows []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^ +(\w+) --> (\w+)$`).FindAllStringSubmatch(section, -1) {
		arrows = append(arrows, m[1]+" "+m[2])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(\\w+)` \\|").FindAllStringSubmatch(section, -1) {
		rows = append(rows, m[1]+" "+m[2])
	}
	slices.Sort(arrows)
	slices.Sort(rows)
	return arrows, rows
}

func states(t *testing.T) (deliveries, targets string) {
	t.Helper()
	b, err := os.ReadFile("../../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	deliveries, targets, ok := strings.Cut(string(b), "\n## Targets\n")
	if !ok {
		t.Fatal("no section on targets")
	}
	return deliveries, targets
}

// What is drawn of deliveries is the table of transitions.
func TestStatesOfDeliveriesAreDrawn(t *testing.T) {
	text, _ := states(t)
	arrows, rows := pairs(t, text)
	var want []string
	for _, tr := range Transitions() {
		want = append(want, string(tr.From)+" "+string(tr.To))
	}
	slices.Sort(want)
	if !slices.Equal(arrows, want) || !slices.Equal(rows, want) {
		t.Errorf("drawn  %q\ntabled %q\nwant   %q", arrows, rows, want)
	}
}

// What is drawn of targets is what a long random life shows.
func TestConditionsOfTargetsAreDrawn(t *testing.T) {
	_, text := states(t)
	arrows, rows := pairs(t, text)
	found := map[string]bool{}
	rnd := rand.New(rand.NewPCG(1, 2))
	c, now, config := Condition{}, noon(), Target{DisableAfter: 12}
	move := func(next Condition, then time.Time) {
		from, to := c.Word(now), next.Word(then)
		if from != to {
			found[from+" "+to] = true
		}
		c, now = next, then
	}
	for range 200_000 {
		switch n := rnd.IntN(40); {
		case n < 2:
			move(c.after(has, config, now), now)
		case n < 4:
			move(c.after(refused, config, now), now)
		case n < 6:
			move(c.after(answer{outcome: plugin.ThrottledTarget, asked: now.Add(time.Minute)}, config, now), now)
		case n < 28:
			a := retried
			a.probe = n%2 == 0 && c.gate(now).probe
			move(c.after(a, config, now), now)
		case n < 29:
			move(c.disabled("by alice", now), now)
		case n < 31 && !c.Disabled.IsZero():
			move(c.enabled(), now)
		case n < 32:
			next := c.reset(now)
			if !c.Disabled.IsZero() {
				next = next.enabled()
			}
			move(next, now)
		default:
			move(c, now.Add(time.Duration(rnd.IntN(60))*time.Second))
		}
	}
	var want []string
	for pair := range found {
		want = append(want, pair)
	}
	slices.Sort(want)
	if !slices.Equal(arrows, want) || !slices.Equal(rows, want) {
		t.Errorf("drawn  %q\ntabled %q\nwant   %q", arrows, rows, want)
	}
}

// Each statement that changes a delivery's state names the state that it leaves, and that
// is a transition.
func TestStatementsMakeTransitions(t *testing.T) {
	legal := map[string]bool{}
	for _, tr := range Transitions() {
		legal[string(tr.From)+" "+string(tr.To)] = true
	}
	made := map[string]bool{}
	for _, from := range Redeliverable() { // by Redeliver, which names the one that it found
		made[string(from)+" waiting"] = true
	}
	for _, ended := range []State{Dead, Skipped, Shadowed, Expired, Cancelled} { // by tellMembers
		made["folded "+string(ended)], made[string(ended)+" folded"] = true, true
	}
	made["folded folded"], made["waiting folded"] = true, true
	v := reflect.ValueOf(sqliteTexts)
	for i := range v.NumField() {
		name, text := v.Type().Field(i).Name, v.Field(i).String()
		set, where, ok := strings.Cut(text, "WHERE")
		to := regexp.MustCompile(`UPDATE delivery SET state = ('(\w+)'|\?)`).FindStringSubmatch(set)
		if !ok || to == nil {
			continue
		}
		from := regexp.MustCompile(`\bstate = '(\w+)'`).FindStringSubmatch(where)
		if from == nil {
			t.Errorf("%s leaves any state: %s", name, text)
			continue
		}
		if to[2] == "" { // by Record, which looks
			for _, s := range States() {
				if (Outcome{State: s}).legal() == nil {
					made[from[1]+" "+string(s)] = true
				}
			}
			continue
		}
		made[from[1]+" "+to[2]] = true
	}
	for pair := range made {
		if !legal[pair] {
			t.Errorf("%s is made, and is no transition", pair)
		}
	}
	for pair := range legal {
		if !made[pair] {
			t.Errorf("%s is made by no statement", pair)
		}
	}
}

// An outcome that is no transition is refused, and one that comes too late does nothing.
func TestIllegalTransitions(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	accept(t, s, push("n", "a", "ci"))
	c := claim(t, s, "ci", 1)[0]
	for _, st := range []State{Parked, Expired, Cancelled, "", "nowhere"} {
		if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: "ci", Attempt: 1, State: st, Time: time.Now(), Outcome: plugin.Retry}}); err == nil {
			t.Errorf("%q is taken", st)
		}
	}
	record(t, s, c, Dead, time.Time{})
	for _, st := range []State{Delivered, Waiting, Dead} {
		record(t, s, c, st, time.Now())
	}
	if d := stateOf(t, s, "n"); d.State != Dead || len(d.Attempts) != 1 {
		t.Errorf("it is %+v", d)
	}
	if c := s.Conditions()["ci"]; c.Failures != 1 || c.Retries != 1 {
		t.Errorf("what came too late counts: %+v", c)
	}
}

// Own events of a type about a target come once a minute, also after a restart; the last
// word is said when the minute is over.
func TestOwnEventsOnceAMinute(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	say(t, s, "ci")
	own := func() (out []event.Type) {
		t.Helper()
		held, _, err := s.HeldDue(t.Context(), time.Now().Add(time.Hour), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range held {
			if e := h.Event; e.Target == nil || e.Target.Name != "ci" || e.Registry.Name != Own || h.Reason != "own" {
				t.Errorf("held %+v", h)
			}
			out = append(out, h.Event.Type)
		}
		return out
	}
	must := func(_ Condition, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Disable(t.Context(), "ci", "alice"))
	must(s.Enable(t.Context(), "ci", "alice"))
	must(s.Disable(t.Context(), "ci", "alice"))
	want := []event.Type{event.TargetDisabled, event.TargetRecovered}
	if got := own(); !slices.Equal(got, want) {
		t.Errorf("told %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	say(t, s, "ci")
	if err := s.Tend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := own(); !slices.Equal(got, want) {
		t.Errorf("within the minute, after a restart: told %s", got)
	}
	alter(t, s, `UPDATE raised SET at = at - 60000000`)
	for range 2 {
		if err := s.Tend(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := own(); !slices.Equal(got, append(want, event.TargetDisabled)) {
		t.Errorf("when it is over: told %s", got)
	}
}

func alter(t *testing.T, s *Store, query string) {
	t.Helper()
	if err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
		_, err := s.conn.ExecContext(ctx, query)
		return err
	}}); err != nil {
		t.Fatal(err)
	}
}

// A transaction that fails takes back what it made of a target.
func TestConditionOfAFailedTransaction(t *testing.T) {
	s := open(t, temp(t))
	say(t, s, "ci")
	failed := errors.New("no")
	err := s.write(t.Context(), &job{run: func(ctx context.Context) error {
		now := whole(time.Now())
		if err := s.turn(ctx, "ci", Condition{}, Condition{}.disabled("x", now), now); err != nil {
			return err
		}
		return failed
	}})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	accept(t, s, push("n", "a", "ci"))
	if got := natives(t, claim(t, s, "ci", 1)); got != "n" || len(s.Conditions()) != 0 {
		t.Errorf("claimed %q, conditions %v", got, s.Conditions())
	}
}

// Many are parked and released through a kill between; a target that is gone and disabled
// has them wait again only when it is neither, in their order.
func TestDisabledAndGone(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	say(t, s, "ci")
	const n = 2*movedAtOnce + 20
	accept(t, s, together(n, func(i int) Arrival { return push(fmt.Sprintf("n%04d", i), "a", "ci") }))
	for _, c := range s.Handed("ci") {
		if err := s.Record(t.Context(), []Outcome{{Seq: c.Seq, Target: c.Target, Attempt: c.Attempt, Returned: true}}); err != nil {
			t.Fatal(err)
		}
	}
	parked := func(reason string) (got int) {
		t.Helper()
		if err := s.read.QueryRow(`SELECT count(*) FROM delivery WHERE state = 'parked' AND reason = ?1`, reason).Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// As much as one transaction does, and then the end.
	must(s.write(t.Context(), &job{run: func(ctx context.Context) error {
		now := whole(time.Now())
		return s.turn(ctx, "ci", Condition{}, Condition{}.disabled("by alice", now), now)
	}}))
	if got := parked("target is disabled: by alice"); got != movedAtOnce {
		t.Errorf("%d are parked at once", got)
	}
	must(s.Close())
	s = open(t, path)
	say(t, s, "ci")
	if got := claim(t, s, "ci", 5); len(got) != 0 {
		t.Errorf("claimed %s", natives(t, got))
	}
	must(s.Tend(t.Context()))
	if got := parked("target is disabled: by alice"); got != n {
		t.Errorf("%d of %d are parked", got, n)
	}
	say(t, s)
	say(t, s, "ci")
	if got := claim(t, s, "ci", 5); len(got) != 0 {
		t.Errorf("claimed %s after its name returned", natives(t, got))
	}
	say(t, s)
	_, err := s.Enable(t.Context(), "ci", "alice")
	must(err)
	if got := parked(goneTarget); got != n {
		t.Errorf("%d of %d are parked since it is gone", got, n)
	}
	say(t, s, "ci")
	// Enabling that was cut short goes on.
	_, err = s.Disable(t.Context(), "ci", "bob")
	must(err)
	must(s.write(t.Context(), &job{run: func(ctx context.Context) error {
		c := s.health.at("ci")
		next := c
		next.Releasing = true
		if err := s.turn(ctx, "ci", c, next, time.Now()); err != nil {
			return err
		}
		_, err := s.settleSome(ctx, "ci")
		return err
	}}))
	must(s.Close())
	s = open(t, path)
	say(t, s, "ci")
	accept(t, s, push("newest", "a", "ci"))
	must(s.Tend(t.Context()))
	var got []string
	for len(got) < n+1 {
		cs := claim(t, s, "ci", 8)
		if len(cs) == 0 {
			t.Fatalf("no more after %d", len(got))
		}
		for _, c := range cs {
			got = append(got, natives(t, []Claimed{c}))
			record(t, s, c, Delivered, time.Time{})
		}
	}
	if !slices.IsSorted(got[:n]) || got[0] != "n0000" || got[n] != "newest" {
		t.Errorf("claimed %q", got)
	}
}
