package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Accept writes an arrival down: its events, its raw body and the deliveries that
// were planned, or the body in quarantine, all or nothing. When it returns nil, the
// disk has it. An arrival with nothing but counted events is not waited for.
//
// An error wraps [ErrUnavailable]; the registry should send it again.
func (s *Store) Accept(ctx context.Context, a Arrival) (Accepted, error) {
	if len(a.Items) == 0 && a.Quarantine == "" {
		if err := s.Err(); err != nil {
			return Accepted{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		s.counted(a)
		return Accepted{}, nil
	}
	if err := s.room(); err != nil {
		return Accepted{}, fmt.Errorf("accept from %s: %w", a.Registry, err)
	}
	headers, err := json.Marshal(a.Headers)
	if err != nil {
		return Accepted{}, fmt.Errorf("encode headers: %w", err)
	}
	if a.Body.Bytes == nil {
		a.Body.Bytes = []byte{} // an empty body is one too
	}
	for i := range a.Items {
		a.Items[i].keys = keys(&a.Items[i].Event, a.Items[i].Routing)
	}
	w := &acceptance{s: s, a: &a, headers: string(headers)}
	if a.Quarantine != "" {
		err = s.write(ctx, &job{run: w.quarantine})
	} else {
		err = s.write(ctx, &job{run: w.events})
	}
	if err != nil {
		return Accepted{}, fmt.Errorf("accept from %s: %w", a.Registry, err)
	}
	s.added(&a)
	s.counted(a)
	return w.result, nil
}

// counted counts what an arrival had besides what was stored.
func (s *Store) counted(a Arrival) {
	for t, n := range a.Counted {
		s.counts.add(a.Registry, a.Received, tallyCounted, t, n)
	}
}

// acceptance is one arrival on its way into a transaction.
type acceptance struct {
	s        *Store
	a        *Arrival
	headers  string
	received time.Time
	result   Accepted
}

func (w *acceptance) events(ctx context.Context) error {
	s, a := w.s, w.a
	w.result, w.received = Accepted{}, s.steady.at(a.Received)
	arrival := int64(0) // written with the first event that is new
	for i := range a.Items {
		it := &a.Items[i]
		repeat, err := w.repeat(ctx, it)
		if err != nil {
			return fmt.Errorf("event %s: %w", it.Event.ID, err)
		}
		if repeat {
			continue
		}
		if arrival == 0 {
			s.seqs.arrival++
			arrival = s.seqs.arrival
			if _, err := s.stmts.insertArrival.ExecContext(ctx, arrival, a.Registry, micros(w.received), a.Remote, w.headers,
				a.Body.Bytes, a.Body.Size, a.Body.SHA256[:], a.Body.Truncated); err != nil {
				return err
			}
		}
		if err := w.event(ctx, it, arrival); err != nil {
			return fmt.Errorf("event %s: %w", it.Event.ID, err)
		}
		failpoint.At("event written")
		w.result.IDs = append(w.result.IDs, it.Event.ID)
		s.counts.addInTx(a.Registry, a.Received, tallyStored, it.Event.Type)
	}
	return nil
}

// repeat reports whether the event was taken before, and counts it if so.
func (w *acceptance) repeat(ctx context.Context, it *Item) (bool, error) {
	s := w.s
	first, ok, err := s.seen(ctx, it.Event.ID)
	if err != nil || !ok {
		return false, err
	}
	if !it.Dedupe {
		return false, errors.New("its id is one that another event has")
	}
	conflict := 0
	w.result.Duplicates++
	s.counts.addInTx(w.a.Registry, w.a.Received, tallyDuplicate, it.Event.Type)
	if first.fingerprint != it.Fingerprint {
		conflict = 1
		w.result.Conflicts++
		s.counts.addInTx(w.a.Registry, w.a.Received, tallyConflict, it.Event.Type)
	}
	_, err = s.stmts.countRepeat.ExecContext(ctx, first.seq, conflict)
	return true, err
}

func (w *acceptance) event(ctx context.Context, it *Item, arrival int64) error {
	s, e := w.s, &it.Event
	state, heldFor, routeAt := "routed", "", time.Time{}
	body, matched, ruleSet := it.Routing.JSON, "[]", int64(0)
	if it.Hold != nil {
		state, heldFor, routeAt = "held", it.Hold.Reason, it.Hold.RouteAt
		var err error
		if body, err = json.Marshal(e); err != nil {
			return err
		}
	} else {
		var err error
		if ruleSet, err = s.ruleSet(ctx, it.Routing.RuleSet); err != nil {
			return err
		}
		matched = list(it.Routing.Matched)
	}
	repository, digest := subject(e)
	s.seqs.event++
	seq := s.seqs.event
	s.tail.pending[e.ID] = tailed{seq, it.Fingerprint}
	s.sums.accept(seq, w.received)
	if _, err := s.stmts.insertEvent.ExecContext(ctx, seq, e.ID, arrival, state, heldFor, micros(s.steady.at(routeAt)), micros(w.received),
		string(e.Type), string(e.Status), e.Registry.Name, repository, digest, it.keys, e.Native.ID,
		it.Fingerprint[:], ruleSet, matched, body); err != nil {
		return err
	}
	return s.plan(ctx, seq, it.Routing)
}

// subject is what an event is about, as its columns have it.
func subject(e *event.Event) (repository, digest string) {
	if e.Repository != nil {
		repository = e.Repository.FullName
	}
	if e.Artifact != nil {
		digest = e.Artifact.Digest
	}
	return repository, digest
}

// list encodes names as JSON.
func list(names []string) string {
	if len(names) == 0 {
		return "[]"
	}
	b, err := json.Marshal(names)
	if err != nil { // a list of strings always encodes
		return "[]"
	}
	return string(b)
}

// plan writes an event's deliveries. Those that are due are leased to this process
// and handed over once committed, unless the target has enough in hand or the key
// has others waiting before it: then a claim finds them. Those to a target that is
// disabled are parked, and those to one that is gone: who planned them may not have
// heard of that yet.
func (s *Store) plan(ctx context.Context, seq int64, r Routing) error {
	now := s.now()
	for _, p := range r.Deliveries {
		giveUp := p.GiveUp
		p.Due, p.GiveUp = s.steady.at(p.Due), s.steady.at(p.GiveUp)
		where, parked := toBeClaimed, s.parkedFor(p.Target) != ""
		if !parked {
			var err error
			if where, err = s.place(ctx, p, now); err != nil {
				return err
			}
		}
		lease := int64(0)
		if where == handedOver {
			lease = s.owner
		}
		rendering, err := s.rendering(ctx, p.Rendering)
		if err != nil {
			return err
		}
		s.seqs.delivery++
		c := Claimed{
			Seq: s.seqs.delivery, Lease: lease, ID: p.ID, Target: p.Target, Type: p.Type, Key: p.Key, Attempt: 1,
			Event: r.JSON, GiveUp: giveUp, Rendering: p.Rendering,
			Shadow: s.present.named[p.Target].Shadow,
		}
		if _, err := s.stmts.insertDelivery.ExecContext(ctx, s.seqs.delivery, p.ID, seq, p.Target, p.Type, p.Rule, list(p.Rules),
			p.Key, micros(p.Due), lease, where == behind, micros(p.GiveUp.Add(-s.lost(p.Target, now))), p.Hold.Microseconds(), rendering, c.sum()); err != nil {
			return err
		}
		if parked {
			if err := s.parkOne(ctx, p.Target, s.seqs.delivery, now); err != nil {
				return err
			}
		}
		if lease == 0 {
			continue
		}
		s.sums.plan(p.Target, p.Type)
		s.shelves.reserve(p.Target)
		s.shelves.change(p.Target, func(sh *shelf) {
			sh.handed = append(sh.handed, c)
			sh.out++
		})
	}
	return nil
}

// place is where a new delivery waits.
type place int

const (
	handedOver place = iota // leased to this process, on its target's shelf
	toBeClaimed
	behind // others of its key, one of which is being tried again
)

// place decides where a new delivery waits, and tells the shelf.
func (s *Store) place(ctx context.Context, p Planned, now time.Time) (place, error) {
	h := &s.shelves
	room, look := h.room(p.Target, s.window)
	room = room && !s.queues(p.Target)
	if p.Key != "" && (look || s.engine.shared != nil && s.engine.shared()) {
		var waits, others, held bool
		if err := s.stmts.keyWaits.QueryRowContext(ctx, p.Target, p.Key, micros(s.clock(p.Target, now))).Scan(&waits, &others, &held); err != nil {
			return 0, err
		}
		switch {
		case held:
			h.mark(p.Target, false)
			return behind, nil
		case others: // freed, and not all of them claimed yet
			h.own(p.Target).freed[p.Key] = struct{}{}
			h.mark(p.Target, true)
			return behind, nil
		case waits:
			room = false
		}
	}
	if g := s.gate(p.Target, now); g.sends == 0 {
		h.mark(p.Target, false)
		s.shut(p.Target, g)
		return toBeClaimed, nil
	} else if room && !p.Due.After(now) && !g.probe {
		return handedOver, nil
	}
	h.due(p.Target, p.Due, now)
	return toBeClaimed, nil
}
