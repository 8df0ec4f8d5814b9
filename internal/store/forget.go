package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/failpoint"
)

// upkeepTexts are the statements of one SQL dialect by which the store is kept small.
// Lists of numbers are given as JSON.
type upkeepTexts struct {
	findEnded, sizes, stillEnded string
	deleteKeys, deleteArrival    string
	ofEvents, ofDeliveries       string // of the tables of goesWith
	givenOut, setGivenOut        string
	findSeen, deleteSeen         string
	supersede, deleteRuleSets    string
	deleteUnused                 string
	deleteRenderings             string

	pages string

	countQuarantine, quarantined, addQuarantined, oldQuarantine, oldestQuarantine string
}

var sqliteUpkeep = upkeepTexts{
	findEnded: `SELECT e.seq, e.received, e.state = 'held', (SELECT max(CASE WHEN d.state IN ('waiting', 'parked') OR d.state = 'folded' AND d.ended = 0
				THEN 9223372036854775807 ELSE d.ended END) FROM delivery d WHERE d.event = e.seq)
		FROM event e WHERE e.seq > ?1 AND e.seq <= ?2 ORDER BY e.seq LIMIT ?3`,
	sizes: `SELECT length(e.json) + coalesce((SELECT length(a.body) FROM arrival a WHERE a.seq = e.arrival), 0) + 1024
		FROM event e WHERE e.seq IN (SELECT CAST(value AS BIGINT) FROM json_each(?1)) ORDER BY e.seq`,
	stillEnded: `SELECT e.seq, e.arrival FROM event e WHERE e.seq IN (SELECT CAST(value AS BIGINT) FROM json_each(?1)) AND e.state = 'routed'
		AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.seq
			AND (d.state IN ('waiting', 'parked') OR d.state = 'folded' AND d.ended = 0))`,
	deleteKeys: `DELETE FROM event_key WHERE (key, event) IN (SELECT CAST(k.value AS BIGINT), e.seq FROM event e, json_each(e.keys) k
		WHERE e.seq IN (SELECT CAST(value AS BIGINT) FROM json_each(?1)))`,
	ofEvents:     `DELETE FROM %s WHERE %s IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))`,
	ofDeliveries: `DELETE FROM %s WHERE %s IN (SELECT seq FROM delivery WHERE event IN (SELECT CAST(value AS BIGINT) FROM json_each(?1)))`,
	deleteArrival: `DELETE FROM arrival WHERE seq IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))
		AND NOT EXISTS (SELECT 1 FROM event e WHERE e.arrival = arrival.seq)`,
	givenOut:    `SELECT arrival, delivery FROM upkeep`,
	setGivenOut: `UPDATE upkeep SET arrival = ?1, delivery = ?2`,
	findSeen: `SELECT s.event, s.at, EXISTS (SELECT 1 FROM event e WHERE e.seq = s.event)
		FROM seen s WHERE s.event > ?1 ORDER BY s.event LIMIT ?2`,
	deleteSeen: `DELETE FROM seen WHERE event IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))`,
	supersede: `UPDATE rule_set SET judged = CASE id WHEN ?1 THEN 1 ELSE judged END, last = CASE id WHEN ?1 THEN 9223372036854775807 ELSE ?2 END
		WHERE id = ?1 OR last = 9223372036854775807`,
	deleteUnused: `DELETE FROM rule_set WHERE judged = 0 AND hash NOT IN (SELECT value FROM json_each(?1)) RETURNING hash`,
	deleteRuleSets: `DELETE FROM rule_set WHERE last < coalesce((SELECT min(seq) FROM event), ?1)
		AND id <> ?3 AND hash NOT IN (SELECT value FROM json_each(?2)) RETURNING hash`,
	deleteRenderings: `DELETE FROM rendering WHERE id IN (SELECT id FROM rendering r
		WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.rendering = r.id) LIMIT ?1)`,

	pages: `SELECT (SELECT page_size FROM pragma_page_size()), (SELECT page_count FROM pragma_page_count()),
		(SELECT freelist_count FROM pragma_freelist_count())`,

	countQuarantine:  `UPDATE quarantine SET count = count + 1, last = ?3 WHERE registry = ?1 AND sha256 = ?2`,
	oldestQuarantine: `SELECT min(last) FROM quarantine`,
	quarantined:      `SELECT quarantined FROM upkeep`,
	addQuarantined:   `UPDATE upkeep SET quarantined = quarantined + ?1`,
	oldQuarantine: `DELETE FROM quarantine WHERE seq IN (SELECT seq FROM quarantine WHERE last < ?1 ORDER BY last, seq LIMIT ?2)
		RETURNING length(body) + length(headers) + 256`,
}

// goesWith are the tables whose rows go with an event, or with a delivery of one, that
// they name, in the order in which they go.
var goesWith = []struct {
	table, column string
	delivery      bool
}{
	{"attempt", "delivery", true},
	{"redelivery", "delivery", true},
	{"shadow", "delivery", true},
	{"replayed", "event", false},
	{"delivery", "event", false},
	{"event", "seq", false},
}

// forget deletes events and all that hangs on them, but not what is known of their ids:
// repeats are told still. One that has not ended, or not any more, stays.
func (s *Store) forget(ctx context.Context, events []int64) error {
	for some := range slices.Chunk(events, deletes) {
		err := s.write(ctx, &job{lazy: true, rows: turnRows, run: func(ctx context.Context) error { return s.forgetSome(ctx, some) }})
		if err != nil {
			return fmt.Errorf("delete %d events: %w", len(some), err)
		}
	}
	return nil
}

func (s *Store) forgetSome(ctx context.Context, events []int64) error {
	t := &s.stmts.text.upkeep
	events, arrivals, err := s.stillEnded(ctx, events)
	if err != nil || len(events) == 0 {
		return err
	}
	list, from := listed(events), listed(arrivals)
	if _, err := s.conn.ExecContext(ctx, t.deleteKeys, list); err != nil {
		return err
	}
	failpoint.At("keys deleted")
	for _, g := range goesWith {
		text := t.ofEvents
		if g.delivery {
			text = t.ofDeliveries
		}
		if _, err := s.conn.ExecContext(ctx, fmt.Sprintf(text, g.table, g.column), list); err != nil {
			return fmt.Errorf("delete from %s: %w", g.table, err)
		}
	}
	failpoint.At("events deleted")
	if _, err := s.conn.ExecContext(ctx, t.deleteArrival, from); err != nil {
		return err
	}
	// The last ones may be among them: no number is given out twice.
	_, err = s.conn.ExecContext(ctx, t.setGivenOut, s.seqs.arrival, s.seqs.delivery)
	return err
}

// stillEnded returns those of events that have ended, and the arrivals of these.
func (s *Store) stillEnded(ctx context.Context, events []int64) (ended, arrivals []int64, err error) {
	rows, err := s.conn.QueryContext(ctx, s.stmts.text.upkeep.stillEnded, listed(events))
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var event, arrival int64
		if err := rows.Scan(&event, &arrival); err != nil {
			return nil, nil, err
		}
		ended, arrivals = append(ended, event), append(arrivals, arrival)
	}
	return ended, arrivals, rows.Err()
}

// listed encodes a list as JSON.
func listed(list []int64) string {
	b := []byte{'['}
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(append(b, ']'))
}

// loadGivenOut reads up to where numbers were given out whose rows are gone.
func (s *Store) loadGivenOut(ctx context.Context) error {
	var arrival, delivery int64
	if err := s.conn.QueryRowContext(ctx, s.stmts.text.upkeep.givenOut).Scan(&arrival, &delivery); err != nil {
		return dbError(err)
	}
	s.seqs.arrival, s.seqs.delivery = max(s.seqs.arrival, arrival), max(s.seqs.delivery, delivery)
	return nil
}

// forgetSeen deletes some of the ids of events that are gone, after [seenFor], and where
// room is needed those that take more than their share.
func (s *Store) forgetSeen(ctx context.Context, w *sweep, now time.Time, pressing bool, size int64) (more bool, err error) {
	if w.resting(now) && !pressing {
		return false, nil
	}
	beyond := int64(0) // up to this event, they take more than their share
	if pressing {
		s.tail.mu.RLock()
		beyond = max(s.tail.indexed, s.tail.last) - size/seenShare/seenBytes
		s.tail.mu.RUnlock()
	}
	found, err := s.oldSeen(ctx, w.from, micros(now.Add(-seenFor)), beyond)
	if err != nil {
		return false, fmt.Errorf("find ids to forget: %w", dbError(err))
	}
	for some := range slices.Chunk(found.events, deletes) {
		err := s.write(ctx, &job{lazy: true, rows: turnRows, run: func(ctx context.Context) error {
			_, err := s.conn.ExecContext(ctx, s.stmts.text.upkeep.deleteSeen, listed(some))
			return err
		}})
		if err != nil {
			return false, fmt.Errorf("forget %d ids: %w", len(some), err)
		}
	}
	w.from, w.passed = found.upTo, w.passed+found.passed
	if found.all {
		w.end(now)
	}
	return !found.all, nil
}

// oldSeen looks at some ids behind from for such as came before a time, or with an event
// that is not behind beyond, and whose event is gone.
func (s *Store) oldSeen(ctx context.Context, from, before, beyond int64) (endedEvents, error) {
	f := endedEvents{upTo: from, all: true}
	rows, err := s.own.QueryContext(ctx, s.stmts.text.upkeep.findSeen, from, looksAt)
	if err != nil {
		return f, err
	}
	defer rows.Close()
	for n := 1; rows.Next(); n++ {
		var event, at int64
		var there bool
		if err := rows.Scan(&event, &at, &there); err != nil {
			return f, err
		}
		if at >= before && event > beyond {
			break
		}
		if f.upTo = event; there {
			f.passed++
		} else {
			f.events = append(f.events, event)
		}
		f.all = n < looksAt
	}
	return f, rows.Err()
}

// forgetUnused deletes the rules and renderings that nothing refers to.
func (s *Store) forgetUnused(ctx context.Context) error {
	var gone []string
	err := s.write(ctx, &job{
		lazy: true,
		run: func(ctx context.Context) (err error) {
			t := &s.stmts.text.upkeep
			if gone, err = s.forgetRuleSets(ctx); err != nil {
				return err
			}
			clear(s.renderings)
			s.pruned = true
			_, err = s.conn.ExecContext(ctx, t.deleteRenderings, maxRenderings)
			return err
		},
		then: func() {
			for _, hash := range gone {
				s.ruleSets.Delete(hash)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("delete rules that nothing refers to: %w", err)
	}
	return nil
}

// forgetRuleSets deletes the rules that no event refers to, but for those in use: they
// may have judged none yet, or none of those that are left.
func (s *Store) forgetRuleSets(ctx context.Context) (gone []string, err error) {
	inUse, err := json.Marshal(s.put)
	if err != nil {
		return nil, err
	}
	return column(ctx, s.conn, s.stmts.text.upkeep.deleteRuleSets, s.seqs.event+1, string(inUse), s.seqs.ruleSet)
}

// judging notes that rule set id judges from here on, if another did until now.
func (s *Store) judging(ctx context.Context, id int64) error {
	if id == s.seqs.ruleSet {
		return nil
	}
	s.seqs.ruleSet = id
	_, err := s.conn.ExecContext(ctx, s.stmts.text.upkeep.supersede, id, s.seqs.event)
	return err
}

// stillInUse is how many sets of rules, the last that were put, may still be what a request
// goes by: it reads its body for seconds, while people may change rules many times.
const stillInUse = 64

// inUse notes that the rules with that hash are, and with those before them may still
// be, in use.
func (s *Store) inUse(hash string) {
	if len(s.put) > 0 && s.put[0] == hash {
		return
	}
	s.put = append([]string{hash}, s.put...)[:min(stillInUse, len(s.put)+1)]
}
