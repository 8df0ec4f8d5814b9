package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/poster"
	"github.com/bellbuoy/bellbuoy/integration/receiver"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
	"github.com/bellbuoy/bellbuoy/internal/store/postgrestest"
	"github.com/bellbuoy/bellbuoy/plugin/event"
)

// Three bellbuoys on one PostgreSQL take events of the same repositories; two are killed
// on the way. Every event that any of them said yes to arrives, and each arrives first in
// the order of its repository.
func TestSharedStoreSurvivesTheDeathOfProcesses(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	db, err := postgrestest.Start(ctx)
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
	url, err := db.Database(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if url, err = db.TCP(url, ""); err != nil {
		t.Fatal(err)
	}
	rec, err := receiver.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Down)
	rec.Answer(func(receiver.Arrival) int {
		time.Sleep(2 * time.Millisecond)
		return 200
	})
	const processes, each = 3, 400
	lives := make([]*sidecar.Sidecar, processes)
	for i := range lives {
		c, err := sidecar.Write(t.TempDir(), sidecar.Options{Target: rec.URL(), Store: url})
		if err != nil {
			t.Fatal(err)
		}
		if lives[i], err = sidecar.Start(program(t), c, filepath.Join(t.TempDir(), "bellbuoy.log")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the end of the log of %d:\n%s", i, lives[i].Log())
			}
			lives[i].Kill()
		})
	}
	for _, l := range lives {
		if err := l.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	accepted := map[string]bool{}
	var posting sync.WaitGroup
	for i, l := range lives {
		p := &poster.Poster{URL: l.Intake(), Bearer: sidecar.Bearer, Client: &http.Client{}}
		posting.Go(func() {
			for n := range each {
				select {
				case <-l.Exited():
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", i, n)
				body, err := poster.Envelope(id, fmt.Sprint("team/", n%4), "v1", time.Now())
				if err != nil {
					t.Error(err)
					return
				}
				if status, err := p.Post(ctx, body); err == nil && status == 202 {
					mu.Lock()
					accepted[id] = true
					mu.Unlock()
				}
			}
		})
	}
	for i, at := range []int{each / 2, each} { // two die, at work
		if err := rec.Wait(ctx, func(all []receiver.Arrival) bool { return len(all) >= at }); err != nil {
			t.Fatal(err)
		}
		lives[i].Kill()
	}
	posting.Wait()
	seen, read := map[string]int{}, 0 // when each came first
	first := func(all []receiver.Arrival) map[string]int {
		for ; read < len(all); read++ {
			var e event.Event
			if err := json.Unmarshal(all[read].Body, &e); err != nil {
				t.Error(err)
			}
			if _, ok := seen[e.Native.ID]; !ok {
				seen[e.Native.ID] = read
			}
		}
		return seen
	}
	if err := rec.Wait(ctx, func(all []receiver.Arrival) bool {
		seen := first(all)
		for id := range accepted {
			if _, ok := seen[id]; !ok {
				return false
			}
		}
		return true
	}); err != nil {
		t.Fatalf("of %d events that were accepted %d arrived: %v", len(accepted), len(first(rec.Arrivals())), err)
	}
	first(rec.Arrivals())
	for i := range processes { // one process posts the events of its registry one after the other
		for repository := range 4 {
			last := -1
			for n := repository; n < each; n += 4 {
				at, ok := seen[fmt.Sprintf("%d-%d", i, n)]
				if !ok {
					continue
				}
				if at < last {
					t.Errorf("event %d-%d arrived before one of its repository that was accepted earlier", i, n)
				}
				last = max(last, at)
			}
		}
	}
	t.Logf("%d accepted, %d requests", len(accepted), len(rec.Arrivals()))
}
