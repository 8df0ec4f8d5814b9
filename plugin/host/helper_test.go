//go:build linux

package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// newHost is a host whose senders play mode, with waits short enough for tests.
func newHost(t testing.TB, mode string, change ...func(*Host)) *Host {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(Config{
		Command: func(string) ([]string, error) { return []string{self, "sender", mode}, nil },
		RunDir:  shortDir(t),
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.timing.healthEvery = 200 * time.Millisecond
	h.timing.farewell = 300 * time.Millisecond
	h.timing.backoff = 50 * time.Millisecond
	for _, c := range change {
		c(h)
	}
	t.Cleanup(func() { closeHost(t, h) })
	return h
}

// shortDir is a directory whose path leaves room for sockets.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// closeHost gives calls that a test left in flight no time.
func closeHost(t testing.TB, h *Host) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Close(ctx); err != nil {
		t.Error(err)
	}
}

func delivery(t testing.TB, a act) plugin.Delivery {
	t.Helper()
	options, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Delivery{ID: "d1", Attempt: 1, Target: "ci", Type: "test", Options: options, Event: json.RawMessage(`{"v":1}`)}
}

// sendOK returns the pid of the process that made the send.
func sendOK(t testing.TB, h *Host) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	receipt, err := h.Send(ctx, delivery(t, act{Do: "ok"}))
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	pid, err := strconv.Atoi(receipt.Reply)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// waitFor fails the test when cond does not come true.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for range 3000 {
		if cond() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

// runs reports whether a process is there and no zombie.
func runs(pid int) bool {
	return !strings.Contains(" ZX", procState(fmt.Sprintf("/proc/%d", pid)))
}

// procState is the letter for the state of a process or thread, a blank where there is none.
func procState(dir string) string {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return " "
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

// suspend stops a process, as a debugger would, and waits until all of it stands still:
// the signal reaches a thread on another processor a little later.
func suspend(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the process to stand still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("threads of %d: %v, %v", pid, threads, err)
		}
		for _, dir := range threads {
			if procState(dir) != "T" {
				return false
			}
		}
		return true
	})
}

// exists reports whether a process is there, be it as a zombie.
func exists(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func logged(l *logBuffer) func(*Host) {
	return func(h *Host) { h.log = slog.New(slog.NewTextHandler(l, nil)) }
}
