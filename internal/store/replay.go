package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// replayedAtOnce is how many events one step of a replay looks at.
const replayedAtOnce = 100

// Replay is a wish to have stored events judged by the rules in force, those accepted
// first first, and delivered as they say.
type Replay struct {
	Run string // as in [Redelivery]
	// Select chooses them; replays, and bellbuoy's own events, are left out. Its Limit is
	// how many are replayed at the most; 0 = DefaultRunLimit. Another run does not go on
	// behind them: see [Store.Replayable].
	Select Query
	// To is the only target that is to have them; "" = all that the rules name.
	To string
	By string
}

// A replay of an event is an event of its own, since an event's JSON is final: what it is
// and when it happened are those of the first, its origin, its id and when it was received
// are not. The id follows from those of the run and of the first, so that no run has two.

// Replay does the next step of a replay, until the run has ended. route says what the
// rules in force make of an event that is accepted at a time.
func (s *Store) Replay(ctx context.Context, w Replay, route func(e *event.Event, from time.Time) (Routing, error)) (Run, error) {
	w.Select.Limit = runLimit(w.Select.Limit)
	if _, err := w.Select.chosen(); err != nil {
		return Run{}, fmt.Errorf("replay: %w", err)
	}
	r, err := s.begin(ctx, w.Run, AuditReplay, w.By, w.To, "event", replayWish{w.Select, w.To})
	if err != nil || r.Ended {
		return r.Run, err
	}
	var as replayWish
	if err := json.Unmarshal(r.request, &as); err != nil {
		return r.Run, fmt.Errorf("read run %s: %w", r.ID, err)
	}
	left := as.Select.Limit - r.Done
	n := min(replayedAtOnce, left)
	list, err := s.replayable(ctx, as.Select, r.at, r.upto, n+1)
	if err != nil {
		return r.Run, fmt.Errorf("replay: %w", err)
	}
	more := len(list) > n
	if more {
		list = list[:n]
	}
	space, err := uuid.Parse(r.ID)
	if err != nil {
		return r.Run, fmt.Errorf("replay: run %s: %w", r.ID, err)
	}
	at, seqs := r.upto, []int64{}
	replays := replaying{s: s, audit: r.audit, items: map[int64]*Item{}}
	now := time.Now().UTC()
	for _, l := range list {
		item, err := again(l.json, space, now, as.To, route)
		if err != nil {
			return r.Run, fmt.Errorf("replay: %w", err)
		}
		at, seqs = l.seq, append(seqs, l.seq)
		replays.items[l.seq] = item
	}
	return s.step(ctx, &r, seqs, at, more, left, replays.one)
}

// replayWish is what a run of replays is stored with.
type replayWish struct {
	Select Query  `json:"select"`
	To     string `json:"to,omitempty"`
}

// TryReplay counts what a replay of those that q chooses would make, behind the cursor
// from, and returns the cursor to go on from: "" where there are no more.
func (s *Store) TryReplay(ctx context.Context, q Query, to, from string, route func(e *event.Event, from time.Time) (Routing, error)) (Counts, string, error) {
	var c Counts
	at := int64(0)
	if from != "" {
		var err error
		if at, err = readCursor(from); err != nil {
			return c, "", err
		}
	}
	list, err := s.replayable(ctx, q, at, 1<<63-1, replayedAtOnce+1)
	if err != nil {
		return c, "", fmt.Errorf("try a replay: %w", err)
	}
	more := len(list) > replayedAtOnce
	now := time.Now().UTC()
	for _, l := range list[:min(len(list), replayedAtOnce)] {
		item, err := again(l.json, uuid.Nil, now, to, route)
		if err != nil {
			return c, "", fmt.Errorf("try a replay: %w", err)
		}
		c.count(item)
		at = l.seq
	}
	if !more {
		return c, "", nil
	}
	return c, writeCursor(at), nil
}

// count counts one that was replayed, or would be.
func (c *Counts) count(it *Item) {
	if len(it.Routing.Deliveries) == 0 {
		c.Unmatched++
		return
	}
	c.Done++
	c.Deliveries += len(it.Routing.Deliveries)
}

// stored is an event as it is stored.
type stored struct {
	seq  int64
	json []byte
}

// Replayable counts the events that a replay would look at for q, up to its limit, and
// says whether there are more.
func (s *Store) Replayable(ctx context.Context, q Query) (n int, more bool, err error) {
	from, args, err := q.replayable(0, 1<<63-1)
	if err != nil {
		return 0, false, err
	}
	limit := runLimit(q.Limit)
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1`+from+` LIMIT ?) AS those`, append(args, limit+1)...).Scan(&n); err != nil {
		return 0, false, fmt.Errorf("count events: %w", dbError(err))
	}
	return min(n, limit), n > limit, nil
}

// replayable is the part of a query that says which events behind at may be replayed.
func (q Query) replayable(at, upto int64) (string, []any, error) {
	q.Before = ""
	c, err := q.chosen()
	if err != nil {
		return "", nil, err
	}
	from, args := ` FROM event e WHERE e.seq > ? AND e.seq <= ? AND e.state = 'routed' AND e.type NOT LIKE 'bellbuoy.%'
		AND NOT EXISTS (SELECT 1 FROM replayed r WHERE r.event = e.seq)`+c.where, append([]any{at, upto}, c.args...)
	if c.key() != nil {
		from += ` AND (e.seq > (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'indexed')
			OR e.seq IN (SELECT event FROM event_key WHERE key = ?))`
		args = append(args, *c.key())
	}
	return from, args, nil
}

// replayable are the next n events that q chooses, behind at.
func (s *Store) replayable(ctx context.Context, q Query, at, upto int64, n int) ([]stored, error) {
	from, args, err := q.replayable(at, upto)
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT e.seq, e.json`+from+` ORDER BY e.seq LIMIT ?`, append(args, n)...)
	if err != nil {
		return nil, dbError(err)
	}
	defer rows.Close()
	var out []stored
	for rows.Next() {
		var l stored
		if err := rows.Scan(&l.seq, &l.json); err != nil {
			return nil, dbError(err)
		}
		out = append(out, l)
	}
	return out, dbError(rows.Err())
}

// again makes a replay of an event.
func again(encoded []byte, space uuid.UUID, now time.Time, to string, route func(*event.Event, time.Time) (Routing, error)) (*Item, error) {
	it := &Item{Dedupe: true}
	if err := json.Unmarshal(encoded, &it.Event); err != nil {
		return nil, fmt.Errorf("read a stored event: %w", err)
	}
	it.Event.ID = uuid.NewSHA1(space, []byte(it.Event.ID)).String()
	it.Event.Origin, it.Event.Received = event.OriginReplayed, now
	var err error
	if it.Routing, err = route(&it.Event, now); err != nil {
		return nil, fmt.Errorf("judge event %s: %w", it.Event.ID, err)
	}
	if to != "" {
		it.Routing.Deliveries = slices.DeleteFunc(it.Routing.Deliveries, func(p Planned) bool { return p.Target != to })
	}
	it.keys = keys(&it.Event, it.Routing)
	return it, nil
}

// replaying is one step of a replay.
type replaying struct {
	s     *Store
	audit int64
	items map[int64]*Item // by the number of the first
}

// one writes one replay down. It has come in the request that the first came in.
func (w *replaying) one(ctx context.Context, seq int64, c *Counts) error {
	s, it := w.s, w.items[seq]
	if len(it.Routing.Deliveries) == 0 {
		c.count(it)
		return nil
	}
	var arrival int64
	var sum []byte
	err := s.conn.QueryRowContext(ctx, s.stmts.text.after.eventArrival, seq).Scan(&arrival, &sum)
	_, made, seenErr := s.seen(ctx, it.Event.ID)
	if errors.Is(err, sql.ErrNoRows) || err == nil && seenErr == nil && made {
		c.Changed++ // its time to be kept is over
		return nil
	}
	if err := errors.Join(err, seenErr); err != nil {
		return err
	}
	copy(it.Fingerprint[:], sum)
	write := &acceptance{s: s, a: &Arrival{Registry: it.Event.Registry.Name, Received: it.Event.Received}}
	if err := write.event(ctx, it, arrival); err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, s.stmts.text.after.insertReplayed, s.seqs.event, seq, w.audit); err != nil {
		return err
	}
	c.count(it)
	return nil
}
