package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store/postgrestest"
	"github.com/bellbuoy/bellbuoy/plugin"
)

// through makes a database, and a proxy before it.
func through(t *testing.T) (url string, p *postgrestest.Proxy) {
	t.Helper()
	direct := database(t)
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = postgrestest.NewProxy(s.Addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if url, err = s.TCP(direct, p.Addr()); err != nil {
		t.Fatal(err)
	}
	return url, p
}

// acceptLong sends an event again and again until it is taken, as a registry does.
func acceptLong(t *testing.T, s *Store, a Arrival) {
	for {
		_, err := s.Accept(t.Context(), a)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrUnavailable) || s.Err() != nil {
			t.Errorf("accept: %v, %v", err, s.Err())
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// recordLong writes outcomes down as delivery does.
func recordLong(t *testing.T, s *Store, os []Outcome) {
	for {
		err := s.RecordNow(context.Background(), os)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrUnavailable) || s.Err() != nil {
			t.Errorf("record: %v, %v", err, s.Err())
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Wherever the connection is cut, whatever was said yes to is there, once, and is
// delivered; and nothing ends.
func TestConnectionIsCut(t *testing.T) {
	url, proxy := through(t)
	s := join(t, url)
	say(t, s, "ci")
	cuts := 5
	if os.Getenv("BELLBUOY_FAULTS") == "all" {
		cuts = 50
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var taken, arrived atomic.Int64
	sent := sync.Map{}
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				acceptLong(t, s, push(fmt.Sprint(i, "-", n), fmt.Sprint("r", i), "ci"))
				taken.Add(1)
			}
		})
	}
	consume, stop := context.WithCancel(ctx)
	var consumer sync.WaitGroup
	consumer.Go(func() {
		for consume.Err() == nil {
			claimed, err := s.Claim(consume, "ci", 8)
			if err != nil || len(claimed) == 0 {
				time.Sleep(time.Millisecond)
				continue
			}
			var out []Outcome
			for _, c := range claimed {
				if _, twice := sent.LoadOrStore(c.ID, true); !twice {
					arrived.Add(1)
				}
				out = append(out, sentAs(c, Delivered, plugin.Delivered))
			}
			recordLong(t, s, out)
		}
	})
	for i := range cuts {
		before := taken.Load()
		for taken.Load() < before+5 && ctx.Err() == nil { // it works
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
		switch i % 4 {
		case 0, 2:
			proxy.Cut()
		case 1:
			proxy.SwallowCommit(false)
		case 3:
			proxy.Down(true)
			time.Sleep(50 * time.Millisecond)
			proxy.Down(false)
		}
	}
	close(done)
	all.Wait()
	for arrived.Load() < taken.Load() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	stop()
	consumer.Wait()
	var stored, twice, open int64
	if err := s.own.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM event), (SELECT count(*) - count(DISTINCT native_id) FROM event),
		(SELECT count(*) FROM delivery WHERE state <> 'delivered')`).Scan(&stored, &twice, &open); err != nil {
		t.Fatal(err)
	}
	if stored != taken.Load() || arrived.Load() != taken.Load() || twice != 0 || open != 0 {
		t.Errorf("%d were taken, %d are there, %d of them twice, %d arrived, %d are open", taken.Load(), stored, twice, arrived.Load(), open)
	}
	if cuts > 1 && proxy.Swallowed() == 0 {
		t.Error("no answer to a COMMIT was lost")
	}
	consistent(t, s)
}

// A commit whose answer is lost is found out about: who waits for it hears that it was
// done, and what was handed over in it is there to be claimed.
func TestAnswerToCommitIsLost(t *testing.T) {
	url, proxy := through(t)
	s := join(t, url)
	say(t, s, "ci")
	before := s.owner
	proxy.SwallowCommit(false)
	got, err := s.Accept(t.Context(), push("first", "r", "ci"))
	if err != nil || len(got.IDs) != 1 || proxy.Swallowed() != 1 {
		t.Fatalf("%+v, %v; %d lost", got, err, proxy.Swallowed())
	}
	if got := natives(t, claim(t, s, "ci", 1)); got != "first" || s.owner != before {
		t.Errorf("claimed %q as %d, before %d", got, s.owner, before)
	}
}

// Where nobody says what became of a commit, the process goes on under another number:
// what it may have leased is found again.
func TestNobodyKnowsOfACommit(t *testing.T) {
	t.Parallel()
	url, proxy := through(t)
	s := join(t, url)
	say(t, s, "ci")
	before := s.owner
	proxy.SwallowCommit(true)
	first := push("first", "r", "ci")
	if _, err := s.Accept(t.Context(), first); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("accepted, though nobody knows: %v", err)
	}
	proxy.Down(false)
	acceptLong(t, s, push("second", "r", "ci"))
	if s.owner <= before {
		t.Errorf("it is %d still", s.owner)
	}
	if got, err := s.Accept(t.Context(), first); err != nil || got.Duplicates != 1 {
		t.Errorf("what was committed is not known: %+v, %v", got, err)
	}
	until(t, s, "ci", "first second") // the first was leased to the old number
}

// A server that is there and does not answer holds nobody up for ever, and what it was
// doing for the connection that was given up is ended.
func TestDatabaseDoesNotAnswer(t *testing.T) {
	t.Parallel()
	url, proxy := through(t)
	s := join(t, url)
	say(t, s, "ci")
	if err := s.write(t.Context(), &job{run: func(context.Context) error {
		s.engine.limit = 200 * time.Millisecond // a transaction, from the next one on
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	proxy.Stall(true)
	if _, err := s.Accept(t.Context(), push("first", "r", "ci")); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("accepted without a database: %v", err)
	}
	proxy.Stall(false)
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	acceptLong(t, s, push("first", "r", "ci"))
	until(t, s, "ci", "first")
}

// The server is killed and comes back: what was said yes to is there, and all goes on.
func TestServerRestarts(t *testing.T) {
	db, err := postgrestest.Start(t.Context())
	if errors.Is(err, postgrestest.ErrMissing) && os.Getenv("BELLBUOY_TEST_REQUIRE") != "all" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Stop(); err != nil {
			t.Error(err)
		}
	})
	url, err := db.Database(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s := join(t, url)
	say(t, s, "ci")
	accept(t, s, push("first", "r", "ci"))
	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	accepted := 2 // with the second one below
	for {
		_, err := s.Accept(t.Context(), push(fmt.Sprint("late", accepted), "r"))
		if errors.Is(err, ErrUnavailable) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted++ // the server's process for this connection lives on for a moment
	}
	if !s.Away() {
		t.Error("the database is gone, and not away")
	}
	if err := db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	acceptLong(t, s, push("second", "r", "ci"))
	if s.Away() {
		t.Error("the database is back, and away")
	}
	if all, err := s.Events(t.Context(), Query{Limit: MaxLimit}); err != nil || len(all) < accepted {
		t.Errorf("%d events of %d that were accepted, %v", len(all), accepted, err)
	}
	if got := natives(t, claim(t, s, "ci", 8)); got != "first second" {
		t.Errorf("claimed %q", got)
	}
}
