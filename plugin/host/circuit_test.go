//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// sendTo sends to a type and returns the pid of the process that did it.
func sendTo(t *testing.T, h *Host, typ string) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	d := delivery(t, act{Do: "ok"})
	d.Type = typ
	receipt, err := h.Send(ctx, d)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(receipt.Reply)
}

func statOf(t *testing.T, h *Host, typ string) Stat {
	t.Helper()
	for _, s := range h.Stats() {
		if s.Type == typ {
			return s
		}
	}
	t.Fatalf("no stat of %s", typ)
	return Stat{}
}

// kill ends the process of a type and waits until that is known.
func kill(t *testing.T, h *Host, typ string, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the death to be known", func() bool { return statOf(t, h, typ).PID != pid })
}

// A sender that dies again and again is left alone for a time, and the others do not
// notice it.
func TestSenderThatDiesTooOftenIsHalted(t *testing.T) {
	h := newHost(t, "good", func(h *Host) { h.timing.backoff = time.Millisecond; h.timing.rest = time.Hour })
	other, err := sendTo(t, h, "second")
	if err != nil {
		t.Fatal(err)
	}
	for range h.timing.deaths {
		pid, err := sendTo(t, h, "test")
		if err != nil {
			t.Fatal(err)
		}
		kill(t, h, "test", pid)
	}
	s := statOf(t, h, "test")
	if s.State != Halted || s.Deaths != 5 || time.Until(s.Next) < 59*time.Minute || !h.Rests("test") || !strings.Contains(s.Error, "signal: killed") {
		t.Errorf("after five deaths: %+v, rests: %t", s, h.Rests("test"))
	}
	for _, ctx := range []context.Context{t.Context(), context.Background()} { // with a deadline or without: at once
		receipt, err := h.Send(ctx, delivery(t, act{Do: "ok"}))
		if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || v.After < 59*time.Minute || receipt.Scope != plugin.ScopeSender ||
			!errors.Is(err, ErrUnsent) || !strings.Contains(err.Error(), "sender test is halted, since it died 5 times in 10m0s") {
			t.Errorf("send: %+v, %+v, %v", v, receipt, err)
		}
	}
	if pid, err := sendTo(t, h, "second"); err != nil || pid != other || h.Rests("second") {
		t.Errorf("another sender was disturbed: %d, then %d, %v", other, pid, err)
	}

	// Its time to rest is over: it is tried, and halted again by one death.
	h.keepers["test"].mu.Lock()
	h.keepers["test"].notBefore = time.Now()
	h.keepers["test"].mu.Unlock()
	pid, err := sendTo(t, h, "test")
	if err != nil {
		t.Fatal(err)
	}
	kill(t, h, "test", pid)
	if s := statOf(t, h, "test"); s.State != Halted {
		t.Errorf("after a death on trial: %+v", s)
	}
	// Whoever mends it need not wait.
	if err := h.Renew(t.Context(), "test"); err != nil {
		t.Error(err)
	}
	if s := statOf(t, h, "test"); s.State != Up || s.Deaths != 0 || h.Rests("test") {
		t.Errorf("after a restart: %+v", s)
	}
	if pid, err := sendTo(t, h, "second"); err != nil || pid != other {
		t.Errorf("another sender was disturbed: %d, then %d, %v", other, pid, err)
	}
}

// Long lives do not excuse deaths that are close to each other, and old deaths are
// forgotten.
func TestDeathsAreCountedWithinAWindow(t *testing.T) {
	h := newHost(t, "good")
	h.timing = defaultTiming()
	k := &keeper{typ: "test", host: h}
	for i := range 4 {
		if k.down(errors.New("it broke"), 2*time.Minute); k.state != Down || !k.notBefore.IsZero() {
			t.Errorf("death %d: %s until %s", i+1, k.state, k.notBefore)
		}
	}
	if k.down(errors.New("it broke"), 2*time.Minute); k.state != Halted {
		t.Errorf("the fifth death: %s", k.state)
	}
	if k.down(errors.New("it broke"), 11*time.Minute); k.state != Halted || len(k.ends) != 6 {
		t.Errorf("a long life, and deaths that are not so old: %s, %d", k.state, len(k.ends))
	}
	for i := range k.ends {
		k.ends[i] = k.ends[i].Add(-11 * time.Minute)
	}
	if k.down(errors.New("it broke"), 11*time.Minute); k.state != Down || len(k.ends) != 1 {
		t.Errorf("a long life, and old deaths: %s, %d", k.state, len(k.ends))
	}
	k.pauseEnd.Stop()
}

// What is in flight is answered by the old process while the new one takes the rest.
func TestRenewDrainsTheOldOne(t *testing.T) {
	log := &logBuffer{}
	h := newHost(t, "good", logged(log))
	old := sendOK(t, h)
	result := make(chan error)
	go func() {
		d := delivery(t, act{Do: "sleep", For: 3 * time.Second})
		d.ID = "slow"
		receipt, err := h.Send(t.Context(), d)
		if err == nil && receipt.Reply != fmt.Sprint(old) {
			err = errors.New("answered by " + receipt.Reply)
		}
		result <- err
	}()
	waitFor(t, "the send to be in flight", func() bool { return strings.Contains(log.String(), "sleeping slow") })
	if err := h.Renew(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	fresh := sendOK(t, h)
	if fresh == old || !runs(old) {
		t.Errorf("old %d runs: %t, new %d", old, runs(old), fresh)
	}
	if err := <-result; err != nil {
		t.Errorf("the send in flight: %v", err)
	}
	waitFor(t, "the end of the old process", func() bool { return !exists(old) })
	if s := statOf(t, h, "test"); s.State != Up || s.PID != fresh || s.Deaths != 0 || strings.Contains(log.String(), "sender down") {
		t.Errorf("%+v\n%s", s, log)
	}
	if err := h.Renew(t.Context(), "never asked for"); err != nil {
		t.Error(err)
	}
}

// A host that closes does not wait for what a replaced process has in flight.
func TestCloseEndsWhatDrains(t *testing.T) {
	h := newHost(t, "good")
	old := sendOK(t, h)
	go func() { _, _ = h.Send(t.Context(), delivery(t, act{Do: "sleep deaf", For: time.Hour})) }()
	waitFor(t, "the send to be in flight", func() bool { return statOf(t, h, "test").InFlight == 1 })
	if err := h.Renew(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	fresh := sendOK(t, h)
	closeHost(t, h)
	if exists(old) || exists(fresh) {
		t.Errorf("left: old %t, new %t", exists(old), exists(fresh))
	}
}

func TestRenewKeepsTheOldOneWhereTheNewDoesNotStart(t *testing.T) {
	f := pinned(t, "self")
	h := newHost(t, "good", withFile(func() File { return f }))
	old := sendOK(t, h)
	put(t, f.Path, "#!/bin/sh\nexit 1\n")
	if err := h.Renew(t.Context(), "test"); err == nil || !strings.Contains(err.Error(), "the old one goes on") {
		t.Errorf("renew: %v", err)
	}
	if pid := sendOK(t, h); pid != old {
		t.Errorf("%d, then %d", old, pid)
	}
}

// What a sender printed last can be looked at, without what would move a cursor.
func TestLastLines(t *testing.T) {
	h := newHost(t, "dies at once")
	if _, err := sendTo(t, h, "test"); err == nil {
		t.Fatal("no error")
	}
	s := statOf(t, h, "test")
	if len(s.Lines) != 1 || s.Lines[0].Text != "no licence" || s.Lines[0].PID == 0 || s.Lines[0].Time.IsZero() {
		t.Errorf("lines: %+v", s.Lines)
	}
	var m memory
	for i := range 1000 {
		m.add(Line{Text: strings.Repeat(string(rune('a'+i%26)), 500)})
	}
	if last := m.last(); len(last) != maxLineBytes/500 || last[len(last)-1].Text[0] != 'a'+999%26 {
		t.Errorf("%d lines are kept", len(last))
	}
	for range 1000 {
		m.add(Line{Text: "x"})
	}
	if n := len(m.last()); n != maxLines {
		t.Errorf("%d short lines are kept", n)
	}
}

// A sender that takes more memory than any needs is ended before the system is short of
// it, and is the first to go where that is too late.
func TestMemoryIsBounded(t *testing.T) {
	h := newHost(t, "good", func(h *Host) { h.timing.memory = 256 << 20 })
	pid := sendOK(t, h)
	_, err := h.Send(t.Context(), delivery(t, act{Do: "grow", N: 300 << 20, For: time.Hour}))
	if err == nil || !strings.Contains(err.Error(), "MiB of memory in use, and 256 MiB is the most") {
		t.Errorf("send: %v", err)
	}
	waitFor(t, "the end of the process", func() bool { return !exists(pid) })
}

// Output that floods for long ends the process; what is read of it costs a processor.
func TestFloodEndsTheSender(t *testing.T) {
	h := newHost(t, "good")
	if _, err := h.Send(t.Context(), delivery(t, act{Do: "print", N: 400_000})); err == nil {
		t.Error("the send did not fail")
	}
	waitFor(t, "the reason", func() bool {
		return strings.Contains(statOf(t, h, "test").Error, "it printed more than 256 MiB in a minute")
	})
	if s := statOf(t, h, "test"); s.Dropped == 0 {
		t.Errorf("no lines were dropped: %+v", s)
	}
}

func TestSenderIsConfined(t *testing.T) {
	h := newHost(t, "good")
	pid := sendOK(t, h)
	for file, want := range map[string]string{
		"status":        "NoNewPrivs:\t1\n",
		"limits":        "Max core file size        0                    0 ",
		"oom_score_adj": "500\n",
	} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v\n%s", file, err, b)
		}
	}
}

// Where the host lets nobody look into it, its senders do not either.
func TestSenderIsAsPrivateAsItsHost(t *testing.T) {
	dumpable := func(v uintptr) {
		t.Helper()
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, v, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	defer dumpable(1)
	for want := range 2 {
		dumpable(uintptr(want))
		h := newHost(t, "good")
		receipt, err := h.Send(t.Context(), delivery(t, act{Do: "dumpable"}))
		if err != nil || receipt.Reply != strconv.Itoa(want) {
			t.Errorf("of a host with %d: %q, %v", want, receipt.Reply, err)
		}
	}
}

// Where orphans are ours to wait for, as in a container without an init, what a sender
// left running does not stay as a zombie.
func TestOrphansAreReaped(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	h := newHost(t, "good")
	pid := sendOK(t, h)
	receipt, err := h.Send(t.Context(), delivery(t, act{Do: "leave a child"}))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(receipt.Reply)
	if err != nil {
		t.Fatal(err)
	}
	kill(t, h, "test", pid)
	waitFor(t, "the child to be reaped", func() bool { return !exists(child) })
}
