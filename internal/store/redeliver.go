package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// madeAgainAtOnce is how many deliveries one step of a redelivery sees to.
const madeAgainAtOnce = 100

// Redeliverable are the states in which a delivery can be asked for again.
func Redeliverable() []State {
	return []State{Dead, Expired, Cancelled, Skipped, Shadowed, Delivered}
}

// Redelivery is a wish to have deliveries made again, those that were planned first
// first. They wait like all others then: for their turn, and for what the target takes.
type Redelivery struct {
	// Run is the id of the run that this begins, or goes on with: then nothing else of it
	// counts. "" begins one.
	Run string
	// Select chooses them; without States the dead ones. Its Limit is how many are made
	// again at the most; 0 = DefaultRunLimit.
	Select Selection
	// To is another target, which gets a delivery of its own for each; "" = the same again.
	To string
	By string // who wants it
}

// Terms are what a delivery to a target is planned with.
type Terms struct {
	Type        string
	Ordered     bool // deliveries of one repository are attempted in order
	GiveUpAfter time.Duration
	Hold        time.Duration // see [Planned]
}

// Redeliver does the next step of a redelivery: a hundred deliveries, until the run
// has ended. terms are those of a target of the config.
//
// A delivery asked for again keeps its id, and its attempts are listed on; the time until
// it is given up, and the schedule, begin anew. Each goes from the state in which it was
// chosen to waiting, in one transaction that looks at that state again: what somebody else
// has had made again, or brought to another end, stays as that one left it.
func (s *Store) Redeliver(ctx context.Context, w Redelivery, terms func(target string) (Terms, bool)) (Run, error) {
	w.Select.Limit = runLimit(w.Select.Limit)
	if len(w.Select.States) == 0 {
		w.Select.States = []State{Dead}
	}
	for _, st := range w.Select.States {
		if !slices.Contains(Redeliverable(), st) {
			return Run{}, fmt.Errorf("redeliver: %w: what is %s cannot be made again", ErrBadQuery, st)
		}
	}
	if _, _, err := w.Select.conditions(); err != nil {
		return Run{}, fmt.Errorf("redeliver: %w", err)
	}
	object := w.Select.ID
	if object == "" {
		object = w.Select.Target
	}
	r, err := s.begin(ctx, w.Run, AuditRedeliver, w.By, object, "delivery", wish{w.Select, w.To})
	if err != nil || r.Ended {
		return r.Run, err
	}
	var as wish // as it was begun
	if err := json.Unmarshal(r.request, &as); err != nil {
		return r.Run, fmt.Errorf("read run %s: %w", r.ID, err)
	}
	left := as.Select.Limit - r.Done
	n := min(madeAgainAtOnce, left)
	seqs, err := s.selected(ctx, as.Select, r.at, r.upto, n+1)
	if err != nil {
		return r.Run, fmt.Errorf("redeliver: %w", err)
	}
	more := len(seqs) > n
	if more {
		seqs = seqs[:n]
	}
	at := r.upto
	if len(seqs) > 0 {
		at = seqs[len(seqs)-1]
	}
	again := redelivering{s: s, wish: as, terms: terms, audit: r.audit}
	return s.step(ctx, &r, seqs, at, more, left, again.one)
}

// wish is what a run of redeliveries is stored with.
type wish struct {
	Select Selection `json:"select"`
	To     string    `json:"to,omitempty"`
}

// again is conditions, but for what a digest told where nobody asks for it by its id: it
// is told again with that.
func (sel Selection) again() (string, []any, error) {
	where, args, err := sel.conditions()
	if sel.ID == "" {
		where += " AND coalesce(d.digest, 0) <= 0"
	}
	return where, args, err
}

// selected are the numbers of the next n deliveries that sel chooses, behind at.
func (s *Store) selected(ctx context.Context, sel Selection, at, upto int64, n int) ([]int64, error) {
	sel.Before = ""
	where, args, err := sel.again()
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT d.seq FROM delivery d JOIN event e ON e.seq = d.event
		WHERE d.seq > ? AND d.seq <= ?`+where+` ORDER BY d.seq LIMIT ?`, append(append([]any{at, upto}, args...), n)...)
	if err != nil {
		return nil, dbError(err)
	}
	return numbers(rows)
}

func numbers(rows *sql.Rows) ([]int64, error) {
	defer rows.Close()
	var out []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, dbError(err)
		}
		out = append(out, n)
	}
	return out, dbError(rows.Err())
}

// Selected counts the deliveries that sel chooses, up to its limit, and says whether
// there are more.
func (s *Store) Selected(ctx context.Context, sel Selection) (n int, more bool, err error) {
	sel.Before = ""
	limit := runLimit(sel.Limit)
	where, args, err := sel.again()
	if err != nil {
		return 0, false, err
	}
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM delivery d JOIN event e ON e.seq = d.event
		WHERE d.seq > ?`+where+` LIMIT ?) AS those`, append(append([]any{0}, args...), limit+1)...).Scan(&n)
	if err != nil {
		return 0, false, fmt.Errorf("count deliveries: %w", dbError(err))
	}
	return min(n, limit), n > limit, nil
}

func runLimit(n int) int {
	if n <= 0 {
		return DefaultRunLimit
	}
	return min(n, MaxRunLimit)
}

// redelivering is one step of a redelivery.
type redelivering struct {
	s     *Store
	wish  wish
	terms func(target string) (Terms, bool)
	audit int64
}

// original is the delivery that is asked for again.
type original struct {
	seq                         int64
	target, key, reason, rule   string
	state                       State
	typ                         event.Type // of the event
	attempts, event             int64
	rules, repository, encoding []byte
}

// one has one delivery made again.
func (w *redelivering) one(ctx context.Context, seq int64, c *Counts) error {
	s, o := w.s, original{seq: seq}
	err := s.stmts.deliverySrc.QueryRowContext(ctx, seq).Scan(&o.target, &o.key, &o.state, &o.reason,
		&o.attempts, &o.rule, &o.rules, &o.event, &o.typ, &o.repository, &o.encoding)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !slices.Contains(w.wish.Select.States, o.state) {
		c.Changed++
		return nil
	}
	if err != nil {
		return err
	}
	target := o.target
	if w.wish.To != "" {
		target = w.wish.To
	}
	terms, known := w.terms(target)
	if named := s.present.named; named != nil && known {
		_, known = named[target]
	}
	if !known {
		c.Gone++
		return nil
	}
	if target != o.target {
		return w.elsewhere(ctx, o, target, terms, c)
	}
	now := s.now()
	if _, err := s.stmts.redeliver.ExecContext(ctx, seq, string(o.state), micros(now),
		micros(now.Add(terms.GiveUpAfter-s.lost(target, now))), terms.Hold.Microseconds()); err != nil {
		return err
	}
	failpoint.At("delivery asked for again")
	if _, err := s.stmts.insertRedelivery.ExecContext(ctx, seq, w.audit, micros(now), string(o.state),
		o.reason, 0, o.attempts); err != nil {
		return err
	}
	c.Done++
	return s.waitsAgain(ctx, seq, target, o.key, now)
}

// waitsAgain has a delivery found that waits again. It stands behind what is tried again
// of its key until a claim has found out that there is nothing such.
func (s *Store) waitsAgain(ctx context.Context, seq int64, target, key string, now time.Time) error {
	if s.parkedFor(target) != "" { // it is released with the others
		return s.parkOne(ctx, target, seq, now)
	}
	s.shelves.mark(target, true)
	if key != "" {
		s.shelves.own(target).freed[key] = struct{}{}
	}
	return nil
}

// tellsOf reports whether the event is one of bellbuoy's own about target.
func tellsOf(o original, target string) (bool, error) {
	if !strings.HasPrefix(string(o.typ), "bellbuoy.") {
		return false, nil
	}
	var e event.Event
	if err := json.Unmarshal(o.encoding, &e); err != nil {
		return false, err
	}
	return e.Target != nil && e.Target.Name == target, nil
}

// elsewhere makes a delivery of the same event to another target, which has it as that
// target says. One that has it, or waits for it, gets no other; and none is told of itself.
func (w *redelivering) elsewhere(ctx context.Context, o original, target string, terms Terms, c *Counts) error {
	s := w.s
	if about, err := tellsOf(o, target); err != nil {
		return err
	} else if about {
		c.About++
		return nil
	}
	var present bool
	if err := s.conn.QueryRowContext(ctx, s.stmts.text.after.alreadyAt, o.event, target).Scan(&present); err != nil {
		return err
	}
	if present {
		c.Present++
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	now := s.now()
	p := Planned{
		ID: id.String(), Target: target, Type: terms.Type, Rule: o.rule,
		Due: time.Now(), GiveUp: time.Now().Add(terms.GiveUpAfter), Hold: terms.Hold,
	}
	if err := json.Unmarshal(o.rules, &p.Rules); err != nil {
		return err
	}
	if o.typ == event.Digest {
		p.Rendering = digestRendering
	}
	if terms.Ordered {
		p.Key = string(o.repository)
	}
	if err := s.plan(ctx, o.event, Routing{JSON: o.encoding, Deliveries: []Planned{p}}); err != nil {
		return err
	}
	for _, text := range []string{s.stmts.text.after.addKeys, s.stmts.text.after.addKey} {
		if _, err := s.conn.ExecContext(ctx, text, o.event, key("target", target)); err != nil {
			return err
		}
	}
	if _, err := s.stmts.insertRedelivery.ExecContext(ctx, s.seqs.delivery, w.audit, micros(now), "", "",
		o.seq, 0); err != nil {
		return err
	}
	c.Done++
	return nil
}
