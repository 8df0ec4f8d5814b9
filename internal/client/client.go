// Package client is the command's way to a running bellbuoy: its admin API, typed.
// Its errors are made to be shown to the person who typed the command.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// DefaultServer is where bellbuoy listens for the command unless told otherwise.
const DefaultServer = "http://127.0.0.1:5081"

const (
	// timeout bounds one request, reading the answer included.
	timeout = 30 * time.Second
	// maxAnswer bounds one answer, in bytes. A thousand large events stay under it.
	maxAnswer = 256 << 20
)

// Client asks one server. It may be used from many goroutines.
type Client struct {
	server *url.URL
	token  string
	http   *http.Client
}

// New returns a client of the API at server, an http or https URL. The token, where
// there is one, is shown as a bearer token; redirects are not followed, so that it
// goes nowhere else.
func New(server, token string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("server %q is no http or https URL; one is %s", server, DefaultServer)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("server %q may hold a scheme, a host, a port and a path, and no more", u.Redacted())
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("the token holds blanks or characters that no token has: is it the right file?")
	}
	return &Client{
		server: u,
		token:  token,
		http: &http.Client{
			Timeout:       timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Problem is an error that the server answered.
type Problem struct {
	Status int     `json:"status"`
	Title  string  `json:"title"`
	Detail string  `json:"detail"`
	Errors []Fault `json:"errors"` // what is wrong with what was asked, where that was told apart
}

// Fault is one thing that is wrong with what was asked.
type Fault struct {
	Path    string `json:"path"` // of the key; "" is all of it
	Message string `json:"message"`
}

// String returns PATH: MESSAGE.
func (f Fault) String() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

func (p *Problem) Error() string {
	switch {
	case p.Detail != "":
		return p.Detail
	case p.Title != "":
		return p.Title
	}
	return fmt.Sprintf("the server answered %d", p.Status)
}

// get asks for a path and reads the answer into v. It returns the answer's headers.
func (c *Client) get(ctx context.Context, path []string, query url.Values, v any) (http.Header, error) {
	return c.do(ctx, http.MethodGet, path, query, "", nil, v)
}

// post sends a body of a content type to a path and reads the answer into v.
func (c *Client) post(ctx context.Context, path []string, contentType string, body io.Reader, v any) error {
	_, err := c.do(ctx, http.MethodPost, path, nil, contentType, body, v)
	return err
}

// do makes one request.
func (c *Client) do(ctx context.Context, method string, path []string, query url.Values, contentType string, content io.Reader, v any, change ...func(*http.Request)) (http.Header, error) {
	escaped := make([]string, len(path))
	for i, p := range path {
		escaped[i] = url.PathEscape(p)
	}
	u := c.server.JoinPath(escaped...)
	u.RawQuery = query.Encode()

	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.server, err)
	}
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for _, set := range change {
		set(req)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer resp.Body.Close()

	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, c.unreachable(err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("the answer of %s is over %d MiB: ask for less with --limit", c.server, maxAnswer>>20)
	}
	return resp.Header, c.read(resp, body, v)
}

// read reads an answer: a problem becomes an error, and so does what bellbuoy would
// not say.
func (c *Client) read(resp *http.Response, body []byte, v any) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusNoContent:
		return nil
	case (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusCreated) && kind == "application/json":
		if err := json.Unmarshal(body, v); err != nil {
			return fmt.Errorf("read the answer of %s: %w", c.server, err)
		}
		return nil
	case resp.StatusCode >= 400 && kind == "application/problem+json":
		p := &Problem{}
		if err := json.Unmarshal(body, p); err == nil {
			p.Status = resp.StatusCode
			p.Detail = c.remedy(p, resp.Header.Get("Retry-After"))
			return p
		}
	}
	return fmt.Errorf("%s answered %s, but not as bellbuoy does: name bellbuoy's admin listener with --server", c.server, resp.Status)
}

// remedy says what to do where the server does not let who asks do it.
func (c *Client) remedy(p *Problem, after string) string {
	switch {
	case p.Status == http.StatusUnauthorized && c.token == "":
		return fmt.Sprintf("%s wants to know who asks: name the file that holds a token with --token-file, or put it into BELLBUOY_TOKEN; an admin makes one with `bellbuoy tokens create`", c.server)
	case p.Status == http.StatusUnauthorized:
		return fmt.Sprintf("%s does not take this token: it is wrong, has expired or was deleted; ask an admin for another", c.server)
	case p.Status == http.StatusForbidden && c.token != "" && strings.HasPrefix(p.Detail, "this needs the "):
		return p.Detail + ": use another token, or ask an admin for one that may"
	case p.Status == http.StatusTooManyRequests && after != "":
		return fmt.Sprintf("%s has refused too many attempts from here: try again in %s seconds, with the right token", c.server, after)
	}
	return p.Detail
}

// absent: nobody listens there.
type absent struct{ server string }

func (a *absent) Error() string {
	return fmt.Sprintf("bellbuoy is not running at %s: start it with `bellbuoy run`, or name it with --server", a.server)
}

// unreachable says what to do about a request that got no answer.
func (c *Client) unreachable(err error) error {
	var dns *net.DNSError
	var ue *url.Error
	timedOut := errors.As(err, &ue) && ue.Timeout() || errors.Is(err, context.DeadlineExceeded)
	if ue != nil {
		err = ue.Err // the URL is named below
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, syscall.ECONNREFUSED):
		return &absent{c.server.String()}
	case timedOut:
		return fmt.Errorf("no answer from %s: it is too busy, or not reachable from here", c.server)
	case errors.As(err, &dns):
		return fmt.Errorf("there is no host %q: name bellbuoy's admin listener with --server", dns.Name)
	}
	return fmt.Errorf("ask %s: %w", c.server, err)
}
