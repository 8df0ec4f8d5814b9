package app

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

// Told to stop, bellbuoy takes nothing more and says that it is not ready, while a send
// in flight goes on; when that has ended, so does bellbuoy, and its outcome is on record.
func TestStopLetsSendsEnd(t *testing.T) {
	hanging, release := make(chan struct{}), make(chan struct{})
	hook := receiver(t, func(http.ResponseWriter, *http.Request) {
		close(hanging)
		<-release
	})
	file := one(t, hook)
	l := start(t, file)
	id := l.notify("hub", push(t, "one"))[0]
	<-hanging
	l.told()
	l.until("the intake is closed", func() bool {
		_, _, err := ask("POST", "http://"+l.listen+"/in/hub", push(t, "two"))
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	status, answer, err := ask("GET", "http://"+l.admin+"/readyz", "")
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, "bellbuoy is stopping") || err != nil {
		t.Errorf("/readyz: %d %s %v", status, answer, err)
	}
	if status, _, err := ask("GET", "http://"+l.admin+"/healthz", ""); status != http.StatusOK || err != nil {
		t.Errorf("/healthz: %d %v", status, err)
	}
	select {
	case err := <-l.ended:
		t.Fatalf("bellbuoy ended with a send in flight: %v", err)
	default:
	}
	close(release)
	if err := l.end(); err != nil {
		t.Errorf("ended with %v", err)
	}

	again := start(t, file)
	if tr, _ := again.settled(id, store.Delivered); len(tr.Deliveries[0].Attempts) != 1 {
		t.Errorf("attempts %+v", tr.Deliveries[0].Attempts)
	}
	if err := again.stop(); err != nil {
		t.Error(err)
	}
}

// What fails ends a run, and counts though it was told to end before; a part that ended
// because it was told to has not failed.
func TestEnding(t *testing.T) {
	e := newEnding(t.Context())
	e.failed("serve", http.ErrServerClosed)
	e.failed("deliver", nil)
	if e.ctx.Err() != nil || e.err() != nil {
		t.Fatalf("ended with %v", e.err())
	}
	first, second := errors.New("no more"), errors.New("not written down")
	e.failed("serve", first)
	if e.ctx.Err() == nil {
		t.Error("it goes on")
	}
	e.failed("deliver", second)
	if err := e.err(); err == nil || err.Error() != "serve: no more\ndeliver: not written down" || !errors.Is(err, first) || !errors.Is(err, second) {
		t.Errorf("ended with %v", err)
	}
}

// However its context ends, that is no failure.
func TestStopAtADeadline(t *testing.T) {
	file := one(t, "http://127.0.0.1:9/hook")
	l := begin(t, func(ctx context.Context, o Options) error {
		ctx, cancel := context.WithDeadline(ctx, time.Now().Add(time.Second))
		defer cancel()
		o.Files.Config = file
		return Run(ctx, o)
	})
	if err := l.end(); err != nil {
		t.Error(err)
	}
}
