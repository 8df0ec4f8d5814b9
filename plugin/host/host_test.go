//go:build linux

package host

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bellbuoy/bellbuoy/plugin"
)

func TestSenderInAnotherProcessAnswersAsOneInThis(t *testing.T) {
	h := newHost(t, "good")
	local := actor{typ: "test"}
	remote := h.Sender("test")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	want, _ := local.Describe(ctx)
	got, err := remote.Describe(ctx)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("describe: %v\n%s", err, diff)
	}
	for _, c := range []plugin.Check{
		{Options: json.RawMessage(`{}`)}, {Options: json.RawMessage(`{"a":1}`)},
		{Template: "{{.type}}", Title: "é", Samples: []json.RawMessage{json.RawMessage(`{"v":1}`), json.RawMessage(`{}`)}},
	} {
		want, _ := local.Check(ctx, c)
		got, err := remote.Check(ctx, c)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("check %s: %v\n%s", c.Options, err, diff)
		}
	}
	for name, body := range map[string][]byte{"no body": nil, "empty body": {}, "body": []byte("text")} {
		d := delivery(t, act{Do: "everything"})
		d.Attempt, d.Body, d.ContentType, d.Resume, d.Template, d.Title = 3, body, "text/plain", []byte{1}, "{{.type}}", "title"
		wantRequest, _ := local.Render(ctx, d)
		gotRequest, err := remote.Render(ctx, d)
		if diff := cmp.Diff(wantRequest, gotRequest); diff != "" || err != nil {
			t.Errorf("render with %s: %v\n%s", name, err, diff)
		}
		want, _ := local.Send(ctx, d)
		got, err := remote.Send(ctx, d)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("send with %s: %v\n%s", name, err, diff)
		}
	}
}

func TestVerdictsSurviveTheWire(t *testing.T) {
	h := newHost(t, "good")
	for _, do := range []string{"ok", "permanent", "retry after", "throttled", "throttled without a time", "plain"} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		d := delivery(t, act{Do: do})
		_, want := actor{typ: "test"}.Send(ctx, d)
		_, got := h.Send(ctx, d)
		cancel()
		if diff := cmp.Diff(plugin.ReadVerdict(want), plugin.ReadVerdict(got)); diff != "" {
			t.Errorf("%s: %s", do, diff)
		}
		if want != nil && got.Error() != strings.ToValidUTF8(want.Error(), "\uFFFD") {
			t.Errorf("%s: error %q, want %q", do, got, want)
		}
	}
}

func TestCallersAtOnceStartOneProcess(t *testing.T) {
	h := newHost(t, "good")
	pids := make([]int, 32)
	var wg sync.WaitGroup
	for i := range pids {
		wg.Go(func() { pids[i] = sendOK(t, h) })
	}
	wg.Wait()
	for _, pid := range pids {
		if pid != pids[0] {
			t.Fatalf("several processes: %v", pids)
		}
	}
	stats := h.Stats()
	if len(stats) != 1 || stats[0].Type != "test" || stats[0].PID != pids[0] || stats[0].State != Up || stats[0].Restarts != 0 || stats[0].Since.IsZero() {
		t.Errorf("stats: %+v", stats)
	}
}

func TestEachTypeHasItsProcess(t *testing.T) {
	h := newHost(t, "good")
	first := sendOK(t, h)
	receipt, err := h.Sender("second").Send(t.Context(), delivery(t, act{Do: "ok"}))
	if err != nil {
		t.Fatal(err)
	}
	if stats := h.Stats(); len(stats) != 2 || stats[0].Type != "second" || stats[0].PID == first || receipt.Reply == "" {
		t.Errorf("stats: %+v", stats)
	}
}

func TestUnknownTypeSaysSo(t *testing.T) {
	h := newHost(t, "good")
	if _, err := h.Sender("third").Describe(t.Context()); err == nil || !strings.Contains(err.Error(), `no sender of type "third"`) {
		t.Errorf("error: %v", err)
	}
	h = newHost(t, "another type")
	if _, err := h.Sender("test").Describe(t.Context()); err == nil || !strings.Contains(err.Error(), `it says that it serves type "else"`) {
		t.Errorf("error: %v", err)
	}
	h = newHost(t, "good")
	h.command = func(typ string) ([]string, error) { return nil, errors.New("no target type " + typ) }
	if _, err := h.Send(t.Context(), delivery(t, act{})); err == nil || err.Error() != "no target type test" {
		t.Errorf("error: %v", err)
	}
	h = newHost(t, "good")
	h.command = func(typ string) ([]string, error) { return []string{"/nowhere/at/all"}, nil }
	if _, err := h.Send(t.Context(), delivery(t, act{})); err == nil || !strings.Contains(err.Error(), "start sender test") || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error: %v", err)
	}
}

func TestPanicIsAnErrorOfTheCall(t *testing.T) {
	h := newHost(t, "good")
	pid := sendOK(t, h)
	_, err := h.Send(t.Context(), delivery(t, act{Do: "panic"}))
	if v := plugin.ReadVerdict(err); v.Outcome != plugin.Retry || !strings.Contains(err.Error(), "panicked in send") {
		t.Errorf("send: %v, %v", v, err)
	}
	if _, err := h.Sender("test").Check(t.Context(), plugin.Check{Options: json.RawMessage(`"panic"`)}); err == nil || !strings.Contains(err.Error(), "panicked in check") {
		t.Errorf("check: %v", err)
	}
	if again := sendOK(t, h); again != pid {
		t.Errorf("the process ended: %d, then %d", pid, again)
	}
}

func TestSendReturnsWhenItsContextEnds(t *testing.T) {
	h := newHost(t, "good")
	sendOK(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := h.Send(ctx, delivery(t, act{Do: "sleep deaf", For: time.Hour}))
	if v := plugin.ReadVerdict(err); !errors.Is(err, context.Canceled) || v.Outcome != plugin.Retry {
		t.Errorf("cancelled: %v", err)
	}
	// A sender that heeds its deadline has the time to hand in its receipt.
	ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	receipt, err := h.Send(ctx, delivery(t, act{Do: "sleep", For: time.Hour}))
	if receipt.Reply == "" || err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("at the deadline: %+v, %v", receipt, err)
	}
}

func TestSenderThatKeepsADeliveryIsReplaced(t *testing.T) {
	h := newHost(t, "good", func(h *Host) { h.timing.overdue = 200 * time.Millisecond })
	pid := sendOK(t, h)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := h.Send(ctx, delivery(t, act{Do: "sleep deaf", For: time.Hour})); err == nil {
		t.Error("no error")
	}
	waitFor(t, "the end of the sender", func() bool { return !runs(pid) })
	if s := h.Stats()[0]; !strings.Contains(s.Error, "after its deadline") {
		t.Errorf("reason: %q", s.Error)
	}
}

func TestCloseDrainsThenStops(t *testing.T) {
	h := newHost(t, "good")
	pid := sendOK(t, h)
	result := make(chan error, 1)
	go func() {
		_, err := h.Send(t.Context(), delivery(t, act{Do: "sleep", For: 500 * time.Millisecond}))
		result <- err
	}()
	waitFor(t, "the send to be in flight", func() bool {
		h.calls.mu.Lock()
		defer h.calls.mu.Unlock()
		return h.calls.inside == 1
	})
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-result; err != nil {
		t.Errorf("the send in flight: %v", err)
	}
	if exists(pid) {
		t.Error("the sender outlives the host")
	}
	if _, err := h.Send(t.Context(), delivery(t, act{Do: "ok"})); !errors.Is(err, errClosed) {
		t.Errorf("after close: %v", err)
	}
}
