package faults_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// Bellbuoy is killed at each step between the send of a notice and the record of it, at the
// first such step, the second and so on, until a life gets through all of them. How many
// there are is a matter of which of them share a commit, so that this is done again until
// a kill has come just between the two. Each push is in the inbox once, whether the one that
// died had it on disk or not.
func TestKillBetweenNoticeAndRecord(t *testing.T) {
	t.Parallel()
	program := built(t, buildToDie)
	for point, between := range map[string]bool{
		"send begun": false, "commit begun": false, "commit written": false,
		"commit on disk": true, "commit handed over": true, "send ended": true,
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newBell(t, program)
			pushes, again, kills := 0, 0, 0
			for hit := 1; ; hit++ {
				if hit > 60 || kills > 500 {
					t.Fatalf("after %d kills, none of them between a notice and its record, the last at the step %d", kills, hit)
				}
				died := b.live(fmt.Sprintf("BELLBUOY_FAILPOINT=%s:%d", point, hit), &pushes)
				if again = b.settle(pushes); died {
					kills++
					continue
				}
				if again > 0 || !between {
					break
				}
				hit = 0
			}
			t.Logf("%d kills, %d pushes, %d notices sent again", kills, pushes, again)
		})
	}
}

// bell is a bellbuoy that delivers to an inbox.
type bell struct {
	t       *testing.T
	program string
	config  sidecar.Config
	log     string
}

func newBell(t *testing.T, program string) *bell {
	t.Helper()
	dir := t.TempDir()
	b := &bell{t: t, program: program, log: filepath.Join(dir, "log"), config: sidecar.Config{Path: filepath.Join(dir, "bellbuoy.yml"), Store: filepath.Join(dir, "bellbuoy.db")}}
	var err error
	if b.config.Listen, err = loopback.Address(); err == nil {
		b.config.Admin, err = loopback.Address()
	}
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
listen: %s
admin: {listen: "%s"}
store: %s
people: {teams: {platform: [alice]}}
registries: [{name: hub, type: distribution}]
targets: [{name: bell, type: inbox, options: {kind: team, name: platform}}]
rules: [{name: pushes, events: [artifact.pushed], deliver: [bell]}]
`, b.config.Listen, b.config.Admin, b.config.Store)
	if err := os.WriteFile(b.config.Path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// start begins a life.
func (b *bell) start(env ...string) *sidecar.Sidecar {
	b.t.Helper()
	life, err := sidecar.Start(b.program, b.config, b.log, env...)
	if err != nil {
		b.t.Fatal(err)
	}
	return life
}

// live runs a life that dies at a point, or does not, once a push was accepted or it was on
// its way. It reports whether it died.
func (b *bell) live(env string, pushes *int) (died bool) {
	b.t.Helper()
	life := b.start(env)
	defer life.Kill()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- life.Ready(ctx) }()
	select {
	case <-life.Exited():
		cancel()
		<-ready
		return true // before it took anything
	case err := <-ready:
		if err != nil {
			select {
			case <-life.Exited():
				return true
			default:
				b.t.Fatal(err)
			}
		}
	}
	const body = `{"events":[{"id":"push-%d","timestamp":"2026-03-01T12:00:00Z","action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%064d","repository":"prod/api","tag":"v%[1]d"}}]}`
	answer, err := http.Post(life.Intake(), "application/vnd.docker.distribution.events.v2+json", strings.NewReader(fmt.Sprintf(body, *pushes, *pushes)))
	if err == nil {
		answer.Body.Close()
		if answer.StatusCode == http.StatusAccepted {
			*pushes++
		}
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		select {
		case <-life.Exited():
			return true
		default:
		}
		if n, err := b.delivered(); err == nil && n >= *pushes && *pushes > 0 {
			// What is left to be done is done within a moment: the outcome was read, so it is on disk.
			select {
			case <-life.Exited():
				return true
			case <-time.After(200 * time.Millisecond):
				return false
			}
		}
	}
	b.t.Fatal("the push is neither delivered nor is it dead")
	return false
}

// delivered counts the deliveries that are on record as made.
func (b *bell) delivered() (n int, err error) {
	db, err := sql.Open("sqlite", b.config.Store+"?_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return n, db.QueryRow(`SELECT count(*) FROM delivery WHERE state = 'delivered'`).Scan(&n)
}

// settle lets a life that is not killed do what is left, and checks that at least so many
// pushes are told, none of them twice. It returns how many were sent when they were there
// already, in all lives.
func (b *bell) settle(pushes int) (repeats int) {
	b.t.Helper()
	life := b.start()
	defer life.Kill()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := life.Ready(ctx); err != nil {
		b.t.Fatal(err)
	}
	type notice struct{ ID, Event, Title string }
	var list []notice
	for {
		list = nil
		b.get("/api/v1/inbox?user=alice&limit=1000", &list)
		var events []struct{ Deliveries map[string]int }
		b.get("/api/v1/events?limit=1000", &events)
		waiting := 0
		for _, e := range events {
			waiting += e.Deliveries["waiting"]
		}
		if waiting == 0 && len(events) >= pushes && len(list) >= len(events) {
			break
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("%d events, %d wait, %d notices", len(events), waiting, len(list))
		case <-time.After(5 * time.Millisecond):
		}
	}
	seen := map[string]bool{}
	for _, n := range list {
		if seen[n.Event] {
			b.t.Errorf("%s is told twice: %q", n.Event, n.Title)
		}
		seen[n.Event] = true
	}
	var u struct{ Unread int }
	if b.get("/api/v1/inbox/unread?user=alice", &u); u.Unread != len(list) {
		b.t.Errorf("%d are unread of %d", u.Unread, len(list))
	}
	db, err := sql.Open("sqlite", b.config.Store+"?_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(`SELECT count(*) FROM attempt WHERE reply = 'it was there already'`).Scan(&repeats); err != nil {
		b.t.Fatal(err)
	}
	return repeats
}

// get reads what the admin API tells.
func (b *bell) get(path string, v any) {
	b.t.Helper()
	answer, err := http.Get("http://" + b.config.Admin + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil || answer.StatusCode != http.StatusOK {
		b.t.Fatalf("GET %s: %d %v", path, answer.StatusCode, err)
	}
}
