package store

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// toBeKilled is the environment variable that names the store of a process that writes
// and deletes until it is killed.
const toBeKilled = "BELLBUOY_TEST_TO_BE_KILLED"

// writeAndDelete accepts events, has most of them delivered, deletes what it can, and
// prints what was promised: the ids of those that it leaves undelivered.
func writeAndDelete(path string) int {
	ctx := context.Background()
	s, err := Open(ctx, path, Options{Version: "test"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.Keep(Retention{Age: time.Nanosecond, Size: 1 << 30})
	go s.Retain(ctx, slog.New(slog.DiscardHandler))
	if err := s.PutRuleSet(ctx, testRules, []byte("[]")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := 0; ; i++ {
				targets := []string{"ci"}
				if i%10 == 0 {
					targets = []string{"ci", "slow"}
				}
				got, err := s.Accept(ctx, push(fmt.Sprint(os.Getpid(), "-", caller, "-", i), "a", targets...))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				if i%10 == 0 {
					fmt.Println(got.IDs[0])
				}
				cs, err := s.Claim(ctx, "ci", 100)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				var ends []Outcome
				for _, c := range cs {
					ends = append(ends, Outcome{Seq: c.Seq, Target: c.Target, Attempt: c.Attempt, State: Delivered, Time: time.Now(), Outcome: plugin.Delivered})
				}
				if err := s.Record(ctx, ends); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
			}
		})
	}
	callers.Wait()
	return 1
}

// Killed at any point of writing and deleting, no event is lost that was promised and is
// not delivered, and none is deleted by half.
func TestKilledWhileItDeletes(t *testing.T) {
	path := file(t)
	var promised []string
	for range 8 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), toBeKilled+"="+path)
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewScanner(out)
		if !said.Scan() { // it writes from here on
			t.Fatalf("it ended by itself: %v: %s", cmd.Wait(), &errs)
		}
		promised = append(promised, said.Text())
		kill := time.AfterFunc(time.Second/2+rand.N(time.Second/2), func() { _ = cmd.Process.Kill() })
		for said.Scan() {
			promised = append(promised, said.Text())
		}
		if kill.Stop() {
			t.Fatalf("it ended by itself: %v: %s", cmd.Wait(), &errs)
		}
		_ = cmd.Wait() // killed
	}
	s := open(t, path)
	for _, id := range promised {
		tr, err := s.Trace(t.Context(), id)
		if err != nil || len(tr.Deliveries) != 2 || tr.Deliveries[1].State != Waiting {
			t.Fatalf("event %s: %+v, %v", id, tr.Deliveries, err)
		}
	}
	if n := rows(t, s, "seen") - rows(t, s, "event"); n <= 0 {
		t.Errorf("nothing was deleted: %d ids without an event", n)
	}
	consistent(t, s)
}

// consistent finds rows that belong to nothing.
func consistent(t rapid.TB, s *Store) {
	t.Helper()
	for what, query := range map[string]string{
		"deliveries without an event":        `SELECT count(*) FROM delivery WHERE event NOT IN (SELECT seq FROM event)`,
		"attempts without a delivery":        `SELECT count(*) FROM attempt WHERE delivery NOT IN (SELECT seq FROM delivery)`,
		"arrivals without an event":          `SELECT count(*) FROM arrival WHERE seq NOT IN (SELECT arrival FROM event)`,
		"events without an arrival":          `SELECT count(*) FROM event WHERE arrival NOT IN (SELECT seq FROM arrival)`,
		"events whose rules are gone":        `SELECT count(*) FROM event WHERE rule_set <> 0 AND rule_set NOT IN (SELECT id FROM rule_set)`,
		"deliveries whose rendering is gone": `SELECT count(*) FROM delivery WHERE rendering IS NOT NULL AND rendering NOT IN (SELECT id FROM rendering)`,
		"keys without an event":              `SELECT count(*) FROM event_key WHERE event NOT IN (SELECT seq FROM event)`,
		"indexed events without an id": `SELECT count(*) FROM event WHERE seq NOT IN (SELECT event FROM seen)
			AND seq <= (SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'indexed')`,
		"faults in the file": `SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'`,
	} {
		if isPostgres(s.dsn) && what == "faults in the file" {
			continue
		}
		var n int
		if err := s.read.QueryRow(query).Scan(&n); err != nil || n > 0 {
			t.Errorf("there are %d %s, %v", n, what, err)
		}
	}
}
