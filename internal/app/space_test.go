package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// A store that is full of what waits takes no more and says so, until it may be larger
// or its events are delivered. Neither takes a restart, and nothing is lost.
func TestFullStore(t *testing.T) {
	var up atomic.Bool
	hook := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	config := func(size string) string {
		return "retention: {size: " + size + "}\ntargets: [{name: ci, type: webhook, order: none, options: {url: " + hook + "}, retry: {schedule: [0s, 1s]}}]\n" +
			"rules: [{name: all, deliver: [ci]}]\n"
	}
	r := startReloadable(t, config("64MiB"))
	var ids []string
	fill := func() {
		t.Helper()
		for i := 0; ; i++ {
			body := push(t, fmt.Sprint("event-", len(ids)))
			body += strings.Repeat(" ", 1<<20-len(body))
			status, answer, err := ask("POST", "http://"+r.listen+"/in/hub", body)
			if err != nil || i > 10_000 {
				t.Fatalf("post %d: %v", i, err)
			}
			if status == http.StatusServiceUnavailable { // it may have been measured again since
				if strings.Contains(readyz(r.life), "space: full") {
					return
				}
				continue
			}
			if status != http.StatusAccepted {
				t.Fatalf("%d %s", status, answer)
			}
			_, id, _ := strings.Cut(answer, `["`)
			id, _, _ = strings.Cut(id, `"`)
			ids = append(ids, id)
		}
	}
	fill()
	if n := len(ids); n < 50 || n > 80 {
		t.Errorf("64 MiB hold %d events of 1 MiB", n)
	}
	req, err := http.NewRequest("POST", "http://"+r.listen+"/in/hub", strings.NewReader(push(t, "one more")))
	must(t, err)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s, %v", res.Status, res.Header)
	}
	r.change(config("96MiB"))
	r.until("there is room in a larger store", func() bool { return !strings.Contains(readyz(r.life), "space: full") })
	before := len(ids)
	fill()
	if len(ids) == before {
		t.Error("a larger store takes no more")
	}
	up.Store(true)
	r.until("there is room after the deliveries", func() bool { return !strings.Contains(readyz(r.life), "space:") })
	r.notify("hub", push(t, "one more"))
	for _, id := range ids {
		r.until("event "+id+" is delivered, and told or deleted", func() bool {
			status, answer, err := ask("GET", "http://"+r.admin+"/api/v1/events/"+id, "")
			return err == nil && (status == http.StatusNotFound || strings.Contains(answer, `"state":"delivered"`))
		})
	}
	if n := strings.Count(r.log.String(), "registries are told to repeat until some are"); n != 2 {
		t.Errorf("that it is full is logged %d times, not twice", n)
	}
	must(t, r.stop())
}

func readyz(l *life) string {
	status, answer, err := ask("GET", "http://"+l.admin+"/readyz", "")
	if err != nil || status != http.StatusOK {
		l.t.Fatalf("/readyz: %d %s %v", status, answer, err)
	}
	return answer
}

// What was not delivered when a backup was made is delivered by who runs with it.
func TestRestoredBackup(t *testing.T) {
	var got atomic.Int64
	var up atomic.Bool
	hook := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got.Add(1)
	})
	l := start(t, one(t, hook))
	var ids []string
	for i := range 3 {
		ids = append(ids, l.notify("hub", push(t, fmt.Sprint("event-", i)))...)
	}
	req, err := http.NewRequest("POST", "http://"+l.admin+"/api/v1/backup", strings.NewReader("{}"))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	status, backup, err := do(req)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%d %v %.100s", status, err, backup)
	}
	must(t, l.stop())

	file := one(t, hook)
	must(t, os.WriteFile(filepath.Join(filepath.Dir(file), "bellbuoy.db"), []byte(backup), 0o600))
	up.Store(true)
	next := start(t, file)
	for _, id := range ids {
		next.settled(id, store.Delivered)
	}
	if n := got.Load(); n != 3 {
		t.Errorf("3 events were delivered %d times", n)
	}
	must(t, next.stop())
}
