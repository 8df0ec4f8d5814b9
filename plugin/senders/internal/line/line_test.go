package line

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a line that counts itself.
type wire struct{ lost, closed atomic.Bool }

func newLines(idle time.Duration) *Lines[wire] {
	return New(idle, func(w *wire) bool { return w.lost.Load() }, func(w *wire) { w.closed.Store(true) })
}

func TestOneLineForAll(t *testing.T) {
	lines := newLines(time.Hour)
	defer lines.CloseIdle()
	var dialled atomic.Int32
	dial := func(context.Context) (*wire, error) {
		dialled.Add(1)
		time.Sleep(5 * time.Millisecond) // so that others wait
		return &wire{}, nil
	}
	var wg sync.WaitGroup
	for n := range 32 {
		wg.Go(func() {
			for range 8 {
				w, release, err := lines.Take(t.Context(), fmt.Sprint(n%2), dial)
				if err != nil || w.closed.Load() {
					t.Errorf("%v, closed %t", err, w.closed.Load())
					return
				}
				release()
				release() // does no harm
			}
		})
	}
	wg.Wait()
	if n := dialled.Load(); n != 2 {
		t.Errorf("%d lines for two sets of options", n)
	}
}

func TestLostLine(t *testing.T) {
	lines := newLines(time.Hour)
	dial := func(context.Context) (*wire, error) { return &wire{}, nil }
	first, release, err := lines.Take(t.Context(), "a", dial)
	if err != nil {
		t.Fatal(err)
	}
	first.lost.Store(true)
	second, again, err := lines.Take(t.Context(), "a", dial)
	if err != nil || second == first {
		t.Fatalf("a line that is lost is taken again: %v", err)
	}
	release() // of the first, and not of the second
	lines.CloseIdle()
	if !first.closed.Load() || second.closed.Load() {
		t.Error("the lost line is to be closed, and the one in use is not")
	}
	again()
	lines.CloseIdle()
	if !second.closed.Load() {
		t.Error("nobody uses the second line, and it is not closed")
	}
}

func TestIdleLine(t *testing.T) {
	lines := newLines(time.Millisecond)
	w, release, err := lines.Take(t.Context(), "a", func(context.Context) (*wire, error) { return &wire{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	if w.closed.Load() {
		t.Fatal("a line in use was closed")
	}
	release()
	for range 1000 {
		if w.closed.Load() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("an idle line is not closed")
}

// The end of one caller's context is no answer for those that waited with it; a failure is.
func TestFailures(t *testing.T) {
	lines := newLines(time.Hour)
	defer lines.CloseIdle()
	ctx, cancel := context.WithCancel(t.Context())
	dialling, done := make(chan struct{}), make(chan error, 1)
	go func() {
		_, _, err := lines.Take(ctx, "a", func(ctx context.Context) (*wire, error) {
			close(dialling)
			<-ctx.Done()
			return nil, ctx.Err()
		})
		done <- err
	}()
	<-dialling
	waiting := make(chan error, 1)
	go func() {
		_, release, err := lines.Take(t.Context(), "a", func(context.Context) (*wire, error) { return &wire{}, nil })
		if err == nil {
			release()
		}
		waiting <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller whose context ended: %v", err)
	}
	if err := <-waiting; err != nil {
		t.Errorf("the other: %v", err)
	}
	if _, _, err := lines.Take(ctx, "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	refused := errors.New("refused")
	if _, _, err := lines.Take(t.Context(), "b", func(context.Context) (*wire, error) { return nil, refused }); err != refused {
		t.Errorf("a line that cannot be made: %v", err)
	}
}

func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, _, err := Dial(t.Context(), egress.Guard{Egress: plugin.Egress{Restricted: true}}, l.Addr().String()); !errors.Is(err, egress.ErrDenied) {
		t.Errorf("an address that is refused: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cut, _, err := Dial(ctx, egress.Guard{}, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Close()
	kept, free, err := Dial(ctx, egress.Guard{}, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	free()
	cancel()
	if _, err := cut.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a connection whose context ended: %v", err)
	}
	if _, err := kept.Write([]byte("x")); err != nil {
		t.Errorf("a connection that was freed: %v", err)
	}
}

func TestWithin(t *testing.T) {
	if v, err := Within(t.Context(), func() (int, error) { return 7, nil }); v != 7 || err != nil {
		t.Error(v, err)
	}
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	hold := make(chan struct{})
	if _, err := Within(ctx, func() (int, error) { <-hold; return 7, nil }); err != why {
		t.Error(err)
	}
	close(hold)
}
