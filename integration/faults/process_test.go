package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/integration/faults"
	"github.com/bellbuoy/bellbuoy/integration/loopback"
	"github.com/bellbuoy/bellbuoy/integration/process"
	"github.com/bellbuoy/bellbuoy/integration/sidecar"
)

// sender is the process of the one sender that the present life has; 0 where there is
// none.
func (w *world) sender() int {
	w.t.Helper()
	pids, err := process.Children(w.life.PID())
	if err != nil || len(pids) > 1 {
		w.t.Fatalf("bellbuoy has the children %v, %v; want one sender at the most", pids, err)
	}
	if len(pids) == 0 {
		return 0
	}
	return pids[0]
}

// The process of a sender is killed in the middle of its sends, again and again. None of
// them is lost, each that was cut off is on record as such, and bellbuoy does not end with
// it. After each kill bellbuoy itself is ended in order, since in one life it would wait
// ever longer before it starts a sender that dies again and again.
func TestKillSender(t *testing.T) {
	const worlds = 3
	for i := range worlds {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			kills, random := faults.Scale(t, 5, 5000/worlds), faults.Rand(t)
			w := newWorld(t, built(t, build))
			l := w.load(3, 5*time.Millisecond)
			for kill := range kills {
				w.start()
				w.ready()
				before := w.ledger.Arrivals()
				w.until("the sender sends", func() bool { return w.ledger.Arrivals() > before+20 })
				w.pause(upTo(random, 100))
				pid := w.sender()
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(os.NewSyscallError("kill", err))
				}
				w.until("another is in its place", func() bool { now := w.sender(); return now != 0 && now != pid })
				before = w.ledger.Arrivals()
				w.until("that one sends", func() bool { return w.ledger.Arrivals() > before+20 })
				if kill%200 == 199 {
					w.traces()
				}
				w.stop()
			}
			w.start()
			w.ready()
			l.end()
			tell(t, fmt.Sprintf("%d senders killed", kills), w.audit())
		})
	}
}

// Bellbuoy is stopped as by Ctrl-Z, for longer than its senders' patience, and continued:
// it goes on as if nothing had been, and nothing is sent twice.
func TestPause(t *testing.T) {
	t.Parallel()
	pauses, length := faults.Scale(t, 2, 50), time.Duration(faults.Scale(t, 3, 30))*time.Second
	w := newWorld(t, built(t, build))
	w.start()
	w.ready()
	l := w.load(4, 5*time.Millisecond)
	for range pauses {
		w.more(l, 50)
		for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			if err := syscall.Kill(w.life.PID(), signal); err != nil {
				t.Fatal(os.NewSyscallError("kill", err))
			}
			if signal == syscall.SIGSTOP {
				w.pause(length)
			}
		}
		w.more(l, 50)
	}
	l.end()
	tell(t, fmt.Sprintf("%d pauses of %v", pauses, length), w.audit())
	select {
	case <-w.life.Exited():
		t.Error("bellbuoy ended")
	default:
	}
}

// Bellbuoy is told to stop under load, again and again. It ends in time with status 0, and
// nothing is lost, and nothing sent twice.
func TestStop(t *testing.T) {
	t.Parallel()
	stops, random := faults.Scale(t, 4, 50), faults.Rand(t)
	w := newWorld(t, built(t, build))
	l := w.load(4, 5*time.Millisecond)
	for range stops {
		w.start()
		w.ready()
		w.more(l, 20)
		w.pause(upTo(random, 200))
		w.stop()
	}
	w.start()
	w.ready()
	l.end()
	r := w.audit()
	tell(t, fmt.Sprintf("%d stops", stops), r)
	if len(r.Repeats) > 0 {
		t.Errorf("sent again after a clean stop: %v", r.Repeats)
	}
}

// Others are started on a store that is in use. Each refuses and says why, and the first
// does not notice.
func TestSecondOnAStore(t *testing.T) {
	t.Parallel()
	tries := faults.Scale(t, 4, 20)
	w := newWorld(t, built(t, build))
	w.start()
	w.ready()
	l := w.load(2, 5*time.Millisecond)
	for range tries {
		second := w.config
		var err error
		if second.Listen, err = loopback.Address(); err != nil {
			t.Fatal(err)
		}
		if second.Admin, err = loopback.Address(); err != nil {
			t.Fatal(err)
		}
		second.Path = filepath.Join(t.TempDir(), "second.yml")
		b, err := os.ReadFile(w.config.Path)
		if err != nil {
			t.Fatal(err)
		}
		b = []byte(strings.NewReplacer(w.config.Listen, second.Listen, w.config.Admin, second.Admin).Replace(string(b)))
		if err := os.WriteFile(second.Path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		life, err := sidecar.Start(w.program, second, second.Path+".log")
		if err != nil {
			t.Fatal(err)
		}
		status, err := life.Exit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("in use by another bellbuoy, process %d", w.life.PID()); status != 1 || !strings.Contains(life.Log(), want) {
			t.Fatalf("the second ends with status %d and %q, want 1 and %q", status, life.Log(), want)
		}
		w.more(l, 1)
	}
	l.end()
	r := w.audit()
	tell(t, fmt.Sprintf("%d refused", tries), r)
	if len(r.Repeats) > 0 {
		t.Errorf("sent twice: %v", r.Repeats)
	}
}

// Bellbuoy has little of what it needs: it is slower, and loses nothing.
func TestLittle(t *testing.T) {
	for _, little := range []struct {
		what        string
		limit       string // of a shell
		env         []string
		connections int
	}{
		{"64 open files", "ulimit -n 64", nil, 4},
		{"64 open files, and more who want to connect", "ulimit -n 64", nil, 100},
		{"64 MiB of memory", "", []string{"GOMEMLIMIT=64MiB"}, 8},
		{"one processor", "", []string{"GOMAXPROCS=1"}, 8},
	} {
		t.Run(little.what, func(t *testing.T) {
			t.Parallel()
			events := int64(faults.Scale(t, 300, 20_000))
			program := filepath.Join(t.TempDir(), "bellbuoy")
			script := fmt.Sprintf("#!/bin/sh\n%s\nexec '%s' \"$@\"\n", little.limit, built(t, build))
			if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, program)
			w.start(little.env...)
			w.ready()
			l := w.load(little.connections, time.Millisecond)
			w.more(l, events/2)
			w.kill()
			w.start(little.env...)
			w.more(l, events/2)
			l.end()
			tell(t, little.what, w.audit())
		})
	}
}
