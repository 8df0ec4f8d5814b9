// Package webhook sends events by HTTP, each as one POST or PUT of the delivery's
// message to a URL of the target's options. A template makes a text of the event, which
// is sent as text/plain. It never follows a redirect, and makes one attempt a call: who
// calls repeats it.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/message"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// maxRead is how much of a reply is read, in bytes; of that, [plugin.MaxReply] is
// kept. A longer one costs the target its connection.
const maxRead = 64 << 10

// sender keeps nothing but connections and options that it has read.
type sender struct {
	version   string
	client    *retryablehttp.Client
	cache     *cache[options]
	templates *cache[message.Template]
}

// New makes the sender. It names itself bellbuoy/version to targets. Connections go
// through the proxies that the environment names; where there is one, the guard
// against link-local and metadata addresses can check only addresses in URLs, not
// what the proxy makes of a name.
func New(version string) plugin.Sender {
	return &sender{version: version, client: newClient(), cache: newCache[options](), templates: newCache[message.Template]()}
}

func newClient() *retryablehttp.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: egress.Control}
	transport := &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxRead,
		DisableCompression:     true, // a reply is at most what was read
	}
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{
		Transport:     keepIdle{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	client.Logger = nil
	client.RetryMax = 0
	client.CheckRetry = func(context.Context, *http.Response, error) (bool, error) { return false, nil }
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return client
}

// keepIdle hides the transport's CloseIdleConnections, which the client calls after
// each failure: one target that fails must not cost the others their connections.
type keepIdle struct{ transport *http.Transport }

func (k keepIdle) RoundTrip(r *http.Request) (*http.Response, error) { return k.transport.RoundTrip(r) }

// proxy is the environment's; a variable that cannot be read may hold a password, so
// the error does not repeat it.
func proxy(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errors.New("the proxy that the environment names cannot be read")
	}
	return u, nil
}

// Describe is [plugin.Sender.Describe]. The URL is not among the secrets, so that a
// trace shows where an event went: its user, password and query are masked by the
// sender, and whoever has a secret in the path takes the URL from the environment or a
// file, which masks all of it.
func (s *sender) Describe(context.Context) (plugin.Description, error) {
	return plugin.Description{
		Type:     "webhook",
		Version:  s.version,
		Options:  json.RawMessage(schema),
		Secrets:  []string{"headers.*"},
		Defaults: plugin.Defaults{Order: "repository", Concurrency: 16},
	}, nil
}

// Check is [plugin.Sender.Check].
func (s *sender) Check(ctx context.Context, c plugin.Check) ([]plugin.Fault, error) {
	var faults []plugin.Fault
	if c.Options != nil {
		_, faults = readOptions(c.Options)
	}
	if c.Template != "" {
		if err := message.Try(ctx, c.Template, message.Plain, c.Samples); err != nil {
			faults = append(faults, plugin.Fault{Part: plugin.PartTemplate, Message: err.Error()})
		}
	}
	if c.Title != "" {
		faults = append(faults, plugin.Fault{Part: plugin.PartTitle, Message: "a webhook's request has no title; remove it"})
	}
	return faults, ctx.Err()
}

// Render is [plugin.Sender.Render]. The time in it is that of the call.
func (s *sender) Render(ctx context.Context, d plugin.Delivery) (plugin.Request, error) {
	o, err := s.options(d)
	if err != nil {
		return plugin.Request{}, err
	}
	body, contentType, err := s.body(ctx, d)
	if err != nil {
		return plugin.Request{}, err
	}
	header, err := s.header(o, d.ID, contentType)
	if err != nil {
		return plugin.Request{}, err
	}
	r := o.shown(header)
	r.Body = string(body)
	return r, nil
}

// body is the request's: the host's message, or a text by the delivery's template.
func (s *sender) body(ctx context.Context, d plugin.Delivery) ([]byte, string, error) {
	if d.Template == "" {
		body, contentType := d.Message()
		return body, contentType, nil
	}
	t := s.templates.get([]byte(d.Template))
	if t == nil {
		var err error
		if t, err = message.Parse(d.Template, message.Plain); err != nil {
			// It may be put right.
			return nil, "", fmt.Errorf("read the template of the message to target %s: %w", d.Target, err)
		}
		s.templates.put([]byte(d.Template), t)
	}
	text, err := t.Execute(ctx, d.Event)
	if ctx.Err() != nil {
		return nil, "", err
	}
	if err != nil {
		return nil, "", plugin.Permanent(fmt.Errorf("fill in the template of the message to target %s: %w", d.Target, err))
	}
	return []byte(text), "text/plain; charset=utf-8", nil
}

// Send is [plugin.Sender.Send]. A status of 2xx is delivered, even if the rest of the
// reply never comes.
func (s *sender) Send(ctx context.Context, d plugin.Delivery) (plugin.Receipt, error) {
	o, err := s.options(d)
	if err != nil {
		return plugin.Receipt{Scope: plugin.ScopeMisconfigured}, err
	}
	body, contentType, err := s.body(ctx, d)
	if err != nil {
		return plugin.Receipt{}, err
	}
	header, err := s.header(o, d.ID, contentType)
	if err != nil {
		return plugin.Receipt{}, err
	}
	receipt := plugin.Receipt{Request: o.shown(header)}
	if d.Template != "" {
		receipt.Request.Body = string(body) // which the host does not have
	}

	began := time.Now()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { began = time.Now() },
	})
	request, err := retryablehttp.NewRequestWithContext(ctx, o.method, "", body)
	if err != nil {
		return receipt, plugin.Permanent(fmt.Errorf("make the request to %s: %w", o.url.Host, err))
	}
	target := *o.url
	request.URL, request.Host, request.Header = &target, target.Host, header
	response, err := s.client.Do(request)
	if err != nil {
		receipt.Latency = time.Since(began)
		var failure error
		receipt.Scope, failure = explain(ctx, o.url.Host, err)
		return receipt, errors.New(cut(o.redact(failure.Error()), plugin.MaxReply))
	}
	reply := readReply(response.Body)
	receipt.Latency = time.Since(began)
	receipt.Status = response.StatusCode
	receipt.Reply = cut(o.redact(string(reply)), plugin.MaxReply)
	receipt.Scope, err = judge(response.StatusCode, response.Header, time.Now())
	return receipt, err
}

// options reads those of d, or finds them read. Wrong ones are tried again, since
// they may be put right.
func (s *sender) options(d plugin.Delivery) (*options, error) {
	if o := s.cache.get(d.Options); o != nil {
		return o, nil
	}
	o, faults := readOptions(d.Options)
	if len(faults) > 0 {
		problems := make([]string, len(faults))
		for i, f := range faults {
			problems[i] = strings.TrimSpace(f.Path + " " + f.Message)
		}
		return nil, fmt.Errorf("read the options of target %s: %s", d.Target, strings.Join(problems, "; "))
	}
	s.cache.put(d.Options, o)
	return o, nil
}

// header is what is sent with a delivery: the target's own over ours, where it may.
func (s *sender) header(o *options, id, contentType string) (http.Header, error) {
	if !validValue(contentType) || !validValue(id) {
		return nil, plugin.Permanent(errors.New("the delivery's id or content type holds a control character and cannot be sent"))
	}
	header := http.Header{
		"User-Agent":        {"bellbuoy/" + s.version},
		"Webhook-Id":        {id},
		"Webhook-Timestamp": {strconv.FormatInt(time.Now().Unix(), 10)},
	}
	if contentType != "" {
		header["Content-Type"] = []string{contentType}
	}
	for name, values := range o.header {
		header[name] = values
	}
	return header, nil
}

// shown is the request for people, without its body.
func (o *options) shown(header http.Header) plugin.Request {
	r := plugin.Request{Method: o.method, URL: o.shownURL, Headers: make(map[string]string, len(header))}
	for name, values := range header {
		if _, secret := o.header[name]; secret {
			r.Headers[name] = mask
			continue
		}
		if rest, ok := strings.CutPrefix(name, "Webhook-"); ok {
			name = "webhook-" + strings.ToLower(rest) // as they are documented
		}
		r.Headers[name] = values[0]
	}
	return r
}

// readReply returns the beginning of a reply, as much as came, and leaves the
// connection usable where the rest is short.
func readReply(body io.ReadCloser) []byte {
	defer body.Close()
	kept, err := io.ReadAll(io.LimitReader(body, 2*plugin.MaxReply)) // more than is kept: redacting may shorten it
	if err == nil {
		_, _ = io.CopyN(io.Discard, body, maxRead-int64(len(kept)))
	}
	return kept
}

// cut is valid UTF-8 of at most n bytes.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
