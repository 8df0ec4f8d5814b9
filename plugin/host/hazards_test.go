//go:build linux

package host

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
)

// A sender that outlived its host could finish a send that the next host makes
// again.
func TestSenderEndsWithAKilledHost(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"good", "without death signal", "without life pipe"} {
		t.Run(mode, func(t *testing.T) {
			base := shortDir(t)
			host := exec.Command(self, "host", base, mode)
			out, err := host.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			host.Stderr = os.Stderr
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			if !runs(pid) {
				t.Fatal("the sender does not run")
			}
			t.Cleanup(func() {
				if t.Failed() {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			})
			_ = host.Process.Kill()
			_ = host.Wait()
			waitFor(t, "the end of the sender", func() bool { return !runs(pid) })

			// What the killed host left in the run directory is swept by the next.
			if left := sockets(t, base); len(left) == 0 {
				t.Error("the killed host left no socket: this test shows nothing")
			}
			dir, err := openRunDir(base)
			if err != nil {
				t.Fatal(err)
			}
			if left := sockets(t, base); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			if err := dir.remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

// sockets lists the sockets below dir.
func sockets(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type()&fs.ModeSocket != 0 {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The kernel's signal on the parent's death follows the thread that started the
// child.
func TestSenderOutlivesTheThreadThatAskedForIt(t *testing.T) {
	h := newHost(t, "good")
	k, err := h.keeper("test")
	if err != nil {
		t.Fatal(err)
	}
	s := &start{done: make(chan struct{})}
	k.mu.Lock()
	k.starting = s
	k.mu.Unlock()
	var asked func()
	asked = func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if unix.Gettid() == os.Getpid() {
			go asked() // the main thread never ends, take another
			<-s.done
			return
		}
		k.start(s)
	}
	go asked()
	<-s.done
	pid := sendOK(t, h)
	time.Sleep(300 * time.Millisecond) // a death would be known by now
	if again := sendOK(t, h); again != pid {
		t.Errorf("the sender died with a thread: %d, then %d", pid, again)
	}
}

// A stopped process answers nothing and dies of nothing but SIGKILL.
func TestStoppedSenderIsReplaced(t *testing.T) {
	h := newHost(t, "good", func(h *Host) { h.timing.healthCall = 500 * time.Millisecond })
	pid := sendOK(t, h)
	suspend(t, pid)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := h.Send(ctx, delivery(t, act{Do: "ok"}))
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || err == nil || !strings.Contains(err.Error(), "health checks") {
		t.Errorf("send to a stopped sender: %v", err)
	}
	waitFor(t, "the end of the stopped process", func() bool { return !exists(pid) })
	if again := sendOK(t, h); again == pid {
		t.Error("no new process")
	}
}

func TestStoppedSenderDoesNotHoldUpClose(t *testing.T) {
	h := newHost(t, "good", func(h *Host) { h.timing.healthEvery = time.Hour })
	pid := sendOK(t, h)
	suspend(t, pid)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Error(err)
	}
	if exists(pid) {
		t.Error("the stopped sender outlives the host")
	}
}

func TestSenderThatReportsNotServingIsReplaced(t *testing.T) {
	h := newHost(t, "not serving", func(h *Host) { h.timing.healthCall = 500 * time.Millisecond })
	pid := sendOK(t, h)
	waitFor(t, "the end of the sender", func() bool { return !runs(pid) })
	waitFor(t, "the reason", func() bool { return strings.Contains(h.Stats()[0].Error, "NOT_SERVING") })
}

// Pipes that a grandchild inherited stay open when the sender is dead.
func TestGrandchildDoesNotHideTheDeath(t *testing.T) {
	h := newHost(t, "good", func(h *Host) { h.timing.healthEvery = time.Hour })
	pid := sendOK(t, h)
	receipt, err := h.Send(t.Context(), delivery(t, act{Do: "leave a child"}))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(receipt.Reply)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Send(t.Context(), delivery(t, act{Do: "exit"}))
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || err == nil {
		t.Errorf("send: %v", err)
	}
	waitFor(t, "the dead sender to be reaped", func() bool { return !exists(pid) })
	waitFor(t, "the end of its child", func() bool { return !runs(child) })
	if s := h.Stats()[0]; !strings.Contains(s.Error, "exit status 9") {
		t.Errorf("reason: %q", s.Error)
	}
	sendOK(t, h)
}

// The host's environment holds passwords; and what go-plugin adds of it would win
// over what we set.
func TestSenderSeesOnlyTheAllowedEnvironment(t *testing.T) {
	t.Setenv("BELLBUOY_DB_PASSWORD", "secret")
	t.Setenv("http_proxy", "http://127.0.0.1:9")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	t.Setenv("TZ", "UTC")
	t.Setenv("tz", "secret")
	h := newHost(t, "good")
	receipt, err := h.Sender("test").Send(t.Context(), delivery(t, act{Do: "environ"}))
	if err != nil {
		t.Fatal(err)
	}
	// The reply is cut within go-plugin's certificate, which comes after ours.
	names := map[string]bool{}
	for line := range strings.Lines(receipt.Reply) {
		if name, _, ok := strings.Cut(line, "="); ok {
			names[name] = true
		}
	}
	for _, name := range []string{"PATH", "TZ", "http_proxy", "HTTPS_PROXY"} {
		if !names[name] {
			t.Errorf("%s is missing: %v", name, names)
		}
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", sendOK(t, h)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(env), "secret") || strings.Contains(string(env), "PASSWORD") {
		t.Errorf("the environment reached the sender: %q", env)
	}
}

// go-plugin waits 20 s for a server that never answers, and then reports success.
func TestSenderThatNeverAnswersDoesNotComeUp(t *testing.T) {
	for mode, want := range map[string]string{
		"never answers": "sender test",
		"never prints":  "timeout while waiting for plugin to start",
		"dies at once":  "start sender test",
		"prints first":  "hello [31mfrom init()",
	} {
		t.Run(mode, func(t *testing.T) {
			h := newHost(t, mode, func(h *Host) {
				switch mode { // those that have to be waited for
				case "never prints":
					h.timing.start = time.Second
				case "never answers":
					h.timing.describe = 500 * time.Millisecond
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, err := h.Send(ctx, delivery(t, act{Do: "ok"}))
			if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), want) {
				t.Errorf("send: %v", err)
			}
			if s := h.Stats()[0]; s.State != Down || s.PID != 0 || s.Error != err.Error() {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

func TestFailedStartsAreSpacedOut(t *testing.T) {
	h := newHost(t, "dies at once", func(h *Host) { h.timing.backoff = time.Hour; h.timing.maxBackoff = 2 * time.Hour })
	if _, err := h.Send(t.Context(), delivery(t, act{Do: "ok"})); err == nil {
		t.Fatal("no error")
	}
	// A call that cannot wait for the next start is told how long it takes.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := h.Send(ctx, delivery(t, act{Do: "ok"}))
	v := plugin.ReadVerdict(err)
	if v.Outcome != plugin.Retry || v.After < 40*time.Minute || v.After > 80*time.Minute || ctx.Err() != nil {
		t.Errorf("send in the pause: %v, %v", v, err)
	}
	k := h.keepers["test"]
	for deaths, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 1000: time.Minute} {
		h.timing = defaultTiming()
		k.mu.Lock()
		k.deaths, k.ends = deaths, nil
		k.down(io.EOF, time.Second)
		pause := time.Until(k.notBefore)
		k.mu.Unlock()
		if pause < want*7/10 || pause > want*12/10 {
			t.Errorf("pause after %d deaths: %s, want about %s", deaths, pause, want)
		}
	}
	k.ends = nil
	k.down(io.EOF, time.Hour)
	if !k.notBefore.IsZero() || k.deaths != 0 {
		t.Errorf("after a long life: next start %s, deaths %d", k.notBefore, k.deaths)
	}
}

// A go-plugin client of a dead process still says that all is well.
func TestDeathReturnsSendsAtOnceAndStartsANewLife(t *testing.T) {
	h := newHost(t, "good")
	pid := sendOK(t, h)
	type result struct {
		receipt plugin.Receipt
		err     error
	}
	results := make(chan result)
	log := &logBuffer{}
	h2 := newHost(t, "good", logged(log)) // another type's process goes on
	other := sendOK(t, h2)
	const inFlight = 10
	for range inFlight {
		go func() {
			receipt, err := h.Send(t.Context(), delivery(t, act{Do: "sleep", For: time.Hour}))
			results <- result{receipt, err}
		}()
	}
	waitFor(t, "the sends to be in flight", func() bool {
		h.calls.mu.Lock()
		defer h.calls.mu.Unlock()
		return h.calls.inside == inFlight
	})
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range inFlight {
		r := <-results
		if v := plugin.ReadVerdict(r.err); v != (plugin.Verdict{Outcome: plugin.Retry}) || r.receipt.Scope != plugin.ScopeSender {
			t.Errorf("a send in flight: verdict %+v, scope %q", v, r.receipt.Scope)
		}
	}
	if again := sendOK(t, h); again == pid {
		t.Error("no new process")
	}
	if s := h.Stats()[0]; s.Restarts != 1 || s.State != Up {
		t.Errorf("stats: %+v", s)
	}
	waitFor(t, "the dead one to be reaped", func() bool { return !exists(pid) })
	if sendOK(t, h2) != other || strings.Contains(log.String(), "sender down") {
		t.Error("another sender was disturbed")
	}
}

// A sender with umask 0 makes a socket that anyone may open.
func TestStrangerCannotCall(t *testing.T) {
	for _, mode := range []string{"good", "umask 0"} {
		t.Run(mode, func(t *testing.T) {
			h := newHost(t, mode)
			sendOK(t, h)
			found := sockets(t, h.dir.path)
			if len(found) == 0 {
				t.Fatal("no socket")
			}
			for _, path := range found {
				for dir := filepath.Dir(path); dir != filepath.Dir(h.dir.path); dir = filepath.Dir(dir) {
					if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
						t.Errorf("%s: %v, %v", dir, info.Mode(), err)
					}
				}
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				if mode == "good" && info.Mode().Perm()&0o077 != 0 {
					t.Errorf("%s: %v", path, info.Mode())
				}
				for name, creds := range map[string]credentials.TransportCredentials{
					"no TLS":         insecure.NewCredentials(),
					"no certificate": credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}),
				} {
					conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(creds))
					if err != nil {
						t.Fatal(err)
					}
					_, err = wire.NewSenderClient(conn).Describe(t.Context(), &wire.DescribeRequest{Type: "test"})
					if status.Code(err) != codes.Unavailable {
						t.Errorf("a call with %s: %v", name, err)
					}
					_ = conn.Close()
				}
			}
		})
	}
}

func TestDeadSenderLeavesNoSocket(t *testing.T) {
	h := newHost(t, "good")
	for range 3 {
		pid := sendOK(t, h)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the reaping", func() bool { return !exists(pid) })
	}
	waitFor(t, "the directories of the dead to go", func() bool {
		entries, err := os.ReadDir(h.dir.path)
		return err == nil && len(entries) == 0
	})
	closeHost(t, h)
	if _, err := os.Stat(h.dir.path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the run directory is left: %v", err)
	}
}

func TestRunDirectory(t *testing.T) {
	base := shortDir(t)
	first, err := openRunDir(base)
	if err != nil {
		t.Fatal(err)
	}
	second, err := openRunDir(base) // does not sweep what is in use
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.path); err != nil {
		t.Errorf("a host swept the directory of another that lives: %v", err)
	}
	if err := errors.Join(first.remove(), second.remove()); err != nil {
		t.Error(err)
	}
	_, err = openRunDir(filepath.Join(base, strings.Repeat("d", 60)))
	if err == nil || !strings.Contains(err.Error(), "path is too long for sockets in it: 49 bytes at most") {
		t.Errorf("long path: %v", err)
	}
	if _, err := openRunDir(""); err == nil {
		t.Error("no path: no error")
	}
}
