package bindingtest

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line/linetest"
)

// Attempt is a delivery, and what becomes of it.
type Attempt struct {
	Options string
	Change  func(*plugin.Delivery) // may be nil

	Outcome plugin.Outcome
	Scope   plugin.Scope
	Error   string // part of it
}

// Judge makes attempts all at once, each as a test of its own, and compares what becomes of
// them. No error and no URL that is shown holds one of secrets.
func Judge(t *testing.T, s plugin.Sender, attempts map[string]Attempt, secrets ...string) {
	t.Helper()
	for name, a := range attempts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Delivery(t, a.Options, event.Sample(event.ArtifactPushed))
			d.ID = name
			if a.Change != nil {
				a.Change(&d)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			receipt, err := s.Send(ctx, d)
			if got := plugin.ReadVerdict(err).Outcome; got != a.Outcome || receipt.Scope != a.Scope {
				t.Errorf("%s, scope %q: %v; want %s, scope %q", got, receipt.Scope, err, a.Outcome, a.Scope)
			}
			if ctx.Err() != nil {
				t.Error("it took until its context's end")
			}
			said := receipt.Request.URL
			if err != nil {
				said += err.Error()
			}
			if a.Error != "" && (err == nil || !strings.Contains(said, a.Error)) {
				t.Errorf("error %v, want %q", err, a.Error)
			}
			for _, secret := range secrets {
				if strings.Contains(said, secret) {
					t.Errorf("%q shows a secret", said)
				}
			}
		})
	}
}

// Deadline sends to who never says anything, and by a connection to broker over which
// nothing is heard any more: neither costs more than the time that there is. Options are
// those of a target at an address.
func Deadline(t *testing.T, s plugin.Sender, broker string, options func(addr string) string) {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	through := linetest.NewProxy(t, broker)
	d := Delivery(t, options(through.Addr), event.Sample(event.ArtifactPushed))
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	through.Silence(true)
	for what, addr := range map[string]string{"to connect": silent.Addr().String(), "to confirm": through.Addr} {
		d.ID, d.Options = what, []byte(options(addr))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := s.Send(ctx, d)
		cancel()
		if plugin.ReadVerdict(err).Outcome != plugin.Retry || err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%s: %v", what, err)
		}
	}
	through.Silence(false) // for farewells
}
