package faults_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to make what is in a store older than it is

	"github.com/bellbuoy/bellbuoy/integration/faults"
)

// Bellbuoy is killed at each point that the sources name, the first time that it comes
// there and later ones, under load and with whatever else leads there.
func TestKillAtPoints(t *testing.T) {
	t.Parallel()
	rounds, random := faults.Scale(t, 1, 40), faults.Rand(t)
	w := newWorld(t, built(t, buildToDie))
	w.start()
	w.ready()
	l := w.load(3, 10*time.Millisecond)
	w.more(l, 20)
	points, kills := pointsOf(t), 0
	for round := range rounds {
		random.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
		for _, point := range points {
			if strings.HasPrefix(point, "migrat") {
				continue // see TestKillMigration
			}
			hit := 1
			if often(point) {
				hit += random.IntN(10 + 5*round)
			}
			w.dieAt(point, hit)
			kills++
		}
	}
	l.end()
	tell(t, fmt.Sprintf("killed %d times at %d points", kills, len(points)-2), w.audit())
}

// pointsOf are the points that the sources name.
func pointsOf(t *testing.T) []string {
	t.Helper()
	call := regexp.MustCompile(`failpoint\.At\("([^"]+)"\)`)
	var points []string
	err := filepath.WalkDir("../../internal", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range call.FindAllStringSubmatch(string(b), -1) {
			points = append(points, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(points)
	if n := len(slices.Compact(points)); n != len(points) || n < 25 {
		t.Fatalf("the sources name %d points: %q; want 25 or more, none of them twice", len(points), points)
	}
	return points
}

// leads say what leads to points that load alone does not reach. They are done once the
// life is ready, again and again until it is dead.
var leads = map[string]func(*world) error{
	"stop begun":    (*world).term,
	"intake closed": (*world).term,
	"work ended":    (*world).term,
	"backup begun":  (*world).backup,
	"backup copied": (*world).backup,

	"deliveries parked":   (*world).disable,
	"deliveries released": (*world).disable,

	"delivery asked for again": func(w *world) error { return w.command("redeliver", "--target", "moody", "--limit", "50") },
	"keys deleted":             func(*world) error { return nil }, // the store is older than it was
	"events deleted":           func(*world) error { return nil },
}

// often reports whether a life comes to a point more than once.
func often(point string) bool {
	return leads[point] == nil && point != "store taken over" && point != "leases void" && !strings.HasPrefix(point, "checkpoint")
}

// dieAt ends the present life, and runs another until it dies at a point.
func (w *world) dieAt(point string, hit int) {
	w.t.Helper()
	if strings.HasSuffix(point, "deleted") {
		w.age()
	} else {
		w.kill()
	}
	w.start(fmt.Sprintf("BELLBUOY_FAILPOINT=%s:%d", point, hit))
	lead := leads[point]
	for end := time.Now().Add(patience); ; w.pause(time.Millisecond) {
		select {
		case <-w.life.Exited():
			if status := w.exit(); status != -1 {
				w.t.Fatalf("bellbuoy ended by itself with status %d before it came to the point %q\n%s", status, point, w.life.Log())
			}
			w.over()
			w.start()
			w.ready()
			if point == "deliveries parked" { // what was being released goes on by itself
				if err := w.command("targets", "enable", "slow"); err != nil {
					w.t.Fatal(err)
				}
			}
			return
		default:
		}
		if time.Now().After(end) {
			w.t.Fatalf("bellbuoy does not come to the point %q for the %dth time\n%s", point, hit, w.life.Log())
		}
		ctx, cancel := context.WithTimeout(w.ctx, time.Second)
		if lead != nil && w.life.Ready(ctx) == nil {
			if err := lead(w); err != nil && !w.dead() {
				w.t.Logf("on the way to %q: %v", point, err)
			}
		}
		cancel()
	}
}

// dead reports whether the present life is over, or is in a moment: what it was asked
// failed for no other reason, as a rule.
func (w *world) dead() bool {
	select {
	case <-w.life.Exited():
		return true
	case <-time.After(time.Second):
		return false
	}
}

func (w *world) exit() int {
	w.t.Helper()
	status, err := w.life.Exit(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return status
}

func (w *world) term() error { return syscall.Kill(w.life.PID(), syscall.SIGTERM) }

func (w *world) command(args ...string) error {
	ctx, cancel := context.WithCancel(w.ctx) // a command waits for the next life
	defer cancel()
	go func() {
		select {
		case <-w.life.Exited():
			cancel()
		case <-ctx.Done():
		}
	}()
	_, err := w.life.Command(ctx, args...)
	return err
}

func (w *world) backup() error {
	file := filepath.Join(filepath.Dir(w.config.Store), "copy.db")
	return errors.Join(w.command("backup", file), os.Remove(file))
}

// disable disables a target and enables it again.
func (w *world) disable() error {
	return errors.Join(w.command("targets", "disable", "slow"), w.command("targets", "enable", "slow"))
}

// age ends the present life and has the store take all that is in it for four days
// older, so that it is to be deleted. The ledger has read it before.
func (w *world) age() {
	w.t.Helper()
	w.posting.Lock() // until nothing is on its way
	defer w.posting.Unlock()
	w.traces()
	w.kill()
	db, err := sql.Open("sqlite", w.config.Store)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = db.ExecContext(w.ctx, `UPDATE event SET received = received - 345600000000;
		UPDATE delivery SET ended = ended - 345600000000 WHERE ended <> 0`)
	if err := errors.Join(err, db.Close()); err != nil {
		w.t.Fatal(err)
	}
}
