// Package webhook sends events by HTTP, each as one POST or PUT of the delivery's
// message to a URL of the target's options. A template makes a text of the event, which
// is sent as text/plain. It never follows a redirect, and makes one attempt a call: who
// calls repeats it. Only where a target refuses a token that was got before, it is sent
// again with a new one.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/options"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/post"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/templates"
)

// sender keeps nothing but connections, and options and templates that it has read.
type sender struct {
	version   string
	client    *post.Client
	targets   *options.Targets[target]
	templates *templates.Set
}

// New makes the sender. It names itself bellbuoy/version to targets. Connections go
// through the proxies that the environment names; see package post.
func New(version string) plugin.Sender {
	return &sender{
		version: version, client: post.New(version),
		targets: options.NewTargets(table(), (*target).open), templates: templates.New(message.Plain, message.Plain),
	}
}

// Describe is [plugin.Sender.Describe]. The URL is not among the secrets, so that a
// trace shows where an event went: its user, password and query are masked by the
// sender, and whoever has a secret in the path takes the URL from the environment or a
// file, which masks all of it.
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return s.targets.Describe("webhook", s.version, plugin.Defaults{Order: "repository", Concurrency: 16}), nil
}

// Check is [plugin.Sender.Check].
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	_, faults := s.targets.Check(c)
	faults = append(faults, s.templates.CheckText(ctx, c)...)
	if c.Title != "" {
		faults = append(faults, plugin.Fault{Part: plugin.PartTitle, Message: "a webhook's request has no title; remove it"})
	}
	return faults, ctx.Err()
}

// Render is [plugin.Sender.Render]. The time in it is that of the call. It asks for no
// token: where the target takes one, it stands for any.
func (s *sender) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	_, r, _, err := s.request(ctx, d)
	if err != nil {
		return plugin.Request{}, err
	}
	return s.client.Show(r), nil
}

// Send is [plugin.Sender.Send]. A status of 2xx is delivered, even if the rest of the
// reply never comes.
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	t, r, scope, err := s.request(ctx, d)
	if err != nil {
		return plugin.Receipt{Scope: scope}, err
	}
	r.BodyIsMessage = d.Template == ""
	if t.oauth.url == nil {
		return s.post(ctx, t, r)
	}
	tokens := s.client.HTTP(t.tokenRoute.Way(), d.Egress)
	for try := 0; ; try++ {
		token, fresh, scope, err := t.oauth.get(ctx, tokens, t.mask)
		if err != nil {
			return plugin.Receipt{Scope: scope}, err
		}
		authorized := r
		authorized.Hidden = maps.Clone(r.Hidden)
		authorized.Hidden["Authorization"] = []string{"Bearer " + token.value}
		authorized.Mask = t.mask.And(token.value)
		receipt, err := s.post(ctx, t, authorized)
		if receipt.Status != http.StatusUnauthorized {
			return receipt, err
		}
		t.oauth.token.drop(token)
		if fresh || try > 0 { // a newer one would be no better
			return receipt, err
		}
	}
}

// post makes the request, after the target has consented where it is to be asked.
func (s *sender) post(ctx context.Context, t *target, r post.Request) (plugin.Receipt, error) {
	if t.origin != "" {
		if receipt, err := s.consent(ctx, t, r); err != nil {
			return receipt, err
		}
	}
	return s.client.Send(ctx, r, judge)
}

// judge is [post.ByStatus], and blames the options where the target, or the proxy, does
// not take who is sending.
func judge(r post.Reply) (plugin.Scope, error) {
	scope, err := post.ByStatus(r)
	if r.Status == http.StatusUnauthorized || r.Status == http.StatusProxyAuthRequired {
		scope = plugin.ScopeMisconfigured
	}
	return scope, err
}

// request is what is sent of d.
func (s *sender) request(ctx context.Context, d plugin.Delivery) (t *target, r post.Request, scope plugin.Scope, err error) {
	t, scope, err = s.targets.Of(d)
	if err != nil {
		return nil, r, scope, err
	}
	body, contentType, err := s.body(ctx, d)
	if err != nil {
		return nil, r, "", err
	}
	if options.Plain(contentType) != "" || options.Plain(d.ID) != "" {
		return nil, r, "", plugin.Permanent(errors.New("the delivery's id or content type holds a control character and cannot be sent"))
	}
	now := time.Now()
	header := http.Header{
		"Webhook-Id":        {d.ID},
		"Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)},
	}
	if contentType != "" {
		header["Content-Type"] = []string{contentType}
	}
	for name, value := range d.Headers {
		header[name] = []string{value}
	}
	if t.origin != "" {
		header[requestOrigin] = []string{t.origin}
	}
	hidden := t.hidden
	if len(t.signers) > 0 {
		hidden = maps.Clone(hidden) // whoever reads a trace could send it again
		if err := t.sign(hidden, d.ID, now, body); err != nil {
			return nil, r, "", fmt.Errorf("sign the message to target %s: %w", d.Target, err)
		}
	}
	return t, post.Request{
		Method: t.method, URL: t.url, Header: header, Hidden: hidden, Body: body,
		Mask: t.mask, Way: t.route.Way(), Egress: d.Egress,
	}, "", nil
}

// body is the request's: the host's message, or a text by the delivery's template.
func (s *sender) body(ctx context.Context, d plugin.Delivery) ([]byte, string, error) {
	if d.Template == "" {
		body, contentType := d.Message()
		return body, contentType, nil
	}
	text, err := s.templates.Text(ctx, d)
	if err != nil {
		return nil, "", err
	}
	return []byte(text), "text/plain; charset=utf-8", nil
}
