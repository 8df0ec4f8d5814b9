// Package nats publishes events to a subject of NATS, and calls those delivered that a
// stream of JetStream has confirmed. The message's id is the delivery's, by which the stream
// leaves out repeats. It makes one attempt a call: who calls repeats it.
package nats

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/binding"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/line"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// sender keeps nothing but connections, and options that it has read.
type sender struct {
	version string
	targets *options.Targets[target]
	lines   *line.Lines[wire]
}

// New makes the sender. It names itself bellbuoy/version to servers.
func New(version string) plugin.Sender {
	return &sender{
		version: version, targets: options.NewTargets(table(), (*target).open),
		lines: line.New(5*time.Minute, (*wire).lost, (*wire).close),
	}
}

// Describe is [plugin.Sender.Describe].
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe("nats", s.version, binding.Defaults()), nil
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
	shown.Body = t.mask.Text(string(m.Data))
	return shown, nil
}

// Send is [plugin.Sender.Send]. It is delivered where a stream says that it has the
// message, or had it before.
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	t, m, scope, err := s.message(d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	receipt := plugin.Receipt{Request: t.show(m)}
	began := time.Now()
	w, release, err := s.wire(ctx, t, d)
	if err != nil {
		receipt.Latency = time.Since(began)
		receipt.Scope, err = t.judge(ctx, err)
		return receipt, err
	}
	defer release()
	began = time.Now()
	ack, err := w.publish(ctx, m)
	receipt.Latency = time.Since(began)
	if err != nil {
		receipt.Scope, err = t.judge(ctx, err)
		return receipt, err
	}
	receipt.Reply = t.mask.Reply(said(ack))
	return receipt, nil
}

// said is a stream's answer for people.
func said(ack *jetstream.PubAck) string {
	if ack.Duplicate {
		return fmt.Sprintf("the stream %s has it already, as number %d", ack.Stream, ack.Sequence)
	}
	return fmt.Sprintf("the stream %s has it as number %d", ack.Stream, ack.Sequence)
}

// message is what is sent of d.
func (s *sender) message(d plugin.Delivery) (*target, *nats.Msg, plugin.Scope, error) {
	t, scope, err := s.targets.Of(d)
	if err != nil {
		return nil, nil, scope, err
	}
	m := &nats.Msg{Subject: t.subject, Header: nats.Header{jetstream.MsgIDHeader: {d.ID}}}
	var contentType string
	if m.Data, contentType = d.Message(); contentType != "" {
		m.Header["Content-Type"] = []string{contentType}
	}
	// CloudEvents' binding to NATS has the headers of that to HTTP, in which the host writes
	// them, escapes too, but for the type of the content.
	for name, value := range d.Headers {
		if attribute, ok := strings.CutPrefix(name, "Ce-"); ok {
			name = "ce-" + strings.ToLower(attribute)
			m.Header["ce-datacontenttype"] = []string{contentType}
		}
		m.Header[name] = []string{value}
	}
	return t, m, "", nil
}

// show is m for people, without its body.
func (t *target) show(m *nats.Msg) plugin.Request {
	shown := plugin.Request{Method: "PUB", URL: t.mask.Text(post.MaskURL(t.url)), Headers: map[string]string{"subject": m.Subject}}
	for name := range m.Header {
		shown.Headers[name] = t.mask.Text(m.Header[name][0])
	}
	return shown
}
