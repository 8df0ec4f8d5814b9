package nats

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding/bindingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSender makes one whose connections end with the test.
func newSender(t testing.TB) *sender {
	t.Helper()
	s := New("1.2.3").(*sender)
	t.Cleanup(s.lines.CloseIdle)
	return s
}

// start runs a server with JetStream, on loopback, until the test ends; change may be nil.
func start(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		MaxPayload: 8 << 20,
	}
	if change != nil {
		change(o)
	}
	return run(t, o)
}

func run(t testing.TB, o *server.Options) *server.Server {
	t.Helper()
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { stop(s) })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// restart runs the server that was stopped with these options, at the same address.
func restart(t testing.TB, old *server.Server, o server.Options) *server.Server {
	t.Helper()
	o.Port = port(old)
	return run(t, &o)
}

func port(s *server.Server) int {
	var n int
	_, _ = fmt.Sscanf(s.ClientURL()[len("nats://127.0.0.1:"):], "%d", &n)
	return n
}

// streams opens the server as one who makes streams.
func streams(t testing.TB, s *server.Server, o ...nats.Option) jetstream.JetStream {
	t.Helper()
	c, err := nats.Connect(s.ClientURL(), o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// stream makes the stream of registry.events, in memory.
func stream(t testing.TB, js jetstream.JetStream, change func(*jetstream.StreamConfig)) jetstream.Stream {
	t.Helper()
	config := jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"registry.>"}, Storage: jetstream.MemoryStorage}
	if change != nil {
		change(&config)
	}
	st, err := js.CreateOrUpdateStream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func count(t testing.TB, st jetstream.Stream) uint64 {
	t.Helper()
	info, err := st.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

// at is the options of a target at url, and more.
func at(t testing.TB, url string, more map[string]any) string {
	t.Helper()
	o := map[string]any{"url": url, "subject": "registry.events"}
	for k, v := range more {
		o[k] = v
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func push(t testing.TB, options string) plugin.Delivery {
	t.Helper()
	return bindingtest.Delivery(t, options, event.Sample(event.ArtifactPushed))
}
