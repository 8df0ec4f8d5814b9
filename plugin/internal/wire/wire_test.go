package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/bellbuoy/bellbuoy/plugin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect serves sender on a real socket and returns the host's end.
func connect(t *testing.T, sender plugin.Sender) *Remote {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(ServerOptions()...)
	var log strings.Builder
	RegisterSenderServer(server, NewService(map[string]plugin.Sender{"test": sender}, &log))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	options := append(DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(l.Addr().String(), options...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, err := Open(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		<-r.Broken()
		_ = conn.Close()
		server.Stop()
		<-served
	})
	return r
}

// stub answers sends by a function.
type stub struct {
	plugin.Sender
	send func(context.Context, plugin.Delivery) (plugin.Receipt, error)
}

func (s stub) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	return s.send(ctx, d)
}

func TestAcksAreIndividualAndInAnyOrder(t *testing.T) {
	const n = 1000
	var arrived sync.WaitGroup
	arrived.Add(n)
	r := connect(t, stub{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
		arrived.Done()
		arrived.Wait() // all are in flight at once: none waits for another's ack
		if len(d.ID)%2 == 0 {
			return plugin.Receipt{Reply: d.ID}, errors.New(d.ID)
		}
		return plugin.Receipt{Reply: d.ID}, nil
	}})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			id := fmt.Sprint(i)
			receipt, err := r.Send(t.Context(), plugin.Delivery{ID: id, Type: "test"})
			if receipt.Reply != id || (err != nil) != (len(id)%2 == 0) || err != nil && err.Error() != id {
				t.Errorf("%s: %+v, %v", id, receipt, err)
			}
		})
	}
	wg.Wait()
}

// A sender's context ends when its caller goes away, as it does in one process.
func TestCancelReachesTheSender(t *testing.T) {
	ended := make(chan error, 1)
	begun := make(chan struct{})
	r := connect(t, stub{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return plugin.Receipt{}, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	if _, err := r.Send(ctx, plugin.Delivery{Type: "test"}); !errors.Is(err, context.Canceled) {
		t.Errorf("send: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("in the sender: %v", err)
	}
}

func TestLargeAnswersAreSpreadOverMessages(t *testing.T) {
	r := connect(t, stub{send: func(context.Context, plugin.Delivery) (plugin.Receipt, error) {
		headers := map[string]string{}
		for i := range 100 {
			headers[strings.Repeat("n", 300)+fmt.Sprint(i)] = strings.Repeat("v", 2000)
			headers[fmt.Sprint(i)] = strings.Repeat("v", 2000)
		}
		return plugin.Receipt{
			Request: plugin.Request{Method: strings.Repeat("M", 100), URL: strings.Repeat("u", 10_000), Headers: headers, Body: strings.Repeat("b", 1<<20)},
			Reply:   strings.Repeat("r", 1<<20),
			Resume:  make([]byte, plugin.MaxResume),
		}, errors.New(strings.Repeat("e", 1<<20))
	}})
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			receipt, err := r.Send(t.Context(), plugin.Delivery{Type: "test", Event: json.RawMessage(strings.Repeat("x", 100_000))})
			if err == nil || len(err.Error()) != maxError || len(receipt.Reply) != plugin.MaxReply ||
				len(receipt.Request.Headers) == 0 || len(receipt.Request.Headers) > maxHeaders || len(receipt.Resume) != plugin.MaxResume {
				t.Errorf("reply of %d bytes, %d headers: %.60v", len(receipt.Reply), len(receipt.Request.Headers), err)
			}
		})
	}
	wg.Wait()
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}

func TestBreakReturnsAllCallsOnce(t *testing.T) {
	begun := make(chan struct{}, 2)
	r := connect(t, stub{send: func(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return plugin.Receipt{}, ctx.Err()
	}})
	first := errors.New("first")
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := r.Send(t.Context(), plugin.Delivery{Type: "test"}); err != first {
				t.Errorf("send: %v", err)
			}
		})
	}
	<-begun
	<-begun
	r.Break(first)
	r.Break(errors.New("second"))
	wg.Wait()
	if _, err := r.Send(t.Context(), plugin.Delivery{Type: "test"}); err != first {
		t.Errorf("send after the break: %v", err)
	}
}

func TestDeliveryArrivesWhole(t *testing.T) {
	d := plugin.Delivery{
		ID: "i", Attempt: 2, Target: "ci", Type: "test", Options: json.RawMessage(`{}`), Event: json.RawMessage(`{"v":1}`), Body: []byte{},
		ContentType: "application/json", Headers: map[string]string{"Ce-Id": "1", "Ce-Type": "x"}, Template: "t", Title: "h", Resume: []byte("r"),
	}
	var got plugin.Delivery
	r := connect(t, stub{send: func(_ context.Context, d plugin.Delivery) (plugin.Receipt, error) {
		got = d
		return plugin.Receipt{}, nil
	}})
	if _, err := r.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownVerdictIsTriedAgain(t *testing.T) {
	_, err := (&Ack{Outcome: 77}).read(&plugin.Delivery{})
	if v := plugin.ReadVerdict(err); v != (plugin.Verdict{Outcome: plugin.Retry}) || err.Error() != "the sender gave no reason" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, a := range []*Ack{{Outcome: Outcome_OUTCOME_RETRY, AfterNs: -5}, {Outcome: Outcome_OUTCOME_THROTTLED, UntilUnixNs: -5}} {
		_, err := a.read(&plugin.Delivery{})
		if v := plugin.ReadVerdict(err); v.After != 0 || !v.Until.IsZero() {
			t.Errorf("%v: %+v", a, v)
		}
	}
}

// Whatever a sender or a target puts into a receipt, the message can be written, is
// no larger than it is taken for, and reads the same within its bounds.
func TestAnyReceiptFits(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 3000), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		d := plugin.Delivery{Event: json.RawMessage(text.Draw(t, "event"))}
		r := plugin.Receipt{
			Request: plugin.Request{Method: text.Draw(t, "method"), URL: text.Draw(t, "url"), Body: text.Draw(t, "body"),
				Headers: rapid.MapOf(text, text).Draw(t, "headers")},
			Status:  rapid.IntRange(0, 999).Draw(t, "status"),
			Latency: time.Duration(rapid.Int64Min(0).Draw(t, "latency")),
			Reply:   text.Draw(t, "reply"),
			Scope:   plugin.Scope(rapid.SampledFrom([]string{"", "message", "target_gone", "misconfigured", "x"}).Draw(t, "scope")),
			Resume:  rapid.SliceOfN(rapid.Byte(), 0, plugin.MaxResume+10).Draw(t, "resume"),
		}
		ack := writeAck(rapid.Uint64().Draw(t, "number"), &d, r, errors.New(text.Draw(t, "error")))
		b, err := proto.Marshal(ack)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > ack.weight() || len(b) > MaxAnswer {
			t.Fatalf("%d bytes, taken for %d", len(b), ack.weight())
		}
		var back Ack
		if err := proto.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		got, _ := back.read(&d)
		if got.Status != r.Status || got.Latency != r.Latency || got.Reply != cut(r.Reply, plugin.MaxReply) {
			t.Fatalf("read back: %+v", got)
		}
		if r.Request.Body == string(d.Event) && got.Request.Body != r.Request.Body {
			t.Fatal("the message did not come back")
		}
		if len(r.Resume) > plugin.MaxResume && got.Resume != nil {
			t.Fatal("a part of a resume came through")
		}
	})
}

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		n := rapid.IntRange(0, 40).Draw(t, "n")
		got := cut(s, n)
		if len(got) > n || !utf8.ValidString(got) || !strings.HasPrefix(s, got) || len(s) > n && len(got) < n-3 {
			t.Fatalf("cut(%q, %d) = %q", s, n, got)
		}
	})
}
