package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// tidied deletes all that is not to be kept at now.
func tidied(t rapid.TB, s *Store, now time.Time) {
	t.Helper()
	k := &s.keeper
	k.aged, k.pressed, k.seen, k.unused = sweep{}, sweep{}, sweep{}, time.Time{}
	for {
		more, err := s.tidy(context.Background(), now)
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// rows counts the rows of a table.
func rows(t testing.TB, s *Store, table string) int {
	t.Helper()
	var n int
	if err := s.read.QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// delivered accepts a and has its deliveries to ci delivered.
func delivered(t testing.TB, s *Store, a Arrival) string {
	t.Helper()
	id := accept(t, s, a).IDs[0]
	for _, c := range claim(t, s, "ci", 100) {
		record(t, s, c, Delivered, time.Time{})
	}
	return id
}

// index has the newest events indexed now.
func index(t rapid.TB, s *Store) {
	t.Helper()
	var j *job
	if err := s.write(context.Background(), &job{
		run: func(ctx context.Context) error {
			if j = nothing(); len(s.tail.events) > 0 {
				j = s.indexing()
			}
			return j.run(ctx)
		},
		then: func() {
			if j.then != nil {
				j.then()
			}
		},
	}); err != nil {
		t.Fatal(err)
	}
}

func gone(t testing.TB, s *Store, id string) bool {
	t.Helper()
	_, err := s.Trace(t.Context(), id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return err != nil
}

const years = 10 * 365 * 24 * time.Hour

// What has ended goes with all that hangs on it; what is held, waits or is parked stays,
// however old it is.
func TestRetentionByAge(t *testing.T) {
	s := open(t, temp(t))
	s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	if err := s.Targets(t.Context(), map[string]Target{"ci": {}, "slow": {}}); err != nil {
		t.Fatal(err)
	}
	made := push("one", "a", "ci")
	made.Items[0].Routing.Deliveries[0].Rendering = `{"format":"native"}`
	ended := delivered(t, s, made)
	nobody := accept(t, s, push("nobody", "a")).IDs[0]
	half := delivered(t, s, push("half", "a", "ci", "slow"))
	parked := accept(t, s, push("parked", "a", "elsewhere")).IDs[0]
	held := push("held", "a")
	held.Items[0].Hold, held.Items[0].Routing = &Hold{"lookup", time.Now()}, Routing{}
	waits := accept(t, s, held).IDs[0]
	two := push("first", "a", "ci") // of one request
	two.Items = append(two.Items, push("second", "a", "slow").Items...)
	both := accept(t, s, two).IDs
	for _, c := range claim(t, s, "ci", 100) {
		record(t, s, c, Dead, time.Time{})
	}
	index(t, s)

	tidied(t, s, time.Now().Add(time.Hour-time.Minute))
	for _, id := range append(both, ended, nobody, half, parked, waits) {
		if gone(t, s, id) {
			t.Errorf("event %s is gone before its time", id)
		}
	}
	tidied(t, s, time.Now().Add(years))
	tidied(t, s, time.Now().Add(years)) // what nothing refers to any more
	for id, want := range map[string]bool{ended: true, nobody: true, half: false, parked: false, waits: false, both[0]: true, both[1]: false} {
		if gone(t, s, id) != want {
			t.Errorf("event %s is gone: %t", id, !want)
		}
	}
	for table, want := range map[string]int{"event": 4, "arrival": 4, "delivery": 4, "attempt": 1, "rendering": 0, "seen": 4} {
		if n := rows(t, s, table); n != want {
			t.Errorf("%d rows are left of %s, not %d", n, table, want)
		}
	}
	var lost int
	if err := s.read.QueryRow(`SELECT count(*) FROM event_key WHERE event NOT IN (SELECT seq FROM event)`).Scan(&lost); err != nil || lost > 0 {
		t.Errorf("%d keys name events that are gone: %v", lost, err)
	}
	// What was left can be delivered, to its end, and goes then.
	if got := natives(t, claim(t, s, "slow", 10)); got != "half second" {
		t.Errorf("claimed %q", got)
	}
}

// An event that ended late, after many attempts, is kept so long that it can be seen.
func TestRetentionCountsFromTheEnd(t *testing.T) {
	s := open(t, temp(t))
	s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	a := push("late", "a", "ci")
	a.Received = time.Now().Add(-2 * time.Hour)
	id := accept(t, s, a).IDs[0]
	record(t, s, claim(t, s, "ci", 1)[0], Dead, time.Time{})
	index(t, s)
	tidied(t, s, time.Now().Add(time.Minute))
	if gone(t, s, id) {
		t.Error("it is gone as soon as it is dead")
	}
	tidied(t, s, time.Now().Add(time.Hour+time.Minute))
	if !gone(t, s, id) {
		t.Error("it stays")
	}
}

// A repeat is told for seven days, also of an event that is gone, by the next process too.
func TestRepeatOfWhatIsGone(t *testing.T) {
	path := temp(t)
	s := open(t, path)
	s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	a := push("one", "a", "ci")
	id := delivered(t, s, a)
	index(t, s)
	tidied(t, s, time.Now().Add(7*24*time.Hour-time.Minute))
	if !gone(t, s, id) {
		t.Fatal("it is still there")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	if got := accept(t, s, a); got.Duplicates != 1 || len(got.IDs) != 0 {
		t.Fatalf("a repeat: %+v", got)
	}
	// No number is given out twice, though the last rows are gone.
	accept(t, s, push("two", "a", "ci"))
	if c := claim(t, s, "ci", 1)[0]; c.Seq != 2 {
		t.Errorf("the second delivery has number %d", c.Seq)
	}
	tidied(t, s, time.Now().Add(7*24*time.Hour+time.Minute))
	if got := accept(t, s, a); len(got.IDs) != 1 {
		t.Errorf("after seven days: %+v", got)
	}
}

// Rules are kept as long as an event names them, and those in use always.
func TestRetentionOfRules(t *testing.T) {
	s := open(t, temp(t))
	s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	use := func(hash string) {
		t.Helper()
		if err := s.PutRuleSet(t.Context(), hash, []byte(`["`+hash+`"]`)); err != nil {
			t.Fatal(err)
		}
	}
	by := func(hash, native string, targets ...string) {
		t.Helper()
		a := push(native, "a", targets...)
		a.Items[0].Routing.RuleSet = hash
		accept(t, s, a)
	}
	by(testRules, "one")
	for i := range stillInUse { // until no request goes by the first any more
		use(fmt.Sprint("other ", i))
	}
	use("two")
	by("two", "waits", "slow")
	use("three")
	use("four")
	by("four", "last")
	index(t, s)
	tidied(t, s, time.Now().Add(years))
	tidied(t, s, time.Now().Add(years))
	for hash, want := range map[string]bool{testRules: false, "two": true, "three": true, "four": true} {
		if _, err := s.RuleSet(t.Context(), hash); errors.Is(err, ErrNotFound) == want {
			t.Errorf("%s: %v", hash, err)
		}
	}
	// One that was dropped can come back.
	use(testRules)
	by(testRules, "again")
	if tr, err := s.Trace(t.Context(), "again"); err != nil || tr.RuleSet != testRules {
		t.Errorf("%+v, %v", tr, err)
	}
}

// fat is a push with a body of so many bytes.
func fat(native string, size int, targets ...string) Arrival {
	a := push(native, "a", targets...)
	a.Body = Raw{Bytes: bytes.Repeat([]byte("x"), size), Size: int64(size)}
	return a
}

// However much is written, the file stays below its bound, and nothing that waits goes.
func TestSizeStaysBounded(t *testing.T) {
	s := open(t, temp(t))
	const size = 4 << 20
	s.Keep(Retention{Age: years, Size: size})
	waits := accept(t, s, push("waits", "b", "slow")).IDs[0]
	most := int64(0)
	for range 40 {
		for range 10 {
			delivered(t, s, fat(uuid.NewString(), 32<<10, "ci"))
		}
		index(t, s)
		tidied(t, s, time.Now())
		space := s.Space()
		most = max(most, space.Size)
		if space.Alarm || space.Full {
			t.Fatalf("what can be deleted raises the alarm: %+v", space)
		}
	}
	if most > size {
		t.Errorf("the file grew to %d KiB of %d", most>>10, size>>10)
	}
	if n := rows(t, s, "event"); n < 50 {
		t.Errorf("only %d events are left", n)
	}
	if gone(t, s, waits) {
		t.Error("what waits was deleted for size")
	}
}

// What cannot be deleted raises the alarm at four fifths and closes the intake at the
// end; when it was delivered the intake opens again. Each is logged once.
func TestFullOfWhatWaits(t *testing.T) {
	s := open(t, temp(t))
	const size = 4 << 20
	s.Keep(Retention{Age: years, Size: size})
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	look := func() Space {
		t.Helper()
		before := s.Space()
		tidied(t, s, time.Now())
		s.Space().tell(logger, before)
		return s.Space()
	}
	var ids []string
	alarm := int64(0)
	for i := 0; ; i++ {
		if i%4 == 0 && look().Full {
			break
		}
		got, err := s.Accept(t.Context(), fat(fmt.Sprint(i), 16<<10, "slow"))
		if errors.Is(err, ErrFull) {
			continue // until it was measured
		}
		if err != nil {
			t.Fatal(err)
		}
		if ids = append(ids, got.IDs...); alarm == 0 && s.Space().Alarm {
			alarm = s.Space().Used
		}
		if i > 1000 {
			t.Fatalf("never full: %+v", s.Space())
		}
	}
	if alarm < size*8/10 || alarm > size*9/10 {
		t.Errorf("the alarm came at %d KiB of %d", alarm>>10, size>>10)
	}
	if _, err := s.Accept(t.Context(), push("more", "a", "slow")); !errors.Is(err, ErrFull) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("accepted when full: %v", err)
	}
	for range 2 {
		look()
	}
	for _, id := range ids {
		if gone(t, s, id) {
			t.Fatalf("event %s was lost", id)
		}
	}
	index(t, s)
	for n := 0; n < len(ids); {
		cs := claim(t, s, "slow", 8)
		for _, c := range cs {
			record(t, s, c, Delivered, time.Time{})
		}
		n += len(cs)
	}
	if space := look(); space.Full || space.Alarm || space.Used > size*8/10 {
		t.Errorf("after the deliveries: %+v", space)
	}
	accept(t, s, push("more", "a", "slow"))
	for _, once := range []string{"level=WARN", "level=ERROR", "there is room again"} {
		if strings.Count(log.String(), once) != 1 {
			t.Errorf("%q is not logged once:\n%s", once, &log)
		}
	}
}

// Bodies that cannot be read never take more than their share, however many and large
// they are, and none is refused: first no more are kept whole, then the oldest go.
func TestQuarantineBudget(t *testing.T) {
	s := open(t, temp(t))
	const size = 16 << 20
	s.Keep(Retention{Age: time.Hour, Size: size})
	send := func(i, size int) {
		t.Helper()
		body := bytes.Repeat([]byte{'x'}, size)
		copy(body, fmt.Sprint(i))
		a := Arrival{Registry: "hub", Received: time.Now().Add(time.Duration(i) * time.Millisecond), Quarantine: "no JSON",
			Body: Raw{Bytes: body, Size: int64(size), SHA256: sha256.Sum256(body)}}
		if got := accept(t, s, a); got.Quarantined != 1 {
			t.Fatalf("%+v", got)
		}
	}
	for i := range 15 {
		send(i, 64<<10)
	}
	send(15, 96<<10)
	send(15, 96<<10)
	list, err := s.Quarantine(t.Context(), 100)
	if err != nil || len(list) != 16 {
		t.Fatalf("%d in quarantine, %v", len(list), err)
	}
	stub, err := s.Quarantined(t.Context(), list[0].ID)
	if err != nil || !stub.Truncated || len(stub.Body) != 4096 || stub.Size != 96<<10 || stub.Count != 2 || list[1].Truncated {
		t.Errorf("beyond the budget: %d bytes of %d, truncated %t, %d times; before it truncated %t; %v",
			len(stub.Body), stub.Size, stub.Truncated, stub.Count, list[1].Truncated, err)
	}
	for i := range 1000 {
		send(100+i, 8<<10)
	}
	var kept, counted int64
	if err := s.read.QueryRow(`SELECT sum(length(body) + length(headers) + 256), (SELECT quarantined FROM upkeep) FROM quarantine`).Scan(&kept, &counted); err != nil {
		t.Fatal(err)
	}
	if kept != counted || kept > size/quarantineShare*2 {
		t.Errorf("%d bytes are kept, %d counted, of %d", kept, counted, size/quarantineShare*2)
	}
	list, err = s.Quarantine(t.Context(), 1)
	if err != nil || len(list) != 1 || list[0].Size != 8<<10 {
		t.Errorf("the newest is %+v, %v", list, err)
	}
	tidied(t, s, time.Now().Add(time.Hour+time.Minute))
	if n := rows(t, s, "quarantine"); n != 0 {
		t.Errorf("%d stay for ever", n)
	}
}

// A store of the version before knows how much is in quarantine.
func TestRetentionOfAnOlderStore(t *testing.T) {
	path := file(t)
	s := open(t, path)
	delivered(t, s, push("one", "a", "ci"))
	accept(t, s, Arrival{Registry: "hub", Received: time.Now(), Quarantine: "no JSON", Body: Raw{Bytes: []byte("no"), Size: 2}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	down(t, path)
	s = open(t, path)
	s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	accept(t, s, push("two", "a"))
	index(t, s)
	tidied(t, s, time.Now().Add(years))
	for _, table := range []string{"event", "arrival", "delivery", "attempt", "event_key", "seen", "quarantine"} {
		if n := rows(t, s, table); n != 0 {
			t.Errorf("%d rows are left of %s", n, table)
		}
	}
	var left int64
	if err := s.read.QueryRow(`SELECT quarantined FROM upkeep`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d bytes are left in quarantine, %v", left, err)
	}
}

// Retain deletes by itself, also after other limits were set, and ends when told.
func TestRetain(t *testing.T) {
	s := open(t, temp(t))
	s.Keep(Retention{Age: time.Hour, Size: 1 << 30})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Retain(ctx, slog.New(slog.DiscardHandler))
	}()
	defer func() { cancel(); <-ended }()
	a := push("old", "a", "ci")
	a.Received = time.Now().Add(-30 * time.Minute)
	id := accept(t, s, a).IDs[0]
	c := claim(t, s, "ci", 1)[0]
	record(t, s, c, Delivered, time.Time{})
	index(t, s)
	s.Keep(Retention{Age: time.Nanosecond, Size: 1 << 30})
	for deadline := time.Now().Add(time.Minute); !gone(t, s, id); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not deleted")
		}
	}
}

// What was asked for again after it was found to have ended, and before it was deleted, is
// not deleted.
func TestTakenUpAgainBeforeItGoes(t *testing.T) {
	s := open(t, temp(t))
	kill(t, s, 2, own)
	index(t, s)
	found, err := s.ended(t.Context(), &sweep{}, micros(time.Now().Add(time.Hour)))
	if err != nil || len(found.events) != 2 {
		t.Fatal(found, err)
	}
	if r := toTheEnd(t, s, Redelivery{Select: Selection{Query: Query{Target: "ci", Repository: own(1)}}, By: "me"}); r.Done != 1 {
		t.Fatalf("%+v", r)
	}
	if err := s.forget(t.Context(), found.events); err != nil {
		t.Fatal(err)
	}
	if cs := claim(t, s, "ci", 10); len(cs) != 1 || rows(t, s, "event") != 1 {
		t.Errorf("%d of 1 can be claimed, and there are %d events", len(cs), rows(t, s, "event"))
	}
}
