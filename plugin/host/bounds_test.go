//go:build linux

package host

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/internal/wire"
)

// gRPC would take answers of 2 GiB.
func TestMessagesAreBounded(t *testing.T) {
	h := newHost(t, "good")
	pid := sendOK(t, h)
	d := delivery(t, act{Do: "ok"})
	d.Body = make([]byte, plugin.MaxDelivery-len(d.Event)-len(d.Options))
	if _, err := h.Send(t.Context(), d); err != nil {
		t.Errorf("the largest delivery: %v", err)
	}
	d.Body = append(d.Body, 0)
	_, err := h.Send(t.Context(), d)
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.PermanentFail || !strings.Contains(err.Error(), "delivery d1 is too large for a sender: event, body, options and templates are 3145729 bytes") {
		t.Errorf("one byte more: %v", err)
	}
	d = delivery(t, act{Do: "ok"})
	d.Resume = make([]byte, 100<<10)
	if _, err := h.Send(t.Context(), d); plugin.ReadVerdict(err).Outcome != plugin.PermanentFail {
		t.Errorf("a large resume: %v", err)
	}
	if again := sendOK(t, h); again != pid {
		t.Error("a delivery that is too large ended the sender")
	}

	h = newHost(t, "huge answers")
	_, err = h.Send(t.Context(), delivery(t, act{Do: "ok"}))
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || err == nil || !strings.Contains(err.Error(), "larger than max") {
		t.Errorf("a huge answer: %v", err)
	}

	h = newHost(t, "long strings")
	receipt, err := h.Send(t.Context(), delivery(t, act{Do: "ok"}))
	want := plugin.Receipt{Reply: strings.Repeat("x", plugin.MaxReply)}
	if diff := cmp.Diff(want, receipt); diff != "" || err != nil {
		t.Errorf("long strings: %v\n%s", err, diff)
	}
}

// systemd sends SIGTERM to every process of a service, a terminal SIGINT to a group.
func TestSignalsToTheGroupDoNotEndASend(t *testing.T) {
	log := &logBuffer{}
	h := newHost(t, "good", logged(log))
	pid := sendOK(t, h)
	result := make(chan error)
	go func() {
		d := delivery(t, act{Do: "sleep", For: 500 * time.Millisecond})
		d.ID = "signalled"
		_, err := h.Send(t.Context(), d)
		result <- err
	}()
	waitFor(t, "the send to be in flight", func() bool { return strings.Contains(log.String(), "sleeping signalled") })
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := syscall.Kill(-pid, sig); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-result; err != nil {
		t.Errorf("the send in flight: %v", err)
	}
	if again := sendOK(t, h); again != pid {
		t.Error("the sender ended")
	}
	// And what reaches the host's own group does not reach the sender's.
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("group %d of process %d: %v", group, pid, err)
	}
}

// What is printed to a pipe that nobody reads blocks for ever.
func TestPrintingNeverBlocks(t *testing.T) {
	log := &logBuffer{}
	h := newHost(t, "good", logged(log))
	pid := sendOK(t, h)
	if _, err := h.Send(t.Context(), delivery(t, act{Do: "print", N: 4096})); err != nil {
		t.Errorf("send: %v", err)
	}
	var files [3]string
	for fd := 1; fd <= 2; fd++ {
		var err error
		if files[fd], err = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); err != nil {
			t.Fatal(err)
		}
	}
	if files[1] != files[2] {
		t.Errorf("standard output is not where errors go: %v", files[1:])
	}
	waitFor(t, "the count of dropped lines", func() bool {
		return strings.Contains(log.String(), "lines dropped") || sendOK(t, h) != pid
	})
	if n := len(log.String()); n > 4<<20 {
		t.Errorf("the log took %d bytes", n)
	}
	if again := sendOK(t, h); again != pid {
		t.Error("the sender ended")
	}
}

// A host and a sender that are not of an age speak the latest version that both know.
func TestProtocolVersionIsNegotiated(t *testing.T) {
	one, two := wire.Plugins(nil)[1], wire.Plugins(nil)[1]
	for _, c := range []struct {
		mode    string
		host    map[int]goplugin.PluginSet
		version int    // that they speak
		answers string // the sender's version for that
		err     string
	}{
		{mode: "good", host: map[int]goplugin.PluginSet{1: one, 2: two}, version: 1},
		{mode: "versions 1 and 2", host: map[int]goplugin.PluginSet{1: one}, version: 1},
		{mode: "versions 1 and 2", host: map[int]goplugin.PluginSet{1: one, 2: two}, version: 2, answers: "two"},
		{mode: "version 2", host: map[int]goplugin.PluginSet{1: one}, err: "Plugin version: 2, Client versions: [1]"},
		{mode: "good", host: map[int]goplugin.PluginSet{2: two}, err: "Plugin version: 1, Client versions: [2]"},
	} {
		h := newHost(t, c.mode, func(h *Host) { h.versions = c.host })
		d, err := h.Sender("test").Describe(t.Context())
		protocol := h.Stats()[0].Protocol
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "take a sender that was made for this bellbuoy") {
				t.Errorf("%s: %v", c.mode, err)
			}
		case err != nil || d.Version != c.answers || protocol != c.version:
			t.Errorf("%s: they speak %d, the sender of version %q answers, %v", c.mode, protocol, d.Version, err)
		default:
			sendOK(t, h)
		}
	}
}
