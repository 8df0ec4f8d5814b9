// Package amqp publishes events to an exchange of an AMQP 0.9.1 broker, RabbitMQ say, and
// calls those delivered that the broker has confirmed and had a queue for. It makes one
// attempt a call: who calls repeats it.
package amqp

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// prefix stands before CloudEvents' attributes. Their binding to AMQP knows a colon in place
// of the line too, which selectors of JMS cannot name, and prefers this.
const prefix = "cloudEvents_"

// sender keeps nothing but connections, and options that it has read.
type sender struct {
	version string
	targets *options.Targets[target]
	lines   *line.Lines[wire]
}

// New makes the sender. It names itself bellbuoy/version to brokers.
func New(version string) plugin.Sender {
	return &sender{
		version: version, targets: options.NewTargets(table(), (*target).open),
		lines: line.New(5*time.Minute, (*wire).lost, (*wire).close),
	}
}

// Describe is [plugin.Sender.Describe].
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe("amqp", s.version, binding.Defaults()), nil
}

// Check is [plugin.Sender.Check].
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	_, faults := s.targets.Check(c)
	return append(faults, binding.Check(c)...), ctx.Err()
}

// Render is [plugin.Sender.Render].
func (s *sender) Render(_ context.Context, d plugin.Delivery) (plugin.Request, error) {
	t, m, _, err := s.message(d)
	if err != nil {
		return plugin.Request{}, err
	}
	shown := t.show(m)
	shown.Body = t.mask.Text(string(m.Body))
	return shown, nil
}

// Send is [plugin.Sender.Send]. It is delivered where the broker says that it has the
// message, and did not return it.
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	t, m, scope, err := s.message(d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	receipt := plugin.Receipt{Request: t.show(m)}
	began := time.Now()
	w, release, err := s.wire(ctx, t, d)
	if err == nil {
		defer release()
		began = time.Now()
		err = w.publish(ctx, t, m)
	}
	receipt.Latency = time.Since(began)
	if err != nil {
		receipt.Scope, err = t.judge(ctx, err)
		return receipt, err
	}
	receipt.Reply = "basic.ack"
	return receipt, nil
}

// message is what is sent of d.
func (s *sender) message(d plugin.Delivery) (*target, amqp.Publishing, plugin.Scope, error) {
	t, scope, err := s.targets.Of(d)
	if err != nil {
		return nil, amqp.Publishing{}, scope, err
	}
	m, err := binding.Of(d)
	if err != nil {
		return nil, amqp.Publishing{}, "", err
	}
	headers := make(amqp.Table, len(m.Attributes)+len(m.Headers))
	for name, value := range m.Attributes {
		headers[prefix+name] = value
	}
	for name, value := range m.Headers {
		headers[name] = value
	}
	return t, amqp.Publishing{
		Headers: headers, ContentType: m.ContentType, DeliveryMode: amqp.Persistent,
		MessageId: m.ID, Timestamp: m.Time, AppId: "bellbuoy", Body: m.Body,
	}, "", nil
}

// show is m for people, without its body.
func (t *target) show(m amqp.Publishing) plugin.Request {
	shown := plugin.Request{Method: "basic.publish", URL: t.mask.Text(post.MaskURL(t.url)), Headers: map[string]string{
		"exchange": t.exchange, "routing-key": t.key,
		"Content-Type": m.ContentType, "message-id": m.MessageId, "app-id": m.AppId, "delivery-mode": "2",
	}}
	if !m.Timestamp.IsZero() {
		shown.Headers["timestamp"] = m.Timestamp.UTC().Format(time.RFC3339)
	}
	for name, value := range m.Headers {
		shown.Headers[name] = oneLine(t.mask.Text(fmt.Sprint(value)))
	}
	return shown
}

// oneLine is s, quoted where it has control characters, which AMQP carries as they are.
func oneLine(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return strconv.Quote(s)
	}
	return s
}
