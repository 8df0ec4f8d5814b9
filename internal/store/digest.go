package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

const (
	// maxMembers is how many deliveries one digest tells of at the most; more become
	// several digests.
	maxMembers = movedAtOnce
	// endedAtOnce is how many digests one transaction ends the members of.
	endedAtOnce = 16
	// digestRendering is how package render is told that the message is a digest.
	digestRendering = `{"digest":true}`
)

// fresh is a delivery that waits for its first attempt and stands behind nothing.
type fresh struct {
	seq            int64
	key, typ, rule string
	rules          []string
	giveUp, hold   int64
	event          string
	of             event.DigestGroup // Count is not used
	alone          bool              // it is not to be folded
}

// fold makes digests of what waits for target, where that is more than the target's
// config says. It comes right before deliveries are leased, so that a digest tells of all
// that there is when it can be sent. It reports whether there may be more to fold first.
//
// Deliveries with a key are folded with those next to them of that key, and the digest
// takes the place of the first of them: what is behind or before it stays so.
func (s *Store) fold(ctx context.Context, target string, now time.Time) (more bool, err error) {
	after := s.paced(target).DigestAfter
	if after == 0 {
		return false, nil
	}
	var waiting int
	if err := s.stmts.freshCount.QueryRowContext(ctx, target, micros(now), after+1).Scan(&waiting); err != nil {
		return false, err
	}
	if waiting <= after {
		return false, nil
	}
	found, err := s.fresh(ctx, target, now)
	if err != nil {
		return false, err
	}
	made := 0
	for _, run := range runs(found) {
		if err := s.digest(ctx, target, run, now); err != nil {
			return false, fmt.Errorf("make a digest of %d deliveries: %w", len(run), err)
		}
		made++
	}
	if made > 0 && len(found) == maxMembers {
		s.shelves.mark(target, true)
		return true, nil
	}
	return false, nil
}

// unfolded is how many deliveries make n, or those that digests are made of.
func (s *Store) unfolded(target string, n int) int {
	if s.paced(target).DigestAfter > 0 {
		return max(n, maxMembers)
	}
	return n
}

// fresh returns the oldest fresh deliveries to target.
func (s *Store) fresh(ctx context.Context, target string, now time.Time) ([]fresh, error) {
	rows, err := s.stmts.fresh.QueryContext(ctx, target, micros(now), maxMembers)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []fresh
	for rows.Next() {
		var f fresh
		var rules, full []byte
		if err := rows.Scan(&f.seq, &f.key, &f.typ, &f.rule, &rules, &f.giveUp, &f.hold, &f.event,
			&f.of.Type, &f.of.Status, &f.of.Registry, &f.of.Repository, &f.alone, &full); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(rules, &f.rules); err != nil {
			return nil, err
		}
		by, err := byItself(f.of.Type, full)
		if err != nil {
			return nil, err
		}
		f.alone = f.alone || by
		out = append(out, f)
	}
	return out, rows.Err()
}

// byItself reports whether an event is always told by itself: findings that are high or
// worse, and what bellbuoy says of itself. full is there for events that may be findings.
func byItself(typ event.Type, full []byte) (bool, error) {
	if strings.HasPrefix(string(typ), "bellbuoy.") {
		return true, nil
	}
	if full == nil {
		return false, nil
	}
	var e struct {
		Scan          *event.Scan          `json:"scan"`
		Vulnerability *event.Vulnerability `json:"vulnerability"`
	}
	if err := json.Unmarshal(full, &e); err != nil {
		return false, err
	}
	bad := func(worst event.Severity, counts map[event.Severity]int) bool {
		return worst == event.SeverityCritical || worst == event.SeverityHigh ||
			counts[event.SeverityCritical] > 0 || counts[event.SeverityHigh] > 0
	}
	return e.Scan != nil && bad(e.Scan.Severity, e.Scan.Counts) ||
		e.Vulnerability != nil && bad(e.Vulnerability.Severity, e.Vulnerability.Counts), nil
}

// runs are the lists of deliveries that become one digest each: those of one key, as far
// as none between them is told alone; without a key there is no between.
func runs(found []fresh) [][]fresh {
	var all [][]fresh
	open := map[string]int{} // index of the key's run
	for _, f := range found {
		i, ok := open[f.key]
		switch {
		case f.alone && f.key != "":
			delete(open, f.key)
		case f.alone:
		case ok:
			all[i] = append(all[i], f)
		default:
			open[f.key] = len(all)
			all = append(all, []fresh{f})
		}
	}
	return slices.DeleteFunc(all, func(run []fresh) bool { return len(run) < 2 })
}

// digest makes the event that tells of members, with its delivery, and folds them.
func (s *Store) digest(ctx context.Context, target string, members []fresh, now time.Time) error {
	e, err := digestOf(members, now)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	first := members[0]
	p := Planned{
		ID: id.String(), Target: target, Type: first.typ, Rule: first.rule, Key: first.key,
		Due: s.steady.moment(now), Hold: time.Duration(first.hold) * time.Microsecond, Rendering: digestRendering,
	}
	var giveUp int64
	for _, m := range members {
		giveUp = max(giveUp, m.giveUp)
		for _, r := range m.rules {
			if !slices.Contains(p.Rules, r) {
				p.Rules = append(p.Rules, r)
			}
		}
	}
	p.GiveUp = s.steady.moment(fromMicros(giveUp).Add(s.lost(target, now))) // they are by the target's own clock
	if err := s.writeOwn(ctx, e, p, now); err != nil {
		return err
	}
	seq := s.seqs.delivery
	if _, err := s.stmts.makeDigest.ExecContext(ctx, seq); err != nil {
		return err
	}
	if first.key != "" { // what was accepted after first comes after the digest
		for _, move := range [][2]int64{{first.seq, -first.seq}, {seq, first.seq}, {-first.seq, seq}} {
			if _, err := s.stmts.moveDelivery.ExecContext(ctx, move[0], move[1]); err != nil {
				return err
			}
		}
		seq, members[0].seq = first.seq, seq
	}
	s.digests = true
	reason := toldIn(e.ID, p.ID)
	for _, m := range members {
		if _, err := s.stmts.fold.ExecContext(ctx, m.seq, reason, seq); err != nil {
			return err
		}
	}
	return nil
}

func digestOf(members []fresh, now time.Time) (event.Event, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return event.Event{}, err
	}
	at := now.UTC().Round(0)
	e := event.Event{
		V: event.Version, ID: id.String(), Type: event.Digest, Time: at, TimeSource: event.TimeNative, Received: at,
		Registry: event.Registry{Name: Own, Type: Own}, Origin: event.OriginDerived,
		Digested: &event.Digested{Count: len(members)},
	}
	index := map[event.DigestGroup]int{}
	for _, m := range members {
		e.Digest = append(e.Digest, m.event)
		i, ok := index[m.of]
		if !ok {
			i = len(e.Digested.Groups)
			index[m.of] = i
			e.Digested.Groups = append(e.Digested.Groups, m.of)
		}
		e.Digested.Groups[i].Count++
	}
	slices.SortStableFunc(e.Digested.Groups, func(a, b event.DigestGroup) int { return b.Count - a.Count })
	return e, nil
}

// writeOwn writes down an event of bellbuoy's own, which no rule is asked about, with its
// one delivery.
func (s *Store) writeOwn(ctx context.Context, e event.Event, p Planned, now time.Time) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	r := Routing{JSON: body, Deliveries: []Planned{p}}
	none := sha256.Sum256(nil)
	s.seqs.arrival++
	if _, err := s.stmts.insertArrival.ExecContext(ctx, s.seqs.arrival, e.Registry.Name, micros(now), "", "{}",
		[]byte{}, 0, none[:], false); err != nil {
		return err
	}
	s.seqs.event++
	seq := s.seqs.event
	var fingerprint [32]byte
	s.tail.pending[e.ID] = tailed{seq, fingerprint}
	repository, digest := subject(&e)
	// No rule was asked about it, and yet it is of those whose events it tells.
	found := keys(&e, Routing{Deliveries: r.Deliveries, Matched: p.Rules})
	if _, err := s.stmts.insertEvent.ExecContext(ctx, seq, e.ID, s.seqs.arrival, "routed", "", 0, micros(now),
		string(e.Type), string(e.Status), e.Registry.Name, repository, digest, found, e.Native.ID,
		fingerprint[:], 0, "[]", body); err != nil {
		return err
	}
	s.counts.addInTx(e.Registry.Name, now, tallyStored, e.Type)
	s.sums.accept(seq, now)
	return s.plan(ctx, seq, r)
}

func toldIn(event, delivery string) string {
	return "told in digest " + event + ", delivery " + delivery
}

// tellMembers gives the members of digests the states of those, in the transaction in
// which they changed, whoever changed them: folded while a digest may yet arrive and when
// it has, else ended as it did. A member that was taken up again by itself is left alone.
func (s *Store) tellMembers(ctx context.Context) error {
	if !s.digests {
		return nil
	}
	changed, err := s.digestsChanged(ctx)
	if err != nil {
		return err
	}
	now := micros(s.now())
	for _, d := range changed {
		state, reason, ended := Folded, toldIn(d.event, d.id), now
		switch d.state {
		case Delivered:
		case Waiting, Parked:
			ended = 0
		default:
			state = d.state
			reason = fmt.Sprintf("%s, which ended %s: %s", reason, d.state, d.reason)
		}
		if _, err := s.stmts.tellMembers.ExecContext(ctx, d.seq, string(state), reason, ended); err != nil {
			return fmt.Errorf("end the members of digest %s: %w", d.event, err)
		}
		if _, err := s.stmts.told.ExecContext(ctx, d.seq); err != nil {
			return err
		}
	}
	if len(changed) == endedAtOnce { // there may be more, for the next transaction
		select {
		case s.jobs <- nothing():
		default: // others are there
		}
	}
	return nil
}

// digestState is where a digest stands.
type digestState struct {
	seq               int64
	id, event, reason string
	state             State
}

func (s *Store) digestsChanged(ctx context.Context) ([]digestState, error) {
	rows, err := s.stmts.digestsChanged.QueryContext(ctx, endedAtOnce)
	if err != nil {
		return nil, fmt.Errorf("find digests that ended: %w", err)
	}
	defer rows.Close()
	var out []digestState
	for rows.Next() {
		var x digestState
		if err := rows.Scan(&x.seq, &x.id, &x.event, &x.state, &x.reason); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}
