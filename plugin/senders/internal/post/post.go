// Package post makes the HTTP requests of senders: one attempt each, that follows no
// redirect, reaches no address that the egress guard refuses, reads a bounded reply and
// shows no secret.
package post

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/bellbuoy/bellbuoy/plugin"
	"github.com/bellbuoy/bellbuoy/plugin/senders/internal/egress"
)

// maxRead is how much of a reply is read, in bytes; of that, [plugin.MaxReply] is
// shown. A longer one costs the target its connection.
const maxRead = 64 << 10

// Client makes requests, and keeps their connections for the next. It may be used by
// many goroutines at the same time.
type Client struct {
	agent string
	http  *retryablehttp.Client
	roads *roads
}

// New makes a client that names itself bellbuoy/version to targets. Connections go
// through the proxies that the environment names, unless a request has one of its own.
// Where there is one, the guard refuses addresses in URLs; what a proxy makes of a name
// is the proxy's own, see [egress.Guard.Behind].
func New(version string) *Client { return newClient(version, nil) }

// newClient asks resolver for addresses; nil is the machine's.
func newClient(version string, resolver *net.Resolver) *Client {
	roads := newRoads(resolver)
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{
		Transport:     roads,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	client.Logger = nil
	client.RetryMax = 0
	client.CheckRetry = func(context.Context, *http.Response, error) (bool, error) { return false, nil }
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	return &Client{agent: "bellbuoy/" + version, http: client, roads: roads}
}

// CloseIdle closes the connections that are kept for later.
func (c *Client) CloseIdle() { c.roads.closeIdle() }

// Request is one request to a target. It is not changed.
type Request struct {
	Method string // "" = POST
	URL    *url.URL
	Header http.Header // without User-Agent, which is ours unless Hidden has one
	Hidden http.Header // sent too, and shown without their values
	Body   []byte
	// BodyIsMessage says that the body is the delivery's own message, which the host has
	// already, so that the receipt does not repeat it.
	BodyIsMessage bool
	// Mask hides what is secret in the URL, and wherever else it turns up. nil hides what
	// [MaskURL] does.
	Mask *Mask
	// Way is how the target is reached; nil is the way of all that say nothing else.
	Way *Way
	// Egress is the delivery's.
	Egress plugin.Egress
}

// Reply is what a target answered.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte // at most its first 64 KiB
	// Err says why Body is not whole; nil where it is, or is only cut.
	Err error
	// At is when it was read.
	At time.Time
}

// Judge says what a reply means: see [plugin.Sender] and [ByStatus].
type Judge func(Reply) (plugin.Scope, error)

// Show is the request as it may be shown.
func (c *Client) Show(r Request) plugin.Request {
	shown := plugin.Request{Method: r.method(), URL: r.Mask.url(r.URL), Headers: make(map[string]string, len(r.Header)+len(r.Hidden)+1)}
	shown.Headers["User-Agent"] = c.agent
	for name, values := range r.Header {
		shown.Headers[spelled(name)] = values[0]
	}
	for name := range r.Hidden {
		shown.Headers[spelled(name)] = masked
	}
	if r.Body != nil {
		shown.Body = r.Mask.Text(string(r.Body))
	}
	return shown
}

// spelled is a header's name as people know it.
func spelled(name string) string {
	if rest, ok := strings.CutPrefix(name, "Webhook-"); ok {
		return "webhook-" + strings.ToLower(rest) // as they are documented
	}
	return name
}

func (r Request) method() string {
	if r.Method == "" {
		return http.MethodPost
	}
	return r.Method
}

// Send makes one attempt. What did not come to a reply is explained; a reply is what
// judge says of it. The receipt is filled in as far as it got.
func (c *Client) Send(ctx context.Context, r Request, judge Judge) (plugin.Receipt, error) {
	shown := r
	if r.BodyIsMessage {
		shown.Body = nil
	}
	receipt := plugin.Receipt{Request: c.Show(shown)}
	began := time.Now()
	ctx = along(ctx, r.Way, egress.Guard{Egress: r.Egress})
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { began = time.Now() },
	})
	request, err := retryablehttp.NewRequestWithContext(ctx, r.method(), "", r.Body)
	if err != nil {
		return receipt, plugin.Permanent(fmt.Errorf("make the request to %s: %w", r.URL.Host, err))
	}
	target := *r.URL
	request.URL, request.Host = &target, target.Host
	request.Header = http.Header{"User-Agent": {c.agent}}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	for name, values := range r.Hidden {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		receipt.Latency = time.Since(began)
		var failure error
		receipt.Scope, failure = explain(ctx, r.URL.Host, err)
		return receipt, errors.New(cut(r.Mask.Text(failure.Error()), plugin.MaxReply))
	}
	reply := Reply{Status: response.StatusCode, Header: response.Header}
	reply.Body, reply.Err = read(response.Body)
	reply.At = time.Now()
	receipt.Latency = reply.At.Sub(began)
	receipt.Status = reply.Status
	receipt.Reply = cut(r.Mask.Text(string(reply.Body[:min(len(reply.Body), 2*plugin.MaxReply)])), plugin.MaxReply) // masking may shorten it
	receipt.Scope, err = judge(reply)
	return receipt, err
}

// read returns the beginning of a reply, as much as came, and leaves the connection
// usable where there is no more.
func read(body io.ReadCloser) ([]byte, error) {
	defer body.Close()
	return io.ReadAll(io.LimitReader(body, maxRead))
}

// cut is valid UTF-8 of at most n bytes.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
