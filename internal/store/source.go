package store

import (
	"context"
	"database/sql"
	"slices"
)

// source is where a list finds events without reading them: in indexes.
type source struct {
	seq  string // the column that holds the event's seq
	arms []arm  // an event may be in many
	and  string // a condition more, with its arguments
	more []any
}

// arm is a query of a source's, ending in WHERE and a condition.
type arm struct {
	text string
	args []any
}

// allEvents are all events.
var allEvents = source{seq: "k.seq", arms: []arm{{text: `SELECT k.seq FROM event k WHERE true`}}}

// keyed are the events with a key.
func keyed(key int64) source {
	return source{seq: "k.event", arms: []arm{{`SELECT k.event FROM event_key k WHERE k.key = ?`, []any{key}}}}
}

// among are the events that have a delivery in one of states, to a target where one is
// named; false where no index finds them.
func among(states []State, target string) (source, bool) {
	s := source{seq: "k.event"}
	for _, state := range states {
		switch state {
		case Delivered:
			return s, false
		case Waiting:
			s.arms = append(s.arms,
				arm{text: `SELECT DISTINCT k.event FROM delivery k WHERE k.state = 'waiting' AND k.lease = 0`},
				// What is leased is little, and in an index of another order: left to
				// choose, SQLite reads all deliveries in this one.
				arm{text: `WITH k AS MATERIALIZED (SELECT event FROM delivery WHERE target >= '' AND lease <> 0 AND state = 'waiting')
					SELECT DISTINCT k.event FROM k WHERE true`})
		default:
			// The state is one of a closed list. Written out, it is seen to be in the index.
			of := arm{text: `SELECT DISTINCT k.event FROM delivery k WHERE k.state = '` + string(state) + `' AND k.state NOT IN ('waiting', 'delivered')`}
			if target != "" {
				of.text, of.args = of.text+` AND k.target = ?`, []any{target}
			}
			s.arms = append(s.arms, of)
		}
	}
	return s, len(states) > 0
}

// newest returns the n newest events of s from a seq on and before another.
func (s source) newest(ctx context.Context, tx *sql.Tx, lo, hi int64, n int) ([]int64, error) {
	var out []int64
	for _, arm := range s.arms {
		args := slices.Concat(arm.args, []any{lo, hi}, s.more, []any{n})
		rows, err := tx.QueryContext(ctx, s.query(arm), args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var seq int64
			if err := rows.Scan(&seq); err != nil {
				rows.Close()
				return nil, err
			}
			out = append(out, seq)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	if len(s.arms) > 1 {
		slices.SortFunc(out, func(a, b int64) int { return int(b - a) })
		out = slices.Compact(out)
	}
	return out[:min(n, len(out))], nil
}

// query is that for the newest of an arm's events from a seq on and before another.
func (s source) query(a arm) string {
	return a.text + ` AND ` + s.seq + ` >= ? AND ` + s.seq + ` < ?` + s.and + ` ORDER BY ` + s.seq + ` DESC LIMIT ?`
}

// probe is how many of a source's newest events tell how dense it is.
const probe = 100

// density is the seq of the probe-th newest event of s, or 0 where there are fewer: the
// smaller, the fewer there are to look at.
func (s source) density(ctx context.Context, tx *sql.Tx, lo, hi int64) (int64, error) {
	seqs, err := s.newest(ctx, tx, lo, hi, probe)
	if err != nil || len(seqs) < probe {
		return 0, err
	}
	return seqs[probe-1], nil
}

// narrowest returns the sparsest of the sources that the query names, narrowed by the
// keys of the others: a list then reads few events that it does not show.
func (l *listing) narrowest(ctx context.Context, lo, hi int64) (source, error) {
	var sources []source
	for _, k := range l.chosen.keys {
		sources = append(sources, keyed(k))
	}
	if s, ok := among(l.states, l.target); ok {
		sources = append(sources, s)
	}
	switch len(sources) {
	case 0:
		return allEvents, nil
	case 1:
		return sources[0], nil
	}
	best, least := 0, hi
	for i := range sources {
		d, err := sources[i].density(ctx, l.tx, lo, hi)
		if err != nil {
			return source{}, err
		}
		if d < least {
			best, least = i, d
		}
	}
	s := sources[best]
	for i, k := range l.chosen.keys {
		if i != best {
			s.and += ` AND EXISTS (SELECT 1 FROM event_key x WHERE x.key = ? AND x.event = k.event)`
			s.more = append(s.more, k)
		}
	}
	return s, nil
}
