package amqp

import (
	"context"
	"fmt"
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
	bindingtest.Judge(t, newSender(t), map[string]bindingtest.Attempt{
		"taken":                    {Options: at(t, b.url(""), nil), Outcome: plugin.Delivered},
		"by a queue's name":        {Options: at(t, b.url(""), map[string]any{"exchange": nil}), Outcome: plugin.Delivered},
		"by guest":                 {Options: at(t, "amqp://"+b.addr, nil), Outcome: plugin.Delivered},
		"nobody's queue":           {Options: at(t, b.url(""), map[string]any{"routing_key": "elsewhere"}), Outcome: plugin.Retry, Error: "no queue at " + b.addr + " gets what is published to the exchange registry by elsewhere: 312 NO_ROUTE"},
		"no queue of that name":    {Options: at(t, b.url(""), map[string]any{"exchange": nil, "routing_key": "elsewhere"}), Outcome: plugin.Retry, Error: "published to the queue elsewhere"},
		"no exchange":              {Options: at(t, b.url(""), map[string]any{"exchange": "elsewhere"}), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "404 NOT_FOUND - no exchange 'elsewhere'"},
		"a queue that is full":     {Options: at(t, b.url(""), map[string]any{"routing_key": "full"}), Outcome: plugin.Retry, Error: "did not take the message"},
		"too large":                {Options: at(t, b.url(""), nil), Change: func(d *plugin.Delivery) { d.Body = make([]byte, 9<<20) }, Outcome: plugin.PermanentFail, Error: "406 PRECONDITION_FAILED - message size 9437184"},
		"who may not write":        {Options: at(t, as("reader"), nil), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "403 ACCESS_REFUSED"},
		"another password":         {Options: at(t, "amqp://"+b.addr, auth("an0ther-one")), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "does not let bellbuoy in"},
		"nobody's name":            {Options: at(t, as("nobody"), nil), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "does not let nobody in"},
		"no virtual host":          {Options: at(t, b.url("elsewhere"), nil), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "530 NOT_ALLOWED"},
		"others' virtual host":     {Options: at(t, b.url("others"), nil), Outcome: plugin.PermanentFail, Scope: plugin.ScopeMisconfigured, Error: "530 NOT_ALLOWED"},
		"too many connections":     {Options: at(t, b.url("few"), nil), Outcome: plugin.Retry, Error: "connection limit"},
		"nobody listens":           {Options: at(t, "amqp://127.0.0.1:1", nil), Outcome: plugin.Retry, Error: "connection refused"},
		"no such host":             {Options: at(t, "amqp://no..such..host", nil), Outcome: plugin.Retry, Scope: plugin.ScopeMisconfigured, Error: "there is no such host"},
		"out of reach":             {Options: at(t, b.url(""), nil), Change: func(d *plugin.Delivery) { d.Egress.Restricted = true }, Outcome: plugin.Retry, Scope: plugin.ScopeMisconfigured, Error: "127.0.0.1, which is not public"},
		"no TLS, which it speaks":  {Options: at(t, "amqp://"+b.tlsAddr, nil), Outcome: plugin.Retry, Error: "it may want TLS"},
		"TLS, which it speaks not": {Options: at(t, "amqps://"+b.addr, nil), Outcome: plugin.Retry, Error: "tls: "},
	}, "passw0rd", "an0ther")
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
	b := running(t)
	b.queue(t, "events", nil)
	bindingtest.Deadline(t, newSender(t), b.addr, func(addr string) string { return at(t, "amqp://bellbuoy:passw0rd-of-it@"+addr, nil) })
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
