//go:build linux

package host

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
)

// retried fails the test unless err says that the sender, not the target, failed for now.
func retried(t *testing.T, what string, err error) {
	t.Helper()
	if v := plugin.ReadVerdict(err); err == nil || v.Outcome != plugin.Retry {
		t.Errorf("%s: %v", what, err)
	}
}

// Whatever a program prints in place of a handshake, it does not come up, and nobody
// waits for it for longer than a start may take.
func TestHandshakeOfJunk(t *testing.T) {
	for _, line := range []string{
		"\n", "|||||\n", "hello\n", "1|1|unix\n", "7|1|unix|/nowhere|grpc|\n", "1|9|unix|/nowhere|grpc|\n", "1|x|unix|/nowhere|grpc|\n",
		"1|1|udp|127.0.0.1:9|grpc|\n", "1|1|tcp|nowhere|grpc|\n", "1|1|unix|/nowhere|netrpc|\n", "1|1|unix|/nowhere|grpc|\n",
		"1|1|unix|/nowhere|grpc|" + strings.Repeat("!", 100) + "\n", "1|1|unix|/nowhere|grpc|" + strings.Repeat("A", 100) + "\n",
		"1|1|unix|/" + strings.Repeat("n", 300) + "|grpc|\n", strings.Repeat("1|", 30_000), "\x00\xff\x1b[2J\n", "1|1|unix|/nowhere|grpc|", "",
	} {
		t.Run(fmt.Sprintf("%.20q", line), func(t *testing.T) {
			h := newHost(t, "says:"+strconv.Quote(line), func(h *Host) {
				h.timing.start = 500 * time.Millisecond
				h.timing.describe = 500 * time.Millisecond
			})
			_, err := h.Send(t.Context(), delivery(t, act{Do: "ok"}))
			retried(t, "send", err)
			if s := h.Stats()[0]; s.State != Down || strings.ContainsAny(s.Error, "\x1b\x00\n") || len(s.Error) > 1000 {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// Mutual TLS is between two that made a certificate each for this one start: who cannot
// show the one that it announced is told nothing.
func TestOnlyTheProcessThatWasStartedIsTalkedTo(t *testing.T) {
	for _, mode := range []string{"talks junk", "without TLS", "another certificate"} {
		t.Run(mode, func(t *testing.T) {
			log := &logBuffer{}
			h := newHost(t, mode, logged(log), func(h *Host) { h.timing.describe = time.Second })
			_, err := h.Send(t.Context(), delivery(t, act{Do: "ok"}))
			retried(t, "send", err)
			if strings.Contains(log.String(), "I was called") {
				t.Error("it was told something")
			}
		})
	}
}

func TestDeathInEveryCall(t *testing.T) {
	h := newHost(t, "dies in every call", func(h *Host) { h.timing.backoff = time.Millisecond })
	s := h.Sender("test")
	if _, err := s.Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := s.Check(t.Context(), plugin.Check{Options: json.RawMessage(`{}`)})
	retried(t, "check", err)
	_, err = s.Render(t.Context(), delivery(t, act{}))
	retried(t, "render", err)
	receipt, err := s.Send(t.Context(), delivery(t, act{}))
	retried(t, "send", err)
	if receipt.Scope != plugin.ScopeSender {
		t.Errorf("scope %q", receipt.Scope)
	}
}

// A child in a session of its own is out of reach of a kill of the group. It holds nobody
// up: neither the next life nor the end.
func TestChildThatLeftTheGroupHoldsNobodyUp(t *testing.T) {
	log := &logBuffer{}
	h := newHost(t, "leaves the group", logged(log), func(h *Host) { h.timing.healthEvery = time.Hour })
	pid := sendOK(t, h)
	_, err := h.Send(t.Context(), delivery(t, act{Do: "leave"}))
	retried(t, "send", err)
	var child int
	waitFor(t, "the name of the child", func() bool {
		m := regexp.MustCompile(`child (\d+)`).FindStringSubmatch(log.String())
		if m == nil {
			return false
		}
		child, err = strconv.Atoi(m[1])
		return err == nil
	})
	t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) })
	waitFor(t, "the dead sender to be reaped", func() bool { return !exists(pid) })
	sendOK(t, h)
	closeHost(t, h)
	if pid := h.Stats()[0].PID; pid != 0 {
		t.Errorf("process %d is left", pid)
	}
}

// Acks for what was never sent, for what is to come, and a second one of another mind:
// each send has its own first answer.
func TestMadeUpAcksAreIgnored(t *testing.T) {
	h := newHost(t, "makes up acks")
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Go(func() {
			d := delivery(t, act{Do: "ok"})
			d.ID = fmt.Sprint("d-", n)
			receipt, err := h.Send(t.Context(), d)
			if err != nil || receipt.Reply != d.ID {
				t.Errorf("%s: %q, %v", d.ID, receipt.Reply, err)
			}
		})
	}
	wg.Wait()
	if s := h.Stats()[0]; s.Restarts != 0 || s.State != Up {
		t.Errorf("stats: %+v", s)
	}
}

// An answer that comes when nobody waits any more is nobody's.
func TestLateAckIsNobodys(t *testing.T) {
	h := newHost(t, "acks late")
	for n := range 5 {
		d := delivery(t, act{Do: "ok"})
		d.ID = fmt.Sprint("late-", n)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := h.Send(ctx, d)
		cancel()
		if n > 0 { // the first waits for the start, too
			retried(t, "an impatient send", err)
		}
	}
	d := delivery(t, act{Do: "ok"})
	d.ID = "in time"
	receipt, err := h.Send(t.Context(), d)
	if err != nil || receipt.Reply != "in time" {
		t.Errorf("a patient send: %q, %v", receipt.Reply, err)
	}
}

// The health service may well say that all is well.
func TestSenderWithoutAStreamIsReplaced(t *testing.T) {
	h := newHost(t, "ends the stream", func(h *Host) { h.timing.backoff = time.Millisecond })
	for range 2 {
		_, err := h.Send(t.Context(), delivery(t, act{Do: "ok"}))
		retried(t, "send", err)
	}
	waitFor(t, "a new life", func() bool { return h.Stats()[0].Restarts >= 1 })
}

// The stream fills up, and writing to it blocks; callers do not.
func TestSenderThatReadsNothingBlocksNobody(t *testing.T) {
	h := newHost(t, "never reads", func(h *Host) { h.timing.overdue = 300 * time.Millisecond })
	d := delivery(t, act{Do: "ok"})
	d.Body = make([]byte, 2<<20)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := h.Send(ctx, d)
			retried(t, "send", err)
		})
	}
	wg.Wait()
	waitFor(t, "its end", func() bool { s := h.Stats()[0]; return s.Restarts > 0 || s.State == Down })
}

func TestFloodOfAnswersIsBorne(t *testing.T) {
	h := newHost(t, "floods with answers", func(h *Host) { h.timing.overdue = 300 * time.Millisecond })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := h.Send(ctx, delivery(t, act{Do: "ok"}))
	retried(t, "send", err)
	if mine := resident(os.Getpid()); mine > 512<<20 {
		t.Errorf("the host has %d MiB in use", mine>>20)
	}
}

func TestHugeDescriptionIsRefused(t *testing.T) {
	h := newHost(t, "huge description")
	_, err := h.Sender("test").Describe(t.Context())
	retried(t, "describe", err)
	if err != nil && !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("describe: %v", err)
	}
}

// go-plugin reads standard output line by line, and stops at one that is too long: then
// who prints one blocks for ever. Such a sender does not use package serve.
func TestLongLineOfASenderByItselfDoesNotBlockIt(t *testing.T) {
	h := newHost(t, "without life pipe", func(h *Host) { h.timing.healthEvery = time.Hour })
	pid := sendOK(t, h)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := h.Send(ctx, delivery(t, act{Do: "print", N: 512})); err != nil {
		t.Errorf("send: %v", err)
	}
	if again := sendOK(t, h); again != pid {
		t.Error("the sender ended")
	}
}

// A sender is not to read what an operator types, nor to wait for it.
func TestStandardInputIsNobodys(t *testing.T) {
	h := newHost(t, "good")
	in, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", sendOK(t, h)))
	if err != nil || in != "/dev/null" {
		t.Errorf("standard input is %q, %v", in, err)
	}
}

// go-plugin holds its lock for as long as a start takes.
func TestStartThatHangsHoldsNobodyUp(t *testing.T) {
	h := newHost(t, "never prints", func(h *Host) { h.timing.start = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := h.Send(ctx, delivery(t, act{Do: "ok"}))
	retried(t, "send", err)
	if s := h.Stats()[0]; s.State != Starting {
		t.Errorf("stats: %+v", s)
	}
	closeHost(t, h)
	if s := h.Stats()[0]; s.State != Stopped {
		t.Errorf("stats after close: %+v", s)
	}
}
