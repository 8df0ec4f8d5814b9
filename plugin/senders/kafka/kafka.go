// Package kafka sends events to a topic of Apache Kafka, or of what speaks its protocol:
// one record a delivery, which is delivered once all replicas in sync have it (acks=all).
// Records of one repository go to one partition, in the order in which they are sent. The
// producer is idempotent: what the client itself repeats within a Send is written once. A
// Send that ends without an answer may have been written all the same; it is made again,
// with the same delivery id, which each record carries as the header bellbuoy-delivery-id.
package kafka

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
)

// sender keeps nothing but connections and options that it has read.
type sender struct {
	version string
	targets *options.Targets[target]
	lines   *line.Lines[client]
	retries int // of the client within a Send
}

// New makes the sender.
func New(version string) plugin.Sender { return newSender(version) }

func newSender(version string) *sender {
	return &sender{
		version: version, targets: options.NewTargets(table(), (*target).open), retries: retries,
		lines: line.New(time.Minute, (*client).lost, (*client).close),
	}
}

// Describe is [plugin.Sender.Describe].
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe("kafka", s.version, binding.Defaults()), nil
}

// Check is [plugin.Sender.Check].
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	_, faults := s.targets.Check(c)
	return append(faults, binding.Check(c)...), ctx.Err()
}

// Render is [plugin.Sender.Render]. The record's key is shown as a header of that name.
func (s *sender) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	t, m, _, err := s.message(d)
	if err != nil {
		return plugin.Request{}, err
	}
	shown := t.show(m)
	shown.Body = string(m.Body)
	return shown, ctx.Err()
}

// Send is [plugin.Sender.Send].
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	t, m, scope, err := s.message(d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	receipt := plugin.Receipt{Request: t.show(m)}
	c, release, err := s.lines.Take(ctx, t.key(d.Egress), func(context.Context) (*client, error) {
		return t.connect(d.Egress, s.retries)
	})
	if err != nil {
		if ctx.Err() == nil {
			receipt.Scope = plugin.ScopeMisconfigured // the options may be put right
		}
		return receipt, fmt.Errorf("make a client for target %s: %w", d.Target, err)
	}
	defer release()
	began := time.Now()
	written, err := c.produce(ctx, func() *kgo.Record { return t.record(m) })
	receipt.Latency = time.Since(began)
	if err == nil {
		receipt.Reply = fmt.Sprintf("partition %d, offset %d", written.Partition, written.Offset)
		return receipt, nil
	}
	receipt.Scope, err = t.judge(ctx, err, c.trouble())
	return receipt, err
}

// message is what is sent of d, and where.
func (s *sender) message(d plugin.Delivery) (t *target, m binding.Message, scope plugin.Scope, err error) {
	t, scope, err = s.targets.Of(d)
	if err != nil {
		return nil, m, scope, err
	}
	m, err = binding.Of(d)
	return t, m, "", err
}

// record is m in Kafka's form, which CloudEvents' binding to Kafka prescribes.
func (t *target) record(m binding.Message) *kgo.Record {
	r := &kgo.Record{Topic: t.topic, Value: m.Body}
	if m.Key != "" { // records without one are spread over the partitions
		r.Key = []byte(m.Key)
	}
	for _, h := range headers(m) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.name, Value: []byte(h.value)})
	}
	return r
}

// show is m for people, without its body.
func (t *target) show(m binding.Message) plugin.Request {
	shown := plugin.Request{
		Method:  "PRODUCE",
		URL:     "kafka://" + strings.Join(t.brokers, ",") + "/" + t.topic,
		Headers: map[string]string{},
	}
	if m.Key != "" {
		shown.Headers["key"] = message.Plain(m.Key)
	}
	for _, h := range headers(m) {
		shown.Headers[h.name] = message.Plain(h.value)
	}
	return shown
}
