// Package email sends events to people by mail: one mail a delivery, handed by SMTP to the
// mail server of the target's options, which brings it to its recipients or says that it
// does not. A mail has a part in HTML and one in plain text that say the same. Each
// recipient is accounted for: who has the mail does not get it again when others are tried
// again, but for a server that was lost before it said whether it had it.
package email

import (
	"context"
	"net/textproto"
	"strings"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/templates"
)

// sender keeps nothing but options and templates that it has read. A connection serves one
// delivery.
type sender struct {
	version   string
	writer    writer
	targets   *options.Targets[target]
	templates *templates.Set
}

// New makes the sender. It names itself bellbuoy/version in the mails.
func New(version string) plugin.Sender {
	return &sender{
		version: version, writer: newWriter(),
		targets: options.NewTargets(table(), nil), templates: templates.New(message.Plain, message.Plain),
	}
}

// Describe is [plugin.Sender.Describe]. The rate is what the large providers of mailboxes
// let one mailbox send.
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe("email", s.version,
		plugin.Defaults{Order: "none", Concurrency: 4, Rate: plugin.Rate{Sends: 30, Per: time.Minute}}), nil
}

// Check is [plugin.Sender.Check].
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	t, faults := s.targets.Check(c)
	if t != nil {
		faults = append(faults, t.outOfBounds(c.Egress)...)
	}
	return append(faults, s.templates.Check(ctx, c)...), ctx.Err()
}

// Render is [plugin.Sender.Render]. The body with the headers before it is the mail as it
// would go to all recipients of a server that takes all addresses; its date is that of the
// call.
func (s *sender) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	t, l, _, err := s.read(ctx, d)
	if err != nil {
		return plugin.Request{}, err
	}
	m, err := s.writer.compose(l, t, t.to, s.version, time.Now())
	if err != nil {
		return plugin.Request{}, err
	}
	return t.show(m), nil
}

// Send is [plugin.Sender.Send].
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	t, l, scope, err := s.read(ctx, d)
	if err != nil {
		return plugin.Receipt{Scope: scope, Resume: d.Resume}, err
	}
	began := time.Now()
	m, err := s.writer.compose(l, t, t.to, s.version, began)
	if err != nil {
		return plugin.Receipt{Resume: d.Resume}, err
	}
	receipt := plugin.Receipt{Request: t.show(m)}
	p := readProgress(d.Resume)
	all := t.attempt(ctx, d.Egress, p, func(to []address) (*composed, error) {
		if len(to) == len(t.to) {
			return m, nil
		}
		return s.writer.compose(l, t, to, s.version, began)
	})
	receipt.Latency = time.Since(began)
	receipt.Status, receipt.Reply = t.reply(all)
	receipt.Resume = p.resume()
	receipt.Scope, err = t.verdict(ctx, all, p)
	return receipt, err
}

// attempt is one session with the server, wherever e lets it be.
func (t *target) attempt(ctx context.Context, e plugin.Egress, p progress, write writing) account {
	if _, _, waiting := p.split(t.to); len(waiting) == 0 {
		return account{} // all that could be done was done before
	}
	ctx, cancel := context.WithTimeout(ctx, maxSession)
	defer cancel()
	session, err := t.open(ctx, egress.Guard{Egress: e})
	if err != nil {
		return account{stopped: &failure{session.step, err}}
	}
	defer session.close()
	all := session.deliver(t, write, p)
	if !all.stopped.lost() {
		session.quit()
	}
	return all
}

// reply is what the server said at last, and of whom it said no, for the receipt.
func (t *target) reply(all account) (status int, text string) {
	var said []string
	add := func(r *textproto.Error, text string) {
		if status == 0 {
			status = r.Code
		}
		said = append(said, text)
	}
	if all.stopped != nil {
		if r, ok := asReply(all.stopped.err); ok {
			add(r, t.quote(r))
		}
	}
	if all.reply != nil {
		add(all.reply, t.quote(all.reply))
	}
	if len(all.refused) > 0 {
		add(all.refused[0].reply, "refused: "+t.refusals(all.refused))
	}
	return status, cut(strings.Join(said, "; "), plugin.MaxReply)
}

// read reads what d brings.
func (s *sender) read(ctx context.Context, d plugin.Delivery) (*target, *letter, plugin.Scope, error) {
	t, scope, err := s.targets.Of(d)
	if err != nil {
		return nil, nil, scope, err
	}
	l, err := s.letter(ctx, d)
	return t, l, "", err
}

// show is the mail for people.
func (t *target) show(m *composed) plugin.Request {
	shown := plugin.Request{Method: "MAIL", URL: t.url(), Headers: make(map[string]string, len(m.fields)), Body: string(m.body)}
	for _, f := range m.fields {
		shown.Headers[f.name] = strings.ReplaceAll(f.value, "\r\n", "")
	}
	return shown
}
