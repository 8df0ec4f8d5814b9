package store

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// world is one run of [TestEveryEventEnds]: a store, all that may happen to it, and what
// must be true of it then. It sends as package delivery does: of one key one after the
// other, nothing where the store says that nothing may be sent, and when one is to be
// tried again it gives back what stands behind it.
type world struct {
	t     *rapid.T
	dir   string
	files int
	s     *Store

	config   map[string]Target
	arrivals []Arrival
	rows     map[string]modelRow // deliveries by id, as they were after the last command
	events   map[string]bool     // that are not deleted; whether they are held
	n        int

	lanes    map[string][]Claimed // claimed and not sent, by target and key
	flying   map[string]Claimed   // sent and not answered
	failures map[string]int       // dead in a row, by target
	disabled map[string]bool
	halfway  map[string]bool // disabled, and a process was killed while it enabled them
	calm     bool            // nothing is killed any more
	arrived  []time.Time     // what was sent to paced while the config had it

	set   atomic.Int64        // by how much the clock on the wall is wrong
	known time.Duration       // by how much, as far as the store knows
	aged  bool                // time passed while no process ran, by the clock
	doubt map[string]bool     // claimed when a process ended
	sent  map[int64]time.Time // when, by the number of the delivery

	mu     sync.Mutex // of the three below
	killAt int        // the commit, counted from now, that is the last of this process
	copied string     // what the disk had then
	path   string
}

// modelRow is a delivery as the store has it.
type modelRow struct {
	seq, event, attempts, earlier, lease, holdUntil, ended, digest int64
	id, target, key                                                string
	state                                                          State
	again                                                          bool // it was redelivered
	tries                                                          int  // rows of attempts
}

func (r modelRow) open() bool {
	return r.state == Waiting || r.state == Parked || r.state == Folded && r.ended == 0
}

const paced = "paced"

// modelTargets are the targets that a config of a run may have.
func modelTargets() []string { return []string{"plain", paced, "chat", "quiet"} }

func (w *world) ok(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

// start begins a process on the file at path.
func (w *world) start(path string) {
	w.mu.Lock()
	w.path, w.killAt, w.copied = path, 0, ""
	w.mu.Unlock()
	w.ok(w.doubtful(path))
	var err error
	w.s, err = begin(context.Background(), path, Options{Version: "test", Window: 6, Watch: w.committed,
		Now: func() time.Time { return time.Now().Add(w.wrong()) }})
	w.ok(err)
	if w.wrong() > w.known { // no process saw it, so that it is time that passed
		w.aged, w.arrived = true, nil
	}
	w.known = w.wrong()
	w.ok(w.s.PutRuleSet(context.Background(), testRules, []byte("[]")))
	w.ok(w.s.Targets(context.Background(), w.config))
	w.lanes, w.flying = map[string][]Claimed{}, map[string]Claimed{}
}

// wrong is by how much the clock on the wall is wrong, for whoever asks.
func (w *world) wrong() time.Duration { return time.Duration(w.set.Load()) }

// doubtful marks what the last process had claimed as the file at path has it: a command in
// which it was killed may have given some of it back.
func (w *world) doubtful(path string) error {
	db, err := questions(path)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(`SELECT id FROM delivery WHERE lease != 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		w.doubt[id] = true
	}
	return rows.Err()
}

// committed keeps the files as they are after the last commit of a process that is killed.
func (w *world) committed(c Commit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.killAt == 0 || c.Failed {
		return
	}
	if w.killAt--; w.killAt > 0 {
		return
	}
	w.files++
	to := filepath.Join(w.dir, fmt.Sprint(w.files, ".db"))
	for _, suffix := range []string{"", "-wal"} { // a checkpoint takes nothing from the log
		b, err := os.ReadFile(w.path + suffix)
		if err == nil {
			err = os.WriteFile(to+suffix, b, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			panic(err)
		}
	}
	w.copied = to
}

// look reads what the store has.
func (w *world) look() (rows map[string]modelRow, events map[string]bool) {
	rows, events = map[string]modelRow{}, map[string]bool{}
	q, err := w.s.read.Query(`SELECT seq, id, event, target, key, state, attempts, earlier, lease, hold_until, ended,
		coalesce(digest, 0), earlier > 0 OR EXISTS (SELECT 1 FROM redelivery r WHERE r.delivery = seq),
		(SELECT count(*) FROM attempt a WHERE a.delivery = seq) FROM delivery`)
	w.ok(err)
	defer q.Close()
	for q.Next() {
		var r modelRow
		w.ok(q.Scan(&r.seq, &r.id, &r.event, &r.target, &r.key, &r.state, &r.attempts, &r.earlier, &r.lease, &r.holdUntil,
			&r.ended, &r.digest, &r.again, &r.tries))
		rows[r.id] = r
	}
	w.ok(q.Err())
	e, err := w.s.read.Query(`SELECT id, state = 'held' FROM event`)
	w.ok(err)
	defer e.Close()
	for e.Next() {
		var id string
		var held bool
		w.ok(e.Scan(&id, &held))
		events[id] = held
	}
	w.ok(e.Err())
	return rows, events
}

// wants says what may be the state of a delivery after a command.
type wants func(before modelRow) []State

// only is that of a command which changes those deliveries to one state, and no others.
func only(is func(modelRow) bool, to ...State) wants {
	return func(r modelRow) []State {
		if is(r) {
			return to
		}
		return []State{r.state}
	}
}

func nothingChanges(r modelRow) []State { return []State{r.state} }

// do has the store do something, in one case of many with a process that is killed after
// one of its commits, and looks at what became of each delivery.
func (w *world) do(what string, act func() error, want wants) (killed bool) {
	// What a process did after it was killed is dropped with a copy of the file. A database is
	// not copied in passing: there, processes are killed between commands.
	if !w.calm && !onPostgres && rapid.IntRange(0, 24).Draw(w.t, "killed") == 24 {
		at := rapid.IntRange(1, 3).Draw(w.t, "at commit")
		w.mu.Lock()
		w.killAt = at
		w.mu.Unlock()
	}
	w.ok(act())
	if _, step := w.s.reset(*w.s.committed.Load()); step == 0 {
		w.known = w.wrong()
	}
	w.mu.Lock()
	to := w.copied
	w.killAt = 0
	w.mu.Unlock()
	if killed = to != ""; killed {
		w.ok(w.s.Close())
		w.start(to)
		for t := range w.disabled {
			delete(w.disabled, t)
		}
		for t, c := range w.s.Conditions() { // as far as it came
			w.disabled[t], w.failures[t], w.halfway[t] = !c.Disabled.IsZero(), c.Failures, c.Releasing
		}
	}
	w.compare(what, killed, want)
	return killed
}

func (w *world) compare(what string, killed bool, want wants) {
	rows, events := w.look()
	for id, before := range w.rows {
		r, ok := rows[id]
		if !ok {
			if what != "retain" || before.open() {
				w.t.Fatalf("%s: %s delivery %s is gone", what, before.state, id)
			}
			continue
		}
		if r.target != before.target || r.key != before.key || r.event != before.event || r.tries < before.tries {
			w.t.Fatalf("%s: delivery was %+v and is %+v", what, before, r)
		}
		if r.digest > 0 && r.state != Waiting && r.state != Parked && before.state != Waiting && before.state != Parked {
			continue // it follows its digest
		}
		may := want(before)
		if killed {
			may = append(slices.Clone(may), before.state)
			if slices.Contains(may, Waiting) || slices.Contains(may, Parked) { // the next process has seen to it
				may = append(may, Waiting, Parked)
			}
		}
		if !slices.Contains(may, r.state) {
			w.t.Fatalf("%s (killed %t): delivery to %s was %s and is %s, not one of %s\n%+v\n%+v", what, killed, r.target, before.state, r.state, may, before, r)
		}
	}
	for id := range w.events {
		if _, ok := events[id]; !ok && what != "retain" {
			w.t.Fatalf("%s: event %s is gone", what, id)
		}
	}
	w.rows, w.events = rows, events
	w.invariants(what)
}

// invariants hold after each command.
func (w *world) invariants(what string) {
	bySeq := map[int64]modelRow{}
	for _, r := range w.rows {
		bySeq[r.seq] = r
	}
	conditions := w.s.Conditions()
	for t := range conditions {
		if got := !conditions[t].Disabled.IsZero(); got != w.disabled[t] {
			w.t.Fatalf("%s: target %s is disabled: %t, want %t: %+v", what, t, got, w.disabled[t], conditions[t])
		}
	}
	for _, r := range w.rows {
		if r.lease != 0 && (r.state != Waiting || r.lease != w.s.owner) {
			w.t.Fatalf("%s: a claim of %d, by %d, for %+v", what, w.s.owner, r.lease, r)
		}
		if r.state == Folded && w.doubt[r.id] {
			w.t.Fatalf("%s: told in a digest, and may have been sent: %+v", what, r)
		}
		if r.state == Parked {
			if _, named := w.config[r.target]; named && !w.disabled[r.target] {
				w.t.Fatalf("%s: parked for a target that takes deliveries: %+v", what, r)
			}
		}
		if ended := r.ended != 0; ended != (r.state != Waiting && r.state != Folded) && r.state != Folded {
			w.t.Fatalf("%s: ended %d, and %s", what, r.ended, r.state)
		}
		d, ok := bySeq[r.digest]
		if r.digest <= 0 || r.again || !ok {
			continue
		}
		switch d.state {
		case Waiting, Parked, Delivered:
			if r.state != Folded || (r.ended != 0) != (d.state == Delivered) {
				w.t.Fatalf("%s: its digest is %s, and it is %+v", what, d.state, r)
			}
		default:
			if r.state != d.state {
				w.t.Fatalf("%s: its digest is %s, and it is %s", what, d.state, r.state)
			}
		}
	}
	for _, c := range w.held() {
		if r := w.rows[c.ID]; r.lease != w.s.owner || r.attempts+r.earlier != int64(c.Attempt-1) {
			w.t.Fatalf("%s: the claim of attempt %d is not kept: %+v", what, c.Attempt, r)
		}
	}
}

// held is what is claimed.
func (w *world) held() []Claimed {
	out := slices.Collect(maps.Values(w.flying))
	for _, l := range w.lanes {
		out = append(out, l...)
	}
	return out
}

func (w *world) named(target string) bool { _, ok := w.config[target]; return ok }

func (w *world) parks(target string) bool { return !w.named(target) || w.disabled[target] }

func (w *world) target() string { return rapid.SampledFrom(modelTargets()).Draw(w.t, "target") }

// newcomers holds the deliveries that a command made to where they must wait.
func (w *world) newcomers(what string, before map[string]modelRow) {
	for id, r := range w.rows {
		if _, old := before[id]; old {
			continue
		}
		if want := w.parks(r.target); r.state != Waiting && r.state != Parked || want != (r.state == Parked) {
			w.t.Fatalf("%s: parks %t, and is new: %+v", what, want, r)
		}
	}
}

func (w *world) accept(t *rapid.T) {
	w.t = t
	w.n++
	targets := rapid.SliceOfNDistinct(rapid.SampledFrom(modelTargets()), 0, 3, rapid.ID).Draw(t, "targets")
	repository := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "repository")
	a := push(fmt.Sprint("n", w.n), repository, targets...)
	for i := range a.Items[0].Routing.Deliveries {
		p := &a.Items[0].Routing.Deliveries[i]
		p.Hold = rapid.SampledFrom([]time.Duration{0, 20 * time.Second, 5 * time.Minute}).Draw(t, "hold")
		if rapid.IntRange(0, 2).Draw(t, "unordered") == 0 {
			p.Key = ""
		}
	}
	w.arrivals = append(w.arrivals, a)
	before, id := w.rows, a.Items[0].Event.ID
	w.do("accept", func() error { _, err := w.s.Accept(context.Background(), a); return err }, nothingChanges)
	w.newcomers("accept", before)
	if _, ok := w.events[id]; !ok || len(w.rows) != len(before)+len(targets) {
		t.Fatalf("accepted %s: there %t, %d deliveries more, want %d", id, ok, len(w.rows)-len(before), len(targets))
	}
}

func (w *world) repeat(t *rapid.T) {
	w.t = t
	if len(w.arrivals) == 0 {
		t.Skip()
	}
	a := w.arrivals[rapid.IntRange(0, len(w.arrivals)-1).Draw(t, "arrival")]
	if _, there := w.events[a.Items[0].Event.ID]; !there && w.aged {
		t.Skip() // it may be so long ago that nobody remembers
	}
	n := len(w.rows)
	w.do("repeat", func() error {
		got, err := w.s.Accept(context.Background(), a)
		if err == nil && got.Duplicates != 1 {
			t.Fatalf("a repeat: %+v", got)
		}
		return err
	}, nothingChanges)
	if len(w.rows) != n {
		t.Fatalf("a repeat makes %d deliveries", len(w.rows)-n)
	}
}

// backlog accepts many at once for a target.
func (w *world) backlog(t *rapid.T) {
	w.t = t
	target, n := w.target(), rapid.IntRange(3, 8).Draw(t, "n")
	var all Arrival
	for range n {
		w.n++
		a := push(fmt.Sprint("n", w.n), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "repository"), target)
		a.Items = append(all.Items, a.Items...)
		all = a
	}
	before := w.rows
	w.do("backlog", func() error { _, err := w.s.Accept(context.Background(), all); return err }, nothingChanges)
	w.newcomers("backlog", before)
	if len(w.rows) != len(before)+n {
		t.Fatalf("accepted %d, and there are %d deliveries more", n, len(w.rows)-len(before))
	}
}

// all has each lane of a target answered so, and what is under way too.
func (w *world) all(target, answer string) {
	for _, name := range slices.Sorted(maps.Keys(w.lanes)) {
		if l := w.lanes[name]; len(l) > 0 && l[0].Target == target {
			if _, busy := w.flying[name]; !busy {
				w.sendFrom(name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.flying)) {
		if c, ok := w.flying[name]; ok && c.Target == target {
			w.answerWith(name, answer)
		}
	}
}

// outage has a target not answer for a time.
func (w *world) outage(t *rapid.T) {
	w.t = t
	target := w.target()
	for range rapid.IntRange(2, 6).Draw(t, "times") {
		w.claimFor(target, 6)
		w.all(target, "retry")
		time.Sleep(time.Duration(rapid.SampledFrom([]int{1, 40, 130}).Draw(t, "seconds")) * time.Second)
	}
}

// work has a target take what there is.
func (w *world) work(t *rapid.T) {
	w.t = t
	target, answer := w.target(), rapid.SampledFrom([]string{"delivered", "dead"}).Draw(t, "answer")
	for i := 0; i < 5 && w.claimFor(target, 6) > 0; i++ {
		w.all(target, answer)
	}
}

func lane(c Claimed) string {
	if c.Key == "" {
		return fmt.Sprintf("%s %06d", c.Target, c.Seq)
	}
	return c.Target + "/" + c.Key
}

func (w *world) claim(t *rapid.T) {
	w.t = t
	w.claimFor(w.target(), rapid.IntRange(1, 6).Draw(t, "n"))
}

func (w *world) claimFor(target string, n int) (claimed int) {
	if !w.named(target) {
		w.shed(target)
		return 0
	}
	var cs []Claimed
	before, now := w.rows, w.s.Now()
	cond := w.s.Conditions()[target]
	killed := w.do("claim", func() (err error) {
		cs, err = w.s.Claim(context.Background(), target, n)
		return err
	}, only(func(r modelRow) bool {
		return r.target == target && r.state == Waiting && w.config[target].queues()
	}, Waiting, Folded))
	w.newcomers("claim", before)
	if killed {
		return 0
	}
	g := cond.gate(now)
	for i, c := range cs {
		if c.Shadow != w.config[target].Shadow {
			w.t.Fatalf("shadow %t: %+v", c.Shadow, c)
		}
		for _, h := range append(w.held(), cs[:i]...) {
			if h.ID == c.ID {
				w.t.Fatalf("two hold %+v", c)
			}
		}
		w.inOrder(c, cs[:i])
		if c.Probe && !g.probe {
			w.t.Fatalf("a probe, where the condition is %+v", cond)
		}
	}
	for _, c := range cs {
		w.lanes[lane(c)] = append(w.lanes[lane(c)], c)
	}
	if !w.s.Sends(target) {
		w.shed(target)
	}
	return len(cs)
}

// inOrder holds a claim to the order of its key: what was accepted before has ended, is
// claimed before, or has held back others for as long as it may.
func (w *world) inOrder(c Claimed, claimed []Claimed) {
	mine := w.rows[c.ID]
	if c.Key == "" || mine.attempts > 0 {
		return
	}
	now := w.s.Now()
	lost := w.s.Conditions()[c.Target].lost(now)
	first := map[string]bool{}
	for _, h := range append(w.held(), claimed...) {
		first[h.ID] = true
	}
	for _, r := range w.rows {
		if r.target != c.Target || r.key != c.Key || r.seq >= mine.seq || r.state != Waiting || r.again || first[r.id] {
			continue
		}
		if r.attempts == 0 || r.holdUntil > micros(now.Add(-lost)) {
			w.t.Fatalf("claimed out of order:\n%+v\nbefore\n%+v", mine, r)
		}
	}
}

// shed gives back what is claimed for a target and not begun, but for a probe.
func (w *world) shed(target string) {
	for _, c := range w.s.Handed(target) {
		w.lanes[lane(c)] = append(w.lanes[lane(c)], c)
	}
	var back []Outcome
	for _, name := range slices.Sorted(maps.Keys(w.lanes)) {
		w.lanes[name] = slices.DeleteFunc(w.lanes[name], func(c Claimed) bool {
			if c.Target != target || c.Probe && w.named(target) {
				return false
			}
			back = append(back, returned(c))
			return true
		})
		if len(w.lanes[name]) == 0 {
			delete(w.lanes, name)
		}
	}
	parks := w.parks(target)
	w.do("give back", func() error { return w.s.Record(context.Background(), back) }, only(func(r modelRow) bool {
		return parks && slices.ContainsFunc(back, func(o Outcome) bool { return o.Seq == r.seq })
	}, Parked))
}

func returned(c Claimed) Outcome {
	return Outcome{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Probe: c.Probe, Probes: c.Probes, Returned: true}
}

// send begins the first attempt of a lane.
func (w *world) send(t *rapid.T) {
	w.t = t
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.lanes)) {
		if _, busy := w.flying[name]; !busy {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		w.sendFrom(rapid.SampledFrom(names).Draw(t, "lane"))
	}
}

func (w *world) sendFrom(name string) {
	c := w.lanes[name][0]
	if !w.named(c.Target) || !c.Probe && !w.s.Sends(c.Target) {
		w.shed(c.Target)
		return
	}
	if w.parks(c.Target) && !c.Probe {
		w.t.Fatalf("%s is disabled, and is sent %+v", c.Target, c)
	}
	if w.lanes[name] = w.lanes[name][1:]; len(w.lanes[name]) == 0 {
		delete(w.lanes, name)
	}
	w.flying[name] = c
	w.sent[c.Seq] = time.Now()
	if c.Target == paced {
		w.arrived = append(w.arrived, time.Now())
		rate := w.config[paced].Rate
		if n := len(w.arrived) - 1 - rate.Sends; n >= 0 && w.arrived[n+rate.Sends].Sub(w.arrived[n]) < rate.Per {
			w.t.Fatalf("%d sent within %v", rate.Sends+1, w.arrived[n+rate.Sends].Sub(w.arrived[n]))
		}
	}
}

// answer ends an attempt.
func (w *world) answer(t *rapid.T) {
	w.t = t
	if len(w.flying) == 0 {
		return
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(w.flying))).Draw(t, "lane")
	w.answerWith(name, rapid.SampledFrom([]string{"delivered", "dead", "dead", "410", "retry", "retry", "retry", "throttled", "skipped"}).Draw(t, "answer"))
}

func (w *world) answerWith(name, answer string) {
	c := w.flying[name]
	now := time.Now()
	o := Outcome{Seq: c.Seq, Target: c.Target, Key: c.Key, Attempt: c.Attempt, Time: now, Probe: c.Probe, Probes: c.Probes, Error: answer}
	if c.Shadow && answer != "skipped" {
		answer = "shadowed"
	}
	wait := func() time.Duration { return time.Duration(rapid.IntRange(1, 120).Draw(w.t, "seconds")) * time.Second }
	switch answer {
	case "delivered":
		o.State, o.Outcome = Delivered, plugin.Delivered
	case "dead":
		o.State, o.Outcome, o.Receipt.Status = Dead, plugin.PermanentFail, 400
	case "410":
		o.State, o.Outcome, o.Receipt.Status = Dead, plugin.PermanentFail, 410
	case "retry":
		o.State, o.Outcome, o.Next = Waiting, plugin.Retry, now.Add(wait())
	case "throttled":
		o.State, o.Outcome, o.Next = Waiting, plugin.ThrottledTarget, now.Add(wait())
		o.Asked = o.Next
	case "skipped":
		o.State = Skipped // nothing was sent, as it turned out
		if i := slices.Index(w.arrived, w.sent[c.Seq]); i >= 0 && c.Target == paced {
			w.arrived = slices.Delete(w.arrived, i, i+1)
		}
	case "shadowed":
		o.State = Shadowed
	}
	batch := []Outcome{o}
	if o.State == Waiting && c.Key != "" {
		for _, b := range w.lanes[name] {
			batch = append(batch, returned(b))
		}
	}
	target, parks, tries := c.Target, w.parks(c.Target), w.rows[c.ID].tries
	disables := false
	if w.named(target) && !w.disabled[target] && !w.config[target].Shadow {
		switch {
		case o.Outcome == plugin.Delivered:
			w.failures[target] = 0
		case o.State == Dead:
			w.failures[target]++
		}
		n := w.config[target].DisableAfter
		disables = answer == "410" || o.Outcome != "" && n > 0 && w.failures[target] >= n
		w.disabled[target] = disables
		parks = parks || disables
	}
	delete(w.flying, name)
	if o.State == Waiting && c.Key != "" {
		delete(w.lanes, name)
	}
	killed := w.do("answer "+answer, func() error { return w.s.Record(context.Background(), batch) }, func(r modelRow) []State {
		switch {
		case r.id == c.ID && o.State != Waiting:
			return []State{o.State}
		case r.id == c.ID && parks:
			return []State{Parked}
		case r.id != c.ID && r.target == target && r.state == Waiting && parks: // what stood behind it
			return []State{Waiting, Parked}
		case r.target == target && r.state == Waiting && disables && r.lease == 0:
			return []State{Parked}
		}
		return []State{r.state}
	})
	if o.Outcome != "" {
		tries++
	}
	if r := w.rows[c.ID]; r.tries != tries && !killed {
		w.t.Fatalf("%d attempts were made, and %d are there", tries, r.tries)
	}
	if killed {
		return
	}
	again := w.rows
	w.do("the same answer again", func() error { return w.s.Record(context.Background(), []Outcome{o}) }, nothingChanges)
	if r := w.rows[c.ID]; r.tries != again[c.ID].tries || r.attempts != again[c.ID].attempts {
		w.t.Fatalf("an outcome of a claim that has ended is taken: %+v", r)
	}
}

func (w *world) disable(t *rapid.T) {
	w.t = t
	target := w.target()
	if !w.named(target) {
		return
	}
	w.disabled[target], w.halfway[target] = true, false
	w.do("disable", func() error { _, err := w.s.Disable(context.Background(), target, "me"); return err },
		only(func(r modelRow) bool { return r.target == target && r.state == Waiting && r.lease == 0 }, Parked))
}

func (w *world) enable(t *rapid.T) {
	w.t = t
	w.enableFor(w.target(), rapid.Bool().Draw(t, "reset"))
}

func (w *world) enableFor(target string, reset bool) {
	if !w.named(target) {
		return
	}
	if w.disabled[target] || reset {
		w.failures[target] = 0
	}
	w.disabled[target], w.halfway[target] = false, false
	w.do("enable", func() (err error) {
		if reset {
			_, err = w.s.Reset(context.Background(), target, "me")
		} else {
			_, err = w.s.Enable(context.Background(), target, "me")
		}
		return err
	}, only(func(r modelRow) bool { return r.target == target && r.state == Parked }, Waiting))
}

func (w *world) targets(t *rapid.T) {
	w.t = t
	config := map[string]Target{}
	for _, name := range modelTargets() {
		if rapid.IntRange(0, 3).Draw(t, name+" is gone") == 0 {
			continue
		}
		target := Target{Type: "webhook", ParkFor: time.Hour}
		target.DisableAfter = rapid.SampledFrom([]int{0, 2, 4}).Draw(t, "disable after")
		switch name {
		case paced:
			target.Rate = Rate{Sends: 2, Per: 10 * time.Second}
		case "chat":
			target.DigestAfter = rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "digest after")
		case "quiet":
			target.Shadow = rapid.Bool().Draw(t, "shadow")
		}
		config[name] = target
	}
	w.configure(config)
}

func (w *world) configure(config map[string]Target) {
	was := w.config
	w.config = config
	if !w.named(paced) {
		w.arrived = nil
	}
	w.do("targets", func() error { return w.s.Targets(context.Background(), config) }, func(r modelRow) []State {
		_, named := was[r.target]
		switch {
		case r.state == Waiting && r.lease == 0 && !w.named(r.target):
			return []State{Parked}
		case r.state == Parked && w.named(r.target) && !w.disabled[r.target]:
			return []State{Waiting}
		case r.state == Waiting && r.lease == 0 && !named && w.disabled[r.target]:
			return []State{Waiting, Parked}
		}
		return []State{r.state}
	})
	for _, name := range modelTargets() {
		if !w.named(name) {
			w.shed(name)
		}
	}
}

func (w *world) cancel(t *rapid.T) {
	w.t = t
	target := w.target()
	w.do("cancel", func() error {
		_, err := w.s.Cancel(context.Background(), target, "me")
		if errors.Is(err, ErrConfigured) == w.named(target) && w.named(target) {
			return nil
		}
		return err
	}, only(func(r modelRow) bool { return r.target == target && r.state == Parked && !w.named(target) }, Cancelled))
}

func (w *world) redeliver(t *rapid.T) {
	w.t = t
	target, states := w.target(), rapid.SliceOfNDistinct(rapid.SampledFrom(Redeliverable()), 1, 3, rapid.ID).Draw(t, "states")
	wish := Redelivery{Select: Selection{Query: Query{Target: target}, States: states}, By: "me"}
	if rapid.IntRange(0, 3).Draw(t, "elsewhere") == 0 {
		wish.To = w.target()
	}
	before := w.rows
	w.do("redeliver", func() error {
		for {
			run, err := w.s.Redeliver(context.Background(), wish, func(target string) (Terms, bool) {
				return Terms{Type: "webhook", Ordered: true, GiveUpAfter: time.Hour, Hold: time.Minute}, w.named(target)
			})
			if err != nil || run.Ended {
				return err
			}
			wish.Run = run.ID
		}
	}, func(r modelRow) []State {
		if r.target != target || !slices.Contains(states, r.state) || wish.To != "" && wish.To != target || !w.named(target) || r.digest > 0 {
			return []State{r.state}
		}
		if w.disabled[target] {
			return []State{Parked}
		}
		return []State{Waiting}
	})
	w.newcomers("redeliver", before)
}

func (w *world) tend(t *rapid.T) {
	w.t = t
	w.rows, w.events = w.look() // the clock may have been followed since, and what was parked moved with it
	now, halfway := w.s.Now(), w.halfway
	w.halfway = map[string]bool{}
	for t, enabled := range halfway {
		if enabled {
			w.disabled[t], w.failures[t] = false, 0
		}
	}
	w.do("tend", func() error { return w.s.Tend(context.Background()) }, func(r modelRow) []State {
		parkFor := unnamedParkFor
		if c, named := w.config[r.target]; named {
			parkFor = c.ParkFor
		}
		switch {
		case halfway[r.target] && w.named(r.target):
			if r.state == Parked {
				return []State{Waiting}
			}
		case r.state == Parked && !fromMicros(r.ended).Add(parkFor).After(now):
			return []State{Expired}
		case r.state == Waiting && w.disabled[r.target] && r.lease == 0:
			return []State{Parked}
		}
		return []State{r.state}
	})
}

// retain deletes what has ended an hour ago; what else it must do, and must not, is
// [TestRetentionModel]'s.
func (w *world) retain(t *rapid.T) {
	w.t = t
	index(t, w.s)
	w.s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	before := w.events
	w.do("retain", func() error { tidied(t, w.s, w.s.aged(time.Hour)); return nil }, nothingChanges)
	for id, held := range before {
		if _, ok := w.events[id]; !ok && held {
			t.Fatalf("event %s is held and gone", id)
		}
	}
}

// route has the rules hear of what bellbuoy tells of its targets.
func (w *world) route(t *rapid.T) {
	w.t = t
	due, _, err := w.s.HeldDue(context.Background(), time.Now(), 100)
	w.ok(err)
	for _, h := range due {
		b, err := json.Marshal(h.Event)
		w.ok(err)
		r := Routing{JSON: b, RuleSet: testRules}
		if h.Event.Type == event.TargetDisabled {
			r.Deliveries = push("", "", rapid.SampledFrom(modelTargets()).Draw(t, "listener")).Items[0].Routing.Deliveries
		}
		before := w.rows
		w.do("route", func() error { return w.s.Route(context.Background(), h.ID, r) }, nothingChanges)
		w.newcomers("route", before)
	}
}

func (w *world) wait(t *rapid.T) {
	time.Sleep(time.Duration(rapid.SampledFrom([]int{1, 5, 30, 120, 900, 4000}).Draw(t, "seconds")) * time.Second)
}

// clock sets the clock on the wall. Nobody is told of it.
func (w *world) clock(t *rapid.T) {
	w.t = t
	by := rapid.SampledFrom([]time.Duration{time.Second, time.Hour, 10 * 365 * 24 * time.Hour}).Draw(t, "by")
	if rapid.Bool().Draw(t, "back") {
		by = -by
	}
	w.set.Add(int64(by))
}

// restart ends the process in good order.
func (w *world) restart(t *rapid.T) {
	w.t = t
	w.do("restart", func() error {
		crash(w.s)
		w.ok(w.s.Close())
		w.start(w.path)
		return nil
	}, only(func(r modelRow) bool { return r.state == Waiting && w.parks(r.target) }, Waiting, Parked))
}

// heal has all work: every target is there, answers and is enabled, and whoever delivers
// is awake when the store says that there is something to do, and at no other time.
func (w *world) heal() {
	w.calm = true
	config := map[string]Target{}
	for _, name := range modelTargets() {
		config[name] = w.config[name]
		if !w.named(name) {
			config[name] = Target{Type: "webhook"}
		}
	}
	if len(w.config) < len(config) { // else nobody says anything that would wake one up
		w.configure(config)
	}
	for _, name := range modelTargets() {
		if w.disabled[name] {
			w.enableFor(name, rapid.Bool().Draw(w.t, "reset"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.flying)) {
		w.answerWith(name, "delivered")
	}
	for _, name := range slices.Sorted(maps.Keys(w.lanes)) {
		w.drain(name)
	}
	for quiet := 0; quiet < 2; {
		w.tend(w.t)
		w.route(w.t)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		ready, err := w.s.Ready(ctx)
		cancel()
		if err != nil {
			quiet++
			continue
		}
		quiet = 0
		slices.Sort(ready)
		for _, target := range ready {
			for w.claimFor(target, 6) > 0 {
				for _, name := range slices.Sorted(maps.Keys(w.lanes)) {
					w.drain(name)
				}
			}
		}
	}
	for id, held := range w.events {
		if held {
			w.t.Errorf("event %s is held", id)
		}
	}
	for _, r := range w.rows {
		if r.open() {
			w.t.Errorf("has not ended, and nobody is told of it: %+v", r)
		}
	}
	consistent(w.t, w.s)
	wantCounts(w.t, w.s)
}

// drain sends what is in a lane.
func (w *world) drain(name string) {
	for len(w.lanes[name]) > 0 {
		w.sendFrom(name)
		if _, ok := w.flying[name]; ok {
			w.answerWith(name, "delivered")
		}
	}
}

// migrated returns an empty store's file, so that not each run has to make one.
func migrated(t *testing.T) []byte {
	path := file(t)
	s, err := Open(t.Context(), path, Options{Version: "test"})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fewRuns has rapid make few runs where nobody asked for a number: each takes a second with the
// race detector.
func fewRuns(t *testing.T) {
	f := flag.Lookup("rapid.checks")
	if f.Value.String() != f.DefValue {
		return
	}
	if err := flag.Set(f.Name, "10"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := flag.Set(f.Name, f.DefValue); err != nil {
			t.Error(err)
		}
	})
}

// Whatever targets answer, whatever people do with them, wherever a process is killed,
// each event that was accepted comes to one end, and on the way nothing happens to any
// delivery but what each command is to do. make test has it run a thousand times
// without the race detector, and twenty with it; for more: go test -run TestEveryEventEnds ./internal/store -rapid.checks 5000
func TestEveryEventEnds(t *testing.T) {
	fewRuns(t)
	empty := migrated(t)
	parent := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent = "/dev/shm"
	}
	for part := range 2 {
		t.Run(fmt.Sprint(part), func(outer *testing.T) {
			outer.Parallel()
			rapid.Check(outer, func(t *rapid.T) {
				for range part { // else both would try the same, where the seed is given
					rapid.Uint64().Draw(t, "part")
				}
				dir, err := os.MkdirTemp(parent, "bellbuoy")
				if err != nil {
					t.Fatal(err)
				}
				defer os.RemoveAll(dir)
				first := filepath.Join(dir, "0.db")
				if err := os.WriteFile(first, empty, 0o600); err != nil {
					t.Fatal(err)
				}
				if onPostgres {
					first = copied(t)
					defer dropped(t, first)
				}
				bubble(outer, func() { live(t, dir, first) })
			})
		})
	}
}

func live(t *rapid.T, dir, path string) {
	w := &world{
		t: t, dir: dir, config: map[string]Target{},
		sent: map[int64]time.Time{}, doubt: map[string]bool{}, failures: map[string]int{}, disabled: map[string]bool{}, halfway: map[string]bool{},
	}
	for _, name := range modelTargets() {
		w.config[name] = Target{Type: "webhook", ParkFor: time.Hour}
	}
	w.config[paced] = Target{Type: "webhook", ParkFor: time.Hour, Rate: Rate{Sends: 2, Per: 10 * time.Second}}
	w.config["chat"] = Target{Type: "webhook", ParkFor: time.Hour, DigestAfter: 2}
	w.start(path)
	defer func() { w.s.Close() }()
	t.Repeat(map[string]func(*rapid.T){
		"accept": w.accept, "accept ": w.accept, "accept  ": w.accept,
		"repeat": w.repeat, "backlog": w.backlog, "backlog ": w.backlog, "outage": w.outage, "outage ": w.outage, "work": w.work,
		"claim": w.claim, "claim ": w.claim, "claim  ": w.claim,
		"send": w.send, "send ": w.send, "send  ": w.send,
		"answer": w.answer, "answer ": w.answer, "answer  ": w.answer,
		"disable": w.disable, "enable": w.enable, "targets": w.targets, "cancel": w.cancel,
		"redeliver": w.redeliver, "redeliver ": w.redeliver, "tend": w.tend, "retain": w.retain, "route": w.route,
		"wait": w.wait, "wait ": w.wait, "clock": w.clock, "restart": w.restart,
	})
	w.t = t
	w.heal()
}
