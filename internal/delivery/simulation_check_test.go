package delivery

import (
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// sends are the attempts of one delivery, as its target saw them.
type sends struct {
	target string
	begun  int
	lost   int       // of those, the ones that no process knows of: it was killed
	flying bool      // one is under way
	ended  time.Time // when the last one did
	closed time.Time // when one ended that is to be the last
}

// laneSeen is what a target saw of one key.
type laneSeen struct {
	inFlight int
	last     int             // number of the last delivery that was attempted for the first time
	open     map[string]bool // deliveries that were attempted and have not ended, as far as is known
}

// writtenIn is how long an outcome may take to be on disk.
const writtenIn = 50 * time.Millisecond

// begins looks at an attempt that begins: whether it is allowed to. s.mu is held.
func (s *simulation) begins(to *simulatedTarget, d plugin.Delivery, e event.Event) *sends {
	now := time.Now()
	told := s.tells(to.name, &e)
	seen := s.sends[d.ID]
	if seen == nil {
		seen = &sends{target: to.name}
		s.sends[d.ID] = seen
	}
	s.say("%s is sent %s, attempt %d (%v)", to.name, names(told), d.Attempt, to.mood)
	if !seen.closed.IsZero() {
		s.wrong("%s is sent %s again, which ended at %v", to.name, names(told), seen.closed.Sub(s.start))
	}
	if seen.flying {
		s.wrong("%s is sent %s twice at a time", to.name, names(told))
	}
	seen.begun++
	seen.flying = true
	s.mayBegin(to, now)
	if to.inFlight++; to.inFlight > to.asked.Concurrency {
		s.wrong("%s is sent %d at a time, want at most %d", to.name, to.inFlight, to.asked.Concurrency)
	}
	s.inOrder(to, d.ID, told)
	return seen
}

// mayBegin looks at whether the target is to be sent anything.
func (s *simulation) mayBegin(to *simulatedTarget, now time.Time) {
	if !to.gone.IsZero() && to.gone.Before(now) {
		s.wrong("%s is sent something while it is gone", to.name)
	}
	if !to.shadowed.IsZero() && to.shadowed.Before(now) {
		s.wrong("%s is sent something while it is in shadow mode", to.name)
	}
	c := s.condition(to.name)
	if !c.Disabled.IsZero() && c.Disabled.Before(now) {
		s.wrong("%s is sent something while it is disabled", to.name)
	}
	if c.Paused.After(now) && now.Sub(to.slowed) > writtenIn {
		s.wrong("%s is sent something while it is paused", to.name)
	}
	if c.Open.IsZero() || !c.Open.Before(now) {
		return
	}
	since := c.Open
	if to.opened.Equal(c.Open) && to.probed.After(since) {
		since = to.probed
	}
	if now.Sub(since) < 30*time.Second {
		s.wrong("%s is sent a probe %v after its circuit opened or the last probe", to.name, now.Sub(since))
	}
	to.opened, to.probed = c.Open, now
}

// inOrder looks at whether it is the turn of what is attempted.
func (s *simulation) inOrder(to *simulatedTarget, id string, told []*planned) {
	if len(told) == 0 || told[0].key == "" {
		return
	}
	l := s.lane(to.name, told[0].key)
	if l.inFlight++; l.inFlight > 1 {
		s.wrong("%s is sent %d of %s at a time", to.name, l.inFlight, told[0].key)
	}
	for _, p := range told {
		if p.begun || p.again {
			continue
		}
		p.begun = true
		if to.strict && !l.open[id] {
			s.othersEnded(to, l)
			l.open[id] = true
		}
		if p.number <= l.last && to.strict {
			s.wrong("%s is sent %d after %d of %s", to.name, p.number, l.last, p.key)
		}
		l.last = max(l.last, p.number)
	}
}

// othersEnded looks at what was attempted of a key: it must have come to its end, or be
// parked, before another is attempted for the first time.
func (s *simulation) othersEnded(to *simulatedTarget, l *laneSeen) {
	for id := range l.open {
		if seen := s.sends[id]; seen.closed.IsZero() { // it may have expired, or been given up
			found, err := s.store.Deliveries(s.t.Context(), store.Selection{ID: id})
			if err != nil {
				s.wrong("look for a delivery: %v", err)
			}
			if len(found) == 1 && found[0].State == store.Waiting {
				s.wrong("%s is sent another than %s, which is to be tried again", to.name, s.called(id))
			}
		}
		delete(l.open, id)
	}
}

func (s *simulation) lane(target, key string) *laneSeen {
	l := s.lanes[laneOf{target, key}]
	if l == nil {
		l = &laneSeen{last: -1, open: map[string]bool{}}
		s.lanes[laneOf{target, key}] = l
	}
	return l
}

// arrives looks at a message that arrives. What was under way when the target got the
// rate that it has counts, and cannot be called back. s.mu is held.
func (s *simulation) arrives(to *simulatedTarget, began time.Time, e event.Event, kept bool) {
	now := time.Now()
	if r := to.stored.Rate; r.Sends > 0 {
		if n := len(to.arrivals); n >= r.Sends && began.After(to.changed) && now.Sub(to.arrivals[n-r.Sends]) < r.Per {
			s.wrong("%s gets %d messages within %v, want at most %d in %v", to.name, r.Sends+1, now.Sub(to.arrivals[n-r.Sends]), r.Sends, r.Per)
		}
		to.arrivals = append(to.arrivals, now)
	}
	if kept {
		for _, p := range s.tells(to.name, &e) {
			p.arrived = true
		}
	}
}

// ends takes in how an attempt ended. s.mu is held.
func (s *simulation) ends(life int, to *simulatedTarget, seen *sends, e event.Event, a answer) {
	if life != s.life { // nobody hears of it
		return
	}
	s.say("%s answers %v to %s", to.name, a.err, names(s.tells(to.name, &e)))
	to.inFlight--
	if told := s.tells(to.name, &e); len(told) > 0 && told[0].key != "" {
		s.lane(to.name, told[0].key).inFlight--
	}
	seen.flying, seen.ended = false, time.Now()
	switch plugin.ReadVerdict(a.err).Outcome {
	case plugin.Delivered, plugin.PermanentFail:
		seen.closed = seen.ended
	case plugin.ThrottledTarget:
		to.slowed = seen.ended
	}
}

func names(told []*planned) string {
	var b strings.Builder
	for i, p := range told {
		if i > 0 {
			b.WriteByte('+')
		}
		b.WriteString(p.name())
	}
	return b.String()
}

// wiredStore makes an empty store that notes how deliveries change their states, and what
// is deleted, and does not let open ones be.
func wiredStore(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "empty.db")
	st, err := store.Open(t.Context(), path, store.Options{Version: "test"})
	if err == nil {
		err = st.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	db := openFile(t, path)
	defer db.Close()
	for _, q := range []string{
		`CREATE TABLE seen_move (was TEXT NOT NULL, is_now TEXT NOT NULL, PRIMARY KEY (was, is_now))`,
		`CREATE TRIGGER seen_move AFTER UPDATE OF state ON delivery WHEN old.state <> new.state
			BEGIN INSERT OR IGNORE INTO seen_move VALUES (old.state, new.state); END`,
		`CREATE TABLE seen_gone (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, state TEXT NOT NULL)`,
		`CREATE TRIGGER seen_gone BEFORE DELETE ON delivery
			BEGIN
				SELECT RAISE(FAIL, 'an open delivery is deleted') WHERE old.state IN ('waiting', 'parked');
				INSERT INTO seen_gone VALUES (old.id, old.seq, old.state);
			END`,
		`CREATE TABLE seen_forgotten (delivery INTEGER NOT NULL)`,
		`CREATE TRIGGER seen_forgotten BEFORE DELETE ON attempt BEGIN INSERT INTO seen_forgotten VALUES (old.delivery); END`,
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return path
}

func openFile(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

// onRecord is a delivery in the store, or one that was deleted.
type onRecord struct {
	id       string
	state    store.State
	attempts int
}

func (s *simulation) records(db *sql.DB) map[string]onRecord {
	s.t.Helper()
	rows, err := db.Query(`SELECT id, state, (SELECT count(*) FROM attempt WHERE delivery = seq) FROM delivery
		UNION ALL SELECT id, state, (SELECT count(*) FROM seen_forgotten f WHERE f.delivery = seq) FROM seen_gone`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]onRecord{}
	for rows.Next() {
		var r onRecord
		if err := rows.Scan(&r.id, &r.state, &r.attempts); err != nil {
			s.t.Fatal(err)
		}
		all[r.id] = r
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// forgotten takes in what the process that is killed now takes with it: attempts that are
// under way, or ended just now.
func (s *simulation) forgotten() {
	s.t.Helper()
	db := openFile(s.t, s.path)
	defer db.Close()
	all := s.records(db)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life++
	for id, seen := range s.sends {
		missing := seen.begun - seen.lost - all[id].attempts
		if missing > 1 || missing == 1 && !seen.flying && time.Since(seen.ended) > writtenIn {
			s.wrong("%d attempts of %s are not on record", missing, s.called(id))
		}
		if missing > 0 {
			seen.lost += missing
			seen.closed = time.Time{}
		}
		seen.flying = false
	}
	for _, to := range s.targets {
		to.inFlight = 0
	}
	for _, l := range s.lanes {
		l.inFlight = 0
	}
}

// check looks at what came of all. Nobody writes any more.
func (s *simulation) check(all *reached) {
	s.t.Helper()
	db := openFile(s.t, s.path)
	defer db.Close()
	there := s.records(db)
	conditions := s.store.Conditions()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.planned {
		r, ok := there[id]
		open := s.targetOf(p.target).here && conditions[p.target].Disabled.IsZero()
		switch {
		case !ok:
			s.wrong("%s for %s is lost", p.name(), p.target)
		case r.state == store.Waiting:
			s.wrong("%s for %s waits still", p.name(), p.target)
		case r.state == store.Parked && open:
			s.wrong("%s for %s is parked still", p.name(), p.target)
		case (r.state == store.Delivered || r.state == store.Folded && open) && !p.arrived: // its digest may be parked
			s.wrong("%s for %s is %s and never arrived", p.name(), p.target, r.state)
		}
	}
	for id, seen := range s.sends {
		if got := there[id].attempts; got != seen.begun-seen.lost {
			s.wrong("%s was sent %s %d times, %d of them unknown, and %d attempts are on record", seen.target, s.called(id), seen.begun, seen.lost, got)
		}
	}
	legal := map[store.Transition]bool{}
	for _, m := range store.Transitions() {
		legal[m] = true
	}
	s.eachRow(db, `SELECT was, is_now FROM seen_move`, func(row []string) {
		m := store.Transition{From: store.State(row[0]), To: store.State(row[1])}
		if all.add(m); !legal[m] {
			s.wrong("deliveries went from %s to %s", m.From, m.To)
		}
	})
	s.eachRow(db, `SELECT target, state, sum(counted), sum(there) FROM (
			SELECT target, state, n AS counted, 0 AS there FROM standing
			UNION ALL SELECT target, state, 0, 1 FROM delivery)
		GROUP BY 1, 2 HAVING sum(counted) <> sum(there)`, func(row []string) {
		s.wrong("the counters have %s deliveries to %s that are %s, and there are %s", row[2], row[0], row[1], row[3])
	})
	s.eachRow(db, `SELECT 'lease of ' || id, '' FROM delivery WHERE lease <> 0
		UNION ALL SELECT 'token of ' || target, '' FROM token`, func(row []string) {
		s.wrong("a %s is left", row[0])
	})
}

// eachRow asks for rows of text.
func (s *simulation) eachRow(db *sql.DB, query string, each func([]string)) {
	s.t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		s.t.Fatal(err)
	}
	row, at := make([]string, len(columns)), make([]any, len(columns))
	for i := range row {
		at[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			s.t.Fatal(err)
		}
		each(row)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *simulation) called(id string) string {
	if p := s.planned[id]; p != nil {
		return p.name()
	}
	return "a digest"
}

// reached is how deliveries changed their states in any of the worlds.
type reached struct {
	mu    sync.Mutex
	moves map[store.Transition]bool
}

func (r *reached) add(m store.Transition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moves == nil {
		r.moves = map[store.Transition]bool{}
	}
	r.moves[m] = true
}

// enough looks at whether many seeds have led everywhere: else the simulation has become
// blind for something.
func (r *reached) enough(t *testing.T) {
	if number(t, "BELLBUOY_SEED", 0) != 0 || number(t, "BELLBUOY_SEEDS", simulatedSeeds) < 2000 {
		return
	}
	for _, m := range store.Transitions() {
		if !r.moves[m] && m.From != m.To {
			t.Logf("none went from %s to %s", m.From, m.To)
		}
	}
}
