package amqp

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/event"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding/bindingtest"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line/linetest"
)

// newSender makes one whose connections end with the test.
func newSender(t testing.TB) *sender {
	t.Helper()
	s := New("1.2.3").(*sender)
	t.Cleanup(s.lines.CloseIdle)
	return s
}

func push(t testing.TB, options string) plugin.Delivery {
	t.Helper()
	return bindingtest.Delivery(t, options, event.Sample(event.ArtifactPushed))
}

// open is a channel for the test's own use.
func (b *broker) open(t testing.TB) *amqp.Channel {
	t.Helper()
	c, err := amqp.Dial(b.url(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	ch, err := c.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// queue makes a queue, empties it, and binds it to the exchange registry by its name.
func (b *broker) queue(t testing.TB, name string, args amqp.Table) *amqp.Channel {
	t.Helper()
	ch := b.open(t)
	if err := ch.ExchangeDeclare("registry", "direct", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare(name, true, false, false, false, args); err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind(name, name, "registry", false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueuePurge(name, false); err != nil {
		t.Fatal(err)
	}
	return ch
}

func get(t testing.TB, ch *amqp.Channel, queue string) amqp.Delivery {
	t.Helper()
	m, ok, err := ch.Get(queue, true)
	if err != nil || !ok {
		t.Fatalf("there is no message: %v", err)
	}
	return m
}

// The message as a queue has it.
func TestDelivered(t *testing.T) {
	b := running(t)
	ch := b.queue(t, "events", nil)
	s, d := newSender(t), push(t, at(t, b.url(""), nil))
	receipt, err := s.Send(t.Context(), d)
	if err != nil || receipt.Reply != "basic.ack" || receipt.Request.Body != "" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	m := get(t, ch, "events")
	e, err := d.DecodeEvent()
	if err != nil {
		t.Fatal(err)
	}
	want := amqp.Table{
		"cloudEvents_specversion": "1.0", "cloudEvents_type": "bellbuoy.artifact.pushed", "cloudEvents_id": e.ID,
		"cloudEvents_source": d.Headers["Ce-Source"], "cloudEvents_subject": d.Headers["Ce-Subject"], "cloudEvents_time": d.Headers["Ce-Time"],
	}
	if diff := cmp.Diff(want, m.Headers); diff != "" {
		t.Error(diff)
	}
	if m.MessageId != d.ID || m.ContentType != "application/json" || m.DeliveryMode != amqp.Persistent || m.AppId != "bellbuoy" ||
		!m.Timestamp.Equal(e.Time.Truncate(time.Second)) || string(m.Body) != string(d.Event) || m.RoutingKey != "events" || m.Exchange != "registry" {
		t.Errorf("%+v", m)
	}

	d = bindingtest.As(t, "cloudevents", string(d.Options), event.Sample(event.ArtifactPushed))
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if m = get(t, ch, "events"); len(m.Headers) > 0 || m.ContentType != d.ContentType || string(m.Body) != string(d.Body) {
		t.Errorf("structured: %+v", m)
	}
}

// What the broker answers, and what it means.
func TestVerdicts(t *testing.T) {
	b := running(t)
	b.queue(t, "events", nil)
	full := b.queue(t, "full", amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"})
	if err := full.Publish("", "full", false, false, amqp.Publishing{}); err != nil {
		t.Fatal(err)
	}
	// A queue that is full says so only to those who come after.
	for {
		q, err := full.QueueDeclarePassive("full", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if q.Messages == 1 {
			break
		}
	}
	as := func(user string) string { return "amqp://" + user + ":passw0rd-of-it@" + b.addr }
	auth := func(password string) map[string]any {
		return map[string]any{"auth": map[string]any{"user": "bellbuoy", "password": password}}
	}
	s := newSender(t)
	for name, c := range map[string]struct {
		url     string
		more    map[string]any
		change  func(*plugin.Delivery)
		outcome plugin.Outcome
		scope   plugin.Scope
		error   string
	}{
		"taken":                    {url: b.url(""), outcome: plugin.Delivered},
		"by a queue's name":        {url: b.url(""), more: map[string]any{"exchange": nil}, outcome: plugin.Delivered},
		"by guest":                 {url: "amqp://" + b.addr, outcome: plugin.Delivered},
		"nobody's queue":           {url: b.url(""), more: map[string]any{"routing_key": "elsewhere"}, outcome: plugin.Retry, error: "no queue at " + b.addr + " gets what is published to the exchange registry by elsewhere: 312 NO_ROUTE"},
		"no queue of that name":    {url: b.url(""), more: map[string]any{"exchange": nil, "routing_key": "elsewhere"}, outcome: plugin.Retry, error: "published to the queue elsewhere"},
		"no exchange":              {url: b.url(""), more: map[string]any{"exchange": "elsewhere"}, outcome: plugin.PermanentFail, scope: plugin.ScopeMisconfigured, error: "404 NOT_FOUND - no exchange 'elsewhere'"},
		"a queue that is full":     {url: b.url(""), more: map[string]any{"routing_key": "full"}, outcome: plugin.Retry, error: "did not take the message"},
		"too large":                {url: b.url(""), change: func(d *plugin.Delivery) { d.Body = make([]byte, 9<<20) }, outcome: plugin.PermanentFail, error: "406 PRECONDITION_FAILED - message size 9437184"},
		"who may not write":        {url: as("reader"), outcome: plugin.PermanentFail, scope: plugin.ScopeMisconfigured, error: "403 ACCESS_REFUSED"},
		"another password":         {url: "amqp://" + b.addr, more: auth("an0ther-one"), outcome: plugin.PermanentFail, scope: plugin.ScopeMisconfigured, error: "does not let bellbuoy in"},
		"nobody's name":            {url: as("nobody"), outcome: plugin.PermanentFail, scope: plugin.ScopeMisconfigured, error: "does not let nobody in"},
		"no virtual host":          {url: b.url("elsewhere"), outcome: plugin.PermanentFail, scope: plugin.ScopeMisconfigured, error: "530 NOT_ALLOWED"},
		"others' virtual host":     {url: b.url("others"), outcome: plugin.PermanentFail, scope: plugin.ScopeMisconfigured, error: "530 NOT_ALLOWED"},
		"too many connections":     {url: b.url("few"), outcome: plugin.Retry, error: "connection limit"},
		"nobody listens":           {url: "amqp://127.0.0.1:1", outcome: plugin.Retry, error: "connection refused"},
		"no such host":             {url: "amqp://no..such..host", outcome: plugin.Retry, scope: plugin.ScopeMisconfigured, error: "there is no such host"},
		"out of reach":             {url: b.url(""), change: func(d *plugin.Delivery) { d.Egress.Restricted = true }, outcome: plugin.Retry, scope: plugin.ScopeMisconfigured, error: "127.0.0.1, which is not public"},
		"no TLS, which it speaks":  {url: "amqp://" + b.tlsAddr, outcome: plugin.Retry, error: "it may want TLS"},
		"TLS, which it speaks not": {url: "amqps://" + b.addr, outcome: plugin.Retry, error: "tls: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := push(t, at(t, c.url, c.more))
			d.ID = name
			if c.change != nil {
				c.change(&d)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			receipt, err := s.Send(ctx, d)
			if got := plugin.ReadVerdict(err).Outcome; got != c.outcome || receipt.Scope != c.scope {
				t.Errorf("%s, scope %q: %v; want %s, scope %q", got, receipt.Scope, err, c.outcome, c.scope)
			}
			if ctx.Err() != nil {
				t.Error("it took until its context's end")
			}
			said := receipt.Request.URL
			if err != nil {
				said += err.Error()
			}
			if c.error != "" && (err == nil || !strings.Contains(said, c.error)) {
				t.Errorf("error %v, want %q", err, c.error)
			}
			if strings.Contains(said, "passw0rd") || strings.Contains(said, "an0ther") {
				t.Errorf("%q shows a secret", said)
			}
		})
	}
}

// What is wrong with one message is no matter of the others that are on their way by the same
// connection, and costs none.
func TestOneConnection(t *testing.T) {
	b := running(t)
	b.queue(t, "events", nil)
	through := linetest.NewProxy(t, b.addr)
	url := "amqp://bellbuoy:passw0rd-of-it@" + through.Addr
	s := newSender(t)
	done := make(chan error)
	for i := range 32 {
		d := push(t, at(t, url, nil))
		d.ID = fmt.Sprint(i)
		if i%4 == 0 {
			d.Body = make([]byte, 9<<20)
		}
		go func() {
			_, err := s.Send(t.Context(), d)
			if want := map[bool]plugin.Outcome{true: plugin.PermanentFail, false: plugin.Delivered}[i%4 == 0]; plugin.ReadVerdict(err).Outcome != want {
				done <- fmt.Errorf("%d: %w, want %s", i, err, want)
				return
			}
			done <- nil
		}()
	}
	for range 32 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := through.Count(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A broker that dies between message and answer has it, or not: it is tried again, by the
// same id.
func TestRestart(t *testing.T) {
	b := running(t)
	b.queue(t, "events", nil)
	through := linetest.NewProxy(t, b.addr)
	s := newSender(t)
	d := push(t, at(t, "amqp://bellbuoy:passw0rd-of-it@"+through.Addr, nil))
	d.ID = "0192-first"
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	through.Silence(true)
	d.ID = "0192-second"
	done := make(chan error, 1)
	go func() {
		_, err := s.Send(t.Context(), d)
		done <- err
	}()
	for watch := b.open(t); ; {
		q, err := watch.QueueDeclarePassive("events", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if q.Messages == 2 {
			break
		}
	}
	b.kill()
	if err := <-done; plugin.ReadVerdict(err).Outcome != plugin.Retry || err == nil || !strings.Contains(err.Error(), "was lost before the message was confirmed") {
		t.Errorf("the broker died before it answered: %v", err)
	}
	through.Silence(false)
	if _, err := s.Send(t.Context(), d); plugin.ReadVerdict(err).Outcome != plugin.Retry {
		t.Errorf("there is no broker: %v", err)
	}
	if err := b.restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	ch := b.open(t)
	for _, want := range []string{"0192-first", "0192-second", "0192-second"} {
		if m := get(t, ch, "events"); m.MessageId != want {
			t.Errorf("the message %s, want %s", m.MessageId, want)
		}
	}
}

// Brokers that say nothing cost no more than the time that there is.
func TestDeadline(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	b := running(t)
	b.queue(t, "events", nil)
	through := linetest.NewProxy(t, b.addr)
	s := newSender(t)
	d := push(t, at(t, "amqp://bellbuoy:passw0rd-of-it@"+through.Addr, nil))
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	through.Silence(true)
	for what, addr := range map[string]string{"to connect": silent.Addr().String(), "to confirm": through.Addr} {
		d.Options = []byte(at(t, "amqp://bellbuoy:passw0rd-of-it@"+addr, nil))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := s.Send(ctx, d)
		cancel()
		if plugin.ReadVerdict(err).Outcome != plugin.Retry || err == nil || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("%s: %v", what, err)
		}
	}
	through.Silence(false) // for its farewell
}

// A broker that is out of memory reads nothing from those who publish. That keeps nobody
// waiting, and passes.
func TestAlarm(t *testing.T) {
	b := running(t)
	b.queue(t, "events", nil)
	s, d := newSender(t), push(t, at(t, b.url(""), nil))
	if _, err := s.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	b.ctl(t, "set_vm_memory_high_watermark", "absolute", "1MB")
	said := map[string]bool{}
	for i := range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began := time.Now()
		_, err := s.Send(ctx, d)
		cancel()
		if time.Since(began) > 10*time.Second {
			t.Error("it took much longer than it had")
		}
		if err == nil {
			continue // what comes first the broker may still read
		}
		if plugin.ReadVerdict(err).Outcome != plugin.Retry {
			t.Errorf("%d: %v", i, err)
		}
		said[err.Error()] = true
		if said[b.addr+" takes no messages now: low on memory"] {
			break
		}
	}
	if !said[b.addr+" takes no messages now: low on memory"] {
		t.Errorf("the alarm is not told: %v", said)
	}
	b.ctl(t, "set_vm_memory_high_watermark", "0.4")
	for i := 0; ; i++ {
		_, err := s.Send(t.Context(), d)
		if err == nil {
			break
		}
		if i == 1000 {
			t.Fatalf("the alarm is over: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
