// Package shoutrrr sends events to the services that the library shoutrrr knows, each named
// by one URL as that library has it. The library says what is asked of a service and what
// its answers mean, and asks nothing itself: see [relay]. The requests are made as those of
// all senders are, so that addresses are guarded, redirects are not followed, replies are
// bounded, attempts end with their context and secrets are masked; and so that a status
// means what it means elsewhere, which the library's errors do not tell.
package shoutrrr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/chat"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
)

// sender is a chat sender that makes its requests by itself.
type sender struct {
	*chat.Sender[service]
	table options.Table[service]
	relay *relay
}

// New makes the sender. It names itself bellbuoy/version to targets. From the first Render or
// Send on http.DefaultTransport is the relay, in all of the process: it belongs to the
// sender, or to who calls those by hand.
func New(version string) plugin.Sender {
	t := table()
	return &sender{
		Sender: chat.New(version, chat.Medium[service]{
			Type:    "shoutrrr",
			Options: t,
			Rate:    plugin.Rate{Sends: 20, Per: time.Minute}, // Telegram's for a group, and less than most have
			Escape:  escape,
		}),
		table: t,
		relay: newRelay(),
	}
}

// Check is [plugin.Sender.Check]. It runs the library as far as it reads the URL, in
// whichever process.
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	faults, err := s.Sender.Check(ctx, c)
	if c.Options == nil || err != nil {
		return faults, err
	}
	t, wrong := s.table.Read(c.Options, plugin.Egress{})
	if plugin.Failed(wrong) {
		return faults, nil
	}
	guard := egress.Guard{Egress: c.Egress}
	for _, host := range t.hosts() {
		if a, ok := egress.Literal(host); ok {
			if why := guard.Refuses(a); why != "" {
				faults = append(faults, plugin.Fault{Path: "url", Message: fmt.Sprintf("names %s, %s; name another host", a, why)})
			}
		}
	}
	return faults, nil
}

// maxRequests is how many requests one message may take: Matrix needs two.
const maxRequests = 4

// Render is [plugin.Sender.Render]. Where a message takes several requests it is the last,
// with what the answers before it would have said left out.
func (s *sender) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	t, n, _, err := s.read(ctx, d)
	if err != nil {
		return plugin.Request{}, err
	}
	var last *post.Request
	var answers []post.Reply
	for range maxRequests {
		asked, err := s.relay.play(answers, func() error { return t.send(n) })
		if asked == nil {
			if last == nil {
				return plugin.Request{}, t.unsent(d, err)
			}
			break
		}
		last = t.request(asked, d)
		answers = append(answers, post.Reply{Status: http.StatusOK, Body: []byte("{}")})
	}
	return t.shown(s.Client().Show(*last), last), nil
}

// Send is [plugin.Sender.Send].
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	t, n, scope, err := s.read(ctx, d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	var receipt plugin.Receipt
	var answers []post.Reply
	for range maxRequests {
		asked, err := s.relay.play(answers, func() error { return t.send(n) })
		if asked == nil && len(answers) == 0 {
			return receipt, t.unsent(d, err)
		}
		if asked == nil {
			return receipt, t.accepted(answers[len(answers)-1], err)
		}
		r := t.request(asked, d)
		receipt, err = s.Client().Send(ctx, *r, func(reply post.Reply) (plugin.Scope, error) {
			answers = append(answers, reply)
			return judge(reply)
		})
		receipt.Request = t.shown(receipt.Request, r)
		if err != nil {
			return receipt, err
		}
	}
	return receipt, plugin.Permanent(errors.New("the service wants more requests for one message than are made"))
}

// read is the target of d, and what it is told.
func (s *sender) read(ctx context.Context, d plugin.Delivery) (*service, note, plugin.Scope, error) {
	t, m, scope, err := s.Read(ctx, d)
	if err != nil {
		return nil, note{}, scope, err
	}
	n, err := t.note(m)
	return t, n, "", err
}
